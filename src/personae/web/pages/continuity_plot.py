"""Where things lie in the drawing of a continuity: the score of each frame over its place in the sequence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from personae.core.continuity import Continuity, FrameScore

WIDTH, HEIGHT = 860, 260
"""Units of the drawing; a browser stretches it."""
LEFT, RIGHT, TOP, BOTTOM = 44, 14, 14, 34
"""Room for the words at its edges."""
DOTS = 400
"""More frames than this are drawn as a line, with dots for those that stand out alone."""
TICKS = 6


@dataclass(frozen=True, slots=True)
class Dot:
    """One frame."""

    x: float
    y: float
    frame: FrameScore


@dataclass(frozen=True, slots=True)
class Rule:
    """A level or a place, with what is written at it."""

    at: float
    words: str


@dataclass(frozen=True, slots=True)
class Plot:
    """The drawing."""

    lines: tuple[str, ...]
    """Points of a line for each run of frames with a score."""
    dots: tuple[Dot, ...]
    gaps: tuple[float, ...]
    """Places of the frames without a score."""
    across: tuple[Rule, ...]
    up: tuple[Rule, ...]
    threshold: float
    median: float | None
    floor: float | None
    clock: bool
    """Whether places are seconds; else they are numbers of frames."""


def draw(found: Continuity) -> Plot:
    """Return the drawing of a sequence of at least one frame."""
    frames = found.frames
    clock = all(frame.seconds is not None for frame in frames)
    places = [_place(frame, clock) for frame in frames]
    scores = [frame.score for frame in frames if frame.score is not None]
    low = _down(min([*scores, found.threshold, 0.2]))
    first, last = places[0], max(places[-1], places[0] + 1e-9)

    def x_of(place: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * ((place - first) / (last - first) if len(frames) > 1 else 0.5), 2)

    def y_of(score: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - (score - low) / (1 - low)), 2)

    dots = [Dot(x_of(place), y_of(frame.score), frame)
            for place, frame in zip(places, frames, strict=True) if frame.score is not None]  # fmt: skip
    return Plot(
        lines=tuple(_lines(frames, dots)),
        dots=tuple(dots if len(frames) <= DOTS else [dot for dot in dots if dot.frame.drop is not None]),
        gaps=tuple(x_of(place) for place, frame in zip(places, frames, strict=True) if frame.score is None),
        across=tuple(Rule(x_of(at), f"{at:g}") for at in _ticks(first, places[-1], whole=not clock)),
        up=tuple(Rule(y_of(at), f"{at:.1f}") for at in _ticks(low, 1.0, whole=False)),
        threshold=y_of(found.threshold),
        median=None if found.median is None else y_of(found.median),
        floor=None if found.floor is None else y_of(max(found.floor, low)),
        clock=clock,
    )  # fmt: skip


def _place(frame: FrameScore, clock: bool) -> float:
    return frame.seconds if clock and frame.seconds is not None else float(frame.number)


def _lines(frames: Sequence[FrameScore], dots: Sequence[Dot]) -> list[str]:
    """Return the points of each run of frames one after another that have a score."""
    runs: list[list[str]] = [[]]
    waiting = iter(dots)
    for frame in frames:
        if frame.score is None:
            runs.append([])
        else:
            dot = next(waiting)
            runs[-1].append(f"{dot.x:g},{dot.y:g}")
    return [" ".join(run) for run in runs if len(run) > 1]


def _down(score: float) -> float:
    """Return the lower edge: a tenth that is not above a score."""
    return math.floor(score * 10) / 10


def _ticks(low: float, high: float, whole: bool) -> list[float]:
    """Return a few round values from `low` to `high`."""
    span = high - low
    if span <= 0:
        return [low]
    rough = span / TICKS
    power = 10 ** math.floor(math.log10(rough))
    step = next(step * power for step in (1, 2, 5, 10) if step * power >= rough)
    if whole:
        step = max(1, round(step))
    begin = math.ceil(low / step - 1e-9)
    return [round(number * step, 10) for number in range(begin, math.floor(high / step + 1e-9) + 1)]
