"""Do the labelled faces of a person agree with each other? What a wrong label must not spoil."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform

from personae.core.graph import content_order
from personae.types import FaceId, Ids, Labels, PersonId, Scores, Vectors

DUPLICATE = 0.9
"""Faces of one person that are so near are one picture twice: together they have one vote."""
RIVAL = 0.5
"""Up to this share of the main faces' weight, others are outvoted; above it nobody can tell who is meant."""
TWO_PICTURES = 1.5
"""From this weight on a part is more than one picture, near duplicates counted once."""
LARGEST = 2000
"""Faces of a person that are compared each with each; of more, a sample says what parts there are."""
VANISHED = 1e-6
SCORES_AT_ONCE = 1 << 22


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Labelled faces of a person that do not look like the others."""

    person_id: PersonId
    face_ids: tuple[FaceId, ...]
    """Ascending."""
    score: float
    """Cosine of their mean with that of the person's main faces."""
    resembles: PersonId | None
    """The other person whom they look like, and more so; None: nobody who is known."""
    kept: bool
    """True: as good as the main faces, so the person is looked for under both. False: they have no influence."""


@dataclass(frozen=True, slots=True)
class Part:
    """Faces of one person that look alike."""

    owner: int
    """Number of the person."""
    rows: Ids
    """Where the faces stand in the array."""
    weight: float
    """Pictures, duplicates counted once."""
    sum: NDArray[np.float64]
    """(d,) weighted sum of the faces."""

    @property
    def mean(self) -> NDArray[np.float64]:
        """(d,) of length 1."""
        return self.sum / np.linalg.norm(self.sum)


@dataclass(frozen=True, slots=True)
class Vetted:
    """What the labelled faces of all people come to."""

    sums: list[NDArray[np.float64]]
    """Each person's main faces, added up."""
    support: Ids
    """(p,) faces of each person that were not set aside."""
    doubtful: NDArray[np.bool_]
    """(p,) people of whom there are only single pictures that contradict each other."""
    rivals: list[Part]
    """Parts beside the main one that people are looked for under as well."""
    contradictions: list[Contradiction]


class _Other(NamedTuple):
    """The other person whom a part looks like most."""

    owner: int
    score: float


NOBODY = _Other(-1, -2.0)


def parts_of(vectors: Vectors, rows: Ids, owner: int, apart: float) -> list[Part]:
    """Return the faces of one person in parts that look alike, the heaviest first; most people have one.

    Args:
        vectors: (n, d) float32 unit rows of everybody.
        rows: (m,) those of this person, m >= 1.
        owner: the person's number.
        apart: cosine of two means below which they are two parts.

    Source: average linkage; the tree is cut where the two sides' means are apart.
    """
    if len(rows) == 1:
        return [Part(owner, rows, 1.0, vectors[rows[0]].astype(np.float64))]
    # An order of their own: sums are then the same to the last bit however the faces came.
    rows = rows[content_order(vectors[rows])]
    mine = vectors[rows]
    votes, labels = _agreement(mine, apart) if len(rows) <= LARGEST else _large(mine, apart)
    found = []
    for label in range(int(labels.max()) + 1):
        own = np.flatnonzero(labels == label)
        if not len(own):
            # Of very many faces, those of the sample may all have joined another part.
            continue
        found.append(Part(owner, rows[own], float(votes[own].sum()), _sum(mine, votes, own)))
    return sorted(found, key=lambda part: -part.weight)


def vet(people: Sequence[Sequence[Part]], person_ids: Ids, face_ids: Ids, apart: float) -> Vetted:
    """Decide which parts of each person count.

    A small part that is nearer to another person than to its own is a wrong label and is set aside; one that is not is
    a hard photo and counts with the main part. Parts of about equal weight cannot be told right from wrong: each one
    stands for the person, but for one that looks like somebody else who is known.

    Args:
        people: the parts of each person, heaviest first.
        person_ids: (p,) their ids.
        face_ids: (n,) id of each row that the parts speak of.
        apart: cosine from which a part looks like somebody.
    """
    split = [part for parts in people if len(parts) > 1 for part in parts]
    found = Vetted([], np.zeros(len(people), np.int64), np.zeros(len(people), dtype=bool), [], [])
    likest = iter(_likest(split, people))
    for owner, parts in enumerate(people):
        if len(parts) == 1:
            found.sums.append(parts[0].sum)
            found.support[owner] = len(parts[0].rows)
            continue
        others = [next(likest) for _ in parts]
        means = np.array([part.mean for part in parts])
        cosines = np.clip(means @ means.T, -1.0, 1.0)
        kept, merged, gone = _verdict(parts, cosines, np.array([other.score for other in others]), apart)
        found.sums.append(np.sum([parts[k].sum for k in [kept[0], *merged]], axis=0))
        found.rivals.extend(parts[k] for k in kept[1:])
        found.doubtful[owner] = len(kept) > 1 and parts[kept[0]].weight < TWO_PICTURES
        found.support[owner] = sum(len(parts[k].rows) for k in [*kept, *merged])
        for k in sorted([*kept[1:], *gone]):
            score, other = float(cosines[k, kept[0]]), others[k]
            found.contradictions.append(
                Contradiction(
                    PersonId(int(person_ids[owner])),
                    tuple(FaceId(face_id) for face_id in sorted(face_ids[parts[k].rows].tolist())),
                    score,
                    PersonId(int(person_ids[other.owner])) if other.score > max(score, apart) else None,
                    k in kept,
                )
            )
    return found


