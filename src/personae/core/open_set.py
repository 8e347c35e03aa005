"""Many faces at once: who is each, and is that sure? Everybody else stays unknown."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from personae.core.compare import require_unit
from personae.core.likeness import Likeness
from personae.errors import InputError
from personae.types import FaceId, Ids, Outcome, PersonId, Scores, Vectors

SCORES_AT_ONCE = 1 << 22
"""16 MiB."""
TIE = 1e-6
"""Scores nearer than this are equal: matrix products round that much."""


class Placement(NamedTuple):
    """The receipt of one face."""

    face_id: FaceId
    outcome: Outcome
    person_id: PersonId | None
    """The best person, whatever the outcome; None when there is none."""
    score: float | None
    runner_up_id: PersonId | None
    runner_up: float | None
    support: int
    """Labelled faces on which the best person's likeness rests."""
    match: float
    review: float


@dataclass(frozen=True, slots=True)
class Placed:
    """All faces with their best person, row by row as they were given."""

    face_ids: Ids
    outcomes: NDArray[np.str_]
    """(n,) values of `Outcome`."""
    person_ids: Ids
    """-1 where nobody is left to propose."""
    scores: Scores
    """NaN likewise."""
    runner_up_ids: Ids
    """-1 where there is no second person."""
    runner_ups: Scores
    """NaN likewise."""
    support: Ids
    match: float
    review: float

    def rows(self, outcome: Outcome) -> Ids:
        """Return the rows of this outcome."""
        return np.flatnonzero(self.outcomes == outcome.value)

    def receipt(self, row: int) -> Placement:
        """Return what was decided on a face, and on what grounds."""
        known, second = self.person_ids[row] >= 0, self.runner_up_ids[row] >= 0
        return Placement(
            FaceId(int(self.face_ids[row])),
            Outcome(str(self.outcomes[row])),
            PersonId(int(self.person_ids[row])) if known else None,
            float(self.scores[row]) if known else None,
            PersonId(int(self.runner_up_ids[row])) if second else None,
            float(self.runner_ups[row]) if second else None,
            int(self.support[row]),
            self.match,
            self.review,
        )


def place(
    vectors: Vectors,
    face_ids: Ids,
    people: Likeness,
    *,
    match: float,
    review: float,
    rejected: Collection[tuple[int | None, int | None]] = (),
) -> Placed:
    """Find the person whom each face is most like, and decide whether it is that person.

    Above the threshold a human is asked nonetheless, and no match made, where two people are equally near (the lower id
    is proposed); where the next person is as near as a match too and has at least as many labelled faces; and where
    there are only single pictures of the person, which contradict each other.

    Args:
        vectors: (n, d) float32 unit rows, under the same models as the people.
        face_ids: (n,) int64 their ids.
        people: fitted to the labelled faces.
        match: score from which on it is that person.
        review: score from which on a human is asked; where it lies above `match`, it has no meaning.
        rejected: (face, person) pairs that are never proposed: the next person is.

    Raises:
        ModelMismatch: the dimensions differ.
        InputError: a row holds NaN or is not of length 1; not one id a face; a threshold outside [-1, 1].
    """
    rows = require_unit(vectors, people.dimension_)
    if len(rows) != len(face_ids):
        raise InputError(f"{len(rows)} faces and {len(face_ids)} ids")
    for value in (match, review):
        if not -1 <= value <= 1:
            raise InputError(f"a cosine threshold lies between -1 and 1, not at {value}")
    best, top, second, next_top = _nearest_two(rows, people, _columns(rejected, face_ids, people.people_))
    # Nobody is the last, for column -1.
    support, doubtful = np.append(people.support_, 0), np.append(people.doubtful_, False)
    contested = (next_top >= np.float32(match)) & (support[second] >= support[best])
    asked = contested | doubtful[best] | (top - next_top <= TIE)
    return Placed(
        face_ids,
        _outcomes(top, asked, match, min(review, match)),
        _named(people.people_, best),
        top,
        _named(people.people_, second),
        next_top,
        support[best],
        match,
        review,
    )


def _outcomes(top: Scores, asked: NDArray[np.bool_], match: float, review: float) -> NDArray[np.str_]:
    """Decide. A comparison with NaN, which stands where there is nobody, is false."""
    near = np.where(top >= np.float32(review), Outcome.REVIEW.value, Outcome.UNKNOWN.value)
    return np.where((top >= np.float32(match)) & ~asked, Outcome.MATCH.value, near)


def _named(people: Ids, columns: Ids) -> Ids:
    return np.append(people, -1)[columns]


def _nearest_two(vectors: Vectors, people: Likeness, refused: tuple[Ids, Ids]) -> tuple[Ids, Scores, Ids, Scores]:
    """Return each face's best person and score, and the next; column -1 and NaN where there is none."""
    n = len(vectors)
    columns, tops = np.full((2, n), -1), np.full((2, n), np.nan, np.float32)
    rows, never = refused
    step = max(1, SCORES_AT_ONCE // max(1, people.scores_a_face))
    for start in range(0, n if len(people.people_) else 0, step):
        part = slice(start, start + step)
        scores = people.scores(vectors[part])
        here = slice(*np.searchsorted(rows, [start, start + step]))
        scores[rows[here] - start, never[here]] = -np.inf
        columns[:, part], tops[:, part] = _top_two(scores)
    return columns[0], tops[0], columns[1], tops[1]


def _top_two(scores: Scores) -> tuple[Ids, Scores]:
    """Return (2, n) columns and scores of the best and the next person; uses `scores` up."""
    each = np.arange(len(scores))
    columns, tops = np.empty((2, len(scores)), np.int64), np.empty((2, len(scores)), np.float32)
    for place_ in (0, 1):
        columns[place_] = scores.argmax(axis=1)
        tops[place_] = scores[each, columns[place_]]
        scores[each, columns[place_]] = -np.inf
    none = ~np.isfinite(tops)
    columns[none], tops[none] = -1, np.nan
    # Which of equal people the product rounds up is chance: the lowest column is proposed, then the next.
    for row in np.flatnonzero(tops[0] - tops[1] <= TIE).tolist():
        equal = np.union1d(columns[:, row], np.flatnonzero(scores[row] >= tops[0, row] - TIE))
        columns[:, row] = equal[:2]
    return columns, np.minimum(tops, np.float32(1))


def _columns(rejected: Collection[tuple[int | None, int | None]], face_ids: Ids, people: Ids) -> tuple[Ids, Ids]:
    """Rows, ascending, and columns of the rejected pairs."""
    row_of = {face: row for row, face in enumerate(face_ids.tolist())} if rejected else {}
    column_of = {person: column for column, person in enumerate(people.tolist())} if rejected else {}
    pairs = sorted(
        (row_of[face], column_of[person]) for face, person in rejected if face in row_of and person in column_of
    )
    both = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]
