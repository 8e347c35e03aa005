"""The table of pictures that were held against characters."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Table

from personae.adapters.store.columns import Hex, Id, Json, Moment, Words
from personae.adapters.store.schema import metadata

likeness_checks = Table(
    "likeness_checks", metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("project_id", Id, ForeignKey("projects.id"), nullable=False),
    Column("person_id", Id, ForeignKey("people.id", ondelete="CASCADE"), nullable=False),
    Column("digest", Hex, nullable=False),
    Column("score", sa.Double),
    Column("threshold", sa.Double, nullable=False),
    Column("passed", sa.Boolean, nullable=False),
    Column("bounding_box", Json),
    Column("reasons", Json, nullable=False),
    Column("model_id", Words, nullable=False),
    Column("version", sa.BigInteger, nullable=False),
    Column("made_at", Moment, nullable=False),
    Index(None, "person_id"),
    sqlite_autoincrement=True,
)  # fmt: skip
