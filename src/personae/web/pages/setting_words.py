"""Settings that may be changed, in words, and the drawing under the slider of a threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from personae.engine.scores import ScoreCounts
from personae.preferences import InForce
from personae.web.api.settings import NOBODY

WIDTH, HEIGHT = 1000, 220
"""Of the drawing, in its own units."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a setting is asked for."""

    name: str
    title: str
    words: str
    choices: tuple[tuple[str, str], ...] = ()
    """Value and words; empty: it is a number."""
    lowest: float = 0.0
    highest: float = 1.0
    step: float = 0.01
    slides: bool = False


FORMS = (
    Form(
        "person_match_threshold", "How alike is enough to recognise somebody",
        "From this score on a face is tied to a known person without asking. Higher: fewer mistakes, more questions.",
        lowest=-0.2, slides=True,
    ),
    Form(
        "unknown_method", "How unknown faces are grouped",
        "The house's own way does well on most albums. The others are there for comparison.",
        (
            ("auto", "as is best (linkage)"), ("linkage", "linkage"), ("whispers", "whispers"), ("hdbscan", "hdbscan"),
            ("dbscan", "dbscan"), ("agglomerative", "agglomerative"),
        ),
    ),
    Form(
        "unknown_min_cluster_size", "Smallest group",
        "A group of fewer faces is not shown as an unknown person.", lowest=2, highest=1000, step=1,
    ),
    Form(
        "unknown_eps", "Reach of dbscan",
        "Distance up to which dbscan calls faces neighbours. The other ways do not use it.", lowest=0.01, highest=2,
    ),
    Form(
        "reference_threshold", "How sure a reference has to be",
        "When the detector is less sure of the face on a character's source image, the reference is called doubtful.",
        slides=True,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """One setting with its form, and who has set it."""

    form: Form
    value: str | float
    text: str
    """The value as it is read."""
    origin: str
    own: str
    """project or studio where somebody has set it, else empty."""
    now: InForce


def shown(settings: Sequence[InForce]) -> list[ShownSetting]:
    """Return the settings that have a form, in the order of the forms."""
    found = {each.name: each for each in settings}
    return [_shown(form, found[form.name]) for form in FORMS if form.name in found]


def _shown(form: Form, now: InForce) -> ShownSetting:
    own = now.source if now.source in {"project", "studio"} else ""
    where = {"default": "as it comes", "environment": "from the environment of the server",
             "command line": "from the command line of the server"}  # fmt: skip
    by = "on this machine" if now.set_by in {NOBODY, None, ""} else f"by {now.set_by}"
    set_for = {"project": "for this project", "studio": "for all projects"}
    origin = f"set {by} {set_for[own]}" if own else where.get(now.source, f"from {now.source}")
    text = f"{now.value:g}" if isinstance(now.value, int | float) else str(now.value)
    return ShownSetting(form, now.value, text, origin, own, now)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of the drawing, in its units."""

    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """The scores of pairs of faces, and the lines of the thresholds."""

    same: tuple[Bar, ...]
    other: tuple[Bar, ...]
    match_x: float
    review_x: float
    ticks: tuple[tuple[float, str], ...]
    reach: str
    """What the threshold means for these pairs."""


def draw(counts: ScoreCounts, match: float) -> Drawing:
    """Return the drawing of counts, with a line at the score that is enough for a match."""
    ticks = [(value / 10, f"{value / 10:.1f}") for value in range(round(counts.lowest * 10), 11, 2)]
    return Drawing(
        _bars(counts, counts.same), _bars(counts, counts.other), place(counts, match),
        place(counts, counts.thresholds.review), tuple((place(counts, at), text) for at, text in ticks),
        reach(counts, match),
    )  # fmt: skip


def place(counts: ScoreCounts, score: float) -> float:
    """Return where a score is on the drawing."""
    width = counts.step * len(counts.other)
    return round(min(1.0, max(0.0, (score - counts.lowest) / width)) * WIDTH, 1)


def reach(counts: ScoreCounts, match: float) -> str:
    """Say which share of the pairs reaches a score."""
    other = _share(counts, counts.other, match)
    if not counts.people:
        return f"Of any two faces, {_percent(other)} are this much alike."
    same = _share(counts, counts.same, match)
    return f"{_percent(same)} of pairs of one person reach it, and {_percent(other)} of pairs of two people."


def _bars(counts: ScoreCounts, pairs: Sequence[int]) -> tuple[Bar, ...]:
    # Each is drawn to its own height: there are thousands of times more pairs of two people.
    highest = max(max(pairs, default=0), 1)
    wide = WIDTH / len(counts.other)
    return tuple(
        Bar(round(at * wide, 2), round(HEIGHT * (1 - count / highest), 1), round(wide * 0.92, 2),
            round(HEIGHT * count / highest, 1), f"{counts.lowest + at * counts.step:.2f}: {count:,} pairs")
        for at, count in enumerate(pairs) if count
    )  # fmt: skip


def _share(counts: ScoreCounts, pairs: Sequence[int], score: float) -> float:
    """Return the share of pairs from a score on; within a bar as if they were spread evenly."""
    at = (score - counts.lowest) / counts.step
    whole = min(max(int(at), 0), len(pairs))
    above = float(sum(pairs[whole + 1 :]))
    if whole < len(pairs):
        above += pairs[whole] * (1 - min(max(at - whole, 0.0), 1.0))
    return above / max(sum(pairs), 1)


def _percent(share: float) -> str:
    if share in {0.0, 1.0}:
        return f"{share:.0%}"
    if share >= 0.001:
        return f"{min(share, 0.999):.1%}"
    # So few are better said as one in many.
    return f"1 in {round(1 / share, -len(str(round(1 / share))) + 2):,}"