def _verdict(
    parts: Sequence[Part], cosines: NDArray[np.float64], others: NDArray[np.float64], apart: float
) -> tuple[list[int], list[int], list[int]]:
    """Return which parts stand for the person, which count with the first of those, and which are set aside."""
    equal = [k for k, part in enumerate(parts) if part.weight > RIVAL * parts[0].weight]
    own = np.where(np.eye(len(parts), dtype=bool), NOBODY.score, cosines).max(axis=1)
    kept = [k for k in equal if len(equal) == 1 or others[k] < apart or others[k] <= own[k]]
    # If each of them looks like somebody else, none is more likely than another.
    kept = kept or equal
    merged = [k for k in range(len(equal), len(parts)) if others[k] <= cosines[k, kept[0]]]
    return kept, merged, sorted(set(range(len(parts))) - {*kept, *merged})


def _likest(split: Sequence[Part], people: Sequence[Sequence[Part]]) -> Iterator[_Other]:
    """Yield for each part the other person who has a part that is nearest to it.

    Only parts that weigh as much count: one wrong label must not bring down the person whom it shows.
    """
    strong = [part for parts in people for part in parts if part.weight > RIVAL * parts[0].weight] if split else []
    means = np.array([part.mean for part in strong], np.float32)
    owners, weights = np.array([part.owner for part in strong]), np.array([part.weight for part in strong])
    step = max(1, SCORES_AT_ONCE // max(1, len(strong)))
    for start in range(0, len(split), step):
        some = split[start : start + step]
        scores = np.array([part.mean for part in some], np.float32) @ means.T
        scores[np.array([part.owner for part in some])[:, None] == owners] = NOBODY.score
        scores[np.array([part.weight for part in some])[:, None] > weights] = NOBODY.score
        nearest = scores.argmax(axis=1)
        for row, column in enumerate(nearest.tolist()):
            yield _Other(int(owners[column]), float(scores[row, column]))


# --- one person -------------------------------------------------------------------------------


def _agreement(mine: Vectors, apart: float) -> tuple[NDArray[np.float64], Labels]:
    """Return each face's vote, and the part it is in."""
    cosines = _cosines(mine)
    votes = _votes(cosines)
    labels = np.zeros(len(mine), np.int64)
    # Where no two faces are apart, no two means are.
    if cosines.min() < apart:
        for number, leaves in enumerate(_cut(mine * votes[:, None], cosines, apart)):
            labels[leaves] = number
    return votes, labels


def _cut(weighed: NDArray[np.float64], cosines: Scores, apart: float) -> Iterator[list[int]]:
    """Yield the faces of each part: the tree of average linkage, cut from its root on while the sides are apart."""
    n = len(weighed)
    distances = 1.0 - np.minimum(cosines, cosines.T).astype(np.float64)
    tree = linkage(squareform(np.maximum(distances, 0.0), checks=False), method="average")[:, :2].astype(np.int64)
    sums = np.concatenate([weighed, np.empty((n - 1, weighed.shape[1]))])
    for node, (left, right) in enumerate(tree.tolist(), start=n):
        sums[node] = sums[left] + sums[right]
    lengths = np.linalg.norm(sums, axis=1)
    waiting = [2 * n - 2]
    while waiting:
        node = waiting.pop()
        sides = tree[node - n].tolist() if node >= n else []
        if sides and (
            lengths[node] <= VANISHED or sums[sides[0]] @ sums[sides[1]] < apart * lengths[sides[0]] * lengths[sides[1]]
        ):
            waiting.extend(reversed(sides))
        else:
            yield _leaves(tree, node, n)


def _leaves(tree: Ids, node: int, n: int) -> list[int]:
    found, waiting = [], [node]
    while waiting:
        each = waiting.pop()
        if each < n:
            found.append(each)
        else:
            waiting.extend(tree[each - n].tolist())
    return sorted(found)


def _large(mine: Vectors, apart: float) -> tuple[NDArray[np.float64], Labels]:
    """Likewise for very many faces: a sample finds the parts, the others join the nearest."""
    sample = np.linspace(0, len(mine) - 1, LARGEST).astype(np.int64)
    votes, labels = _agreement(mine[sample], apart)
    sums = np.zeros((int(labels.max()) + 1, mine.shape[1]))
    np.add.at(sums, labels, mine[sample] * votes[:, None])
    means = (sums / np.linalg.norm(sums, axis=1, keepdims=True)).astype(np.float32)
    # Duplicates are about as far from the mean as each other, so they stand together in this order.
    order = np.argsort(mine @ means[0], kind="stable")
    all_votes = np.empty(len(mine))
    for start in range(0, len(mine), LARGEST):
        some = order[start : start + LARGEST]
        all_votes[some] = _votes(_cosines(mine[some]))
    return all_votes, (mine @ means.T).argmax(axis=1)


def _cosines(mine: Vectors) -> Scores:
    cosines = mine @ mine.T
    np.fill_diagonal(cosines, 1.0)
    return cosines


def _votes(cosines: Scores) -> NDArray[np.float64]:
    votes: NDArray[np.float64] = 1.0 / np.count_nonzero(cosines >= DUPLICATE, axis=1)
    return votes


def _sum(mine: Vectors, votes: NDArray[np.float64], rows: Ids) -> NDArray[np.float64]:
    """Add the faces up, each with its vote; by blocks, since they are widened."""
    total = np.zeros(mine.shape[1])
    for start in range(0, len(rows), LARGEST):
        some = rows[start : start + LARGEST]
        total += votes[some] @ mine[some].astype(np.float64)
    return total
