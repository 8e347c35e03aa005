"""Decisions about two faces."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Said in SQL, since both databases take the key with the column, and Alembic would add it in a second step,
    # for which SQLite has no statement. The table is not rewritten, so that its triggers stay.
    integer = "BIGINT" if op.get_bind().dialect.name == "postgresql" else "INTEGER"
    op.execute(
        f"ALTER TABLE decisions ADD COLUMN other_face_id {integer} "
        "CONSTRAINT fk_decisions_other_face_id_faces REFERENCES faces (id)"
    )
    op.create_index(op.f("ix_decisions_other_face_id"), "decisions", ["other_face_id"])
