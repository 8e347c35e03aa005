"""The store (law 1): one project of a SQLite or PostgreSQL database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from personae.adapters.store.browse import SqlBrowse
from personae.adapters.store.check import differences
from personae.adapters.store.clusters import SqlClusters
from personae.adapters.store.decisions import SqlDecisions
from personae.adapters.store.engine import MODE, connect, describe, parse
from personae.adapters.store.events import SqlEvents
from personae.adapters.store.faces import SqlFaces
from personae.adapters.store.hooks import SqlHooks
from personae.adapters.store.images import SqlImages
from personae.adapters.store.jobs import SqlJobs
from personae.adapters.store.likeness import SqlLikeness
from personae.adapters.store.migrate import prepare, still_current
from personae.adapters.store.nearest import SqlNearest
from personae.adapters.store.people import SqlPeople
from personae.adapters.store.photos import SqlPhotos
from personae.adapters.store.preferences import SqlPreferences
from personae.adapters.store.problems import translating
from personae.adapters.store.project_rows import insert_project
from personae.adapters.store.references import SqlReferences
from personae.adapters.store.schema import projects
from personae.adapters.store.scope import Scope
from personae.adapters.store.settings import SqlSettings
from personae.adapters.store.sources import SqlSources
from personae.adapters.store.stamp import Stamps
from personae.errors import BackendError, Conflict, InputError
from personae.ports import Clock, Transaction
from personae.types import ModelId


@dataclass(frozen=True, slots=True)
class SqlTransaction:
    """`personae.ports.Transaction` in SQL."""

    images: SqlImages
    faces: SqlFaces
    people: SqlPeople
    clusters: SqlClusters
    decisions: SqlDecisions
    events: SqlEvents
    jobs: SqlJobs
    sources: SqlSources
    settings: SqlSettings
    preferences: SqlPreferences
    references: SqlReferences
    browse: SqlBrowse
    hooks: SqlHooks
    likeness: SqlLikeness
    photos: SqlPhotos


def _transaction(scope: Scope) -> Transaction:
    return SqlTransaction(
        SqlImages(scope), SqlFaces(scope), SqlPeople(scope), SqlClusters(scope), SqlDecisions(scope),
        SqlEvents(scope), SqlJobs(scope), SqlSources(scope), SqlSettings(scope),
        SqlPreferences(scope), SqlReferences(scope), SqlBrowse(scope), SqlHooks(scope), SqlLikeness(scope),
        SqlPhotos(scope),
    )  # fmt: skip


class SqlStore:
    """`personae.ports.Store` in SQL. Safe to use from several threads; made by `SqlStore.open`."""

    def __init__(self, engine: sa.Engine, project_id: int, folder: str, clock: Clock, patience: float) -> None:
        self.folder = folder
        """Of the project's files, in the folder of all projects; empty: the home folder itself."""
        self._engine = engine
        self._stamps = Stamps(engine)
        self._project_id = project_id
        self._clock = clock
        self._patience = patience
        self._name = describe(engine.url)
        self._writer = threading.RLock()
        self._writing = False

    @classmethod
    def open(cls, url: str, project: str, clock: Clock, patience: float = 60.0) -> SqlStore:
        """Open a store and one project in it; both are created when needed, and the tables of a SQLite store upgraded.

        Args:
            url: sqlite:///path or postgresql+psycopg://user:password@host/database.
            project: name of the project.
            clock: gives the time that rows are stamped with.
            patience: seconds to wait for another writer.

        Raises:
            InputError: the address is no such URL.
            BackendError: the store cannot be opened, is no store, or is of another version.
        """
        address = parse(url)
        name = describe(address)
        engine = connect(address, patience)
        try:
            with translating(name):
                prepare(engine, name)
                project_id, folder = _open_project(engine, project, clock)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, project_id, folder, clock, patience)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """See the port."""
        with self._view() as scope:
            yield _transaction(scope)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """See the port.

        Raises:
            Conflict: this thread is writing already.
        """
        with self._change() as scope:
            yield _transaction(scope)

    def check(self) -> list[str]:
        """See the port."""
        with translating(self._name), self._engine.connect() as connection, connection.begin():
            return differences(Scope(connection, self._project_id, self._clock))

    def nearest(self, model_id: ModelId, dimension: int) -> SqlNearest:
        """Return what searches this project's embeddings of a model where they lie.

        Raises:
            InputError: the store is no PostgreSQL.
        """
        if self._engine.dialect.name != "postgresql":
            raise InputError("the index pgvector searches a PostgreSQL store: set database_url, or take another index")
        return SqlNearest(self._view, self._change, model_id, dimension)

    @property
    def stamp_waits(self) -> bool:
        """See the port; likewise below."""
        return self._engine.dialect.name == "postgresql"

    def stamp(self) -> str:
        """See the port."""
        with translating(self._name, reading=True):
            return self._stamps.now()

    def close(self) -> None:
        """Close every connection; the last one of SQLite empties the -wal file."""
        self._stamps.close()
        self._engine.dispose()

    @contextmanager
    def _view(self) -> Iterator[Scope]:
        with translating(self._name, reading=True), self._engine.connect() as connection, connection.begin():
            yield Scope(connection, self._project_id, self._clock)

    @contextmanager
    def _change(self) -> Iterator[Scope]:
        with self._turn(), translating(self._name):
            connection = self._engine.connect().execution_options(**{MODE: "write"})
            with connection, connection.begin():
                still_current(connection, self._name)
                yield Scope(connection, self._project_id, self._clock)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait until no other thread writes: waiting here is fair and wakes at once, SQLite's own waiting is not."""
        if not self._writer.acquire(timeout=self._patience):
            raise BackendError(f"another thread has been writing to {self._name} for too long")
        try:
            if self._writing:
                raise Conflict("this thread is writing already: use the transaction that is open")
            self._writing = True
            try:
                yield
            finally:
                self._writing = False
        finally:
            self._writer.release()


def _open_project(engine: sa.Engine, project: str, clock: Clock) -> tuple[int, str]:
    query = sa.select(projects.c.id, projects.c.folder).where(projects.c.name == project)
    with engine.connect() as connection, connection.begin():
        found = connection.execute(query).first()
    if found is None:
        with engine.connect().execution_options(**{MODE: "write"}) as connection, connection.begin():
            # Another process may have been quicker.
            found = connection.execute(query).first()
            if found is None:
                made = insert_project(connection, project, clock)
                return int(made.id), str(made.folder)
    return int(found.id), str(found.folder)
