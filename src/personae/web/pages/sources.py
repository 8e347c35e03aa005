"""Sources of people: what each has brought, running them, what waits for an answer, and taking all back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request, Response

from personae.engine.facade import Engine
from personae.engine.review import NOISE_LABEL
from personae.errors import NotFound
from personae.web.api.ids import LARGEST_ID, FaceNumber
from personae.web.deps import SiteDep
from personae.web.pages.deps import PageAdmin, PageEngine, PageReader, PageWriter
from personae.web.pages.jobs import in_words
from personae.web.pages.render import by_htmx, page, redirect, say
from personae.web.pages.source_words import ShownSource, candidates, shown
from personae.web.paging import CURSOR_CHARACTERS, Paging

router = APIRouter(prefix="/sources", dependencies=[PageReader])

KIND = "people.enrich"
FACES_AT_ONCE = 24
SourceName = Annotated[str, Query(max_length=200)]
PersonField = Annotated[int, Form(ge=1, le=LARGEST_ID)]
State = Literal["", "quarantined", "held"]


@router.get("", name="sources")
def list_sources(request: Request, site: SiteDep, engine: PageEngine) -> Response:
    """Show every source, what it has brought, and the runs that have not ended."""
    jobs = [job for job in engine.unfinished_jobs() if job.kind == KIND]
    last = [job for job in engine.browse.jobs(limit=50) if job.kind == KIND and job not in jobs][:1]
    listed = _sources(engine)
    return page(
        request, "sources", sources=listed, jobs=in_words(site, engine, jobs + last), waiting=_waiting(listed)
    )  # fmt: skip


@router.post("/run", name="sources_run", dependencies=[PageAdmin])
def run(
    request: Request,
    engine: PageEngine,
    source: Annotated[list[str] | None, Form()] = None,
    faces: Annotated[bool, Form()] = False,
    dry_run: Annotated[bool, Form()] = False,
) -> Response:
    """Bring people from sources, as a job."""
    engine.queue(KIND, {"sources": source or [], "faces": faces, "dry_run": dry_run})
    names = (
        " and ".join(source) if source and len(source) < 3 else f"{len(source)} sources" if source else "All sources"
    )
    return say(redirect(request, "/sources"), f"{names}: the run is in the queue.")


@router.get("/waiting", name="sources_waiting")
def list_waiting(
    request: Request,
    engine: PageEngine,
    state: State = "",
    source: SourceName = "",
    after: Annotated[str | None, Query(max_length=CURSOR_CHARACTERS)] = None,
) -> Response:
    """Show the faces that wait for somebody to vouch for them, and those that are nearer to somebody else."""
    paging = Paging(FACES_AT_ONCE, after)
    start = paging.start(int, str)
    before = None if start is None else (int(start[0]), str(start[1]))
    rows = engine.quarantine(FACES_AT_ONCE + 1, before, state, source)
    listed = paging.page(rows, lambda face: face.place, lambda face: face)
    asked = {name: value for name, value in (("state", state), ("source", source)) if value}
    more = f"/sources/waiting?{urlencode({**asked, 'after': listed.next})}" if listed.next else ""
    return page(
        request, "waiting", faces=candidates(engine, listed.items), state=state, source=source,
        names=[each.status.source for each in _sources(engine)], more=more,
    )  # fmt: skip


@router.post("/waiting/{face_id}/is", name="waiting_is", dependencies=[PageWriter])
def confirm(request: Request, engine: PageEngine, face_id: FaceNumber, person_id: PersonField) -> Response:
    """Say that a face that waits is this person."""
    person = engine.browse.person(person_id)
    operation = engine.merge(f"{NOISE_LABEL}{face_id}", f"#{person.id}")
    return _answered(request, f"It is {person.name}.", operation.id)


@router.post("/waiting/{face_id}/not", name="waiting_not", dependencies=[PageWriter])
def reject(request: Request, engine: PageEngine, face_id: FaceNumber, person_id: PersonField) -> Response:
    """Say that a face that waits is not this person."""
    person = engine.browse.person(person_id)
    operation = engine.reject(face_id, f"#{person.id}")
    return _answered(request, f"It is not {person.name}.", operation.id)


@router.get("/revoke", name="source_revoke")
def ask_to_revoke(request: Request, engine: PageEngine, source: SourceName) -> Response:
    """Ask whether to take back all that a source has brought."""
    return page(request, "revoke", source=_source(engine, source))


@router.post("/revoke", name="source_revoked", dependencies=[PageAdmin])
def revoke(request: Request, engine: PageEngine, source: Annotated[str, Form(max_length=200)]) -> Response:
    """Take back all that a source has brought."""
    operation = engine.revoke_source(source)
    return say(redirect(request, "/sources"), f"Nothing that {source} brought counts any more.", operation.id)


def _answered(request: Request, words: str, operation: int) -> Response:
    """Answer htmx with nothing, which is what stays of the face in the list."""
    answer = Response(b"", media_type="text/html") if by_htmx(request) else redirect(request, "/sources/waiting")
    return say(answer, words, operation)


def _sources(engine: Engine) -> list[ShownSource]:
    specs = {spec.name: spec for spec in engine.sources()}
    return [shown(status, specs.get(status.source)) for status in engine.enrich_status()]


def _source(engine: Engine, name: str) -> ShownSource:
    for each in _sources(engine):
        if each.status.source == name:
            return each
    raise NotFound(f"there is no source {name}")


def _waiting(listed: Sequence[ShownSource]) -> tuple[int, int]:
    """Return how many faces wait, and how many are held."""
    return sum(each.status.quarantined for each in listed), sum(each.status.held for each in listed)
