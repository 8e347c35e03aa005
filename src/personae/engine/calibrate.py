"""Find the gallery's own threshold at a false match rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from personae.core.calibrate import strangers_threshold, threshold_at_fmr
from personae.core.ledger import resolve_faces, resolve_people
from personae.core.pairs import pair_scores
from personae.engine.gallery import Gallery, load_gallery
from personae.engine.parts import Parts, Vision
from personae.engine.preferences import rules_now
from personae.engine.thresholds import Calibration, forget, keep, take_back, thresholds
from personae.errors import Conflict, InputError, TooFewComparisons
from personae.ports import Transaction
from personae.types import Ids, Maker, Scores

ENOUGH_PEOPLE = 10
"""Named people from which on their faces say how alike strangers are."""
SMALLEST_FMR = 1e-15
"""It would take 45 million strangers."""
EVENT = "threshold.calibrated"


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What one calibration found."""

    calibration: Calibration
    before: float
    """The threshold that was in use."""
    model_threshold: float
    """The model's own."""
    look_alikes: int
    """Pairs of different people, as humans said, from `match_threshold` on: wrong labels would be among them."""
    match_threshold: float


def calibrate(parts: Parts, fmr: float) -> Calibrated:
    """Find the score that pairs of different people of this gallery reach at this rate, and go by it from now on.

    Faces that humans tied to different people are compared, when there are enough. Otherwise all faces are, and those
    pairs that look like one person are set aside.

    Args:
        parts: adapters and rules.
        fmr: wanted false match rate, a fraction in (0, 1).

    Raises:
        InputError: `fmr` is out of range.
        TooFewComparisons: the gallery is too small to show the rate; the sentence says what is missing.
    """
    if not 0 < fmr < 1:
        raise InputError(f"a false match rate lies between 0 and 1, not at {fmr}")
    if fmr < SMALLEST_FMR:
        raise TooFewComparisons(f"no gallery has the pairs that would show a false match rate of {fmr}")
    vision = parts.vision()
    with parts.store.read() as tx:
        before = thresholds(tx, vision).review
        gallery = load_gallery(tx, vision.model_ids)
        nonmated = _labelled_scores(tx, gallery)
    if len(nonmated) * fmr * (1 + 1e-12) >= 1:
        threshold, count, source = threshold_at_fmr(nonmated, fmr), len(nonmated), "labels"
    else:
        threshold, count = _from_strangers(gallery, vision, fmr)
        source = "strangers"
    found = Calibration(vision.model_id, fmr, threshold, count, source, parts.clock().isoformat(timespec="seconds"))
    with parts.store.write() as tx:
        keep(tx, found)
        match = rules_now(tx, parts.rules).match_threshold
        tx.events.emit(EVENT, {"model_id": vision.model_id, "fmr": fmr, "threshold": threshold})
    look_alikes = int(np.count_nonzero(nonmated >= np.float32(match)))
    return Calibrated(found, before, vision.thresholds.review, look_alikes, match)


def reset(parts: Parts) -> bool:
    """Go by the models' own threshold again; return whether another was in use."""
    vision = parts.vision()
    with parts.store.write() as tx:
        known = forget(tx, vision.model_id)
        if known:
            tx.events.emit(EVENT, {"model_id": vision.model_id, "threshold": vision.thresholds.review})
    return known


def undo(parts: Parts) -> float:
    """Take back the last calibration or reset of the models in use, or the last such undo.

    Returns:
        The score that is asked from now.

    Raises:
        Conflict: nothing was calibrated.
    """
    vision = parts.vision()
    with parts.store.write() as tx:
        if not take_back(tx, vision.model_id):
            raise Conflict("nothing was calibrated for the models in use")
        now = thresholds(tx, vision).review
        tx.events.emit(EVENT, {"model_id": vision.model_id, "threshold": now})
    return now


def _labelled_scores(tx: Transaction, gallery: Gallery) -> Scores:
    """Return the scores of pairs of faces that humans tied to different people; none when those are few people."""
    people = said_by_humans(tx, gallery.face_ids)
    rows = np.flatnonzero(people >= 0)
    if len(np.unique(people[rows])) < ENOUGH_PEOPLE:
        return np.empty(0, np.float32)
    return pair_scores(gallery.vectors[rows], people[rows]).nonmated


def said_by_humans(tx: Transaction, face_ids: Ids) -> Ids:
    """Return (n,) the person that a human tied each face to; -1 for none."""
    states = resolve_faces(tx.decisions.active(), resolve_people(tx.decisions.active_people()))
    said = {int(face_id): state.person_id for face_id, state in states.items() if state.by is Maker.HUMAN}
    return np.array([-1 if (person := said.get(i)) is None else person for i in face_ids.tolist()], np.int64)


def _from_strangers(gallery: Gallery, vision: Vision, fmr: float) -> tuple[float, int]:
    found = strangers_threshold(gallery.vectors, fmr)
    if found.median >= vision.thresholds.verify:
        raise TooFewComparisons("most faces look like one person's; faces of more people are needed")
    return found.threshold, found.comparisons
