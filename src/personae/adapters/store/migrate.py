"""Bring a store to the newest version."""

from __future__ import annotations

from importlib.resources import as_file, files

import sqlalchemy as sa

from personae.adapters.store.engine import MODE
from personae.adapters.store.schema import VERSION
from personae.errors import BackendError

_VERSION_TABLE = "alembic_version"


def prepare(engine: sa.Engine, store: str) -> None:
    """Create or upgrade the tables, if they are not up to date.

    Args:
        engine: the store's connections.
        store: how to name it in a sentence.

    Raises:
        BackendError: a newer personae wrote it, or it belongs to another program.
    """
    with engine.connect() as connection, connection.begin():
        found = _version(connection)
    if found != VERSION:
        with engine.connect().execution_options(**{MODE: "write"}) as connection, connection.begin():
            _upgrade(connection, store)


def _version(connection: sa.Connection) -> str | None:
    if not connection.dialect.has_table(connection, _VERSION_TABLE):
        return None
    return connection.execute(sa.text(f"SELECT version_num FROM {_VERSION_TABLE}")).scalar()  # noqa: S608


def _upgrade(connection: sa.Connection, store: str) -> None:
    """Run the missing migrations inside the writer's transaction: all of them or none."""
    # Alembic takes longer to import than an up-to-date store to open.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    found = _version(connection)
    if found is None and connection.dialect.has_table(connection, "projects"):
        raise BackendError(f"{store} has tables of another program: choose another place")
    with as_file(files("personae.adapters.store") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        if found is not None and found not in known:
            raise BackendError(f"{store} was written by a newer personae (version {found}): upgrade personae")
        command.upgrade(config, "head")
