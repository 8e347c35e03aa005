"""The verbs on the outbox: what happened, and who is told of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from personae.engine import events, hooks
from personae.engine.hooks import Delivered
from personae.engine.parts import Parts
from personae.ports import Hook
from personae.types import Event


@dataclass(frozen=True)
class Outbox:
    """What happened in a project, in order, and the receivers that are told of it."""

    parts: Parts

    def after(self, seq: int, limit: int = 100, kinds: Sequence[str] = ()) -> list[Event]:
        """Return what happened after an event, oldest first."""
        return events.after(self.parts, seq, limit, kinds)

    def last(self) -> int:
        """Return the number of the latest event; 0: nothing has happened."""
        return events.last(self.parts)

    def wait(
        self, seq: int, pause: Callable[[float], bool], limit: int = 100, kinds: Sequence[str] = ()
    ) -> list[Event]:
        """Return what happened after an event, as soon as there is something; none when `pause` says to give up."""
        return events.wait(self.parts, seq, pause, limit, kinds)

    def hooks(self) -> list[Hook]:
        """Return the receivers, oldest first."""
        return hooks.all_hooks(self.parts)

    def add_hook(self, url: str, kinds: Sequence[str] = (), after: int | None = None) -> Hook:
        """Let a receiver be told of events; its secret is shown this once."""
        return hooks.add(self.parts, url, kinds, after)

    def remove_hook(self, hook_id: int) -> None:
        """Tell a receiver nothing more."""
        hooks.remove(self.parts, hook_id)

    def resume_hook(self, hook_id: int) -> Hook:
        """Go on with a receiver that was paused, or waits after a failure, where it stopped."""
        return hooks.resume(self.parts, hook_id)

    def deliver(self) -> list[Delivered]:
        """Tell every receiver now what it has not been told, and return what became of it."""
        return hooks.deliver(self.parts)
