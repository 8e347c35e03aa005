"""Events: what happened, after a number, at once or as it comes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, Field

from personae.engine.events import LOOK_EVERY, as_json
from personae.engine.facade import Engine
from personae.errors import InputError, PersonaeError
from personae.types import Event
from personae.web.api.ids import LARGEST_ID
from personae.web.deps import EngineDep, Listener, ListenerDep, Reader
from personae.web.places import placeless

router = APIRouter(prefix="/api/events", tags=["events"], dependencies=[Reader])

STREAM = "text/event-stream"
HEARTBEAT_EVERY = 15.0
"""Seconds of silence after which a comment is sent: whoever stands between must not take the stream for dead."""
AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """Which events are asked for."""

    after: int | None
    limit: int
    kinds: tuple[str, ...]
    last_id: str | None

    @property
    def start(self) -> int | None:
        """The number after which a stream begins; None: the latest. Raises InputError."""
        return self.after if self.last_id is None else _number(self.last_id)


def asked(
    after: Annotated[
        int | None,
        Query(ge=0, le=LARGEST_ID, description="Number of the last event known; default 0, of a stream the latest."),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Most events; a stream has no end.")] = AT_ONCE,
    kind: Annotated[list[str] | None, Query(max_length=50, description="Only of these kinds.")] = None,
    last_id: Annotated[
        str | None, Header(alias="Last-Event-ID", description="Where a stream broke off; it outranks `after`.")
    ] = None,
) -> Asked:
    """Read which events are asked for."""
    return Asked(after, limit, tuple(kind or ()), last_id)


class EventShape(BaseModel):
    """Something that happened."""

    seq: int = Field(description="Its number; they ascend.")
    kind: str = Field(examples=["decision.made"])
    payload: dict[str, Any] = Field(description="Ids, counts and words.")
    created_at: datetime


class EventPage(BaseModel):
    """Events, oldest first."""

    items: list[EventShape]
    next: int = Field(description="Give it as `after` for those that follow, now or later.")


@router.get(
    "",
    name="list",
    response_model=EventPage,
    responses={200: {"content": {STREAM: {"schema": {"type": "string"}}}, "description": "Events, oldest first."}},
)
async def list_events(
    request: Request, listener: ListenerDep, engine: EngineDep, asked: Annotated[Asked, Depends(asked)]
) -> EventPage | Response:
    """List what happened after an event; asked for as text/event-stream, go on as it happens."""
    if STREAM not in request.headers.get("accept", ""):
        known = asked.after or 0
        found = await run_in_threadpool(engine.outbox.after, known, asked.limit, asked.kinds)
        return EventPage(items=[_shape(event) for event in found], next=found[-1].seq if found else known)
    start = asked.start
    if start is None:
        start = await run_in_threadpool(engine.outbox.last)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_stream(listener, engine, start, asked.kinds), media_type=STREAM, headers=headers)


def _shape(event: Event) -> EventShape:
    return EventShape(seq=event.seq, kind=event.kind, payload=placeless(event.payload), created_at=event.created_at)


async def _stream(listener: Listener, engine: Engine, seq: int, kinds: tuple[str, ...]) -> AsyncIterator[str]:
    """Yield the events after one as they come, until the client goes, or may no longer be told."""
    yield ": events\n\n"
    silent = 0.0
    while await listener.stays():
        try:
            found = await run_in_threadpool(engine.outbox.after, seq, AT_ONCE, kinds)
        except PersonaeError:
            # The headers are gone: the client comes back by itself, and says where it was.
            return
        for event in found:
            data = json.dumps(placeless(as_json(event)), ensure_ascii=False, separators=(",", ":"))
            yield f"id: {event.seq}\nevent: {event.kind}\ndata: {data}\n\n"
        if found:
            seq, silent = found[-1].seq, 0.0
            continue
        await asyncio.sleep(LOOK_EVERY)
        silent += LOOK_EVERY
        if silent >= HEARTBEAT_EVERY:
            silent = 0.0
            yield ": still here\n\n"


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 20) or int(text) > LARGEST_ID:
        raise InputError("Last-Event-ID is no number of an event")
    return int(text)
