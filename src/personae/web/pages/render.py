"""Templates to HTML: whole pages, fragments for htmx, and the sentence that a toast says."""

from __future__ import annotations

import base64
import gzip
import json
from functools import cache
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from personae.core.probability import in_100
from personae.web.pages import assets
from personae.web.pages.deps import frame_of

SAID_CHARACTERS = 300
"""Of a sentence that travels in a header."""
WORTH_BYTES = 1400
"""A page that fits into one packet is sent as it is."""
QUICKLY = 4
SAID_COOKIE = "said"
SAID_SECONDS = 20


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


def redirect(request: Request, to: str) -> Response:
    """Lead the visitor to another page of ours."""
    if by_htmx(request):
        return Response(status_code=204, headers={"HX-Redirect": to})
    return RedirectResponse(to, 303)


def say(response: Response, text: str, operation: int | None = None) -> Response:
    """Have a toast say what was done.

    Args:
        response: it is added to; of a redirect the next page says it.
        text: one sentence.
        operation: what Undo takes back; None: there is nothing to take back.
    """
    short = text if len(text) <= SAID_CHARACTERS else text[: SAID_CHARACTERS - 1] + "…"
    said = json.dumps({"text": short, "operation": operation})
    if response.status_code == 303 or "HX-Redirect" in response.headers:
        kept = base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")
        response.set_cookie(SAID_COOKIE, kept, max_age=SAID_SECONDS, samesite="lax")
    else:
        response.headers["HX-Trigger"] = f'{{"said": {said}}}'
    return response


def _render(request: Request, template: str, values: dict[str, Any]) -> str:
    frame = frame_of(request)
    common = {
        "visitor": frame.visitor, "project": frame.project, "projects": frame.projects, "path": request.url.path,
        "nonce": getattr(request.state, "nonce", ""),
    }  # fmt: skip
    return environment().get_template(f"{template}.html.j2").render(common | values)


@pass_context
def _in_project(context: Context, path: str) -> str:
    """Return an address of the API with the project in it."""
    return f"{path}{'&' if '?' in path else '?'}project={quote(str(context['project']), safe='')}"


@pass_context
def _crop(context: Context, face_id: int) -> str:
    return _in_project(context, f"/api/faces/{face_id}/crop")


@pass_context
def _thumbnail(context: Context, image_id: int) -> str:
    return _in_project(context, f"/api/images/{image_id}/thumbnail")


@pass_context
def _reference_image(context: Context, character_id: int, reference_id: int) -> str:
    return _in_project(context, f"/api/characters/{character_id}/references/{reference_id}/image")
