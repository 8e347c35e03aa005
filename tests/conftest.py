"""Fixtures shared by all tests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings

from personae.adapters.store.store import SqlStore
from tests.postgres import Server, UnavailableError
from tests.stores import new_empty, place_empty

# How long an example takes says more of the machine than of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _no_qdrant_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test fills a Qdrant server but those of `tests.indexes`, which has read its address by now."""
    monkeypatch.delenv("QDRANT_URL", raising=False)
    monkeypatch.delenv("QDRANT_API_KEY", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test asks its own servers through the proxy of whoever runs it."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server."""
    try:
        server = Server()
    except UnavailableError as error:
        pytest.skip(str(error))
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "postgres"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a store that does not exist yet."""
    if request.param == "postgres":
        server: Server = request.getfixturevalue("postgres")
        return server.new_schema()
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a store that holds nothing yet."""
    if request.param == "sqlite":
        yield place_empty(tmp_path / "store.db")
        return
    server: Server = request.getfixturevalue("postgres")
    url = new_empty(server)
    yield url
    server.drop(url)


@pytest.fixture
def store(store_url: str) -> Iterator[SqlStore]:
    """An empty store."""
    opened = SqlStore.open(store_url, "test", lambda: datetime.now(UTC), patience=20)
    yield opened
    opened.close()
