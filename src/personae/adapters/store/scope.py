"""What every table's class works with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from personae.ports import Clock

T = TypeVar("T")

_VALUES_IN_A_QUERY = 5000
"""SQLite takes 32,766 parameters in one statement, PostgreSQL 65,535."""


@dataclass(frozen=True, slots=True)
class Scope:
    """One transaction in one project."""

    connection: sa.Connection
    project_id: int
    clock: Clock

    def upsert(self, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
        """Return an insert that knows ON CONFLICT, in this database's dialect."""
        return postgresql.insert(table) if self.on_postgres else sqlite.insert(table)

    @property
    def on_postgres(self) -> bool:
        """Whether the database is PostgreSQL."""
        return self.connection.dialect.name == "postgresql"


def in_parts(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield `values` in slices that fit into one query."""
    for start in range(0, len(values), _VALUES_IN_A_QUERY):
        yield values[start : start + _VALUES_IN_A_QUERY]


def unique(values: Iterable[T]) -> list[T]:
    """Return each value once, in the order first seen."""
    return list(dict.fromkeys(values))
