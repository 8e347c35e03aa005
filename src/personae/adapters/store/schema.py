"""The tables. Migrations make them; this is what the queries are built from."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Table, UniqueConstraint

from personae.adapters.store.columns import Embedding, Hex, Id, Json, Moment, Words

VERSION = "0011"
"""The newest migration; a store that says so is opened without looking for others."""

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _key(name: str = "id") -> Column[int]:
    return Column(name, Id, primary_key=True, autoincrement=True)


def _refers(
    name: str, target: str, *, nullable: bool = False, primary_key: bool = False, ondelete: str | None = None
) -> Column[int]:
    key = ForeignKey(target, ondelete=ondelete)
    return Column(name, Id, key, nullable=nullable and not primary_key, primary_key=primary_key)


def _project() -> Column[int]:
    return _refers("project_id", "projects.id")


projects = Table(
    "projects", metadata,
    _key(),
    Column("name", Words, nullable=False, unique=True),
    Column("created_at", Moment, nullable=False),
    Column("folder", sa.Text, nullable=False, server_default=sa.text("''")),
    Index(None, "folder", unique=True),
    sqlite_autoincrement=True,
)  # fmt: skip

REFUSED = sa.text("reason IS NOT NULL")

images = Table(
    "images", metadata,
    _key(),
    _project(),
    Column("digest", Hex, nullable=False),
    Column("size", sa.BigInteger, nullable=False),
    Column("width", sa.Integer, nullable=False),
    Column("height", sa.Integer, nullable=False),
    Column("format", sa.Text, nullable=False),
    Column("detector", sa.Text),
    Column("profile", sa.Text, nullable=False),
    Column("reason", sa.Text),
    Column("detail", Words, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("taken_at", sa.Text),
    Column("date_key", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    UniqueConstraint("project_id", "digest"),
    Index(None, "project_id", "date_key", "id"),
    Index("ix_images_refused", "project_id", "reason", sqlite_where=REFUSED, postgresql_where=REFUSED),
    sqlite_autoincrement=True,
)  # fmt: skip

files = Table(
    "files", metadata,
    _key(),
    _project(),
    Column("uri_key", Hex, nullable=False),
    Column("uri", sa.Text, nullable=False),
    Column("size", sa.BigInteger, nullable=False),
    Column("mtime_ns", sa.BigInteger, nullable=False),
    _refers("image_id", "images.id", nullable=True),
    Column("reason", sa.Text),
    Column("detail", Words, nullable=False),
    UniqueConstraint("project_id", "uri_key"),
    Index(None, "image_id"),
    Index("ix_files_refused", "project_id", "reason", sqlite_where=REFUSED, postgresql_where=REFUSED),
    sqlite_autoincrement=True,
)  # fmt: skip

people = Table(
    "people", metadata,
    _key(),
    _project(),
    Column("name", Words, nullable=False),
    Column("name_key", Words, nullable=False),
    Column("kind", sa.Text, nullable=False),
    Column("disambiguation", Words, nullable=False),
    Column("active", sa.Boolean, nullable=False),
    _refers("merged_into", "people.id", nullable=True),
    Column("created_at", Moment, nullable=False),
    Index(None, "project_id", "name_key"),
    Index(None, "merged_into"),
    sqlite_autoincrement=True,
)  # fmt: skip

# `stated_by` of the next three is the source that says so, "" for anybody else: what only a revoked source says is
# not shown.
aliases = Table(
    "aliases", metadata,
    _refers("person_id", "people.id", primary_key=True),
    Column("alias_key", Words, primary_key=True),
    Column("stated_by", Words, primary_key=True),
    Column("alias", Words, nullable=False),
    Index(None, "alias_key"),
)  # fmt: skip

external_ids = Table(
    "external_ids", metadata,
    _refers("project_id", "projects.id", primary_key=True),
    Column("source", Words, primary_key=True),
    Column("external_id", Words, primary_key=True),
    Column("stated_by", Words, primary_key=True),
    _refers("person_id", "people.id"),
    Index(None, "person_id"),
)  # fmt: skip

urls = Table(
    "urls", metadata,
    _refers("person_id", "people.id", primary_key=True),
    Column("url", Words, primary_key=True),
    Column("stated_by", Words, primary_key=True),
    Column("site", Words, nullable=False),
)  # fmt: skip

clusters = Table(
    "clusters", metadata,
    _key(),
    _project(),
    Column("number", sa.BigInteger, nullable=False),
    UniqueConstraint("project_id", "number"),
    sqlite_autoincrement=True,
)  # fmt: skip

faces = Table(
    "faces", metadata,
    _key(),
    _project(),
    _refers("image_id", "images.id"),
    Column("box_x", sa.Double, nullable=False),
    Column("box_y", sa.Double, nullable=False),
    Column("box_width", sa.Double, nullable=False),
    Column("box_height", sa.Double, nullable=False),
    Column("landmarks", Json, nullable=False),
    Column("det_score", sa.Double, nullable=False),
    Column("side", sa.Double, nullable=False),
    Column("sharpness", sa.Double, nullable=False),
    Column("yaw", sa.Double, nullable=False),
    Column("roll", sa.Double, nullable=False),
    Column("quality", sa.Double, nullable=False),
    Column("role", sa.Text, nullable=False),
    Column("reasons", Json, nullable=False),
    Column("crop", Hex),
    _refers("person_id", "people.id", nullable=True),
    _refers("cluster_id", "clusters.id", nullable=True),
    Column("date_key", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    Index(None, "image_id"),
    Index(None, "project_id"),
    Index(None, "person_id", "date_key", "id"),
    Index(None, "cluster_id"),
    # Whose faces there are, how many and which is the best, is read from it alone.
    Index("ix_faces_owners", "project_id", "person_id", "cluster_id", "role", "quality"),
    sqlite_autoincrement=True,
)  # fmt: skip

embeddings = Table(
    "embeddings", metadata,
    _refers("face_id", "faces.id", primary_key=True),
    Column("model_id", sa.Text, primary_key=True),
    Column("vector", Embedding, nullable=False),
)  # fmt: skip

operations = Table(
    "operations", metadata,
    _key(),
    _project(),
    Column("kind", sa.Text, nullable=False),
    Column("maker", sa.Text, nullable=False),
    Column("summary", Words, nullable=False),
    Column("created_at", Moment, nullable=False),
    _refers("undoes", "operations.id", nullable=True),
    Index(None, "project_id"),
    Index(None, "undoes"),
    sqlite_autoincrement=True,
)  # fmt: skip

ABOUT_PEOPLE = sa.text("decisions.kind IN ('name', 'merge', 'revoke')")
"""The few decisions that are not about one face, in the very words of their index: without them SQLite leaves it."""
BY_SOURCES = sa.text("decisions.source IS NOT NULL")

decisions = Table(
    "decisions", metadata,
    _key(),
    _refers("operation_id", "operations.id"),
    Column("kind", sa.Text, nullable=False),
    Column("maker", sa.Text, nullable=False),
    _refers("face_id", "faces.id", nullable=True),
    _refers("person_id", "people.id", nullable=True),
    _refers("into_person_id", "people.id", nullable=True),
    _refers("cluster_id", "clusters.id", nullable=True),
    Column("name", Words),
    Column("score", sa.Double),
    Column("threshold", sa.Double),
    Column("model_id", sa.Text),
    Column("runner_up", sa.Double),
    _refers("other_face_id", "faces.id", nullable=True),
    Column("source", Words),
    Index(None, "operation_id"),
    Index(None, "face_id"),
    Index(None, "person_id"),
    Index(None, "other_face_id"),
    Index(None, "source", sqlite_where=BY_SOURCES, postgresql_where=BY_SOURCES),
    Index("ix_decisions_people", "kind", "person_id", sqlite_where=ABOUT_PEOPLE, postgresql_where=ABOUT_PEOPLE),
    sqlite_autoincrement=True,
)  # fmt: skip

person_facts = Table(
    "person_facts", metadata,
    _key(),
    _refers("person_id", "people.id", ondelete="CASCADE"),
    Column("source", Words, nullable=False),
    Column("record", Json, nullable=False),
    UniqueConstraint("person_id", "source"),
    sqlite_autoincrement=True,
)  # fmt: skip

claims = Table(
    "claims", metadata,
    _key(),
    _project(),
    Column("source", Words, nullable=False),
    Column("ref_key", Hex, nullable=False),
    Column("image_ref", Words, nullable=False),
    Column("external_id", Words, nullable=False),
    Column("url", Words, nullable=False),
    _refers("person_id", "people.id", ondelete="CASCADE"),
    _refers("face_id", "faces.id", nullable=True, ondelete="SET NULL"),
    Column("state", sa.Text, nullable=False),
    Column("reason", Words, nullable=False),
    Column("trust", sa.Text, nullable=False),
    Column("distance", sa.Double),
    Column("threshold", sa.Double),
    Column("model_id", sa.Text, nullable=False),
    _refers("other_person_id", "people.id", nullable=True, ondelete="SET NULL"),
    Column("other_distance", sa.Double),
    UniqueConstraint("project_id", "source", "ref_key"),
    Index(None, "person_id"),
    Index(None, "face_id"),
    Index(None, "other_person_id"),
    sqlite_autoincrement=True,
)  # fmt: skip

source_progress = Table(
    "source_progress", metadata,
    _refers("project_id", "projects.id", primary_key=True),
    Column("source", Words, primary_key=True),
    Column("last_id", Words),
    Column("watermark", Words, nullable=False),
    Column("people", sa.BigInteger, nullable=False),
    Column("faces", sa.BigInteger, nullable=False),
    Column("statistics", Json, nullable=False),
    Column("began", Words, nullable=False),
)  # fmt: skip

events = Table(
    "events", metadata,
    _key("seq"),
    _project(),
    Column("kind", sa.Text, nullable=False),
    Column("payload", Json, nullable=False),
    Column("created_at", Moment, nullable=False),
    Index(None, "project_id", "seq"),
    sqlite_autoincrement=True,
)  # fmt: skip

cursors = Table(
    "cursors", metadata,
    _refers("project_id", "projects.id", primary_key=True),
    Column("reader", Words, primary_key=True),
    Column("seq", sa.BigInteger, nullable=False),
)  # fmt: skip

OF_STUDIO = sa.text("project_id IS NULL")
UNFINISHED = sa.text("jobs.state IN ('queued', 'running')")

jobs = Table(
    "jobs", metadata,
    _key(),
    _project(),
    Column("kind", sa.Text, nullable=False),
    Column("payload", Json, nullable=False),
    Column("state", sa.Text, nullable=False),
    Column("done", sa.BigInteger, nullable=False),
    Column("total", sa.BigInteger, nullable=False),
    Column("attempts", sa.Integer, nullable=False),
    Column("token", sa.Text),
    Column("lease_until", Moment),
    Column("cancel", sa.Boolean, nullable=False),
    Column("result", Json, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("failures", sa.Integer, nullable=False, server_default="0"),
    Column("not_before", Moment),
    Column("checkpoint", Json),
    Index(None, "project_id", "kind", "state"),
    Index("ix_jobs_unfinished", "project_id", "id", sqlite_where=UNFINISHED, postgresql_where=UNFINISHED),
    sqlite_autoincrement=True,
)  # fmt: skip

webhooks = Table(
    "webhooks", metadata,
    _key(),
    _project(),
    Column("url", sa.Text, nullable=False),
    Column("kinds", Json, nullable=False),
    Column("secret", sa.Text, nullable=False),
    Column("seq", sa.BigInteger, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("paused", sa.Boolean, nullable=False),
    Column("failures", sa.Integer, nullable=False),
    Column("failing_since", Moment),
    Column("not_before", Moment),
    Column("error", Words, nullable=False),
    Column("token", sa.Text),
    Column("lease_until", Moment),
    sqlite_autoincrement=True,
)  # fmt: skip

settings = Table(
    "settings", metadata,
    _refers("project_id", "projects.id", primary_key=True),
    Column("key", Words, primary_key=True),
    Column("value", Json, nullable=False),
)  # fmt: skip

preferences = Table(
    "preferences", metadata,
    _key(),
    _refers("project_id", "projects.id", nullable=True),
    Column("name", sa.Text, nullable=False),
    Column("value", Json, nullable=False),
    Column("set_by", Words, nullable=False),
    Column("set_at", Moment, nullable=False),
    UniqueConstraint("project_id", "name"),
    # Those of the studio have no project, and NULLs are all different.
    Index("ix_preferences_studio", "name", unique=True, sqlite_where=OF_STUDIO, postgresql_where=OF_STUDIO),
    sqlite_autoincrement=True,
)  # fmt: skip

api_keys = Table(
    "api_keys", metadata,
    _key(),
    Column("name", Words, nullable=False),
    Column("role", sa.Text, nullable=False),
    Column("digest", Hex, nullable=False, unique=True),
    Column("created_at", Moment, nullable=False),
    Column("last_used_at", Moment),
    Column("revoked_at", Moment),
    Column("password", sa.Text),
    sqlite_autoincrement=True,
)  # fmt: skip

sign_ins = Table(
    "sign_ins", metadata,
    _key(),
    _refers("key_id", "api_keys.id"),
    Column("digest", Hex, nullable=False, unique=True),
    Column("created_at", Moment, nullable=False),
    Column("ends_at", Moment, nullable=False),
    Index(None, "key_id"),
    sqlite_autoincrement=True,
)  # fmt: skip
