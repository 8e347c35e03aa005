"""A real server in a thread: uvicorn on a free port of this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from personae import Engine, Settings
from personae.access import Role
from personae.bootstrap import FILE, Shared, open_house
from personae.engine import keys
from personae.engine.parts import Vision
from personae.web.serve import GracefulServer, listen, open_site
from personae.web.site import Site
from tests.patterns import MODEL, PatternDetector, PatternEmbedder
from tests.stores import place_empty

START_SECONDS = 30


@dataclass(frozen=True)
class Served:
    """A server that runs."""

    url: str
    site: Site
    server: GracefulServer

    @property
    def engine(self) -> Engine:
        """The engine of the default project."""
        return self.site.engines.open()

    def client(self, key: str = "", **options: Any) -> httpx.Client:
        """Return a client; close it."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False, **options)


def patterns() -> Shared:
    """Return models that take no time: see `tests.patterns`."""
    embedder = PatternEmbedder()
    vision = Vision(PatternDetector(), (embedder,), embedder.thresholds)
    return Shared(vision=lambda: vision)


def pattern_settings(home: Path, **more: Any) -> Settings:
    """Return settings that go with `patterns`."""
    return Settings(home=home, embedders=(MODEL,), workers=2, **more)


def make_key(settings: Settings, role: Role = Role.ADMIN, name: str = "") -> str:
    """Return the text of a new key."""
    house = open_house(settings)
    try:
        return keys.create(house.keys, name or f"{role} key", role)[1]
    finally:
        house.close()


@contextmanager
def served(
    home: Path | Settings, shared: Shared | None = None, job_threads: int = 0, host: str = "127.0.0.1",
    port: int = 0,
) -> Iterator[Served]:  # fmt: skip
    """Serve a home, with models that take no time unless others are given, until the block is left.

    Args:
        home: the folder, or all settings.
        shared: the models; `Shared()`: the real ones.
        job_threads: as `personae serve --workers-of-jobs`.
        host: to listen on.
        port: likewise; 0: any that is free.
    """
    if isinstance(home, Path):
        place_empty(home / FILE)
    settings = home if isinstance(home, Settings) else pattern_settings(home)
    site = open_site(settings, host, job_threads, shared=patterns() if shared is None else shared)
    listening = listen(host, port)
    server = GracefulServer(site)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        _wait_for(server, thread)
        yield Served(f"http://{host}:{listening.getsockname()[1]}", site, server)
    finally:
        server.should_exit = True
        thread.join(START_SECONDS)
        assert not thread.is_alive(), "the server does not stop"


def _wait_for(server: GracefulServer, thread: threading.Thread) -> None:
    pause = threading.Event()
    for _ in range(START_SECONDS * 100):
        if server.started:
            return
        assert thread.is_alive(), "the server has ended at once"
        pause.wait(0.01)
    raise AssertionError("the server does not start")


def settled(web: Served) -> None:
    """Wait until no job is left."""
    pause = threading.Event()
    for _ in range(1200):
        if not web.engine.unfinished_jobs():
            return
        pause.wait(0.05)
    raise AssertionError(web.engine.jobs())
