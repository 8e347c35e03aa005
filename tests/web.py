"""Real HTTP servers for the tests, told what to answer path by path, and a clock that only sleeping moves."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

JPEG = b"\xff\xd8\xff\xe0" + bytes(2000)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(2000)
WEBP = b"RIFF\x00\x10\x00\x00WEBPVP8 " + bytes(2000)

Handler = BaseHTTPRequestHandler
Answer = Callable[[Handler], None]


@dataclass
class Asked:
    """One request, as the server saw it."""

    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes


@dataclass
class FakeTime:
    """Stands still but for sleeping."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def clock(self) -> float:
        """Seconds."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let them pass at once."""
        with self.lock:
            self.slept.append(seconds)
            self.now += seconds


class Web:
    """Serves on a free port until it is closed. A path with several answers gives them in turn, the last one for ever.

    Args:
        address: to listen on.
        port: 0: a free one.
        tls: to speak TLS with.
    """

    def __init__(self, address: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self.answers: dict[str, list[Answer]] = {}
        self._lock = threading.Lock()
        self._server = _Quiet((address, port), _handler(self))
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://{address}:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def at(self, path: str, *answers: Answer) -> str:
        """Answer a path so; returns its URL."""
        self.answers[path] = list(answers)
        return self.url + path

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def next_answer(self, handler: Handler) -> Answer:
        """Note a request and return what to answer it."""
        body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        headers = {name.lower(): text for name, text in handler.headers.items()}
        with self._lock:
            self.asked.append(Asked(handler.command, handler.path, headers, body))
            answers = self.answers.get(handler.path.partition("?")[0]) or self.answers.get("*") or [status(404)]
            return answers.pop(0) if len(answers) > 1 else answers[0]


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is what the tests are about."""


def _handler(web: Web) -> type[Handler]:
    class Serving(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            web.next_answer(self)(self)

        def log_message(self, *_: Any) -> None: ...

        do_GET = do_POST = do_CONNECT = _serve  # noqa: N815

    return Serving


def content(data: bytes, kind: str = "application/octet-stream", code: int = 200, **headers: str) -> Answer:
    """Answer with these bytes; the headers are given with _ for -."""

    def answer(handler: Handler) -> None:
        handler.send_response(code)
        handler.send_header("content-type", kind)
        for name, text in ({"content_length": str(len(data))} | headers).items():
            handler.send_header(name.replace("_", "-"), text)
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def document(value: object) -> Answer:
    """Answer with JSON."""
    return content(json.dumps(value).encode(), "application/json")


def status(code: int, **headers: str) -> Answer:
    """Answer with a status alone."""
    return content(b"", code=code, **headers)


def moved(to: str, code: int = 302) -> Answer:
    """Lead somewhere else."""
    return status(code, location=to)


def cut(data: bytes, promised: int) -> Answer:
    """Promise more bytes than come, and hang up."""

    def answer(handler: Handler) -> None:
        content(data, content_length=str(promised))(handler)
        handler.close_connection = True

    return answer


def hang_up(handler: Handler) -> None:
    """Say nothing and close."""
    handler.close_connection = True


def endless(chunk: bytes, pause: threading.Event | None = None, start: bytes = b"", **headers: str) -> Answer:
    """Send the start, then the chunk again and again until the client goes; with `pause`, slower, until it is set."""

    def answer(handler: Handler) -> None:
        handler.send_response(200)
        for name, text in headers.items():
            handler.send_header(name.replace("_", "-"), text)
        handler.send_header("connection", "close")
        handler.end_headers()
        handler.wfile.write(start)
        while pause is None or not pause.wait(0.02):
            handler.wfile.write(chunk)

    return answer


def silent(until: threading.Event) -> Answer:
    """Say nothing until told."""

    def answer(handler: Handler) -> None:
        until.wait(30)
        handler.close_connection = True

    return answer


def tunnel(to: tuple[str, int]) -> Answer:
    """What a proxy does with CONNECT, whatever host it was asked for."""

    def answer(handler: Handler) -> None:
        with socket.create_connection(to) as far:
            handler.send_response(200)
            handler.end_headers()
            back = threading.Thread(target=_pump, args=(far, handler.connection), daemon=True)
            back.start()
            _pump(handler.connection, far)
            back.join(5)
        handler.close_connection = True

    return answer


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass
