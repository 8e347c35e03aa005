"""A request that comes again, as its answer was lost on the way, is answered as it was before and not done twice."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from personae.web.deps import SESSION_COOKIE
from personae.web.site import site_of

KEY_HEADER = "Idempotency-Key"
"""Has something long that nobody guesses, another one for each thing that is to be done."""


class OnceRoute(APIRoute):
    """An endpoint that does once what comes several times with one Idempotency-Key. For small answers, not for streams.

    Source: draft-ietf-httpapi-idempotency-key-header.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        handle = super().get_route_handler()

        async def once(request: Request) -> Response:
            key = request.headers.get(KEY_HEADER)
            if not key or request.method != "POST":
                return await handle(request)
            what = key, str(request.url), _whose(request)
            return await site_of(request).given.answer(what, lambda: handle(request))

        return once


def _whose(request: Request) -> tuple[str, ...]:
    """Return what a request proves itself with, so that nobody is given the answers of others."""
    said = [request.headers.get(name, "") for name in ("authorization", "x-api-key", "x-project")]
    return *said, request.cookies.get(SESSION_COOKIE, "")
