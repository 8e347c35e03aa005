"""A small web server in a thread, for stand-ins of other people's servers."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(frozen=True)
class Request:
    """What was asked."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    """Names in small letters."""
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body or b"null")


@dataclass(frozen=True)
class Reply:
    """What is answered."""

    status: int = 200
    body: bytes = b""
    type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def document(value: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(value).encode())


class WebServer:
    """Serves on a free port until it is closed. Subclasses answer.

    `failures` are given first, one a request, whatever is asked.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.asked: list[Request] = []
        self.failures: list[Reply] = []
        self.files: dict[str, Reply] = {}
        """What is served as it is, by path."""
        self.at_once = self.most_at_once = 0
        """Requests in flight, and the most there ever were."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, request: Request) -> Reply:
        raise NotImplementedError

    def serve(self, request: Request) -> Reply:
        """Answer one request, with what was prepared for it or as the stand-in does."""
        with self.lock:
            self.asked.append(request)
            if self.failures:
                return self.failures.pop(0)
            if request.path in self.files:
                return self.files[request.path]
            return self.answer(request)


def _handler(server: WebServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body are written one after the other; the second would wait 40 ms for the first's receipt.
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            with server.lock:
                server.at_once += 1
                server.most_at_once = max(server.most_at_once, server.at_once)
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = server.serve(
                Request(self.command, unquote(parts.path), dict(parse_qsl(parts.query)), headers, body)
            )
            with server.lock:
                server.at_once -= 1
            self.send_response(reply.status)
            for name, value in {"content-type": reply.type, **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: Any) -> None: ...

        do_GET = do_POST = _serve  # noqa: N815

    return Handler
