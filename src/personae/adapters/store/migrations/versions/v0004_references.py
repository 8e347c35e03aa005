"""References of characters, the faces found on them, and their history."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from personae.adapters.store.pgvector import PgVector, install

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)
VECTOR = sa.LargeBinary().with_variant(PgVector(), "postgresql")
STATUSES = {
    "pending": "waits for its extraction",
    "extracting": "a runner looks for faces",
    "completed": "has a primary face",
    "failed": "has none; the error says why",
    "low_confidence": "has a primary face that the detector was not sure of",
    "multi_face_pending": "has several faces, and somebody has to choose",
}
CHARACTERS = """
CREATE VIEW characters AS
SELECT people.id, people.project_id, people.name, chosen.id AS reference_id, chosen.status AS embedding_status,
    chosen.confidence AS detection_confidence, chosen.bounding_box, chosen.extracted_at, chosen.error, chosen.warning,
    embedding.model_id, embedding.vector AS reference_embedding
FROM people
LEFT JOIN character_references AS chosen ON chosen.id = (
    SELECT own.id FROM character_references AS own WHERE own.person_id = people.id
    ORDER BY CASE WHEN own.label = '' THEN 0 ELSE 1 END, own.id LIMIT 1)
LEFT JOIN detected_faces AS face ON face.reference_id = chosen.id AND face.is_primary
LEFT JOIN detected_embeddings AS embedding ON embedding.detected_face_id = face.id AND embedding.model_id = (
    SELECT min(each.model_id) FROM detected_embeddings AS each WHERE each.detected_face_id = face.id)
WHERE people.kind = 'character' AND people.active
"""
"""A character in one row: its main reference, and that one's embedding under the first model by name."""


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        install(op.get_bind())
    _statuses()
    _references()
    _faces()
    _history()
    _likeness()
    op.execute(CHARACTERS)


def _statuses() -> None:
    table = op.create_table(
        "embedding_statuses",
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("meaning", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("status", name=op.f("pk_embedding_statuses")),
    )
    op.bulk_insert(table, [{"status": status, "meaning": meaning} for status, meaning in STATUSES.items()])


def _refers(table: str, column: str, target: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    parent = target.partition(".")[0]
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}_{parent}"), ondelete=ondelete)


def _references() -> None:
    name = "character_references"
    op.create_table(
        name,
        sa.Column("id", ID, nullable=False),
        sa.Column("project_id", ID, nullable=False),
        sa.Column("person_id", ID, nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Double()),
        sa.Column("bounding_box", JSON),
        sa.Column("extracted_at", MOMENT),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("warning", sa.Text(), nullable=False),
        sa.Column("quality", JSON),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("job_id", ID),
        sa.Column("created_at", MOMENT, nullable=False),
        _refers(name, "project_id", "projects.id"),
        _refers(name, "person_id", "people.id", "CASCADE"),
        _refers(name, "status", "embedding_statuses.status"),
        _refers(name, "job_id", "jobs.id", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
        sa.UniqueConstraint("person_id", "label", name=op.f(f"uq_{name}_person_id_label")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f(f"ix_{name}_project_id_digest"), name, ["project_id", "digest"])
    op.create_table(
        "character_versions",
        sa.Column("person_id", ID, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        _refers("character_versions", "person_id", "people.id", "CASCADE"),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_character_versions")),
    )


def _faces() -> None:
    name = "detected_faces"
    op.create_table(
        name,
        sa.Column("id", ID, nullable=False),
        sa.Column("reference_id", ID, nullable=False),
        sa.Column("person_id", ID, nullable=False),
        sa.Column("bounding_box", JSON, nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("is_primary", sa.Boolean(), nullable=False),
        sa.Column("quality", JSON),
        _refers(name, "reference_id", "character_references.id", "CASCADE"),
        _refers(name, "person_id", "people.id", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
        sqlite_autoincrement=True,
    )
    for column in ("reference_id", "person_id"):
        op.create_index(op.f(f"ix_{name}_{column}"), name, [column])
    op.create_table(
        "detected_embeddings",
        sa.Column("detected_face_id", ID, nullable=False),
        sa.Column("model_id", sa.Text(), nullable=False),
        sa.Column("vector", VECTOR, nullable=False),
        _refers("detected_embeddings", "detected_face_id", "detected_faces.id", "CASCADE"),
        sa.PrimaryKeyConstraint("detected_face_id", "model_id", name=op.f("pk_detected_embeddings")),
    )


def _history() -> None:
    name = "embedding_history"
    op.create_table(
        name,
        sa.Column("id", ID, nullable=False),
        sa.Column("person_id", ID, nullable=False),
        sa.Column("reference_id", ID),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("model_id", sa.Text(), nullable=False),
        sa.Column("vector", VECTOR, nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("bounding_box", JSON, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("replaced_at", MOMENT, nullable=False),
        _refers(name, "person_id", "people.id", "CASCADE"),
        _refers(name, "reference_id", "character_references.id", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
        sqlite_autoincrement=True,
    )
    for column in ("person_id", "reference_id"):
        op.create_index(op.f(f"ix_{name}_{column}"), name, [column])


def _likeness() -> None:
    name = "likeness_checks"
    op.create_table(
        name,
        sa.Column("id", ID, nullable=False),
        sa.Column("project_id", ID, nullable=False),
        sa.Column("person_id", ID, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("score", sa.Double()),
        sa.Column("threshold", sa.Double(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("bounding_box", JSON),
        sa.Column("reasons", JSON, nullable=False),
        sa.Column("model_id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        _refers(name, "project_id", "projects.id"),
        _refers(name, "person_id", "people.id", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f(f"ix_{name}_person_id"), name, ["person_id"])
