"""What belongs to the whole database: keys of the HTTP API, and the projects."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from personae.access import ApiKey, KeyId, Role
from personae.adapters.store.database import Database
from personae.adapters.store.engine import connect, describe, parse
from personae.adapters.store.migrate import prepare
from personae.adapters.store.problems import translating
from personae.adapters.store.projects import SqlProjects
from personae.adapters.store.schema import api_keys
from personae.adapters.store.sign_ins import SqlSignIns, in_force, key_of
from personae.errors import Conflict, NotFound
from personae.ports import Clock
from personae.types import Digest


@dataclass(frozen=True, slots=True)
class SqlKeys:
    """`personae.ports.KeyTable` in SQL."""

    database: Database

    def add(self, name: str, role: Role, digest: Digest) -> ApiKey:
        """See the port; the writer's lock keeps two of one name apart."""
        with self.database.write() as connection:
            if connection.execute(in_force(name)).first() is not None:
                raise Conflict(f"there is a key {name} already: choose another name, or revoke it first")
            row = {"name": name, "role": str(role), "digest": digest, "created_at": self.database.clock()}
            return key_of(connection.execute(sa.insert(api_keys).returning(api_keys), row).one())

    def all(self) -> list[tuple[ApiKey, Digest]]:
        """See the port."""
        with self.database.read() as connection:
            rows = connection.execute(sa.select(api_keys).order_by(api_keys.c.id)).all()
        return [(key_of(row), Digest(row.digest)) for row in rows]

    def revoke(self, name: str) -> ApiKey:
        """See the port."""
        with self.database.write() as connection:
            row = connection.execute(in_force(name)).first()
            if row is None:
                raise NotFound(f"there is no key {name} in force; `personae keys list` shows those there are")
            ended = sa.update(api_keys).where(api_keys.c.id == row.id).values(revoked_at=self.database.clock())
            return key_of(connection.execute(ended.returning(api_keys)).one())

    def used(self, key_id: KeyId, moment: datetime) -> None:
        """See the port."""
        with self.database.write() as connection:
            connection.execute(sa.update(api_keys).where(api_keys.c.id == key_id).values(last_used_at=moment))


class SqlHouse:
    """`personae.ports.House` in SQL; made by `SqlHouse.open`."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        database = Database(engine, clock, describe(engine.url))
        self.keys = SqlKeys(database)
        self.sign_ins = SqlSignIns(database)
        self.projects = SqlProjects(database)
        self._database = database

    @classmethod
    def open(cls, url: str, clock: Clock, patience: float = 60.0) -> SqlHouse:
        """Open a database; it is created, and its tables upgraded, when needed.

        Args:
            url: sqlite:///path or postgresql+psycopg://user:password@host/database.
            clock: gives the time that rows are stamped with.
            patience: seconds to wait for another writer.

        Raises:
            InputError: the address is no such URL.
            BackendError: it cannot be opened, is no store, or was written by a newer version.
        """
        address = parse(url)
        engine = connect(address, patience)
        try:
            with translating(describe(address)):
                prepare(engine, describe(address))
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, clock)

    def ping(self) -> None:
        """See the port."""
        with self._database.read() as connection:
            connection.execute(sa.select(sa.literal(1)))

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()
