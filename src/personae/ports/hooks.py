"""Ports of webhooks: who is told of events, and how a message reaches them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NewType, Protocol

HookId = NewType("HookId", int)


@dataclass(frozen=True, slots=True)
class Hook:
    """A receiver of events."""

    id: HookId
    url: str
    kinds: tuple[str, ...]
    """Of the events that it is told of; empty: of all."""
    secret: str = field(repr=False)
    """What messages to it are signed with; shown once, when it is made."""
    seq: int
    """Number of the last event that it has been told of, or that is none of its kinds."""
    created_at: datetime
    paused: bool = False
    failures: int = 0
    """Attempts in a row that failed."""
    failing_since: datetime | None = None
    not_before: datetime | None = None
    """When it is tried again."""
    error: str = ""
    """What was wrong last."""


class HookTable(Protocol):
    """Who is told of events. A lease with a token sees to it that one process at a time tells each, in order."""

    def add(self, url: str, kinds: Sequence[str], secret: str, seq: int) -> HookId: ...

    def get(self, hook_id: HookId) -> Hook:
        """Raises NotFound."""
        ...

    def all(self) -> list[Hook]:
        """Oldest first."""
        ...

    def remove(self, hook_id: HookId) -> None:
        """Raises NotFound."""
        ...

    def resume(self, hook_id: HookId) -> None:
        """Forget the failures, and try at once. Raises NotFound."""
        ...

    def claim(self, hook_id: HookId, now: datetime, until: datetime) -> str | None:
        """Return a token when it may be told of events now; None: it is paused, waits, is gone, or another tells it."""
        ...

    def delivered(self, hook_id: HookId, token: str, seq: int, until: datetime | None) -> None:
        """Note how far it is told; None lets go of it. Raises Conflict for a lost lease, likewise below."""
        ...

    def failed(self, hook_id: HookId, token: str, error: str, now: datetime, not_before: datetime) -> None:
        """Note a failure, and let go of it."""
        ...

    def pause(self, hook_id: HookId, error: str) -> None:
        """Tell it nothing more until it is resumed."""
        ...


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a receiver answered."""

    status: int
    wait: float | None = None
    """Seconds that it asks to be left alone."""


class Post(Protocol):
    """Carries a message to a receiver, and nowhere else."""

    def check(self, url: str) -> None:
        """Raise InputError when nothing may ever be sent there."""
        ...

    def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Receipt:
        """Send it once. Raises BackendError when there is no answer, or the address is not allowed."""
        ...

    def close(self) -> None: ...
