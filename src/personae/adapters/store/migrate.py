"""Bring a store to the newest version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import sqlalchemy as sa

from personae.adapters.store.engine import MODE, connect, describe, parse
from personae.adapters.store.problems import translating
from personae.adapters.store.schema import VERSION
from personae.errors import BackendError

COPYING = "copying"
"""Stands in place of the version while a copy goes on."""
_VERSION_TABLE = "alembic_version"


@dataclass(frozen=True, slots=True)
class Migration:
    """What becomes of a store's tables."""

    store: str
    before: str
    """Version found; empty: there was none."""
    after: str
    """The newest version."""


def migrate(url: str, dry_run: bool = False, patience: float = 60.0) -> Migration:
    """Bring a store to the newest version, and create its tables where there are none.

    Args:
        url: address of the store.
        dry_run: only tell.
        patience: seconds to wait for another writer.

    Raises:
        InputError: the address is no such URL.
        BackendError: the store cannot be opened or upgraded.
    """
    address = parse(url)
    name = describe(address)
    if dry_run and address.get_backend_name() == "sqlite" and not Path(address.database or "").exists():
        return Migration(name, "", VERSION)
    with opened(url, patience) as engine:
        with engine.connect() as connection, connection.begin():
            before = found_version(connection)
            refuse_strange(connection, before, name)
        if not dry_run and before != VERSION:
            with engine.connect().execution_options(**{MODE: "write"}) as connection, connection.begin():
                upgrade(connection, name)
    return Migration(name, before or "", VERSION)


@contextmanager
def opened(url: str, patience: float = 60.0) -> Iterator[sa.Engine]:
    """Yield the connections of a store as it is. Raises as `migrate`."""
    address = parse(url)
    engine = connect(address, patience)
    try:
        with translating(describe(address)):
            yield engine
    finally:
        engine.dispose()


def prepare(engine: sa.Engine, store: str) -> None:
    """Create the tables where there are none; upgrade those of a SQLite store that are not up to date.

    On a server others may be working with the older tables: there, `personae migrate` is to be run at a good moment.

    Args:
        engine: the store's connections.
        store: how to name it in a sentence.

    Raises:
        BackendError: another version of personae wrote it, or it belongs to another program.
    """
    with engine.connect() as connection, connection.begin():
        found = found_version(connection)
        if found == VERSION:
            return
        refuse_strange(connection, found, store)
    if found is not None and engine.dialect.name == "postgresql":
        raise BackendError(
            f"{store} is of version {found}, and this personae needs version {VERSION}: end every other personae that "
            "uses it, and run `personae migrate`"
        )
    with engine.connect().execution_options(**{MODE: "write"}) as connection, connection.begin():
        upgrade(connection, store)


def still_current(connection: sa.Connection, store: str) -> None:
    """Refuse to write into tables that another personae has upgraded since this one opened them.

    Raises:
        BackendError: so it is.
    """
    found = connection.exec_driver_sql(f"SELECT version_num FROM {_VERSION_TABLE}").scalar()  # noqa: S608
    if found != VERSION:
        raise BackendError(f"{store} was brought to version {found} by a newer personae: end this one, and start that")


def found_version(connection: sa.Connection) -> str | None:
    """Return the version of the tables, None where there are none."""
    if not connection.dialect.has_table(connection, _VERSION_TABLE):
        return None
    found = connection.exec_driver_sql(f"SELECT version_num FROM {_VERSION_TABLE}").scalar()  # noqa: S608
    return None if found is None else str(found)


def set_version(connection: sa.Connection, version: str) -> None:
    """Say which version the tables are of."""
    connection.execute(sa.text(f"UPDATE {_VERSION_TABLE} SET version_num = :version"), {"version": version})  # noqa: S608


def refuse_strange(connection: sa.Connection, found: str | None, store: str) -> None:
    """Refuse tables that no upgrade leads on from.

    Raises:
        BackendError: they are of another program, of a newer personae, or of a copy that was interrupted.
    """
    if found is None:
        if connection.dialect.has_table(connection, "projects"):
            raise BackendError(f"{store} has tables of another program: choose another place")
    elif found == COPYING:
        raise BackendError(f"{store} holds a copy that was interrupted: drop it, and run `personae copy-store` again")
    elif not (found.isdecimal() and found <= VERSION):
        raise BackendError(f"{store} was written by a newer personae (version {found}): upgrade personae")


def upgrade(connection: sa.Connection, store: str) -> None:
    """Run the missing migrations inside the writer's transaction: all of them or none."""
    # Alembic takes longer to import than an up-to-date store to open.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    # Another process may have been quicker.
    refuse_strange(connection, found_version(connection), store)
    with as_file(files("personae.adapters.store") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
