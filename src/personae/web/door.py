"""What every request passes first: whom it is meant for, who sent it, and how much it brings."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from personae.errors import Forbidden, InputError, PersonaeError, TooLarge
from personae.web.errors import AsPage, answer
from personae.web.guard import SAFE, is_page
from personae.web.site import Site

TEXT_BYTES = 4 * 2**20
"""Largest body that is no upload."""
PIECE_BYTES = 2**19
"""The framework hands each piece of an upload to a thread, to be written to the disk."""


class Door:
    """Middleware: refuses too large bodies and, where no key is asked for, requests that web pages elsewhere send.

    A page of any web site may have the browser send requests to this machine. Those that change something carry the
    page's origin. And a site may give its own name this machine's address (DNS rebinding); its name is then in `Host`.

    Args:
        app: what it leads to.
        site: the server.
        as_page: shows a refusal to a person.
    """

    def __init__(self, app: ASGIApp, site: Site, as_page: AsPage) -> None:
        self._app = app
        self._site = site
        self._as_page = as_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            limit = self._limit(headers)
            if self._site.loopback and _foreign(scope["method"], headers):
                await self._refuse_foreign()
        except PersonaeError as error:
            await self._refusal(Request(scope), error)(scope, receive, send)
            return
        await self._app(scope, _Counting(receive, limit), send)

    def _refusal(self, request: Request, error: PersonaeError) -> Response:
        if is_page(request.url.path):
            return self._as_page(request, error.http_status, str(error))
        return answer(error)

    def _limit(self, headers: Headers) -> int:
        """Return how many bytes the body may have. Raises TooLarge when it says that it has more."""
        upload = headers.get("content-type", "").lower().startswith("multipart/form-data")
        limit = self._site.settings.max_upload_bytes if upload else TEXT_BYTES
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            raise InputError("Content-Length is no number")
        if len(length) > 18 or int(length) > limit:
            raise TooLarge(_too_large(limit))
        return limit

    async def _refuse_foreign(self) -> None:
        keyring = self._site.keyring
        if not await run_in_threadpool(lambda: keyring.asked_for):
            raise Forbidden(
                "without a key this server answers only this machine, under the names localhost and 127.0.0.1, and no "
                "web page of another address; to use it otherwise: personae keys create NAME"
            )


class _Counting:
    """`receive` that ends when more bytes come than may, and passes them on in pieces worth a thread's trouble."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._come = 0

    async def __call__(self) -> Message:
        message = await self._counted()
        if not message.get("more_body"):
            return message
        pieces, begun = [message.get("body", b"")], self._come
        while message.get("more_body") and self._come - begun < PIECE_BYTES:
            message = await self._counted()
            pieces.append(message.get("body", b""))
        # Who has gone needs no answer: what came before may be lost.
        return {**message, "body": b"".join(pieces)} if message["type"] == "http.request" else message

    async def _counted(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._come += len(message.get("body", b""))
            if self._come > self._limit:
                # The framework turns any other error while a body is read into a status of its own.
                raise HTTPException(413, _too_large(self._limit))
        return message


def _too_large(limit: int) -> str:
    return f"the body has more than {limit:,} bytes; the setting max_upload_bytes says how many an upload may have"


def _foreign(method: str, headers: Headers) -> bool:
    """Whether the request is not for this machine, or a page of another origin has sent it to change something."""
    host = headers.get("host", "")
    if not is_this_machine(urlsplit(f"//{host}").hostname if _plain(host) else None):
        return True
    origin = headers.get("origin")
    return method not in SAFE and origin is not None and origin.partition("://")[2].lower() != host.lower()


def _plain(host: str) -> bool:
    """Whether `urlsplit` can read it: a bracket that is not closed makes it raise."""
    return host.count("[") == host.count("]") <= 1 and not set(host) & set("/?#@\\")


def is_this_machine(name: str | None) -> bool:
    """Whether a host's name or address is this machine's own (127.0.0.0/8, ::1, localhost)."""
    if not name:
        return False
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name.lower() in {"localhost", "localhost."}
