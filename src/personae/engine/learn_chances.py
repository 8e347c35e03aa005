"""Learn from labels how often a score is right."""

from __future__ import annotations

import hashlib

import numpy as np

from personae.core.probability import Question
from personae.core.probability_fit import fit_curve
from personae.core.rehearsal import Labelled, rehearse
from personae.engine.calibrate import said_by_humans
from personae.engine.chances import PRIOR, Chances, chances, forget, keep
from personae.engine.gallery import load_gallery
from personae.engine.parts import Parts
from personae.engine.thresholds import thresholds
from personae.errors import InputError, TooFewComparisons

FEWEST_PEOPLE = 10
"""People on several photos from which on one of them is not the whole measurement."""
FEWEST_FACES = 50
"""Faces of such people."""
EVENT = "probability.learnt"


def learn_chances(parts: Parts) -> Chances:
    """Learn from the faces that humans named how often a score of the live models is right, and say so from now on.

    Args:
        parts: adapters and rules.

    Raises:
        InputError: the labels are too few; the sentence says how many are missing.
        TooFewComparisons: the models are right, or wrong, too seldom to show anything.
    """
    vision = parts.steady().vision()
    with parts.store.read() as tx:
        gallery = load_gallery(tx, vision.model_ids, parts.vectors)
        review = thresholds(tx, vision).review
        people = said_by_humans(tx, gallery.face_ids)
    rows = np.flatnonzero(people >= 0)
    faces = Labelled(gallery.vectors[rows], people[rows], gallery.image_ids[rows])
    several = _require_enough(faces)
    answers = rehearse(faces, review)
    curves = {Question.FACE.value: fit_curve(answers.pop(Question.FACE))}
    for question, given in answers.items():
        try:
            curves[question.value] = fit_curve(given)
        except TooFewComparisons:
            # What cannot be shown is not said.
            continue
    data = _digest(faces)
    now = parts.clock().isoformat(timespec="seconds")
    found = Chances(vision.model_id, curves, several, len(rows), PRIOR, data, now)
    with parts.store.write() as tx:
        keep(tx, found)
        tx.events.emit(EVENT, {"model_id": found.model_id, "people": found.people, "faces": found.faces})
    return found


def known_chances(parts: Parts) -> Chances | None:
    """Return what was learnt of the live models; None when nothing was."""
    vision = parts.vision()
    with parts.store.read() as tx:
        return chances(tx, vision.model_id)


def forget_chances(parts: Parts) -> bool:
    """Say nothing of the live models' scores any more; return whether there was anything to forget."""
    vision = parts.vision()
    with parts.store.write() as tx:
        known = forget(tx, vision.model_id)
        if known:
            tx.events.emit(EVENT, {"model_id": vision.model_id, "people": 0, "faces": 0})
    return known


def _require_enough(faces: Labelled) -> int:
    """Return how many people are on several photos."""
    owned = np.unique(np.column_stack([faces.people, faces.photos]), axis=0)
    names, counts = np.unique(owned[:, 0], return_counts=True)
    several = names[counts > 1]
    usable = int(np.isin(faces.people, several).sum())
    missing = []
    if len(several) < FEWEST_PEOPLE:
        missing.append(f"{FEWEST_PEOPLE - len(several)} more people with confirmed faces on two photos or more")
    if usable < FEWEST_FACES:
        missing.append(f"{FEWEST_FACES - usable} more confirmed faces of such people")
    if missing:
        raise InputError(
            f"too few labels to say how often a score is right: {' and '.join(missing)} are needed "
            f"(there are {len(several):,} people with several photos, and {usable:,} confirmed faces of them)"
        )
    return len(several)


def _digest(faces: Labelled) -> str:
    """Return what tells these faces, people and photos from any others: 64 hexadecimal digits."""
    found = hashlib.sha256()
    for part in (faces.people, faces.photos):
        found.update(len(part).to_bytes(8, "little") + np.ascontiguousarray(part, "<i8").tobytes())
    found.update(np.ascontiguousarray(faces.vectors, "<f4").tobytes())
    return found.hexdigest()
