"""Connections, and what a transaction is, on SQLite and PostgreSQL."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url

from personae.adapters.store.pgvector import binary_format, register
from personae.errors import BackendError, InputError

if TYPE_CHECKING:
    import psycopg

MODE = "personae_mode"
"""Execution option of a connection: "read" or "write"."""
BINARY = "personae_binary"
"""Execution option of a query of many vectors: PostgreSQL shall not spell out the bytes in hexadecimal digits."""

_PAGE_BYTES = 16384
"""A 512-dimensional vector and its row take 2,075 bytes: 4,096-byte pages would be half empty."""
_KEPT = 16
"""Connections to SQLite that are kept open: as many as the server has threads for its requests."""
_WRITER_LOCK = 0x706572736F6E6165
"""The advisory lock of PostgreSQL's one writer: "personae" in ASCII."""


def parse(url: str) -> URL:
    """Return the address of a store.

    Raises:
        InputError: it is no SQLAlchemy URL, or of a database that is not supported.
    """
    try:
        address = make_url(url)
    except sa.exc.ArgumentError as error:
        raise InputError("the address of the store is not a URL: sqlite:///path or postgresql+psycopg://...") from error
    if address.drivername in {"postgresql", "postgres"}:
        address = address.set(drivername="postgresql+psycopg")
    if address.drivername not in {"sqlite", "sqlite+pysqlite", "postgresql+psycopg"}:
        raise InputError(f"stores are SQLite or PostgreSQL (postgresql+psycopg), not {address.drivername}")
    if address.get_backend_name() == "sqlite" and address.database in {None, "", ":memory:"}:
        raise InputError("a SQLite store needs a file: sqlite:///path")
    return address


def describe(address: URL) -> str:
    """Name the store in a sentence, without a password."""
    if address.get_backend_name() == "sqlite":
        return f"the store {address.database}"
    return f"the database {address.database} on {address.host or 'this machine'}"


def connect(address: URL, patience: float) -> sa.Engine:
    """Return the pool of connections.

    Args:
        address: from `parse`.
        patience: seconds to wait for another writer.

    Raises:
        BackendError: the folder of a SQLite file cannot be made.
        InputError: the PostgreSQL driver is not installed.
    """
    if address.get_backend_name() == "sqlite":
        return _sqlite(address, patience)
    try:
        return _postgres(address, patience)
    except ModuleNotFoundError as error:
        raise InputError("PostgreSQL needs its driver: pip install 'personae[postgres]'") from error


def _sqlite(address: URL, patience: float) -> sa.Engine:
    file = Path(address.database or "").absolute()
    folder = file.parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BackendError(f"the folder {folder} of the store cannot be made: {error.strerror}") from error
    # Readable by its owner alone: it holds biometric data. Where it cannot be made, SQLite says why.
    with contextlib.suppress(OSError):
        if "uri" not in address.query:
            file.touch(mode=0o600, exist_ok=False)
    engine = sa.create_engine(
        address,
        json_serializer=to_json,
        # A connection that the pool does not keep costs as much to open as a page of a list to read.
        pool_size=_KEPT,
        pool_use_lifo=True,
        max_overflow=-1,
        connect_args={"timeout": patience, "check_same_thread": False},
    )

    @sa.event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: object) -> None:
        # The driver would begin transactions by itself, and only before writes: ours are explicit.
        connection.isolation_level = None
        for pragma in (
            f"page_size = {_PAGE_BYTES}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "temp_store = MEMORY",
            "cache_size = -32000",
        ):
            connection.execute(f"PRAGMA {pragma}")

    sa.event.listen(engine, "begin", _begin)
    return engine


def _begin(connection: sa.Connection) -> None:
    # By the driver itself: every transaction begins so, and the ways around it take longer than the statements.
    driver = connection.connection.driver_connection
    if not isinstance(driver, sqlite3.Connection):
        raise BackendError("the connection to the store is closed")
    if connection.get_execution_options().get(MODE) == "write":
        driver.execute("PRAGMA query_only = OFF")
        driver.execute("BEGIN IMMEDIATE")
    else:
        driver.execute("PRAGMA query_only = ON")
        driver.execute("BEGIN")
        # A snapshot begins with the first read, not with BEGIN.
        driver.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()


def _postgres(address: URL, patience: float) -> sa.Engine:
    engine = sa.create_engine(
        address, json_serializer=to_json, pool_size=4, max_overflow=16, pool_pre_ping=True,
        connect_args={"connect_timeout": max(2, int(patience))},
    )  # fmt: skip

    @sa.event.listens_for(engine, "connect")
    def set_up(connection: psycopg.Connection, _record: object) -> None:
        register(connection.adapters)

    @sa.event.listens_for(engine, "before_cursor_execute")
    def prepare(*told: Any) -> None:
        _, cursor, _, _, context, _ = told
        if context is not None and context.execution_options.get(BINARY):
            cursor.format = binary_format()

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        if connection.get_execution_options().get(MODE) == "write":
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {max(1, int(patience * 1000))}")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITER_LOCK})")
        else:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            connection.exec_driver_sql("SELECT 1")

    return engine


def to_json(value: Any) -> str:
    """Return JSON that both databases take: no NaN, and "?" for lone surrogates.

    Raises:
        InputError: NaN or infinity is in it, or something that is no JSON value.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise InputError(f"not a JSON value: {error}") from error
    return text.encode("utf-8", "replace").decode("utf-8")
