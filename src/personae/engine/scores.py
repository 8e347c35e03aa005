"""How alike faces of one person are in this collection, and faces of two: what a threshold is chosen by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from personae.engine.gallery import Gallery, load_gallery
from personae.engine.thresholds import Calibration, calibration, review_before, thresholds
from personae.types import Ids, Scores, Thresholds

if TYPE_CHECKING:
    from personae.engine.parts import Parts

LOWEST, HIGHEST, STEP = -0.2, 1.0, 0.02
"""Where scores are counted: lower ones with the lowest."""
FEWEST = 2
"""People from which on pairs of two people are known."""


@dataclass(frozen=True, slots=True)
class ScoreCounts:
    """Pairs of faces by their score."""

    model_id: str
    lowest: float
    step: float
    same: tuple[int, ...]
    """Pairs of one person, from `lowest` on, a `step` each."""
    other: tuple[int, ...]
    """Pairs of two people; of any two faces where nobody has a name."""
    people: int
    """With a name, whose faces were compared; 0: nobody has one."""
    thresholds: Thresholds
    """In use."""
    model_review: float
    """The models' own threshold to ask from."""
    calibrated: Calibration | None
    review_before: float | None
    """What was asked from before the last calibration or reset; None: there was none."""


def score_counts(parts: Parts) -> ScoreCounts:
    """Return the scores of pairs of faces of this collection, by whether they show one person as far as is known.

    Of very many faces a sample is compared. What was counted is kept in memory until somebody decides something.
    """
    vision = parts.vision()
    with parts.store.read() as tx:
        seen = vision.model_id, tx.events.last()
        if parts.scores.value is not None and parts.scores.value[0] == seen:
            return parts.scores.value[1]
        gallery = load_gallery(tx, vision.model_ids, parts.vectors)
        now, own, before = thresholds(tx, vision), calibration(tx, vision.model_id), review_before(tx, vision)
    same, other, people = _compared(gallery)
    counted = ScoreCounts(
        vision.model_id, LOWEST, STEP, _counts(same), _counts(other), people, now, vision.thresholds.review, own,
        before,
    )  # fmt: skip
    parts.scores.value = seen, counted
    return counted


def _compared(gallery: Gallery) -> tuple[Scores, Scores, int]:
    from personae.core.pairs import pair_scores  # noqa: PLC0415 - numba comes with it

    rows: Ids = np.flatnonzero(gallery.person_ids >= 0)
    people = len(np.unique(gallery.person_ids[rows]))
    if people < FEWEST:
        found = pair_scores(gallery.vectors, np.arange(len(gallery.face_ids)))
        return np.empty(0, np.float32), found.nonmated, 0
    found = pair_scores(gallery.vectors[rows], gallery.person_ids[rows])
    return found.mated, found.nonmated, people


def _counts(scores: Scores) -> tuple[int, ...]:
    edges = np.linspace(LOWEST, HIGHEST, round((HIGHEST - LOWEST) / STEP) + 1)
    # In double precision: the edges have no exact float32, and what lies on them shall not fall out.
    counted, _ = np.histogram(np.clip(scores.astype(np.float64), edges[0], edges[-1]), edges)
    return tuple(int(count) for count in counted)
