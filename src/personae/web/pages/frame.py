"""What the frame of every page asks for once the page stands: how many questions wait."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from personae.web.deps import SiteDep
from personae.web.pages.deps import PageEngine, PageReader

router = APIRouter(dependencies=[PageReader])


@router.get("/waiting", name="waiting")
def count_waiting(site: SiteDep, engine: PageEngine) -> JSONResponse:
    """Return how many questions the review has; with `outdated`, a moment later there is a better answer."""
    waiting, outdated = site.agendas.of(engine).waiting(engine)
    return JSONResponse({"waiting": waiting, "outdated": outdated}, headers={"Cache-Control": "no-store"})
