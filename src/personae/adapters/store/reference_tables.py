"""The tables of reference identities."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Table, UniqueConstraint

from personae.adapters.store.columns import Embedding, Hex, Id, Json, Moment, Words
from personae.adapters.store.schema import metadata


def _key() -> Column[int]:
    return Column("id", Id, primary_key=True, autoincrement=True)


def _person(*, primary_key: bool = False) -> Column[int]:
    return Column("person_id", Id, ForeignKey("people.id", ondelete="CASCADE"), nullable=False, primary_key=primary_key)


embedding_statuses = Table(
    "embedding_statuses", metadata,
    Column("status", sa.Text, primary_key=True),
    Column("meaning", sa.Text, nullable=False),
)  # fmt: skip

character_references = Table(
    "character_references", metadata,
    _key(),
    Column("project_id", Id, ForeignKey("projects.id"), nullable=False),
    _person(),
    Column("label", Words, nullable=False),
    Column("digest", Hex, nullable=False),
    Column("status", sa.Text, ForeignKey("embedding_statuses.status"), nullable=False),
    Column("confidence", sa.Double),
    Column("bounding_box", Json),
    Column("extracted_at", Moment),
    Column("error", Words, nullable=False),
    Column("warning", Words, nullable=False),
    Column("quality", Json),
    Column("generation", sa.BigInteger, nullable=False),
    Column("job_id", Id, ForeignKey("jobs.id", ondelete="SET NULL")),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("person_id", "label"),
    Index(None, "project_id", "digest"),
    sqlite_autoincrement=True,
)  # fmt: skip

detected_faces = Table(
    "detected_faces", metadata,
    _key(),
    Column("reference_id", Id, ForeignKey("character_references.id", ondelete="CASCADE"), nullable=False),
    _person(),
    Column("bounding_box", Json, nullable=False),
    Column("confidence", sa.Double, nullable=False),
    Column("is_primary", sa.Boolean, nullable=False),
    Column("quality", Json),
    Index(None, "reference_id"),
    Index(None, "person_id"),
    sqlite_autoincrement=True,
)  # fmt: skip

detected_embeddings = Table(
    "detected_embeddings", metadata,
    Column("detected_face_id", Id, ForeignKey("detected_faces.id", ondelete="CASCADE"), primary_key=True),
    Column("model_id", sa.Text, primary_key=True),
    Column("vector", Embedding, nullable=False),
)  # fmt: skip

embedding_history = Table(
    "embedding_history", metadata,
    _key(),
    _person(),
    Column("reference_id", Id, ForeignKey("character_references.id", ondelete="SET NULL")),
    Column("label", Words, nullable=False),
    Column("digest", Hex, nullable=False),
    Column("model_id", sa.Text, nullable=False),
    Column("vector", Embedding, nullable=False),
    Column("confidence", sa.Double, nullable=False),
    Column("bounding_box", Json, nullable=False),
    Column("version", sa.BigInteger, nullable=False),
    Column("replaced_at", Moment, nullable=False),
    Index(None, "person_id"),
    Index(None, "reference_id"),
    sqlite_autoincrement=True,
)  # fmt: skip

character_versions = Table(
    "character_versions", metadata,
    _person(primary_key=True),
    Column("version", sa.BigInteger, nullable=False),
)  # fmt: skip
