"""What sources say, and what became of it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
ABOUT_PEOPLE = sa.text("kind IN ('name', 'merge', 'revoke')")
BY_SOURCES = sa.text("source IS NOT NULL")
STATED = {
    "aliases": ("person_id", "alias_key"),
    "external_ids": ("project_id", "source", "external_id"),
    "urls": ("person_id", "url"),
}
"""What several sources may say of a person, and its former key."""


def upgrade() -> None:
    _decisions()
    for table, key in STATED.items():
        with op.batch_alter_table(table) as batch:
            batch.add_column(sa.Column("stated_by", sa.Text(), nullable=False, server_default=""))
            batch.drop_constraint(op.f(f"pk_{table}"), type_="primary")
            batch.create_primary_key(op.f(f"pk_{table}"), [*key, "stated_by"])
        with op.batch_alter_table(table) as batch:
            batch.alter_column("stated_by", server_default=None)
    _facts()
    _claims()
    _progress()


def _decisions() -> None:
    # The table is not rewritten, so that its triggers stay.
    op.add_column("decisions", sa.Column("source", sa.Text()))
    op.create_index(
        op.f("ix_decisions_source"), "decisions", ["source"], sqlite_where=BY_SOURCES, postgresql_where=BY_SOURCES
    )
    op.create_index(
        "ix_decisions_people",
        "decisions",
        ["kind", "person_id"],
        sqlite_where=ABOUT_PEOPLE,
        postgresql_where=ABOUT_PEOPLE,
    )


def _facts() -> None:
    op.create_table(
        "person_facts",
        sa.Column("id", ID, nullable=False),
        sa.Column("person_id", ID, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("record", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_person_facts_person_id_people"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_facts")),
        sa.UniqueConstraint("person_id", "source", name=op.f("uq_person_facts_person_id_source")),
        sqlite_autoincrement=True,
    )


def _claims() -> None:
    op.create_table(
        "claims",
        sa.Column("id", ID, nullable=False),
        sa.Column("project_id", ID, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("ref_key", sa.String(length=64), nullable=False),
        sa.Column("image_ref", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("person_id", ID, nullable=False),
        sa.Column("face_id", ID),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("trust", sa.Text(), nullable=False),
        sa.Column("distance", sa.Double()),
        sa.Column("threshold", sa.Double()),
        sa.Column("model_id", sa.Text(), nullable=False),
        sa.Column("other_person_id", ID),
        sa.Column("other_distance", sa.Double()),
        sa.ForeignKeyConstraint(["face_id"], ["faces.id"], name=op.f("fk_claims_face_id_faces"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["other_person_id"], ["people.id"], name=op.f("fk_claims_other_person_id_people"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_claims_person_id_people"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_claims_project_id_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claims")),
        sa.UniqueConstraint("project_id", "source", "ref_key", name=op.f("uq_claims_project_id_source_ref_key")),
        sqlite_autoincrement=True,
    )
    for column in ("person_id", "face_id", "other_person_id"):
        op.create_index(op.f(f"ix_claims_{column}"), "claims", [column])


def _progress() -> None:
    op.create_table(
        "source_progress",
        sa.Column("project_id", ID, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("last_id", sa.Text()),
        sa.Column("watermark", sa.Text(), nullable=False),
        sa.Column("people", sa.BigInteger(), nullable=False),
        sa.Column("faces", sa.BigInteger(), nullable=False),
        sa.Column("statistics", JSON, nullable=False),
        sa.Column("began", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_source_progress_project_id_projects")),
        sa.PrimaryKeyConstraint("project_id", "source", name=op.f("pk_source_progress")),
    )
