"""Settings of the studio and of projects, and who set them; the folder of a project, which outlives its name."""

from urllib.parse import quote

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)
OF_STUDIO = sa.text("project_id IS NULL")


def upgrade() -> None:
    _preferences()
    _folders()


def _preferences() -> None:
    op.create_table(
        "preferences",
        sa.Column("id", ID, nullable=False),
        sa.Column("project_id", ID),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", JSON, nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_preferences_project_id_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_preferences")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_preferences_project_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_preferences_studio", "preferences", ["name"], unique=True,
        sqlite_where=OF_STUDIO, postgresql_where=OF_STUDIO,
    )  # fmt: skip


def _folders() -> None:
    """Write down where each project's files lie: until now its name said so."""
    op.add_column("projects", sa.Column("folder", sa.Text(), nullable=False, server_default=sa.text("''")))
    projects = sa.table("projects", sa.column("id", ID), sa.column("name", sa.Text), sa.column("folder", sa.Text))
    connection = op.get_bind()
    for row in connection.execute(sa.select(projects.c.id, projects.c.name)).all():
        folder = "" if row.name == "default" else quote(row.name, safe="")
        connection.execute(sa.update(projects).where(projects.c.id == row.id).values(folder=folder))
    op.create_index("ix_projects_folder", "projects", ["folder"], unique=True)
