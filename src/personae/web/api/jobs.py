"""Jobs: long work that runs in the background."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from personae.engine.jobs import told
from personae.engine.kinds import KINDS
from personae.web.api.ids import JobNumber
from personae.web.deps import Admin, EngineDep, Reader, Writer
from personae.web.errors import responses
from personae.web.models import JobShape
from personae.web.paging import Page, PagingDep

router = APIRouter(prefix="/api/jobs", tags=["jobs"], dependencies=[Reader])

State = Literal["queued", "running", "done", "failed", "cancelled"]


class JobBody(BaseModel):
    """Work to put into the queue."""

    model_config = ConfigDict(extra="forbid")

    kind: str = Field(description=f"One of: {', '.join(KINDS)}.", max_length=100)
    payload: dict[str, Any] = Field(default_factory=dict, description="Its options.")


@router.get("", name="list")
def list_jobs(
    engine: EngineDep, paging: PagingDep, state: Annotated[list[State] | None, Query(max_length=5)] = None
) -> Page[JobShape]:
    """List the jobs, newest first."""
    start = paging.start(int)
    rows = told(engine.parts, engine.browse.jobs(int(start[0]) if start else None, paging.limit + 1, state or ()))
    now = engine.parts.clock()
    return paging.page(rows, lambda job: (int(job.id),), lambda job: JobShape.of(job, now))


@router.post("", name="submit", status_code=202, dependencies=[Admin])
def submit_job(engine: EngineDep, body: JobBody) -> JobShape:
    """Put any kind of work into the queue."""
    return JobShape.of(engine.queue(body.kind, body.payload), engine.parts.clock())


@router.get("/{job_id}", name="show", responses=responses(404))
def show_job(engine: EngineDep, job_id: JobNumber) -> JobShape:
    """Show one job: its state, how far it is, and its result."""
    (job,) = told(engine.parts, [engine.job(job_id)])
    return JobShape.of(job, engine.parts.clock())


@router.post("/{job_id}/cancel", name="cancel", dependencies=[Writer], responses=responses(404, 409))
def cancel_job(engine: EngineDep, job_id: JobNumber) -> JobShape:
    """Stop a job: a queued one at once, a running one at its next step."""
    return JobShape.of(engine.cancel_job(job_id), engine.parts.clock())
