"""Whether anything was committed to a database since somebody looked, without reading what."""

from __future__ import annotations

import threading

import sqlalchemy as sa


class Stamps:
    """Equal stamps mean that the same rows are seen. Safe to use from several threads.

    SQLite counts, for each connection, the commits of all others; so one connection is kept that never writes. On
    PostgreSQL a snapshot says which transactions it sees.

    Args:
        engine: the store's connections.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._watcher: sa.PoolProxiedConnection | None = None

    def now(self) -> str:
        """Return the present stamp."""
        if self._engine.dialect.name == "postgresql":
            with self._engine.connect() as connection, connection.begin():
                return str(connection.exec_driver_sql("SELECT pg_current_snapshot()").scalar_one())
        with self._lock:
            if self._watcher is None:
                self._watcher = self._engine.raw_connection()
                # Not the pool's any more: whoever gets it next would write through it.
                self._watcher.detach()
            cursor = self._watcher.cursor()
            cursor.execute("PRAGMA data_version")
            row = cursor.fetchone()
            cursor.close()
            return str(row[0] if row else "")

    def close(self) -> None:
        """Close the connection that was kept."""
        with self._lock:
            if self._watcher is not None:
                self._watcher.close()
                self._watcher = None
