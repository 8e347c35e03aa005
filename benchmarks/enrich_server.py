"""The servers of the sources, in a process of their own; they keep the times of all requests, and fail by a plan.

The stand-ins of the tests say what is answered; here it is sent, cut, held back or refused.
"""

from __future__ import annotations

import multiprocessing
import random
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from typing import Any, BinaryIO
from urllib.parse import parse_qsl, unquote, urlsplit

from benchmarks.enrich_world import IMMICH, LIST, STASH, Shot, World, make_world
from tests.servers.immich import ImmichServer
from tests.servers.stash_box import StashBoxServer, performer
from tests.servers.web import Reply, Request, WebServer

TIES = 7
"""People who were made at the same moment."""
SLOW_SECONDS = 0.6
FAULTS = ("429", "429 at once", "500", "503", "503 later", "closed", "cut", "cut json", "slow", "redirect", "error")
"""What a single request may meet."""
OUTAGES = ("503", "closed", "401", "429 long")
"""What a while of requests may meet."""
LONG_SECONDS = 150
"""More than the client waits for."""
CALM_RUN = 6
"""From this run of a schedule on nothing fails: servers recover."""


@dataclass(frozen=True)
class Plan:
    """How the servers behave during one run."""

    seed: int | None = None
    """None: nothing fails."""
    run: int = 0
    factor: float = 1.0
    """How much quicker than the real one the client's clock goes."""

    def faults(self, source: str, requests: int) -> Iterator[str]:
        """Yield what each request of a source meets; empty: nothing."""
        if self.seed is None or self.run >= CALM_RUN:
            while True:
                yield ""
        chance = random.Random(f"{self.seed} {source}")
        rate = chance.choice([0.0, 0.01, 0.03, 0.1]) * 0.6**self.run
        kinds = chance.sample(FAULTS, chance.randint(2, len(FAULTS)))
        chance = random.Random(f"{self.seed} {source} {self.run}")
        outage, begin, length = "", 0, 0
        if chance.random() < 0.4 * 0.7**self.run:
            outage, begin = chance.choice(OUTAGES), int(chance.random() * requests)
            length = 1 if outage == "429 long" else chance.randint(1, 150)
        if chance.random() < 0.2 * 0.5**self.run:
            outage, begin, length = "closed", int(chance.random() * chance.choice([0, requests])), requests * 100
        number = 0
        while True:
            if begin <= number < begin + length:
                yield outage
            else:
                yield chance.choice(kinds) if chance.random() < rate else ""
            number += 1


@dataclass
class Log:
    """What one server has seen."""

    arrivals: list[float] = field(default_factory=list)
    """Of each request's first line, by the machine's monotonic clock."""
    most_at_once: int = 0
    too_soon: list[float] = field(default_factory=list)
    """Seconds before the moment that a Retry-After named, of requests that came before it."""
    asked_to_wait: int = 0
    closed_until: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)


