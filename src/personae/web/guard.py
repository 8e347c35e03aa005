"""What browsers are told that pages may do: run our scripts, show our pictures, nothing else; and what they tell us."""

from __future__ import annotations

import secrets

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

NONCE_BYTES = 16
POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""Of pages: scripts run that carry the nonce of this answer, and what they import; nothing is fetched elsewhere."""
OF_DATA = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'self'"
"""Of the API's answers: no script at all. Its reports are one file each, with their style and pictures in them."""
DATA = ("/api/", "/openapi.json", "/health", "/ready", "/metrics")
"""Beginnings of the paths that programs ask."""
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing; what they answer a foreign web page cannot read."""
_COMMON = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_OF_DATA = [*_COMMON, (b"content-security-policy", OF_DATA.encode())]
_OF_PAGES = [
    *_COMMON,
    (b"x-frame-options", b"DENY"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
]


def is_page(path: str) -> bool:
    """Whether a path is for people with a browser; the others answer in JSON."""
    return not path.startswith(DATA)


def own_page(headers: Headers) -> bool:
    """Whether a browser says that a page of this server has sent the request: it says so of every change."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2].lower() == headers.get("host", "").lower()


class Guarded:
    """Middleware: gives each request for a page a nonce (`request.state.nonce`), and every answer its headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        more = _OF_DATA
        if is_page(scope["path"]):
            nonce = secrets.token_urlsafe(NONCE_BYTES)
            scope.setdefault("state", {})["nonce"] = nonce
            more = [*_OF_PAGES, (b"content-security-policy", POLICY.format(nonce=nonce).encode())]

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        await self._app(scope, receive, guarded)
