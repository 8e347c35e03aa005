"""What every table's class works with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

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
    found: dict[str, Any] = field(default_factory=dict, compare=False)
    """What was read once in this transaction, is asked for again and again, and has not changed."""

    def upsert(self, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
        """Return an insert that knows ON CONFLICT, in this database's dialect."""
        return postgresql.insert(table) if self.on_postgres else sqlite.insert(table)

    def put(self, table: sa.Table, keys: tuple[str, ...] = (), changed: tuple[str, ...] = ()) -> sa.Insert:
        """Return the insert that writes these columns anew where a row of these keys is there; without keys, nothing.

        Built once, since that takes as long as a write.
        """
        return _put(self.on_postgres, table, keys, changed)

    def among(self, column: sa.ColumnElement[Any], ids: Iterable[int]) -> sa.ColumnElement[bool]:
        """Return the condition that `column` is one of the ids, however many, sent as one parameter."""
        given = [int(i) for i in ids]
        if self.on_postgres:
            return column == sa.func.any(sa.literal(given, postgresql.ARRAY(sa.BigInteger)))
        return column.in_(sa.select(sa.func.json_each(json.dumps(given)).table_valued("value").c.value))

    def insert(self, table: sa.Table, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert many rows of values as the database takes them; binding them one by one takes several times as long.

        Args:
            table: where to.
            names: its columns.
            rows: a value for each of the columns.
        """
        if not rows:
            return
        if self.on_postgres:
            columns = [table.c[name] for name in names]
            arrays = [
                sa.literal(list(values), postgresql.ARRAY(column.type))
                for column, values in zip(columns, zip(*rows, strict=True), strict=True)
            ]
            given = sa.func.unnest(*arrays).table_valued(*names, with_ordinality="place").render_derived()
            ordered = sa.select(*(given.c[name] for name in names)).order_by(given.c.place)
            self.connection.execute(sa.insert(table).from_select(columns, ordered))
        else:
            listed, marks = ", ".join(names), ", ".join("?" for _ in names)
            self.connection.exec_driver_sql(f"INSERT INTO {table.name} ({listed}) VALUES ({marks})", list(rows))  # noqa: S608 - names of our own

    @property
    def on_postgres(self) -> bool:
        """Whether the database is PostgreSQL."""
        return self.connection.dialect.name == "postgresql"


@cache
def _put(on_postgres: bool, table: sa.Table, keys: tuple[str, ...], changed: tuple[str, ...]) -> sa.Insert:
    statement = postgresql.insert(table) if on_postgres else sqlite.insert(table)
    if not keys:
        return statement.on_conflict_do_nothing()
    return statement.on_conflict_do_update(
        index_elements=list(keys), set_={name: statement.excluded[name] for name in changed}
    )


def in_parts(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield `values` in slices that fit into one query."""
    for start in range(0, len(values), _VALUES_IN_A_QUERY):
        yield values[start : start + _VALUES_IN_A_QUERY]


def unique(values: Iterable[T]) -> list[T]:
    """Return each value once, in the order first seen."""
    return list(dict.fromkeys(values))
