"""Copy a whole store to another database, and prove that the copy is the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

import personae.adapters.store.store  # noqa: F401 - it knows the tables of every part
from personae.adapters.store.carried import ROWS_AT_ONCE, Digest, batches, carried
from personae.adapters.store.engine import MODE, describe, parse
from personae.adapters.store.migrate import COPYING, found_version, opened, refuse_strange, set_version, upgrade
from personae.adapters.store.schema import VERSION, metadata
from personae.errors import BackendError, Conflict, InputError

Step = Callable[[int, int, str], None]
"""Is told how far it is: done, total, doing what."""


@dataclass(frozen=True, slots=True)
class StoreCopy:
    """What was copied."""

    source: str
    target: str
    tables: Mapping[str, int]
    """Rows of each table."""
    digests: Mapping[str, str]
    """SHA-256 of each table's rows, the same in both."""


def copy_store(source: str, target: str, step: Step = lambda *_: None, rows_at_once: int = ROWS_AT_ONCE) -> StoreCopy:
    """Copy every table of every project, with all ids, into an empty database.

    Args:
        source: address of the store; it is only read.
        target: address of a new SQLite file, or of an empty PostgreSQL database.
        step: is told how far it is.
        rows_at_once: how many are in memory, and written in one transaction.

    Raises:
        InputError: an address is no such URL, or there is no store.
        Conflict: the target is not empty.
        BackendError: the source is of another version, a database does not answer, or the copy is not the same.
    """
    with _reading(source) as old, opened(target) as new:
        names = describe(parse(source)), describe(parse(target))
        _make(new, names[1])
        tables = [carried(table) for table in metadata.sorted_tables]
        total = 2 * sum(_count(old, table) for table in tables)
        done, digests = 0, {}
        for table in tables:
            digest = Digest()
            for moved in _move(new, table, batches(old, table, rows_at_once), digest):
                done += moved
                step(done, total, f"copying {table.name}")
            _count_on(old, new, table)
            digests[table.name] = digest
        with new.connect() as connection, connection.begin():
            for table in tables:
                done = _verify(connection, table, digests[table.name], lambda n: step(n, total, "comparing"), done)
        with _writing(new) as connection:
            set_version(connection, VERSION)
    counts = {name: digest.rows for name, digest in digests.items()}
    return StoreCopy(*names, counts, {name: digest.hexdigest() for name, digest in digests.items()})


@contextmanager
def _reading(url: str) -> Iterator[sa.Connection]:
    """Yield a view of a store of this version, which does not change while it is read."""
    address = parse(url)
    name = describe(address)
    if address.get_backend_name() == "sqlite" and not Path(address.database or "").is_file():
        raise InputError(f"there is no {name.removeprefix('the ')}")
    with opened(url) as engine, engine.connect() as connection, connection.begin():
        found = found_version(connection)
        refuse_strange(connection, found, name)
        if found is None:
            raise InputError(f"{name} is empty: there is nothing to copy")
        if found != VERSION:
            raise BackendError(
                f"{name} is of version {found}, and this personae needs version {VERSION}: run `personae migrate` first"
            )
        yield connection


def _writing(engine: sa.Engine) -> Any:
    return engine.execution_options(**{MODE: "write"}).begin()


def _make(engine: sa.Engine, name: str) -> None:
    """Create the tables, empty, and say that a copy is under way."""
    with _writing(engine) as connection:
        refuse_strange(connection, found_version(connection), name)
        if sa.inspect(connection).get_table_names():
            raise Conflict(f"{name} is not empty: a copy needs a new file or an empty database")
        upgrade(connection, name)
        # What migrations put into tables comes from the source as well.
        for table in reversed(metadata.sorted_tables):
            if connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first():
                connection.execute(sa.delete(table))
        set_version(connection, COPYING)


def _count(connection: sa.Connection, table: sa.Table) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def _move(new: sa.Engine, table: sa.Table, parts: Iterable[Sequence[sa.Row[Any]]], digest: Digest) -> Iterator[int]:
    """Copy the rows of a table, and yield how many went in each batch."""
    own = _own_references(table.name)
    later: list[dict[str, Any]] = []
    for rows in parts:
        digest.add(rows)
        values = [row._asdict() for row in rows]
        for value in values:
            # A row may speak of one that comes after it: that is said when all are there.
            for column in own:
                if value[column] is not None and value[column] > value["id"]:
                    later.append({"this": value["id"], "column": column, "that": value[column]})
                    value[column] = None
        with _writing(new) as connection:
            connection.execute(sa.insert(table), values)
        yield len(rows)
    with _writing(new) as connection:
        for column in own:
            said = [row for row in later if row["column"] == column]
            change = sa.update(table).where(table.c.id == sa.bindparam("this"))
            if said:
                connection.execute(change.values({column: sa.bindparam("that")}), said)


def _own_references(name: str) -> list[str]:
    """Return the columns of a table that refer to the table itself."""
    table = metadata.tables[name]
    return [column.name for column in table.columns if any(key.column.table is table for key in column.foreign_keys)]


def _count_on(old: sa.Connection, new: sa.Engine, table: sa.Table) -> None:
    """Let the copy give no id that the source has given, also not those of rows that are gone."""
    column = metadata.tables[table.name].autoincrement_column
    last = 0 if column is None else _last_id(old, table.name, column.name)
    if column is None or not last:
        return
    names = {"table": table.name, "column": column.name, "last": last}
    with _writing(new) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT setval(pg_get_serial_sequence(:table, :column), :last)"), names)
        else:
            connection.execute(sa.text("DELETE FROM sqlite_sequence WHERE name = :table"), names)
            connection.execute(sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :last)"), names)


def _last_id(connection: sa.Connection, table: str, column: str) -> int:
    """Return the last id that a table has given; 0 for none."""
    names = {"table": table, "column": column}
    if connection.dialect.name != "postgresql":
        query = sa.text("SELECT seq FROM sqlite_sequence WHERE name = :table")
        return int(connection.execute(query, names).scalar() or 0)
    sequence = connection.execute(sa.text("SELECT pg_get_serial_sequence(:table, :column)"), names).scalar()
    if sequence is None:
        return 0
    query = sa.text(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}")  # noqa: S608 - quoted by the server
    return int(connection.execute(query).scalar_one())


def _verify(
    connection: sa.Connection, table: sa.Table, expected: Digest, step: Callable[[int], None], done: int
) -> int:
    """Read a table of the copy again and compare; return how many rows were read in all."""
    found = Digest()
    for rows in batches(connection, table):
        found.add(rows)
        done += len(rows)
        step(done)
    if (found.rows, found.hexdigest()) != (expected.rows, expected.hexdigest()):
        raise BackendError(
            f"the copy is not the same in {table.name} ({found.rows} rows of {expected.rows}): drop it, and check the "
            "source by `personae doctor`"
        )
    return done
