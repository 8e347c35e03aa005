"""Webhooks: receivers that are told of what happens."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from personae.engine.hooks import Delivered
from personae.ports import Hook
from personae.web.api.ids import LARGEST_ID
from personae.web.deps import Admin, EngineDep
from personae.web.errors import responses

router = APIRouter(prefix="/api/hooks", tags=["hooks"], dependencies=[Admin])

HookNumber = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The receiver's id.")]


class HookBody(BaseModel):
    """A receiver to be told of events."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(max_length=2000, description="https: or http:.")
    kinds: list[Annotated[str, Field(max_length=100)]] = Field(
        default_factory=list, max_length=50, description="Of the events; empty: all."
    )
    after: int | None = Field(
        default=None, ge=0, le=LARGEST_ID, description="Number of the event after which it begins; null: the latest."
    )


class HookShape(BaseModel):
    """A receiver, without its secret."""

    id: int
    url: str
    kinds: list[str]
    seq: int = Field(description="Number of the last event that it has been told of.")
    paused: bool
    failures: int = Field(description="Attempts in a row that failed.")
    failing_since: datetime | None
    not_before: datetime | None = Field(description="When it is tried again.")
    error: str
    created_at: datetime

    @classmethod
    def of(cls, hook: Hook, **more: str) -> Self:
        """Show a receiver."""
        return cls(
            id=hook.id, url=hook.url, kinds=list(hook.kinds), seq=hook.seq, paused=hook.paused,
            failures=hook.failures, failing_since=hook.failing_since, not_before=hook.not_before, error=hook.error,
            created_at=hook.created_at, **more,
        )  # fmt: skip


class NewHook(HookShape):
    """A receiver that was just added."""

    secret: str = Field(description="What its messages are signed with; shown this once.")


class Told(BaseModel):
    """What became of telling a receiver."""

    id: int
    url: str
    events: int = Field(description="How many it took.")
    error: str

    @classmethod
    def of(cls, told: Delivered) -> Self:
        """Show it."""
        return cls(id=told.id, url=told.url, events=told.events, error=told.error)


@router.get("", name="list")
def list_hooks(engine: EngineDep) -> list[HookShape]:
    """List the receivers, and how far each has been told."""
    return [HookShape.of(hook) for hook in engine.outbox.hooks()]


@router.post("", name="add", status_code=201)
def add_hook(engine: EngineDep, body: HookBody) -> NewHook:
    """Tell a receiver of events from now on. The secret that messages are signed with is shown this once."""
    hook = engine.outbox.add_hook(body.url, body.kinds, body.after)
    return NewHook.of(hook, secret=hook.secret)


@router.post("/deliver", name="deliver")
def deliver_hooks(engine: EngineDep) -> list[Told]:
    """Tell the receivers now what they have not been told."""
    return [Told.of(told) for told in engine.outbox.deliver()]


@router.delete("/{hook_id}", name="remove", status_code=204, response_class=Response, responses=responses(404))
def remove_hook(engine: EngineDep, hook_id: HookNumber) -> None:
    """Tell a receiver nothing more."""
    engine.outbox.remove_hook(hook_id)


@router.post("/{hook_id}/resume", name="resume", responses=responses(404))
def resume_hook(engine: EngineDep, hook_id: HookNumber) -> HookShape:
    """Go on with a receiver that is paused, or waits after a failure, where it stopped."""
    return HookShape.of(engine.outbox.resume_hook(hook_id))
