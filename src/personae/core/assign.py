"""Who may this face be? Candidates, and the open-set decision on them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from personae.core.likeness import Centroid
from personae.core.open_set import place
from personae.types import ClusterId, FaceId, Ids, Outcome, PersonId, Scores, Vectors

BEST = 3
"""Nearest faces of a person whose scores are averaged."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Someone whom a probe may show: a person, an unknown group, or a single unknown face."""

    person_id: PersonId | None
    cluster_id: ClusterId | None
    """Set for the group of an unknown person."""
    face_id: FaceId
    """The nearest face."""
    score: float
    """Mean of the best scores."""
    support: int
    """Faces among the nearest that speak for it."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was decided on a probe, and on what grounds."""

    outcome: Outcome
    best: Candidate | None
    """The best candidate, whatever the outcome; None when there is none."""
    score: float | None
    runner_up: float | None
    """Score of the next candidate."""
    threshold: float
    """What the score had to reach for a match."""

    @property
    def margin(self) -> float | None:
        """How far the best candidate is ahead of the next."""
        return None if self.score is None or self.runner_up is None else self.score - self.runner_up


class Assigned(NamedTuple):
    """One face and the person it matches."""

    face_id: int
    person_id: int
    score: float
    runner_up: float | None
    """Score of the next person; None when there is only one."""


# --- one probe --------------------------------------------------------------------------------


def rank(
    face_ids: Ids, scores: Scores, people: Ids, clusters: Ids, rejected: Collection[int] = (), best: int = BEST
) -> list[Candidate]:
    """Return the candidates that the nearest faces stand for, best first.

    Args:
        face_ids: (n,) the nearest faces; -1 where there are fewer.
        scores: (n,) their cosines with the probe.
        people: (n,) the person of each; -1 is unknown.
        clusters: (n,) the group of each; -1 is none.
        rejected: people that a human has said the probe does not show.
        best: scores of a candidate that are averaged.
    """
    refused = set(rejected)
    votes: dict[tuple[int, int, int], list[int]] = {}
    # Equal scores are ordered by face, so that the order in which an index found them has no influence.
    for at in np.lexsort((face_ids, -scores)).tolist():
        face, person, cluster = int(face_ids[at]), int(people[at]), int(clusters[at])
        if face < 0 or person in refused:
            continue
        key = (person, -1, -1) if person >= 0 else (-1, cluster, -1 if cluster >= 0 else face)
        votes.setdefault(key, []).append(at)
    found = [
        Candidate(
            person_id=PersonId(person) if person >= 0 else None,
            cluster_id=ClusterId(cluster) if cluster >= 0 else None,
            face_id=FaceId(int(face_ids[rows[0]])),
            score=float(np.mean(scores[rows[:best]])),
            support=len(rows),
        )
        for (person, cluster, _), rows in votes.items()
    ]
    return sorted(found, key=lambda candidate: (-candidate.score, candidate.face_id))


def decide(candidates: list[Candidate], *, match: float, review: float) -> Receipt:
    """Decide whether the best candidate is the one: match, review or unknown.

    Args:
        candidates: best first.
        match: from this score on it is.
        review: from this score on a human is asked.
    """
    if not candidates:
        return Receipt(Outcome.UNKNOWN, None, None, None, match)
    best = candidates[0]
    runner_up = candidates[1].score if len(candidates) > 1 else None
    outcome = Outcome.REVIEW if best.score >= review else Outcome.UNKNOWN
    if best.score >= match:
        outcome = Outcome.MATCH
    return Receipt(outcome, best, best.score, runner_up, match)


# --- many faces at once -----------------------------------------------------------------------


def assign(
    vectors: Vectors,
    face_ids: Ids,
    known: Vectors,
    person_ids: Ids,
    *,
    threshold: float,
    rejected: Collection[tuple[int | None, int | None]] = (),
) -> list[Assigned]:
    """Give each face the person whose mean face is nearest, when it is near enough.

    This is the bare rule. `open_set.place` answers for every face, under any rule of `likeness`, and tells a match from
    a question for a human.

    Args:
        vectors: (n, d) float32 unit rows of the faces to place.
        face_ids: (n,) their ids.
        known: (m, d) float32 unit rows of faces of known people, under the same models.
        person_ids: (m,) their people.
        threshold: cosine from which a face is given to a person.
        rejected: (face, person) pairs that are never proposed.

    Returns:
        The faces that are near enough to someone, in the order given.

    Raises:
        ModelMismatch: the dimensions differ.
        InputError: a row holds NaN or is not of length 1; or not one person a face.
    """
    people = Centroid().fit(known, person_ids)
    found = place(vectors, face_ids, people, match=threshold, review=threshold, rejected=rejected)
    # NaN, where there is nobody, is not near enough.
    receipts = (found.receipt(row) for row in np.flatnonzero(found.scores >= np.float32(threshold)).tolist())
    return [
        Assigned(each.face_id, each.person_id, each.score, each.runner_up)
        for each in receipts
        if each.person_id is not None and each.score is not None
    ]
