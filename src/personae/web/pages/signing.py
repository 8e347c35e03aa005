"""Signing in and out, and choosing a project."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response

from personae.access import ApiKey
from personae.engine.sign_in import LASTS, LONGEST
from personae.errors import Forbidden, NotFound, PersonaeError, TooManyAttempts, Unauthenticated
from personae.web.deps import SESSION_COOKIE, SiteDep
from personae.web.guard import own_page
from personae.web.pages.deps import PageReader, choose_project
from personae.web.pages.problems import local
from personae.web.pages.render import page, redirect
from personae.web.site import Site

router = APIRouter()

Text = Annotated[str, Form(max_length=LONGEST)]
Next = Annotated[str, Query(max_length=2000)]


@router.get("/signin", name="signin")
def show_signin(request: Request, site: SiteDep, next: Next = "/") -> Response:  # noqa: A002
    """Ask for a key, or a name and password; where none is asked for, lead on."""
    if site.loopback and not site.keyring.asked_for:
        return redirect(request, local(next))
    return page(request, "signin", next=local(next), name="", wrong="")


@router.post("/signin", name="sign_in")
def sign_in(
    request: Request, site: SiteDep, name: Text = "", password: Text = "", key: Text = "", next: Next = "/"  # noqa: A002
) -> Response:  # fmt: skip
    """Take a key, or a name and password, for a session; otherwise say what is wrong with it."""
    if not own_page(request.headers):
        raise Forbidden("this came from a page of another address: open it here, and try again")
    try:
        found = _key(request, site, name.strip(), password, key.strip())
    except (Unauthenticated, TooManyAttempts) as error:
        said = "This key is not known, or was revoked." if key else _said(error)
        return page(request, "signin", error.http_status, next=local(next), name=name, wrong=said)
    before = request.cookies.get(SESSION_COOKIE)
    if before:
        site.sign_ins.end(before)
    answer = redirect(request, local(next))
    answer.set_cookie(
        SESSION_COOKIE, site.sign_ins.begin(found), max_age=int(LASTS.total_seconds()), httponly=True, samesite="lax",
        secure=request.url.scheme == "https",
    )  # fmt: skip
    return answer


@router.post("/signout", name="sign_out")
def sign_out(request: Request, site: SiteDep) -> Response:
    """End the session."""
    token = request.cookies.get(SESSION_COOKIE)
    if token and not own_page(request.headers):
        raise Forbidden("this came from a page of another address: open it here, and try again")
    if token:
        site.sign_ins.end(token)
    answer = redirect(request, "/signin")
    answer.delete_cookie(SESSION_COOKIE)
    return answer


@router.post("/project", name="choose_project", dependencies=[PageReader])
def show_project(request: Request, site: SiteDep, project: Annotated[str, Form(max_length=100)]) -> Response:
    """Show another project from now on; things of the one before are not in it, so it begins at the start."""
    if project not in {each.name for each in site.engines.projects()}:
        raise NotFound(f"there is no project {project}")
    answer = redirect(request, "/")
    choose_project(answer, project)
    return answer


def _key(request: Request, site: Site, name: str, password: str, key: str) -> ApiKey:
    """Return the key that somebody may sign in with. Raises Unauthenticated, TooManyAttempts."""
    if key:
        found = site.keyring.check(key, open_without=False)
        if found is not None:
            return found
    if not name or not password:
        raise Unauthenticated("give a name and its password, or a key")
    address = request.client.host if request.client else ""
    return site.sign_ins.by_password(name, password, address)


def _said(error: PersonaeError) -> str:
    said = str(error)
    return f"{said[:1].upper()}{said[1:]}."
