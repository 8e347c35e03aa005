"""Where a sequence of frames loses the likeness of a character."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby

import numpy as np

from personae.types import Box, PersonId

ENOUGH_FRAMES = 5
"""Frames with a score from which on their median says what is usual."""
SPREADS = 3.0
"""A score so many spreads under the median is not usual. Source: the Hampel identifier."""
SIGMA = 1.4826
"""From the median of absolute deviations to the standard deviation of a normal law."""
LEAST_FALL = 0.1
"""A fall that nobody would see: softening a photo by a pixel costs 0.08 (ADR 0081)."""


class Drop(StrEnum):
    """Why a frame stands out."""

    BELOW_THRESHOLD = "below_threshold"
    """By the model's threshold it is not the character."""
    BELOW_MEDIAN = "below_median"
    """It is far less like the character than the sequence usually is."""


@dataclass(frozen=True, slots=True)
class FrameScore:
    """One frame held against the character."""

    number: int
    """Place in the sequence or the video, from 0."""
    name: str
    """File name; empty for a frame of a video."""
    seconds: float | None
    """Since the video began; None where there is no clock."""
    score: float | None
    """Cosine; None: no face, or no picture."""
    box: Box | None
    """The face that was used, pixels."""
    reasons: tuple[str, ...] = ()
    drop: Drop | None = None


@dataclass(frozen=True, slots=True)
class Spell:
    """Frames one after another that stand out for one reason."""

    first: int
    """Number of the first frame, and of the last."""
    last: int
    frames: int
    drop: Drop
    lowest: float
    lowest_frame: int
    seconds: float | None
    """Of the first frame."""


@dataclass(frozen=True, slots=True)
class Continuity:
    """A sequence held against a character, frame by frame."""

    person_id: PersonId
    name: str
    """The character's."""
    model_id: str
    threshold: float
    """Of the model."""
    version: int
    """Of the template."""
    median: float | None
    """Of the sequence's scores; None: too few frames have one."""
    floor: float | None
    """Score under which a frame falls out of the sequence."""
    frames: tuple[FrameScore, ...]
    drops: tuple[Spell, ...]
    scored: int
    """Frames with a score."""


def usual(scores: Sequence[float]) -> tuple[float | None, float | None]:
    """Return the median of a sequence, and the score under which a frame falls out of it.

    Args:
        scores: cosines in [-1, 1].

    Returns:
        Both None when there are fewer than `ENOUGH_FRAMES`.

    Source: Hampel identifier (Davies & Gather, The identification of multiple outliers, JASA 1993).
    """
    if len(scores) < ENOUGH_FRAMES:
        return None, None
    median = float(np.median(scores))
    spread = SIGMA * float(np.median(np.abs(np.asarray(scores) - median)))
    return median, median - max(SPREADS * spread, LEAST_FALL)


def mark(frames: Sequence[FrameScore], threshold: float, floor: float | None) -> tuple[FrameScore, ...]:
    """Return the frames with their drops marked; what is below the threshold is said first."""
    return tuple(replace(frame, drop=_drop(frame.score, threshold, floor)) for frame in frames)


def _drop(score: float | None, threshold: float, floor: float | None) -> Drop | None:
    if score is None:
        return None
    if score < threshold:
        return Drop.BELOW_THRESHOLD
    return Drop.BELOW_MEDIAN if floor is not None and score < floor else None


def spells(frames: Sequence[FrameScore]) -> tuple[Spell, ...]:
    """Return the runs of marked frames, in order."""
    found = []
    for drop, run in groupby(frames, key=lambda frame: frame.drop):
        if drop is not None:
            found.append(_spell(drop, list(run)))
    return tuple(found)


def _spell(drop: Drop, run: list[FrameScore]) -> Spell:
    lowest, at = min((frame.score, frame.number) for frame in run if frame.score is not None)
    return Spell(run[0].number, run[-1].number, len(run), drop, lowest, at, run[0].seconds)
