"""A whole database, of whatever projects: transactions that are of none of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from personae.adapters.store.engine import MODE
from personae.adapters.store.problems import translating
from personae.ports import Clock


@dataclass(frozen=True, slots=True)
class Database:
    """A pool of connections, the clock that rows are stamped with, and the store's name in a sentence."""

    engine: sa.Engine
    clock: Clock
    name: str

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Yield a connection that only reads."""
        with translating(self.name, reading=True), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Yield the one that writes."""
        with translating(self.name):
            connection = self.engine.connect().execution_options(**{MODE: "write"})
            with connection, connection.begin():
                yield connection
