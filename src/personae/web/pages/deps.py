"""What pages ask for: the engine of the chosen project, and a visitor with the role that it takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote, unquote

from fastapi import Depends, Request, Response
from fastapi.concurrency import run_in_threadpool

from personae.access import ApiKey, Role
from personae.engine.facade import Engine
from personae.errors import Forbidden, NotFound
from personae.web.deps import KeyDep
from personae.web.site import site_of

PROJECT = "project"
"""Name of the cookie that says which one was chosen, and of what addresses name it by."""
PROJECT_HEADER = "X-Project"
"""What scripts name it by; quoted as in an address."""
YEAR = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks at the pages."""

    name: str
    """Of the key; empty where no key is asked for."""
    role: Role
    key: ApiKey | None = None

    @property
    def writes(self) -> bool:
        """Whether decisions are theirs to make."""
        return self.role.includes(Role.WRITE)

    @property
    def admin(self) -> bool:
        """Whether everything is."""
        return self.role.includes(Role.ADMIN)


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page shows around its subject."""

    visitor: Visitor | None
    project: str
    projects: tuple[str, ...]


def frame_of(request: Request) -> Frame:
    """Return the frame of a page; an empty one where the request did not come so far."""
    known = getattr(request.state, "frame", None)
    return known if isinstance(known, Frame) else Frame(None, site_of(request).engines.default, ())


async def visitor_of(request: Request, key: KeyDep) -> Visitor:
    """Return who asks. Raises Unauthenticated, which for a page leads to the sign-in."""
    visitor = Visitor("", Role.ADMIN) if key is None else Visitor(key.name, key.role, key)
    if not isinstance(getattr(request.state, "frame", None), Frame):
        request.state.frame = Frame(visitor, site_of(request).engines.default, ())
    return visitor


VisitorDep = Annotated[Visitor, Depends(visitor_of)]


async def page_engine(request: Request, visitor: VisitorDep) -> Engine:
    """Return the engine of the project that the visitor has chosen; of the default one when that is gone.

    Scripts and forms name the project that their page shows: another window may have chosen another one meanwhile.
    """
    engines = site_of(request).engines
    asked = named_project(request)
    wanted = (asked or unquote(request.cookies.get(PROJECT, "")))[:100] or engines.default

    def opened() -> tuple[str, Engine, tuple[str, ...]]:
        names = tuple(project.name for project in engines.projects())
        try:
            return wanted, engines.open(wanted), names
        except NotFound:
            if asked:
                raise
            return engines.default, engines.open(), names

    project, engine, names = await run_in_threadpool(opened)
    request.state.frame = Frame(visitor, project, names)
    return engine


PageEngine = Annotated[Engine, Depends(page_engine)]


def named_project(request: Request) -> str:
    """Return the project that a request names itself; empty: the one that was chosen."""
    return request.query_params.get(PROJECT, "") or unquote(request.headers.get(PROJECT_HEADER, ""))


def choose_project(response: Response, project: str) -> None:
    """Have a browser ask for this project from now on; scripts may say so too, as each window has its own."""
    response.set_cookie(PROJECT, quote(project, safe=""), max_age=YEAR, samesite="lax")


def require(role: Role) -> Callable[..., Awaitable[None]]:
    """Return the dependency that refuses who may not do this much."""

    async def allowed(visitor: VisitorDep) -> None:
        if not visitor.role.includes(role):
            raise Forbidden(f"this takes the role {role}, and {visitor.name} has {visitor.role}")

    return allowed


PageReader: Any = Depends(require(Role.READ))
"""For `dependencies=[PageReader]` of a router or an endpoint; likewise the next two."""
PageWriter: Any = Depends(require(Role.WRITE))
PageAdmin: Any = Depends(require(Role.ADMIN))
