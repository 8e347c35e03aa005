"""Templates to HTML: whole pages, fragments for htmx, and the sentence that a toast says."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from personae.core.probability import in_100
from personae.web.pages import assets
from personae.web.pages.deps import PROJECT, choose_project, frame_of, named_project

SAID_CHARACTERS = 300
"""Of a sentence that travels in a header."""
WORTH_BYTES = 1400
"""A page that fits into one packet is sent as it is."""
QUICKLY = 4
SAID_COOKIE = "said"
SAID_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Back:
    """How to take back what is no decision: a form that the page sends."""

    to: str
    """Address."""
    values: Mapping[str, str]
    part: str
    """Selector of the part of the page that the answer takes the place of."""


@cache
def environment() -> Environment:
    """Return the templates; a name that is not given is a mistake."""
    made = Environment(
        loader=PackageLoader("personae.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, auto_reload=False,
    )  # fmt: skip
    made.globals.update(
        static=assets.address,
        crop=_crop,
        thumbnail=_thumbnail,
        reference_image=_reference_image,
        in_project=_in_project,
    )
    made.filters["number"] = lambda value: f"{value:,}"
    made.filters["in_100"] = in_100
    return made


def compile_templates() -> None:
    """Read every template, so that no visitor waits for that."""
    for name in environment().list_templates():
        environment().get_template(name)


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a whole page.

    Args:
        request: of the visitor.
        template: NAME of NAME.html.j2, which extends base.html.j2.
        status: of the answer.
        values: what the template shows.
    """
    body = _render(request, template, values).encode("utf-8", "replace")
    # The same address answers htmx with a fragment.
    headers = {"Cache-Control": "no-store", "Vary": "HX-Request, Accept-Encoding"}
    if len(body) > WORTH_BYTES and "gzip" in request.headers.get("accept-encoding", ""):
        body, headers["Content-Encoding"] = gzip.compress(body, QUICKLY, mtime=0), "gzip"
    return HTMLResponse(body, status, headers)


def fragment(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a part of a page, for htmx to put in its place."""
    return page(request, template, status, **values)


def by_htmx(request: Request) -> bool:
    """Whether htmx asks: it wants a fragment, not a page."""
    return request.headers.get("hx-request") == "true"


class Redirect(RedirectResponse):
    """Leads to another page of ours, by htmx or by the browser."""

    def __init__(self, to: str, by_htmx: bool, project: str) -> None:
        super().__init__(to, 303)
        self.to, self.project = to, project
        if by_htmx:
            self.status_code = 204
            self.headers["HX-Redirect"] = to
            for name in ("location", "content-length"):
                del self.headers[name]


def redirect(request: Request, to: str) -> Response:
    """Lead the visitor to another page of ours; after a form it is of the project that the form is of."""
    answer = Redirect(to, by_htmx(request), frame_of(request).project)
    if request.method == "POST" and named_project(request) == answer.project:
        choose_project(answer, answer.project)
    return answer


def say(response: Response, text: str, operation: int | None = None, back: Back | None = None) -> Response:
    """Have a toast say what was done.

    Args:
        response: it is added to; of a redirect the next page says it.
        text: one sentence.
        operation: what Undo takes back; None: there is no operation.
        back: what Undo sends instead; a redirect does not carry it.
    """
    short = text if len(text) <= SAID_CHARACTERS else text[: SAID_CHARACTERS - 1] + "…"
    said: dict[str, Any] = {"text": short, "operation": operation}
    if isinstance(response, Redirect):
        # For that page alone, which another window may not be; and a cookie takes few bytes.
        said |= {"to": response.to.partition("?")[0], "project": response.project}
        written = json.dumps(said, ensure_ascii=False).encode("utf-8", "replace")
        kept = base64.urlsafe_b64encode(written).decode().rstrip("=")
        response.set_cookie(SAID_COOKIE, kept, max_age=SAID_SECONDS, samesite="lax")
    else:
        if back is not None:
            said["back"] = {"to": back.to, "values": dict(back.values), "part": back.part}
        response.headers["HX-Trigger"] = json.dumps({"said": said})
    return response


def _render(request: Request, template: str, values: dict[str, Any]) -> str:
    frame = frame_of(request)
    common = {
        "visitor": frame.visitor, "project": frame.project, "projects": frame.projects, "path": request.url.path,
        "nonce": getattr(request.state, "nonce", ""), "here": _query(frame.project),
    }  # fmt: skip
    return environment().get_template(f"{template}.html.j2").render(common | values)


@pass_context
def _in_project(context: Context, path: str) -> str:
    """Return an address of the API with the project in it."""
    return f"{path}{'&' if '?' in path else '?'}{context['here']}"


def _query(project: str) -> str:
    """Return how an address names the project of the page that it stands in."""
    return f"{PROJECT}={quote(project, safe='')}"


@pass_context
def _crop(context: Context, face_id: int) -> str:
    return _in_project(context, f"/api/faces/{face_id}/crop")


@pass_context
def _thumbnail(context: Context, image_id: int) -> str:
    return _in_project(context, f"/api/images/{image_id}/thumbnail")


@pass_context
def _reference_image(context: Context, character_id: int, reference_id: int) -> str:
    return _in_project(context, f"/api/characters/{character_id}/references/{reference_id}/image")
