"""Every error as one shape of JSON: {error, detail}; for people as a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from personae.errors import PersonaeError
from personae.web.guard import is_page
from personae.web.places import without_places

STATUS_NAMES = {
    400: "InputError",
    404: "NotFound",
    405: "NotAllowed",
    409: "Conflict",
    413: "TooLarge",
    422: "InputError",
    429: "TooManyAttempts",
}
"""What an error of the framework is called: as ours of the same status."""
COMMON = (401, 403, 404, 422, 503)
"""Statuses that any endpoint may answer."""
MEANINGS = {
    400: "What was asked for lacks something, or the body cannot be read.",
    401: "There is no key, or it is not known.",
    403: "The key may not do this.",
    404: "There is no such thing.",
    409: "The present state does not allow it.",
    413: "The body is larger than the server takes.",
    415: "The content is not that of a picture that is read.",
    422: "What was given cannot be used.",
    429: "Too many wrong passwords in a row.",
    500: "A model is missing or damaged, or the server made a mistake.",
    503: "The store, the disk or a server does not answer.",
}


AsPage = Callable[[Request, int, str], Response]
"""Shows an error to a person."""


class Problem(BaseModel):
    """What went wrong."""

    error: str = Field(description="Its kind, for programs: NotFound, InputError, ...", examples=["NotFound"])
    detail: str = Field(description="One sentence for a person.", examples=["there is no person 7"])


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of an endpoint that may answer these errors, for the OpenAPI document."""
    # Not by `model`: the framework would say that an endpoint of pictures or pages answers its errors as such.
    shape = {"application/json": {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}}
    return {status: {"description": MEANINGS[status], "content": shape} for status in statuses}


def problem(status: int, error: str, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return the answer for an error."""
    return JSONResponse({"error": error, "detail": detail}, status, headers)


def add_handlers(app: FastAPI, as_page: AsPage) -> None:
    """Have the app answer every error in this shape, or as a page where a page was asked for.

    Args:
        app: of the server.
        as_page: request, status, sentence -> page.
    """

    @app.exception_handler(PersonaeError)
    async def ours(request: Request, error: PersonaeError) -> Response:
        if is_page(request.url.path):
            return as_page(request, error.http_status, without_places(str(error)))
        return answer(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        if is_page(request.url.path):
            return as_page(request, 422, sentence(error.errors()))
        return problem(422, "InputError", sentence(error.errors()))

    @app.exception_handler(HTTPException)
    async def framework(request: Request, error: HTTPException) -> Response:
        if is_page(request.url.path) and _by_browser(request):
            return as_page(request, error.status_code, _told(error))
        name = STATUS_NAMES.get(error.status_code, HTTPStatus(error.status_code).phrase.title().replace(" ", ""))
        return problem(error.status_code, name, str(error.detail), dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def unknown(request: Request, _error: Exception) -> Response:
        # What it was stands in the server's log; the body says nothing of the inside.
        if is_page(request.url.path) and _by_browser(request):
            return as_page(request, 500, "the server made a mistake; its log says which")
        return problem(500, "InternalError", "the server made a mistake; its log says which")


def _by_browser(request: Request) -> bool:
    """Whether a browser asks, or htmx in it: a program that mistypes a path is told so in JSON."""
    return "text/html" in request.headers.get("accept", "") or "hx-request" in request.headers


def _told(error: HTTPException) -> str:
    """Return what is said of an error of the framework to a person."""
    return "nothing is at this address" if error.status_code == 404 else str(error.detail)


def answer(error: PersonaeError) -> JSONResponse:
    """Return the answer for an error of ours."""
    headers = {"WWW-Authenticate": "Bearer"} if error.http_status == 401 else None
    headers = {"Retry-After": "5"} if error.http_status == 503 else headers
    return problem(error.http_status, type(error).__name__, without_places(str(error)), headers)


def sentence(errors: Sequence[Any]) -> str:
    """Return what a validation found, as one sentence; the values themselves are not repeated."""
    return "; ".join(f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in errors)
