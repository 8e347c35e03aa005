"""What the frame of every page asks for once the page stands: how many questions wait."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from personae.web.pages.agenda import agenda_of
from personae.web.pages.deps import PageEngine, PageReader

router = APIRouter(dependencies=[PageReader])


@router.get("/waiting", name="waiting")
def count_waiting(request: Request, engine: PageEngine) -> JSONResponse:
    """Return how many questions the review has."""
    waiting = agenda_of(request, engine).waiting(engine)
    return JSONResponse({"waiting": waiting}, headers={"Cache-Control": "no-store"})
