"""The projects of a database: made, renamed, and removed with every row that is theirs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

import personae.adapters.store.store  # noqa: F401 - it knows the tables of every part
from personae.access import Project
from personae.adapters.store.database import Database
from personae.adapters.store.project_rows import insert_project
from personae.adapters.store.schema import UNFINISHED, jobs, metadata, projects, webhooks
from personae.errors import Conflict, NotFound


@dataclass(frozen=True, slots=True)
class SqlProjects:
    """`personae.ports.ProjectTable` in SQL."""

    database: Database

    def all(self) -> list[Project]:
        """See the port; likewise below."""
        with self.database.read() as connection:
            rows = connection.execute(sa.select(projects).order_by(projects.c.name)).all()
        return [_project(row) for row in rows]

    def add(self, name: str) -> Project:
        """The writer's lock keeps two of one name apart."""
        with self.database.write() as connection:
            _refuse_taken(connection, name)
            return _project(insert_project(connection, name, self.database.clock))

    def busy(self) -> list[str]:
        """Ask for jobs, and for receivers of events."""
        told = sa.exists().where(webhooks.c.project_id == projects.c.id)
        query = sa.select(projects.c.name).where(sa.or_(_at_work(), told)).order_by(projects.c.name)
        with self.database.read() as connection:
            return list(connection.execute(query).scalars())

    def rename(self, name: str, to: str) -> Project:
        """The folder stays where it is: there is no moment at which name and files do not belong together."""
        with self.database.write() as connection:
            row = _idle(connection, name)
            if to != name:
                _refuse_taken(connection, to)
            changed = sa.update(projects).where(projects.c.id == row.id).values(name=to)
            return _project(connection.execute(changed.returning(projects)).one())

    def remove(self, name: str) -> Project:
        """On SQLite what the rows held is overwritten, and nothing is left in the -wal file."""
        sqlite = self.database.engine.dialect.name == "sqlite"
        with self.database.write() as connection:
            row = _idle(connection, name)
            if sqlite:
                connection.exec_driver_sql("PRAGMA secure_delete = ON")
            with _unguarded(connection):
                for table in reversed(metadata.sorted_tables):
                    if (theirs := _rows_of(table, row.id)) is not None:
                        connection.execute(sa.delete(table).where(theirs))
        if sqlite:
            with self.database.engine.connect() as connection:
                driver = connection.connection.cursor()
                driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                driver.close()
        return _project(row)


def _project(row: sa.Row[Any]) -> Project:
    return Project(row.id, row.name, row.created_at, row.folder)


def _at_work() -> sa.ColumnElement[bool]:
    return sa.exists().where(jobs.c.project_id == projects.c.id, UNFINISHED)


def _refuse_taken(connection: sa.Connection, name: str) -> None:
    if connection.execute(sa.select(projects.c.id).where(projects.c.name == name)).first() is not None:
        raise Conflict(f"there is a project {name} already")


def _idle(connection: sa.Connection, name: str) -> sa.Row[Any]:
    """Return the project's row. Raises NotFound, and Conflict while jobs of it have not ended."""
    row = connection.execute(sa.select(projects).where(projects.c.name == name)).first()
    if row is None:
        raise NotFound(f"there is no project {name}")
    if connection.execute(sa.select(projects.c.id).where(projects.c.id == row.id, _at_work())).first() is not None:
        raise Conflict(f"jobs of the project {name} have not ended: wait for them, or cancel them")
    return row


def _rows_of(table: sa.Table, project_id: int) -> sa.ColumnElement[bool] | None:
    """Return the condition that a row is a project's, by what it refers to; None for tables of no project."""
    if table is projects:
        return table.c.id == project_id
    if "project_id" in table.c:
        return table.c.project_id == project_id
    for column in table.columns:
        for key in column.foreign_keys if not column.nullable else ():
            owner = _rows_of(key.column.table, project_id)
            if owner is not None:
                return column.in_(sa.select(key.column).where(owner))
    return None


@contextmanager
def _unguarded(connection: sa.Connection) -> Iterator[None]:
    """Let rows be deleted that are otherwise only ever added; undone with the transaction, or at its end."""
    if connection.dialect.name == "postgresql":
        guarded = (
            connection.execute(
                sa.text("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE '%\\_append\\_only'")
            )
            .scalars()
            .all()
        )
        for table in guarded:
            connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield
        for table in guarded:
            connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        return
    guards = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").all()
    for guard in guards:
        connection.exec_driver_sql(f'DROP TRIGGER "{guard.name}"')
    yield
    for guard in guards:
        connection.exec_driver_sql(guard.sql)
