"""Is it alive, can it work, and its figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from personae.engine.live import is_head, made_by
from personae.errors import BackendError, PersonaeError
from personae.loading import open_registry, wanted_models
from personae.web.deps import Reader, SiteDep
from personae.web.errors import COMMON, responses
from personae.web.site import Site

router = APIRouter(tags=["server"])
EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"
FIGURES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {}}, "description": "Figures."},
    **responses(*COMMON),
}


class Alive(BaseModel):
    """The process answers."""

    status: str = "ok"


class Ready(BaseModel):
    """Whether requests can be served."""

    ready: bool
    reasons: dict[str, str] = Field(
        description="What is missing, by part: store, models, queue; empty when all is there."
    )


@router.get("/health")
async def health() -> Alive:
    """Say that the process is alive; asks nothing and nobody."""
    return Alive()


@router.get("/ready", responses={503: {"model": Ready, "description": "Something is missing."}})
def ready(site: SiteDep, response: Response) -> Ready:
    """Say whether store, models and queue are there, and what is missing."""
    reasons = {part: said for part, said in missing(site).items() if said}
    response.status_code = 503 if reasons else 200
    return Ready(ready=not reasons, reasons=reasons)


@router.get("/metrics", dependencies=[Reader], response_class=Response, responses=FIGURES)
def metrics(site: SiteDep) -> Response:
    """Return the figures for Prometheus: requests, seconds, jobs by state, faces."""
    return Response(site.metrics.text(), media_type=EXPOSITION)


def missing(site: Site) -> dict[str, str]:
    """Return what is missing of each part; empty sentences for what is there."""
    return {"store": _store(site), "models": _models(site), "queue": _queue(site)}


def _store(site: Site) -> str:
    try:
        site.engines.ping()
        site.engines.open()
    except PersonaeError:
        # Whoever asks may have no key: where the store is, is in the log.
        return "the store does not answer"
    return ""


def _models(site: Site) -> str:
    """Name the models that are not there; of those that the settings say, the second embedder is gone without."""
    try:
        registry = open_registry(site.settings)
        names, heads = _live(site)
        needed = [site.settings.detector, *names] if names else wanted_models(site.settings, registry)[:2]
        absent = [name for name in needed if not (name in heads if is_head(name) else registry.present(name))]
    except PersonaeError:
        return "the models in use are not known"
    return f"not there yet: {', '.join(absent)}; personae models pull" if absent else ""


def _live(site: Site) -> tuple[Sequence[str], Sequence[str]]:
    """Return the models that the server's project was switched to, and the heads that it has; nothing: as is set."""
    try:
        parts = site.engines.open().parts
        with parts.store.read() as tx:
            names = made_by(tx)
    except BackendError:
        # That is said of the store.
        return (), ()
    return names, parts.heads.names() if names else ()


def _queue(site: Site) -> str:
    engine = site.engines.opened()
    return "the queue does not answer; jobs wait" if engine is not None and engine.parts.queue.trouble() else ""
