"""Questions whose answer is known: labelled faces are looked for among the others, with their person and without."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personae.core.assign import BEST
from personae.core.likeness import Prototypes
from personae.core.open_set import Placed, place
from personae.core.pairs import pair_scores
from personae.core.probability import Answers, Question
from personae.errors import InputError
from personae.types import Ids, Labels, Scores, Vectors

FOLDS = 10
"""Photos are looked for in this many turns, each time among all the others."""
MOST_PROBES = 4000
"""Faces that are looked for."""
MOST_OF_ONE = 200
"""Of one person: nobody shall be the whole measurement."""
MOST_SEARCHES = 1500
"""Of them among single faces, which takes longer."""
MOST_PAIRS = 20_000
GROUP = 5
"""Faces of one group, at most; at least two."""
NEIGHBOURS = 100
"""Nearest faces from which the candidates of a search are made."""
ROWS_AT_ONCE = 64

Rehearsed = dict[Question, Answers]


@dataclass(frozen=True, slots=True)
class Labelled:
    """Faces whose person is known."""

    vectors: Vectors
    """(n, d) float32 unit rows."""
    people: Labels
    """(n,) the person of each."""
    photos: Ids
    """(n,) the photo of each: it is not looked for among faces of the same."""

    def at(self, rows: Ids | NDArray[np.bool_]) -> Labelled:
        """Return some of them."""
        return Labelled(self.vectors[rows], self.people[rows], self.photos[rows])


def rehearse(faces: Labelled, apart: float, questions: Collection[Question] = tuple(Question)) -> Rehearsed:
    """Ask of labelled faces what is asked of others, and tell the right answers from the wrong ones.

    Everybody is looked for twice: once with the person among those who are known, and once without. Both weigh as much,
    as if half of all unknown faces were of known people. Of two photos of one person none helps to find itself.

    Args:
        faces: any number; the order of people and photos decides who is looked for together.
        apart: threshold for review of their models; see `Prototypes`.
        questions: which are asked.

    Raises:
        InputError: not one person and photo a face, or a row is no unit vector.
    """
    if not len(faces.vectors) == len(faces.people) == len(faces.photos):
        raise InputError(f"{len(faces.vectors)} faces, {len(faces.people)} people and {len(faces.photos)} photos")
    turn = _turns(faces)
    ways: dict[Question, Callable[[], Answers]] = {
        Question.FACE: lambda: _of_faces(faces, turn, apart),
        Question.GROUP: lambda: _of_groups(faces, turn, apart),
        Question.SEARCH: lambda: _of_searches(faces),
        Question.PAIR: lambda: _of_pairs(faces),
    }
    return {question: ways[question]() for question in questions}


def _turns(faces: Labelled) -> Ids:
    """Return (n,) numbers of the photos: those of one person follow each other, so that they part in any rhythm."""
    order = np.lexsort((faces.photos, faces.people))
    _, first, photo = np.unique(faces.photos[order], return_index=True, return_inverse=True)
    number = np.empty(len(first), np.int64)
    number[np.argsort(first, kind="stable")] = np.arange(len(first))
    turns = np.empty(len(order), np.int64)
    turns[order] = number[photo.ravel()]
    return turns


def _probes(people: Labels, most: int) -> Ids:
    """Return rows of at most so many faces, and of few of each person."""
    order = np.argsort(people, kind="stable")
    _, starts, counts = np.unique(people[order], return_index=True, return_counts=True)
    rank_ = np.arange(len(order)) - np.repeat(starts, counts)
    step = np.maximum(1, -(-np.repeat(counts, counts) // MOST_OF_ONE))
    chosen = order[rank_ % step == 0]
    if len(chosen) > most:
        chosen = chosen[np.linspace(0, len(chosen) - 1, most).astype(np.int64)]
    return np.sort(chosen)


# --- against people ---------------------------------------------------------------------------


def _of_faces(faces: Labelled, turn: Ids, apart: float) -> Answers:
    probe = np.zeros(len(faces.people), bool)
    probe[_probes(faces.people, MOST_PROBES)] = True
    return _together([
        _asked(faces.at(turn % FOLDS != fold), faces.at(rows), apart)
        for fold in range(FOLDS)
        if (rows := probe & (turn % FOLDS == fold)).any()
    ])  # fmt: skip


def _of_groups(faces: Labelled, turn: Ids, apart: float) -> Answers:
    """Look for one half of the photos by the other, a few of a person at once."""
    return _together([
        _asked(faces.at(turn % 2 != side), groups, apart)
        for side in (0, 1)
        if len((groups := _groups(faces.at(turn % 2 == side))).people)
    ])  # fmt: skip


def _groups(faces: Labelled) -> Labelled:
    order = np.lexsort((faces.photos, faces.people))
    owner, number = faces.people[order], np.zeros(len(order), np.int64)
    _, starts, counts = np.unique(owner, return_index=True, return_counts=True)
    number = (np.arange(len(order)) - np.repeat(starts, counts)) // GROUP
    edges = np.flatnonzero((np.diff(owner, prepend=-1) != 0) | (np.diff(number, prepend=-1) != 0))
    sizes = np.diff(np.append(edges, len(order)))
    sums = np.add.reduceat(faces.vectors[order], edges, axis=0, dtype=np.float64) if len(edges) else np.empty((0, 1))
    lengths = np.linalg.norm(sums, axis=1)
    sound = (sizes > 1) & (lengths > 0)
    means = (sums[sound] / lengths[sound, None]).astype(np.float32)
    rows = order[edges[sound]]
    return Labelled(means, faces.people[rows], faces.photos[rows])


_Told = tuple[Scores, NDArray[np.bool_], NDArray[np.bool_]]
"""Scores, whether right, whether the person was among those who are known."""


def _asked(known: Labelled, probes: Labelled, apart: float) -> _Told:
    """Look for probes among known people, then for each without its own."""
    people = Prototypes(apart).fit(known.vectors, known.people)
    numbers = np.arange(len(probes.people))
    enrolled = np.isin(probes.people, people.people_)

    def placed(rejected: set[tuple[int | None, int | None]]) -> Placed:
        return place(probes.vectors, numbers, people, match=1.0, review=1.0, rejected=rejected)

    with_own, without = placed(set()), placed(set(zip(numbers.tolist(), probes.people.tolist(), strict=True)))
    return (
        np.concatenate([with_own.scores[enrolled], without.scores]),
        np.concatenate([(with_own.person_ids == probes.people)[enrolled], np.zeros(len(numbers), bool)]),
        np.concatenate([np.ones(int(enrolled.sum()), bool), np.zeros(len(numbers), bool)]),
    )


def _together(told: list[_Told]) -> Answers:
    """Weigh the questions: the known as much as the strangers."""
    if not told:
        return _answers(np.empty(0, np.float32), np.empty(0, bool), np.empty(0, bool))
    return _answers(*(np.concatenate(each) for each in zip(*told, strict=True)))


def _answers(scores: Scores, right: NDArray[np.bool_], known: NDArray[np.bool_]) -> Answers:
    # Where there is nobody to propose, nothing is asked.
    asked = np.isfinite(scores)
    scores, right, known = scores[asked], right[asked], known[asked]
    sizes = max(1, int(known.sum())), max(1, int((~known).sum()))
    return Answers(scores, right, np.where(known, 1 / sizes[0], 1 / sizes[1]))


# --- against faces ----------------------------------------------------------------------------


def _of_searches(faces: Labelled) -> Answers:
    scores, right, known = [], [], []
    probes = _probes(faces.people, MOST_SEARCHES)
    for start in range(0, len(probes), ROWS_AT_ONCE):
        part = probes[start : start + ROWS_AT_ONCE]
        for row, cosines in zip(part.tolist(), faces.vectors[part] @ faces.vectors.T, strict=True):
            others = faces.photos != faces.photos[row]
            own = faces.people == faces.people[row]
            for enrolled in (True, False) if (others & own).any() else (False,):
                best = _nearest(cosines, faces.people, others if enrolled else others & ~own)
                if best is not None:
                    scores.append(best[0])
                    right.append(best[1] == faces.people[row])
                    known.append(enrolled)
    return _answers(np.array(scores, np.float32), np.array(right, bool), np.array(known, bool))


def _nearest(cosines: Scores, people: Labels, among: NDArray[np.bool_]) -> tuple[float, int] | None:
    """Return score and person of the first candidate of `assign.rank`, without making all the others."""
    rows = np.flatnonzero(among)
    if len(rows) > NEIGHBOURS:
        rows = rows[np.argpartition(-cosines[rows], NEIGHBOURS)[:NEIGHBOURS]]
    if not len(rows):
        return None
    rows = rows[np.lexsort((rows, -cosines[rows], people[rows]))]
    names, starts, counts = np.unique(people[rows], return_index=True, return_counts=True)
    best = np.arange(len(rows)) - np.repeat(starts, counts) < BEST
    sums = np.bincount(np.repeat(np.arange(len(names)), counts)[best], cosines[rows[best]])
    means = sums / np.minimum(counts, BEST)
    return min(1.0, float(means.max())), int(names[means.argmax()])


def _of_pairs(faces: Labelled) -> Answers:
    found = pair_scores(faces.vectors, faces.people)
    mated, nonmated = (_thinned(each) for each in (found.mated, found.nonmated))
    truth = np.repeat([True, False], [len(mated), len(nonmated)])
    return _answers(np.concatenate([mated, nonmated]), truth, truth)


def _thinned(scores: Scores) -> Scores:
    """Return at most so many scores, evenly out of those that rise."""
    return scores if len(scores) <= MOST_PAIRS else scores[np.linspace(0, len(scores) - 1, MOST_PAIRS).astype(np.int64)]
