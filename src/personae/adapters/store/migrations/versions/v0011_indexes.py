"""Indexes for the pages: whose faces there are, and what was refused, without looking at every row."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

REFUSED = sa.text("reason IS NOT NULL")


def upgrade() -> None:
    op.create_index("ix_faces_owners", "faces", ["project_id", "person_id", "cluster_id", "role", "quality"])
    for table in ("images", "files"):
        op.create_index(
            f"ix_{table}_refused", table, ["project_id", "reason"], sqlite_where=REFUSED, postgresql_where=REFUSED
        )
