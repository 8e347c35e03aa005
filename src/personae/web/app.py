"""The app: endpoints over the engines, one shape of errors, one door."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from anyio import to_thread
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from starlette.types import ASGIApp

from personae.web import health
from personae.web.api import ROUTERS
from personae.web.door import Door
from personae.web.errors import COMMON, Problem, add_handlers, responses
from personae.web.guard import Guarded
from personae.web.metrics import Counted
from personae.web.pages import ROUTERS as PAGES
from personae.web.pages.problems import answer_page
from personae.web.site import Site

THREADS = 16
"""Requests that the engines work on at once; the others wait. The store keeps as many connections open."""
OF_BODIES = {str(status): shown for status, shown in responses(400, 413).items()}
"""Answers to a body that cannot be read, or is too large."""
DESCRIPTION = """Knows who is in your pictures: faces to people, on your own machine.

Errors are `{error, detail}`. Lists come in pages: give `next` of one as `after` for the following one. Embeddings never
leave. Where there are several projects, `?project=NAME` or the header `X-Project` chooses one."""


def create_app(site: Site) -> FastAPI:
    """Return the app that serves a site.

    Args:
        site: engines, keys and figures; closed when the app's lifespan ends.
    """
    app = _Documented(
        title="personae",
        version=version("personae"),
        description=DESCRIPTION,
        lifespan=_lifespan,
        generate_unique_id_function=_operation_id,
        redirect_slashes=False,
        # Their pages load scripts from a server elsewhere.
        docs_url=None,
        redoc_url=None,
    )
    app.state.site = site
    add_handlers(app, answer_page)
    app.include_router(health.router)
    for router in ROUTERS:
        app.include_router(router, responses=responses(*COMMON))
    for router in PAGES:
        app.include_router(router, include_in_schema=False)
    app.add_middleware(Door, site=site, as_page=answer_page)
    app.add_middleware(Counted, metrics=site.metrics)
    return app


class _Documented(FastAPI):
    """Has the shape of errors in its OpenAPI document, and those of any body; guards every answer."""

    def build_middleware_stack(self) -> ASGIApp:
        """Guard what the framework answers to its own mistakes, too."""
        return Guarded(super().build_middleware_stack())

    def openapi(self) -> dict[str, Any]:
        """Return the document."""
        made = self.openapi_schema is None
        document = super().openapi()
        if made:
            document.setdefault("components", {}).setdefault("schemas", {})[Problem.__name__] = (
                Problem.model_json_schema()
            )
            for operation in _with_a_body(document):
                operation["responses"] = OF_BODIES | operation["responses"]
        return document


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    site: Site = app.state.site
    # More would only wait for each other: for Python's lock, or for their turn to write.
    to_thread.current_default_thread_limiter().total_tokens = THREADS
    site.runner.start()
    try:
        yield
    finally:
        site.stopping.set()
        await run_in_threadpool(_close, site)


def _close(site: Site) -> None:
    """Let go of the jobs first: they write to the engines' stores."""
    site.runner.stop()
    site.engines.close()


def _with_a_body(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the operations that take one."""
    for path in document["paths"].values():
        yield from (operation for operation in path.values() if "requestBody" in operation)


def _operation_id(route: APIRoute) -> str:
    """Name an endpoint for generated clients: people_list, faces_show, ..."""
    return f"{route.tags[0]}_{route.name}" if route.tags else route.name
