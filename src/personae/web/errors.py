"""Every error as one shape of JSON: {error, detail}."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from personae.errors import PersonaeError
from personae.web.places import without_places

STATUS_NAMES = {
    400: "InputError",
    404: "NotFound",
    405: "NotAllowed",
    409: "Conflict",
    413: "TooLarge",
    422: "InputError",
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
    500: "A model is missing or damaged, or the server made a mistake.",
    503: "The store, the disk or a server does not answer.",
}


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


def add_handlers(app: FastAPI) -> None:
    """Have the app answer every error in this shape."""

    @app.exception_handler(PersonaeError)
    async def ours(_request: Request, error: PersonaeError) -> JSONResponse:
        return answer(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        return problem(422, "InputError", sentence(error.errors()))

    @app.exception_handler(HTTPException)
    async def framework(_request: Request, error: HTTPException) -> JSONResponse:
        name = STATUS_NAMES.get(error.status_code, HTTPStatus(error.status_code).phrase.title().replace(" ", ""))
        return problem(error.status_code, name, str(error.detail), dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def unknown(_request: Request, _error: Exception) -> JSONResponse:
        # What it was stands in the server's log; the body says nothing of the inside.
        return problem(500, "InternalError", "the server made a mistake; its log says which")


def answer(error: PersonaeError) -> JSONResponse:
    """Return the answer for an error of ours."""
    headers = {"WWW-Authenticate": "Bearer"} if error.http_status == 401 else None
    headers = {"Retry-After": "5"} if error.http_status == 503 else headers
    return problem(error.http_status, type(error).__name__, without_places(str(error)), headers)


def sentence(errors: Sequence[Any]) -> str:
    """Return what a validation found, as one sentence; the values themselves are not repeated."""
    return "; ".join(f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in errors)