class Front:
    """A port where a stand-in answers, through the plan's faults."""

    def __init__(self, name: str, inner: WebServer) -> None:
        self.name, self._inner = name, inner
        self._lock = threading.Lock()
        self._at_once = 0
        self._factor = 1.0
        self._plan = Plan().faults(name, 0)
        self.log = Log()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        inner.close()  # its own port is not needed
        inner.asked = deque(maxlen=1)  # type: ignore[assignment]
        inner.__class__ = type(inner.__class__.__name__, (inner.__class__,), {"url": self.url})
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def begin(self, plan: Plan, requests: int) -> None:
        """Behave like this from now on, and forget what was seen."""
        with self._lock:
            self._plan, self._factor, self.log = plan.faults(self.name, requests), plan.factor, Log()

    def _accept(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as reader:
                while self._serve(connection, reader):
                    pass
        except OSError:
            return  # the client has gone

    def _serve(self, connection: socket.socket, reader: BinaryIO) -> bool:
        """Answer one request; say whether the connection goes on."""
        line = reader.readline()
        now = time.monotonic()
        if not line:
            return False
        method, target, _ = line.decode("ascii").split()
        headers = dict(_headers(reader))
        body = reader.read(int(headers.get("content-length", 0)))
        with self._lock:
            log = self.log
            log.arrivals.append(now)
            self._at_once += 1
            log.most_at_once = max(log.most_at_once, self._at_once)
            if now < log.closed_until:
                log.too_soon.append(log.closed_until - now)
            fault = next(self._plan)
            log.faults[fault] += 1
        parts = urlsplit(target)
        request = Request(method, unquote(parts.path), dict(parse_qsl(parts.query)), headers, body)
        return self._answer(connection, request, "" if "again" in request.query else fault)

    def _finished(self) -> None:
        """Count a request as over: just before the client can know that it is."""
        with self._lock:
            self._at_once -= 1

    def _answer(self, connection: socket.socket, request: Request, fault: str) -> bool:
        if fault == "closed":
            self._finished()
            return False
        if fault == "redirect":
            mark = "&" if request.query else "?"
            query = "&".join(f"{name}={value}" for name, value in request.query.items())
            where = f"{request.path}{'?' + query if query else ''}{mark}again=1"
            return self._send(connection, Reply(307, b"", headers={"location": where}))
        if fault[:3] in ("401", "429", "500", "503"):
            return self._send(connection, self._refusal(fault))
        reply = self._inner.serve(request)
        if fault == "error" and self.name == STASH and request.method == "POST":
            reply = Reply(200, b'{"errors": [{"message": "the database is busy"}], "data": null}')
        json_body = reply.type == "application/json"
        if fault == "cut json" and json_body:
            reply = replace(reply, body=reply.body[: len(reply.body) // 2])
        return self._send(connection, reply, fault)

    def _refusal(self, fault: str) -> Reply:
        wait = {"429": 1, "429 at once": 0, "503 later": 2, "429 long": LONG_SECONDS}.get(fault)
        if wait is None:
            return Reply(int(fault), b"<html>not now</html>", "text/html")
        with self._lock:
            self.log.asked_to_wait += 1
            self.log.closed_until = max(self.log.closed_until, time.monotonic() + wait / self._factor)
        return Reply(int(fault[:3]), b"", headers={"retry-after": str(wait)})

    def _send(self, connection: socket.socket, reply: Reply, fault: str = "") -> bool:
        lines = [f"HTTP/1.1 {reply.status} .", f"content-type: {reply.type}", f"content-length: {len(reply.body)}"]
        lines += [f"{name}: {value}" for name, value in reply.headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode()
        if fault not in ("cut", "slow"):
            self._finished()
            connection.sendall(head + reply.body)
            return True
        half = len(reply.body) // 2
        connection.sendall(head + reply.body[:half])
        self._finished()  # the client may give up at any moment now
        if fault == "cut":
            return False
        time.sleep(SLOW_SECONDS)
        connection.sendall(reply.body[half:])
        return True


def _headers(reader: BinaryIO) -> Iterator[tuple[str, str]]:
    while line := reader.readline().strip():
        name, _, value = line.decode("latin-1").partition(":")
        yield name.strip().lower(), value.strip()


class _Files(WebServer):
    """Serves files alone."""

    def answer(self, request: Request) -> Reply:  # noqa: ARG002 - the base's signature
        """Nothing else is here."""
        return Reply(404)


class _Immich(ImmichServer):
    """Finds the photos of a person without looking at all of them."""

    def index(self) -> None:
        """Note which photo shows whom."""
        self._shows: dict[str, dict[str, dict[str, Any]]] = {}
        for asset, said in self.assets.items():
            self._shows.setdefault(said["of"][0], {})[asset] = said
        self._all = self.assets

    def answer(self, request: Request) -> Reply:
        """See the base."""
        searches = request.path.endswith("/search/metadata")
        if searches and not request.body:
            return Reply(400)  # whoever asked was killed before the question was out
        with self.lock:
            self.assets = self._shows.get(request.json()["personIds"][0], {}) if searches else self._all
            return super().answer(request)


def _fronts(world: World) -> dict[str, Front]:
    def reply(shot: Shot) -> Reply:
        return Reply(200, shot.data(), "image/jpeg")

    box = StashBoxServer([])
    home = _Immich(
        {each.external_id: {"name": each.name} for each in world[IMMICH]},
        {ref: {"of": [each.external_id], "photo": shot.data()} for each in world[IMMICH] for ref, shot in each.photos},
    )
    home.index()
    files = _Files()
    files.files = {f"/images/{ref}": reply(shot) for each in world[LIST] for ref, shot in each.photos}
    fronts = {name: Front(name, inner) for name, inner in ((STASH, box), (IMMICH, home), (LIST, files))}
    for number, each in enumerate(world[STASH]):
        images = [box.add_image(ref, reply(shot)) for ref, shot in each.photos]
        day = number // TIES
        created = f"2024-{1 + day // 28 % 12:02}-{1 + day % 28:02}T00:00:00Z"
        box.people.append(performer(each.external_id, name=each.name, images=images, created=created,
                                    birth_date=f"19{number % 90 + 10}-01-01", country="XX"))  # fmt: skip
    return fronts


def _main(people: int, photos: int, pipe: Connection) -> None:
    fronts = _fronts(make_world(people, photos))
    pipe.send({name: front.url for name, front in fronts.items()})
    while (plan := pipe.recv()) is not None:
        if isinstance(plan, Plan):
            for front in fronts.values():
                front.begin(plan, photos // 2)
            pipe.send(True)
        else:
            pipe.send({name: front.log for name, front in fronts.items()})


class Servers:
    """The child process."""

    def __init__(self, pipe: Connection, urls: dict[str, str]) -> None:
        self._pipe, self.urls = pipe, urls

    @property
    def endpoints(self) -> dict[str, str]:
        """What sources.yaml would say."""
        return {**self.urls, STASH: f"{self.urls[STASH]}/graphql"}

    def begin(self, plan: Plan) -> None:
        """Behave like this from now on, and forget what was seen."""
        self._ask(plan)

    def logs(self) -> dict[str, Log]:
        """Return what each has seen since."""
        found: dict[str, Log] = self._ask("logs")
        return found

    def _ask(self, what: object) -> Any:
        self._pipe.send(what)
        return self._pipe.recv()


@contextmanager
def served(people: int, photos: int) -> Iterator[Servers]:
    """Serve a world while the block runs."""
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=_main, args=(people, photos, theirs), daemon=True)
    process.start()
    try:
        yield Servers(mine, mine.recv())
    finally:
        mine.send(None)
        process.join(5)
        process.kill()
