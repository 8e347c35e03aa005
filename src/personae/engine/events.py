"""The outbox for those outside: what happened after a number, at once or when it comes (law 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from personae.engine.parts import Parts
from personae.types import Event

LOOK_EVERY = 0.5
"""Seconds between two looks for what waits."""
MOST = 1000
"""Events that are given at once."""


def after(parts: Parts, seq: int, limit: int = 100, kinds: Sequence[str] = ()) -> list[Event]:
    """Return what happened after an event, oldest first.

    Args:
        parts: adapters and rules.
        seq: number of the last event that is known; 0: none is.
        limit: most events; `MOST` at the most.
        kinds: of these only; empty: of any.
    """
    with parts.store.read() as tx:
        return [shown(event) for event in tx.events.after(max(seq, 0), min(limit, MOST), kinds)]


def last(parts: Parts) -> int:
    """Return the number of the latest event; 0: nothing has happened."""
    with parts.store.read() as tx:
        return tx.events.last()


def wait(
    parts: Parts, seq: int, pause: Callable[[float], bool], limit: int = 100, kinds: Sequence[str] = ()
) -> list[Event]:
    """Return what happened after an event, as soon as there is something.

    Args:
        parts: adapters and rules.
        seq: number of the last event that is known.
        pause: waits so many seconds, and says whether to give up, as `threading.Event.wait` does.
        limit: most events.
        kinds: of these only; empty: of any.

    Returns:
        Events, oldest first; none when it was given up.
    """
    while not (found := after(parts, seq, limit, kinds)):
        if pause(LOOK_EVERY):
            return []
    return found


def shown(event: Event) -> Event:
    """Return an event as it may leave: ids, counts and words. Numbers that form a vector are left out."""
    return Event(event.seq, event.kind, _plain(event.payload), event.created_at)


def as_json(event: Event) -> dict[str, object]:
    """Return an event, from `shown`, as the API and webhooks give it."""
    return {
        "seq": event.seq,
        "kind": event.kind,
        "payload": event.payload,
        "created_at": event.created_at.isoformat(),
    }


def _plain(payload: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in payload.items() if _leaves(value)}


def _leaves(value: object) -> bool:
    """Whether a value may leave: no list of numbers that are no ids is in it."""
    if isinstance(value, Mapping):
        return all(map(_leaves, value.values()))
    if isinstance(value, list | tuple):
        return all(not isinstance(each, float) and _leaves(each) for each in value)
    return True
