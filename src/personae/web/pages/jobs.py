"""Jobs: what runs in the background, how far it is, and what came of it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from personae.engine.facade import Engine
from personae.engine.jobs import told
from personae.types import Job
from personae.web.api.ids import JobNumber
from personae.web.deps import SiteDep
from personae.web.pages.deps import PageAdmin, PageEngine, PageReader, PageWriter
from personae.web.pages.job_words import ShownJob, shown
from personae.web.pages.render import by_htmx, fragment, page, redirect, say
from personae.web.paging import CURSOR_CHARACTERS, Paging
from personae.web.site import Site

router = APIRouter(dependencies=[PageReader])

AT_ONCE = 30
FILTERS = {
    "": (), "open": ("queued", "running"), "done": ("done",), "failed": ("failed",), "cancelled": ("cancelled",),
}  # fmt: skip
"""Which states each choice of the list shows."""
Which = Literal["", "open", "done", "failed", "cancelled"]


def in_words(site: Site, engine: Engine, jobs: list[Job]) -> list[ShownJob]:
    """Return jobs as pages show them."""
    now, runs_here = engine.parts.clock(), site.runner.threads > 0
    return [shown(job, now, runs_here) for job in told(engine.parts, jobs)]


@router.get("/jobs", name="jobs")
def list_jobs(
    request: Request,
    site: SiteDep,
    engine: PageEngine,
    state: Annotated[Which, Query()] = "",
    after: Annotated[str | None, Query(max_length=CURSOR_CHARACTERS)] = None,
) -> Response:
    """List the jobs, newest first."""
    paging = Paging(AT_ONCE, after)
    start = paging.start(int)
    rows = engine.browse.jobs(int(start[0]) if start else None, AT_ONCE + 1, FILTERS[state])
    listed = paging.page(rows, lambda job: (int(job.id),), lambda job: job)
    more = f"/jobs?state={state}&after={listed.next}" if listed.next else ""
    return page(
        request, "jobs", jobs=in_words(site, engine, listed.items), state=state, first=after is None, more=more
    )  # fmt: skip


@router.get("/jobs/{job_id}", name="job")
def show_job(request: Request, site: SiteDep, engine: PageEngine, job_id: JobNumber) -> Response:
    """Show one job."""
    (job,) = in_words(site, engine, [engine.job(job_id)])
    return page(request, "job", job=job)


@router.get("/jobs/{job_id}/row", name="job_row")
def show_row(request: Request, site: SiteDep, engine: PageEngine, job_id: JobNumber) -> Response:
    """Show one job as lists have it."""
    (job,) = in_words(site, engine, [engine.job(job_id)])
    return fragment(request, "job_row", job=job)


@router.post("/jobs/{job_id}/cancel", name="job_cancel", dependencies=[PageWriter])
def cancel_job(request: Request, site: SiteDep, engine: PageEngine, job_id: JobNumber) -> Response:
    """Stop a job: a queued one at once, a running one at its next step."""
    job = engine.cancel_job(job_id)
    words = "The job is stopped." if job.state == "cancelled" else "The job stops at its next step."
    if not by_htmx(request):
        return say(redirect(request, f"/jobs/{job_id}"), words)
    (row,) = in_words(site, engine, [job])
    return say(fragment(request, "job_row", job=row), words)


@router.post("/jobs/{job_id}/again", name="job_again", dependencies=[PageAdmin])
def begin_again(request: Request, engine: PageEngine, job_id: JobNumber) -> Response:
    """Put the same work into the queue once more."""
    before = engine.job(job_id)
    job = engine.queue(before.kind, before.payload)
    return say(redirect(request, f"/jobs/{job.id}"), "The work is in the queue again.")
