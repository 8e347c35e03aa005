"""What goes on, as it goes on: jobs that come further, and what was added, for pages that are open."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from personae.engine.events import LOOK_EVERY
from personae.engine.facade import Engine
from personae.errors import PersonaeError
from personae.types import Event, Job
from personae.web.api.events import AT_ONCE, HEARTBEAT_EVERY, STREAM
from personae.web.api.ids import LARGEST_ID
from personae.web.deps import Listener, ListenerDep
from personae.web.pages.deps import PageEngine, PageReader
from personae.web.pages.job_words import shown

router = APIRouter(dependencies=[PageReader])

JOBS = 30
"""Of the newest jobs a page is told; unfinished ones are all told."""
FACES = 24
"""New faces that are told one by one of each look."""
REFERENCE = ("person_id", "status", "version")
"""What is told of a reference."""
RETRY_MS = 1500
"""How long a browser waits before it comes again."""

Known = Mapping[int, tuple[object, ...]]
"""What was told of each job last."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen, and what there is to say of it."""

    seq: int
    known: Known | None
    """None: nobody has looked yet."""
    messages: tuple[str, ...]


@router.get("/live", name="live")
async def live(
    listener: ListenerDep,
    engine: PageEngine,
    after: Annotated[int | None, Query(ge=0, le=LARGEST_ID)] = None,
    last_id: Annotated[str, Header(alias="Last-Event-ID", max_length=100)] = "",
) -> StreamingResponse:
    """Tell of jobs and changes until the page is left or signed out; after a break it says where and misses nothing."""
    cut = int(last_id) if last_id.isascii() and last_id.isdecimal() and len(last_id) < 19 else after
    start = await run_in_threadpool(engine.outbox.last) if cut is None else cut
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_stream(listener, engine, start), media_type=STREAM, headers=headers)


async def _stream(listener: Listener, engine: Engine, seq: int) -> AsyncIterator[str]:
    yield f"retry: {RETRY_MS}\n\n"
    seen, silent = Look(seq, None, ()), 0.0
    while await listener.stays():
        try:
            seen = await run_in_threadpool(_look, engine, seen)
        except PersonaeError:
            # The headers are gone: the page comes back by itself.
            return
        for message in seen.messages:
            yield message
        silent = 0.0 if seen.messages else silent + LOOK_EVERY
        if silent >= HEARTBEAT_EVERY:
            silent = 0.0
            yield ": still here\n\n"
        await asyncio.sleep(LOOK_EVERY)


def _look(engine: Engine, before: Look) -> Look:
    """Look once: what has happened since, and which jobs are not as they were."""
    found = engine.outbox.after(before.seq, AT_ONCE)
    seq = found[-1].seq if found else before.seq
    jobs = {job.id: job for job in [*engine.unfinished_jobs(), *engine.browse.jobs(None, JOBS)]}
    known = {int(job_id): _state(job) for job_id, job in sorted(jobs.items())}
    told = before.known or {}
    # A job that has ended since, while many others came: it is looked up once more.
    gone = [engine.job(job_id) for job_id, state in told.items() if job_id not in known and _open(state)]
    messages = [
        _message("job", _told(engine, job, first=before.known is None), seq)
        for job in [*gone, *jobs.values()]
        if told.get(job.id) != _state(job)
    ]
    if found:
        messages.append(_message("changed", _changed(found), seq))
    return Look(seq, known, tuple(messages))


def _state(job: Job) -> tuple[object, ...]:
    """Return what is told of a job anew when it is another."""
    return job.state, job.done, job.total, job.result.get("doing"), job.cancel, job.not_before


def _open(state: Sequence[object]) -> bool:
    return state[0] in {"queued", "running"}


def _told(engine: Engine, job: Job, first: bool) -> dict[str, object]:
    """Return what a page draws of a job between two looks at its row."""
    row = shown(job, engine.parts.clock())
    return {
        "id": row.id, "kind": row.kind, "title": row.title, "state": row.state, "stopping": row.stopping,
        "done": row.done, "total": row.total, "doing": row.doing, "first": first,
    }  # fmt: skip


def _changed(found: Sequence[Event]) -> dict[str, object]:
    """Return how much of what has happened, the newest faces, and the references that are not as they were."""
    faces = [{"face": event.payload.get("face_id"), "image": event.payload.get("image_id")}
             for event in found if event.kind == "face.added"]  # fmt: skip
    references = [{name: event.payload.get(name) for name in REFERENCE} for event in found
                  if event.kind == "reference.changed"]  # fmt: skip
    return {"kinds": dict(Counter(event.kind for event in found)), "faces": faces[-FACES:], "references": references}


def _message(kind: str, data: Mapping[str, object], seq: int) -> str:
    return f"id: {seq}\nevent: {kind}\ndata: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n"
