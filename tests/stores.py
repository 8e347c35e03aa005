"""Empty stores of the newest version, copied from one: the migrations take longer than most tests."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from personae.adapters.store.migrate import migrate
from tests.postgres import Server

TEMPLATE = "empty"


def place_empty(path: Path) -> str:
    """Put an empty SQLite store where there is none yet; return its address."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(_empty())
    return f"sqlite:///{path}"


@cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        migrate(f"sqlite:///{path}")
        return path.read_bytes()


def new_empty(server: Server) -> str:
    """Make a database with an empty store; return its address."""
    _make_template(server)
    return server.new_database(TEMPLATE)


@cache
def _make_template(server: Server) -> None:
    server.sql(f"CREATE DATABASE {TEMPLATE}")
    migrate(server.url(TEMPLATE))
