"""What endpoints ask for: the engine of the project, and a key with the role that it takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import BackgroundTasks, Depends, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from personae.access import ApiKey, Role
from personae.engine.facade import Engine
from personae.engine.keys import Keyring
from personae.errors import BackendError, Forbidden, PersonaeError
from personae.web.guard import SAFE, own_page
from personae.web.site import Site, site_dep, site_of

SESSION_COOKIE = "personae_session"
"""Of the browser that is signed in; scripts cannot read it."""
SiteDep = Annotated[Site, Depends(site_dep)]

_bearer = HTTPBearer(auto_error=False, description="A key from `personae keys create`.")
_header = APIKeyHeader(name="X-API-Key", auto_error=False, description="The same, in a header of its own.")

ProjectQuery = Annotated[str | None, Query(max_length=100, description="Name of the project; default: the server's.")]
ProjectHeader = Annotated[str | None, Header(alias="X-Project", max_length=100, description="The same, as a header.")]


async def engine_of(request: Request, project: ProjectQuery = None, x_project: ProjectHeader = None) -> Engine:
    """Return the engine of the project that the request names. Raises NotFound when there is no such project."""
    engines = site_of(request).engines
    name = project or x_project
    engine = engines.opened(name)
    return engine if engine is not None else await run_in_threadpool(engines.open, name)


EngineDep = Annotated[Engine, Depends(engine_of)]


async def key_of(
    request: Request,
    background: BackgroundTasks,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)] = None,
    header: Annotated[str | None, Depends(_header)] = None,
) -> ApiKey | None:
    """Return the key of the request; None where none is asked for. Raises Unauthenticated."""
    key = await _checked(request, bearer.credentials if bearer else header)
    keyring = site_of(request).keyring
    if key is not None and keyring.due(key):
        # When the answer is out: it need not wait for whoever is writing.
        background.add_task(_note, keyring, key)
    return key


async def _checked(request: Request, secret: str | None) -> ApiKey | None:
    """Return the key of what a request shows; None where none is asked for. Raises Unauthenticated."""
    site = site_of(request)
    keyring = site.keyring
    token = None if secret else request.cookies.get(SESSION_COOKIE)
    if token:
        return await _signed_in(request, site, token)
    if keyring.fresh:
        return keyring.check(secret, site.loopback)
    return await run_in_threadpool(keyring.check, secret, site.loopback)


async def _signed_in(request: Request, site: Site, token: str) -> ApiKey | None:
    """Return the key that a browser is signed in with; None where none is asked for. Raises Unauthenticated, Forbidden.

    The browser sends its cookie whoever has it send a request: what changes something must come from a page of ours.
    """
    keyring = site.keyring
    if site.loopback and not await run_in_threadpool(lambda: keyring.asked_for):
        return None
    if request.method not in SAFE and not own_page(request.headers):
        raise Forbidden("this came from a page of another address: open it here, and try again")
    if site.sign_ins.fresh(token):
        return site.sign_ins.who(token)
    return await run_in_threadpool(site.sign_ins.who, token)


def _note(keyring: Keyring, key: ApiKey) -> None:
    """Note the use of a key; a store that is away now is told at the next one."""
    with suppress(BackendError):
        keyring.note(key)


KeyDep = Annotated[ApiKey | None, Depends(key_of)]


@dataclass(frozen=True, slots=True)
class Listener:
    """Somebody who is told things without an end."""

    request: Request
    secret: str | None
    """What the request has shown; None: nothing, or a cookie."""

    async def stays(self) -> bool:
        """Whether to tell more: they have not left, their key is still in force, and the server is not stopping."""
        if site_of(self.request).stopping.is_set() or await self.request.is_disconnected():
            return False
        try:
            await _checked(self.request, self.secret)
        except PersonaeError:
            # The headers are gone: who may still listen comes back by itself.
            return False
        return True


async def listener_of(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)] = None,
    header: Annotated[str | None, Depends(_header)] = None,
) -> Listener:
    """Return who listens, as the request says."""
    return Listener(request, bearer.credentials if bearer else header)


ListenerDep = Annotated[Listener, Depends(listener_of)]


def require(role: Role) -> Callable[..., Awaitable[None]]:
    """Return the dependency that refuses who may not do this much."""

    async def allowed(key: KeyDep) -> None:
        if key is not None and not key.role.includes(role):
            raise Forbidden(f"this takes a key of the role {role}, and {key.name} has {key.role}")

    return allowed


Reader: Any = Depends(require(Role.READ))
"""For `dependencies=[Reader]` of a router or an endpoint; likewise the next two."""
Writer: Any = Depends(require(Role.WRITE))
Admin: Any = Depends(require(Role.ADMIN))
