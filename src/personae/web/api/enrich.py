"""Sources of people: what they bring, what waits, and taking it back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from personae.web.deps import Admin, EngineDep, Reader
from personae.web.errors import responses
from personae.web.models import JobShape, OperationShape, Shape
from personae.web.paging import Page, PagingDep
from personae.web.places import FileName

router = APIRouter(prefix="/api/enrich", tags=["enrich"], dependencies=[Reader])

SourceName = Annotated[str, Path(max_length=200, description="Name of the source.")]


class EnrichBody(BaseModel):
    """What an enrichment is told."""

    model_config = ConfigDict(extra="forbid")

    sources: list[str] = Field(default_factory=list, max_length=1000, description="Names; empty: all that are enabled.")
    faces: bool = Field(default=False, description="Fetch photos too, and keep the faces that are accepted.")
    save_interval: int = Field(default=1000, ge=1, le=2**31, description="Faces after which the indexes are saved.")
    max_faces_total: int = Field(
        default=20, ge=1, le=2**31, description="Faces of a person up to which sources may add."
    )
    source_max_faces: int | None = Field(
        default=None, ge=1, le=2**31, description="Faces a person that a source may bring; null: as sources.yaml says."
    )
    dry_run: bool = Field(default=False, description="Do everything but write.")


class SourceShape(Shape):
    """One entry of sources.yaml, without its key and its place."""

    name: str
    type: str
    enabled: bool
    trust: str
    max_faces: int
    rate_limit: float
    purpose: str
    legal_basis: str


class SourceStatusShape(Shape):
    """One source, as it stands."""

    source: str
    type: str = Field(description="Empty: it is not in sources.yaml any more.")
    trust: str
    enabled: bool
    revoked: bool
    people: int
    last_id: str | None = Field(description="External id behind which the next run continues; null: it begins anew.")
    complete: bool
    accepted: int
    quarantined: int
    held: int
    refused: dict[str, int]
    errors: dict[str, int]
    left_out: dict[str, int]


class WaitingShape(Shape):
    """A face that a source brought and that nobody has let in."""

    source: str
    face_id: int
    person: str
    person_id: int
    state: str = Field(description="quarantined or held.")
    reason: str
    score: float | None
    threshold: float | None
    other: str | None = Field(description="Of a held face: to whom it is nearer.")
    other_score: float | None
    model_id: str
    url: FileName = Field(description="Where the source has the photo; of a file, its name.")


@router.post("", name="run", status_code=202, dependencies=[Admin])
def run_enrichment(engine: EngineDep, body: EnrichBody) -> JobShape:
    """Bring people from sources, with their faces if wanted, as a job; one that was cut short is continued."""
    return JobShape.of(engine.queue("people.enrich", body.model_dump(exclude_none=True)), engine.parts.clock())


@router.get("/status", name="status")
def enrich_status(engine: EngineDep) -> list[SourceStatusShape]:
    """Show what each source has brought, and where the next run continues."""
    return [SourceStatusShape.model_validate(each) for each in engine.enrich_status()]


@router.get("/sources", name="sources")
def list_sources(engine: EngineDep) -> list[SourceShape]:
    """List the sources of sources.yaml; their keys and places are not shown."""
    return [SourceShape.model_validate(spec) for spec in engine.sources()]


@router.get("/quarantine", name="quarantine")
def quarantine(engine: EngineDep, paging: PagingDep) -> Page[WaitingShape]:
    """List the faces that wait for somebody to vouch for them, and those held as nearer to another person."""
    start = paging.start(int, str)
    before = None if start is None else (int(start[0]), str(start[1]))
    rows = engine.quarantine(paging.limit + 1, before)
    return paging.page(rows, lambda face: face.place, WaitingShape.model_validate)


@router.post("/sources/{source}/revoke", name="revoke", dependencies=[Admin], responses=responses(404, 409))
def revoke_source(engine: EngineDep, source: SourceName) -> OperationShape:
    """Take back everything that a source has brought; it can be undone."""
    return OperationShape.of(engine.revoke_source(source))
