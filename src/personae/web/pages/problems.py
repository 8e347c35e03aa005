"""What a page shows when something is wrong: in words, with what to do; a database that is away is tried again."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

from fastapi import Request, Response

from personae.web.pages.render import SAID_CHARACTERS, by_htmx, page, redirect

TITLES = {
    400: "That cannot be used",
    401: "Please sign in",
    403: "This is not allowed",
    404: "There is no such page",
    405: "Not like that",
    409: "Meanwhile something has changed",
    413: "That is too large",
    415: "That is no picture",
    422: "That cannot be used",
    429: "Too many attempts",
    500: "The server made a mistake",
    503: "The database is away",
}
RETRY_SECONDS = 5
_OURS = re.compile(r"/(?![/\\])[^\x00-\x20\\]*")
"""A path of this server: browsers take //name, and /\\name, for another one."""
_WHOLE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
"""The beginning of an address with its server."""


def answer_page(request: Request, status: int, detail: str) -> Response:
    """Return what a visitor sees of an error: a page; of an action by htmx a toast; without a key the sign-in."""
    if status == 401:
        asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        back = asked if request.method == "GET" and not by_htmx(request) else request.headers.get("hx-current-url", "/")
        return redirect(request, f"/signin?next={quote(local(back), safe='')}")
    if by_htmx(request):
        said = detail if len(detail) <= SAID_CHARACTERS else detail[: SAID_CHARACTERS - 1] + "…"
        trigger = json.dumps({"said": {"text": _sentence(said), "wrong": True}})
        return Response(status_code=status, headers={"HX-Trigger": trigger, "HX-Reswap": "none"})
    title = TITLES.get(status, "That did not work")
    shown = page(request, "problem", status, code=status, problem=title, detail=_sentence(detail))
    if status == 503:
        shown.headers["Retry-After"] = str(RETRY_SECONDS)
    return shown


def local(address: str) -> str:
    """Return the path of an address of ours; of what may lead elsewhere, the start."""
    if _WHOLE.match(address):
        address = "/" + address.partition("://")[2].partition("/")[2]
    return address if _OURS.fullmatch(address) else "/"


def _sentence(detail: str) -> str:
    """Return it as a sentence is written."""
    said = detail.strip()
    return said[:1].upper() + said[1:] + ("" if said.endswith((".", "!", "?", "…")) else ".")
