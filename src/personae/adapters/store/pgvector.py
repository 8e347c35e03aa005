"""Embeddings as pgvector's `vector` on PostgreSQL; the store's code gives and takes bytes on both databases."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from personae.adapters.store.rows import STORED
from personae.errors import BackendError

if TYPE_CHECKING:
    from psycopg.adapt import AdaptersMap
    from psycopg.pq import Format

HEAD = 4
"""Bytes before the numbers in what PostgreSQL sends: the count, and two that are not used."""
OLDEST = (0, 8)
"""The first pgvector that goes on searching until a filter is satisfied."""
SENT = np.dtype(">f4")


class VectorCell(bytes):
    """A vector as PostgreSQL takes it: `register` says how."""


def to_cell(stored: bytes) -> VectorCell:
    """Return what PostgreSQL takes for the little-endian float32 numbers of a vector."""
    row = np.frombuffer(stored, STORED)
    return VectorCell(len(row).to_bytes(2, "big") + b"\0\0" + row.astype(SENT).tobytes())


def from_cell(cell: bytes) -> bytes:
    """Return the little-endian float32 numbers of what PostgreSQL sends of a vector."""
    return np.frombuffer(cell, SENT, offset=HEAD).astype(STORED).tobytes()


class PgVector(sa.types.UserDefinedType[bytes]):
    """A `vector` of any dimension; as text, in which pgvector sends it by itself, it would take ten times as long."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Name the type."""
        return "vector"

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[bytes | None], VectorCell | None]:  # noqa: ARG002
        """Turn into what PostgreSQL takes."""
        return lambda stored: None if stored is None else to_cell(stored)

    def column_expression(self, column: sa.ColumnElement[bytes]) -> sa.ColumnElement[bytes]:
        """Ask for the bytes."""
        return sa.func.vector_send(column, type_=self)

    def result_processor(
        self, dialect: sa.Dialect, coltype: object  # noqa: ARG002
    ) -> Callable[[bytes | None], bytes | None]:  # fmt: skip
        """Turn into what is stored elsewhere."""
        return lambda cell: None if cell is None else from_cell(cell)


def register(adapters: AdaptersMap) -> None:
    """Let a connection send vectors as bytes; of which type they are, the statement says."""
    from psycopg.adapt import Dumper  # noqa: PLC0415 - it may not be installed

    class VectorDumper(Dumper):
        format = binary_format()

        def dump(self, obj: VectorCell) -> bytes:
            return obj

    adapters.register_dumper(VectorCell, VectorDumper)


def binary_format() -> Format:
    """Return the driver's word for results as bytes."""
    from psycopg.pq import Format  # noqa: PLC0415 - it may not be installed

    return Format.BINARY


def install(connection: sa.Connection) -> None:
    """Make sure that the database knows vectors.

    Raises:
        BackendError: the server has no pgvector of version 0.8 or newer, or this user may not add it to the database.
    """
    wanted = "pgvector 0.8 or newer, which personae keeps embeddings in on PostgreSQL"
    offered = connection.execute(
        sa.text("SELECT default_version, installed_version FROM pg_available_extensions WHERE name = 'vector'")
    ).first()
    if offered is None:
        raise BackendError(f"the server of this database lacks {wanted}: install it there, and run this again")
    version = offered.installed_version or offered.default_version
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        raise BackendError(f"this database has pgvector {version}; wanted is {wanted}: ALTER EXTENSION vector UPDATE")
    if offered.installed_version is None:
        _create(connection, wanted)
    if connection.execute(sa.text("SELECT to_regtype('vector')")).scalar() is None:
        raise BackendError("pgvector lies in a schema that is not in this user's search_path: add it there")


def _create(connection: sa.Connection, wanted: str) -> None:
    # Not in the schema of one user alone, where there is one for all.
    shared = connection.execute(sa.text("SELECT 'public' = ANY(current_schemas(false))")).scalar()
    try:
        with connection.begin_nested():
            connection.execute(sa.text(f"CREATE EXTENSION vector{' SCHEMA public' if shared else ''}"))
    except sa.exc.ProgrammingError as error:
        raise BackendError(
            f"this database lacks {wanted}, and this user may not add it: "
            "let its administrator run CREATE EXTENSION vector"
        ) from error
