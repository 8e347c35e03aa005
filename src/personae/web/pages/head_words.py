"""Heads that were learnt, in words: from what, what was measured, what the guard says; and their losses as a line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from personae.web.pages.model_words import named
from personae.web.pages.values import listed, mapping, whole
from personae.web.places import placeless

WIDTH, HEIGHT, EDGE = 320, 72, 4
"""Of the line of losses, in its own units."""
MEASURED = (
    ("faces", "People it learnt, on photos it has not seen: not found"),
    ("people", "People it has never seen: not found"),
    ("strangers", "Strangers taken for somebody known"),
)
"""Parts of a verdict, and what each is a share of."""


@dataclass(frozen=True, slots=True)
class Row:
    """One rate of errors, before and after."""

    what: str
    before: str
    after: str
    change: str
    searches: int


@dataclass(frozen=True, slots=True)
class Losses:
    """The loss of each epoch, drawn."""

    points: str
    words: str


@dataclass(frozen=True, slots=True)
class ShownHead:
    """A head as its card shows it."""

    id: str
    state: str
    colour: str
    when: datetime | None
    learnt: str
    judged: str
    reasons: tuple[str, ...]
    measured: tuple[Row, ...]
    losses: Losses | None
    usable: bool
    """Whether it can be gone by now."""
    why_not: str
    """Why an accepted one cannot."""


def shown(note: Mapping[str, object], live: str, base: str, before: str | None) -> ShownHead:
    """Return a head in words, whatever its note lacks.

    Args:
        note: from `Engine.heads`.
        live: what is gone by.
        base: the embedders that a head must be learnt on.
        before: what was gone by before, to which there is always a way back.
    """
    kept: Mapping[str, Any] = placeless(note)
    name, error = str(kept.get("head") or ""), str(kept.get("error") or "")
    accepted = kept.get("accepted") is True and not error
    fits = kept.get("base") == base or name == before
    state, colour = _state(error, accepted, name == live)
    why_not = f"It was learnt on {named(str(kept.get('base')))}, and this project goes by {named(base)}."
    return ShownHead(
        name, state, colour, _moment(kept.get("created_at")), _learnt(kept), _judged(kept),
        (error,) if error else tuple(map(str, listed(kept.get("reasons")))),
        _measured(kept.get("verdict")), _losses(kept.get("losses")), bool(name) and accepted and fits and name != live,
        why_not if accepted and not fits else "",
    )  # fmt: skip


def _state(error: str, accepted: bool, live: bool) -> tuple[str, str]:
    if error:
        return "damaged", "red"
    if live:
        return "in use", "blue"
    return ("accepted", "green") if accepted else ("refused", "orange")


def _moment(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value)) if value else None
    except ValueError:
        return None


def _learnt(note: Mapping[str, Any]) -> str:
    faces, people, rejections = (whole(note.get(name)) for name in ("faces", "people", "rejections"))
    if not faces:
        return ""
    refused = f", and {_counted(rejections, 'rejection')}" if rejections else ""
    plan = mapping(note.get("plan"))
    how = f", by {plan['loss']}" if plan.get("loss") else ""
    return f"Learnt from {_counted(faces, 'face')} of {_counted(people, 'person', 'people')}{refused}{how}."


def _judged(note: Mapping[str, Any]) -> str:
    held, new = (whole(note.get(name)) for name in ("held_faces", "new_people"))
    if not held and not new:
        return ""
    against = f", against {named(str(note.get('against')))}" if note.get("against") else ""
    return (
        f"Judged by {_counted(held, 'other face')} of the same people, and by {_counted(new, 'person', 'people')} "
        f"whom it has never seen{against}."
    )


def _measured(verdict: object) -> tuple[Row, ...]:
    found = []
    for part, what in MEASURED:
        change = mapping(mapping(verdict).get(part))
        values = [change.get(name) for name in ("before", "after", "low", "high")]
        if all(isinstance(value, int | float) for value in values):
            before, after, low, high = (float(value or 0) for value in values)
            points = f"{_points(low)} to {_points(high)}"
            found.append(Row(what, f"{before:.1%}", f"{after:.1%}", points, whole(change.get("searches"))))
    return tuple(found)


def _points(change: float) -> str:
    """Return a change of a share in hundredths, with a sign that is not a hyphen."""
    text = f"{change * 100:+.1f}"
    return "0" if float(text) == 0 else text.replace("-", "\N{MINUS SIGN}")


def _losses(value: object) -> Losses | None:
    """Return the line of the losses; None where there are fewer than two."""
    losses = [float(each) for each in listed(value) if isinstance(each, int | float)]
    if len(losses) < 2 or not all(map(math.isfinite, losses)):
        return None
    low, high = min(losses), max(losses)
    wide, tall = (WIDTH - 2 * EDGE) / (len(losses) - 1), HEIGHT - 2 * EDGE
    # A line that stays where it is runs along the middle.
    share = [(loss - low) / (high - low) if high > low else 0.5 for loss in losses]
    points = " ".join(f"{EDGE + at * wide:.1f},{EDGE + tall * (1 - each):.1f}" for at, each in enumerate(share))
    return Losses(points, f"Loss over {len(losses)} epochs: {losses[0]:.3g} at first, {losses[-1]:.3g} at last")


def _counted(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"
