"""Listen, serve, and stop in order."""

from __future__ import annotations

import contextlib
import gc
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import uvicorn

from personae.bootstrap import Shared, open_house
from personae.engine.keys import Keyring
from personae.engine.sign_in import SignIns
from personae.errors import BackendError, InputError, PersonaeError
from personae.loading import Notify
from personae.settings import Settings
from personae.web.app import create_app
from personae.web.door import is_this_machine
from personae.web.engines import Engines
from personae.web.metrics import Metrics
from personae.web.pages.render import compile_templates
from personae.web.runner import JobThreads
from personae.web.site import Site

GRACE_SECONDS = 30
"""How long requests that have begun may take when the server stops."""
KEEP_ALIVE_SECONDS = 30
SWITCH_SECONDS = 0.001
WAITING = 2048
"""Connections that the system keeps for us until they are accepted."""


def open_site(
    settings: Settings, host: str = "127.0.0.1", job_threads: int = 1, notify: Notify = lambda _: None,
    shared: Shared | None = None,
) -> Site:  # fmt: skip
    """Open the stores and return what a server needs.

    Args:
        settings: of all projects; the one they name is the default one.
        host: address to listen on.
        job_threads: jobs of a project that may run at once in this process; 0: others run them.
        notify: is told what goes on beside the requests.
        shared: what the engines have in common.

    Raises:
        InputError: the address can be reached from elsewhere, and there is no key.
        BackendError: the store cannot be opened.
    """
    house = open_house(settings)
    runner = JobThreads(job_threads)
    try:
        keyring = Keyring(house.keys, lambda: datetime.now(UTC))
        sign_ins = SignIns(house.sign_ins, lambda: datetime.now(UTC))
        loopback = is_this_machine(host)
        require_key(loopback, keyring, host)
        engines = Engines(settings, house, notify, shared, runner)
        engines.open()
    except BaseException:
        house.close()
        raise
    return Site(settings, engines, keyring, sign_ins, Metrics(engines.all), runner, loopback)


def require_key(loopback: bool, keyring: Keyring, host: str) -> None:
    """Refuse to listen where others can reach it while nobody has a key. Raises InputError."""
    if not loopback and not keyring.opens:
        raise InputError(
            f"{host} can be reached from other machines, and there is no key yet: make one with "
            "`personae keys create NAME --role admin`, or listen on 127.0.0.1"
        )


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0: a free one. Raises BackendError."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listening = socket.create_server(address[:2], family=family, backlog=WAITING)
        # asyncio leaves it out for sockets made so: each answer after a connection's first would wait for 40 ms.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except (OSError, OverflowError, UnicodeError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise BackendError(f"cannot listen on {host} port {port}: {said}; choose another with --port") from error
    return listening


class GracefulServer(uvicorn.Server):
    """A server that lets requests end, tells what streams for ever to end, and leaves signals behind."""

    def __init__(self, site: Site) -> None:
        self._app = create_app(site)
        config = uvicorn.Config(
            self._app, log_level="warning", access_log=False, server_header=False, ws="none",
            timeout_keep_alive=KEEP_ALIVE_SECONDS, timeout_graceful_shutdown=GRACE_SECONDS, lifespan="on",
        )  # fmt: skip
        super().__init__(config)
        self._site = site

    def prepare(self) -> None:
        """Do what the framework leaves to the first request: work the routes out, and compile the templates."""
        for route in self._app.routes:
            route.matches({"type": "http", "method": "GET", "path": "/none", "root_path": "", "headers": []})
        compile_templates()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell the streams first: they are requests that end only when they are told."""
        self._site.stopping.set()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at SIGINT and SIGTERM; the process then ends as one that was asked to, not as one that was killed."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        signals = (signal.SIGINT, signal.SIGTERM)
        before = {each: signal.signal(each, self.handle_exit) for each in signals}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


def serve(site: Site, listening: socket.socket, notify: Notify) -> None:
    """Serve until SIGINT or SIGTERM: what has begun is answered, jobs are given back, and everything is closed."""
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    notify(f"personae serves http://{shown}:{port} (API: /openapi.json); Ctrl-C stops it")
    server = GracefulServer(site)
    threading.Thread(target=_warm, args=(site, server, notify), name="personae-warm", daemon=True).start()
    # Threads that compute hand Python's lock over sooner, so that requests which only look do not wait for them.
    sys.setswitchinterval(SWITCH_SECONDS)
    server.run(sockets=[listening])


def _warm(site: Site, server: GracefulServer, notify: Notify) -> None:
    """Make ready what the first visitor would wait for, and take up the work that waits."""
    try:
        site.engines.open_busy()
        server.prepare()
        engine = site.engines.open()
        engine.parts.vision()
        site.agendas.of(engine).now(engine)
        # The models and libraries stay: they need not be looked through again and again while requests wait.
        gc.collect()
        gc.freeze()
    except PersonaeError as error:
        if not site.stopping.is_set():
            notify(str(error))
