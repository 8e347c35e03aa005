"""What a person looks like, from labelled faces: rules behind one interface, all people at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

import numpy as np
from numpy.typing import NDArray

from personae.core.compare import normalise, require_unit
from personae.core.graph import content_order
from personae.core.vetting import VANISHED, Contradiction, Part, parts_of, vet
from personae.errors import InputError, ModelMismatch
from personae.types import Ids, Scores, Vectors


class Likeness(ABC):
    """Learns people from labelled faces, then scores faces against all of them.

    Attributes:
        people_: (p,) int64 ids of the people, ascending.
        support_: (p,) int64 labelled faces that each one's likeness rests on.
        doubtful_: (p,) bool, people of whom there are only single pictures that contradict each other.
        contradictions_: faces that do not look like the others of their person, by person.
        dimension_: components of a face.
    """

    people_: Ids
    support_: Ids
    doubtful_: NDArray[np.bool_]
    contradictions_: list[Contradiction]
    dimension_: int

    def fit(self, vectors: Vectors, person_ids: Ids, face_ids: Ids | None = None) -> Self:
        """Learn the people.

        Args:
            vectors: (n, d) float32 unit rows of labelled faces, of one model or fused; their order has no influence.
            person_ids: (n,) int64 person of each.
            face_ids: (n,) int64 ids by which contradictions name the faces; None: their rows.

        Returns:
            The rule itself.

        Raises:
            InputError: a row holds NaN or is not of length 1; or not one person a face.
        """
        if vectors.ndim != 2:
            raise InputError(f"a row for each face is wanted, not an array of shape {vectors.shape}")
        rows = require_unit(vectors, vectors.shape[1])
        names = np.arange(len(rows)) if face_ids is None else face_ids
        if not len(rows) == len(person_ids) == len(names):
            raise InputError(f"{len(rows)} faces, {len(person_ids)} people and {len(names)} ids")
        self.dimension_ = rows.shape[1]
        self.contradictions_ = []
        order = np.argsort(person_ids, kind="stable")
        self.people_, starts = np.unique(np.asarray(person_ids)[order], return_index=True)
        self.support_ = np.diff(np.append(starts, len(order)))
        self.doubtful_ = np.zeros(len(starts), dtype=bool)
        self._learn(rows, np.split(order, starts[1:]) if len(starts) else [], names)
        return self

    def scores(self, vectors: Vectors) -> Scores:
        """Return how near faces are to each person.

        Args:
            vectors: (n, d) float32 unit rows; n x p scores are made at once.

        Returns:
            (n, p) float32, cosines or means of cosines.

        Raises:
            ModelMismatch: another dimension than the people's.
        """
        if vectors.shape[1] != self.dimension_:
            raise ModelMismatch(f"faces of dimension {vectors.shape[1]} and people of {self.dimension_}")
        return self._scores(vectors)

    @property
    def scores_a_face(self) -> int:
        """Numbers that `scores` holds for a face at once."""
        return len(self.people_)

    @abstractmethod
    def _learn(self, vectors: Vectors, groups: list[Ids], face_ids: Ids) -> None:
        """Learn from the rows of each person."""

    @abstractmethod
    def _scores(self, vectors: Vectors) -> Scores: ...


class Centroid(Likeness):
    """The cosine with the person's mean face. A person whose faces cancel out is left out."""

    def _learn(self, vectors: Vectors, groups: list[Ids], face_ids: Ids) -> None:  # noqa: ARG002
        sums = np.zeros((len(groups), self.dimension_))
        for at, rows in enumerate(groups):
            sums[at] = vectors[rows[content_order(vectors[rows])]].sum(axis=0, dtype=np.float64)
        sound = np.linalg.norm(sums, axis=1) > VANISHED
        self.people_, self.support_, self.doubtful_ = self.people_[sound], self.support_[sound], self.doubtful_[sound]
        self._means = normalise(sums[sound]) if sound.any() else np.empty((0, self.dimension_), np.float32)

    def _scores(self, vectors: Vectors) -> Scores:
        return vectors @ self._means.T


class Prototypes(Likeness):
    """The cosine with the mean of the faces that agree; with the nearest mean where a person's faces fall apart.

    Near duplicates share one vote. Labels that look wrong are set aside. See `vetting.vet`.

    Args:
        apart: cosine of the model below which two faces are taken for two people: its threshold for review.

    Raises:
        InputError: apart outside [-1, 1].
    """

    def __init__(self, apart: float) -> None:
        if not -1 <= apart <= 1:
            raise InputError(f"a cosine threshold lies between -1 and 1, not at {apart}")
        self.apart = apart

    def _learn(self, vectors: Vectors, groups: list[Ids], face_ids: Ids) -> None:
        # Faces that point away from each other are apart under any model, and could cancel out.
        apart = max(self.apart, 0.0)
        people = [parts_of(vectors, rows, owner, apart) for owner, rows in enumerate(groups)]
        found = vet(people, self.people_, face_ids, apart)
        self.support_, self.doubtful_ = found.support, found.doubtful
        self.contradictions_ = found.contradictions
        self._means = _means(found.sums, self.dimension_)
        self._rivals = _means([part.sum for part in found.rivals], self.dimension_)
        self._owners, self._starts = _owners(found.rivals)

    def _scores(self, vectors: Vectors) -> Scores:
        scores = vectors @ self._means.T
        if len(self._owners):
            best = np.maximum.reduceat(vectors @ self._rivals.T, self._starts, axis=1)
            scores[:, self._owners] = np.maximum(scores[:, self._owners], best)
        return scores


class BestMean(Likeness):
    """The mean of the best few cosines with the person's faces; exact.

    Args:
        best: cosines that are averaged; of a person with fewer faces, all.

    Raises:
        InputError: best below 1.
    """

    def __init__(self, best: int = 3) -> None:
        if best < 1:
            raise InputError("at least one score is averaged")
        self.best = best

    @property
    def scores_a_face(self) -> int:
        """Numbers that `scores` holds for a face at once."""
        return 2 * len(self._faces)

    def _learn(self, vectors: Vectors, groups: list[Ids], face_ids: Ids) -> None:  # noqa: ARG002
        # People of equally many faces stand side by side, so that they are one block of scores.
        by_size = np.argsort(self.support_, kind="stable")
        self._order = by_size
        self._faces = vectors[np.concatenate([groups[at] for at in by_size])] if groups else vectors[:0]
        self._sizes = np.unique(self.support_, return_counts=True)

    def _scores(self, vectors: Vectors) -> Scores:
        cosines = vectors @ self._faces.T
        scores = np.empty((len(vectors), len(self.people_)), np.float32)
        face = person = 0
        for size, count in zip(*(each.tolist() for each in self._sizes), strict=True):
            block = cosines[:, face : face + size * count].reshape(len(vectors), count, size)
            if size > self.best:
                block = np.sort(np.partition(block, size - self.best, axis=2)[:, :, -self.best :], axis=2)
            else:
                block = np.sort(block, axis=2)
            # In order of size, so that the sum is the same however the faces came.
            scores[:, self._order[person : person + count]] = block.mean(axis=2)
            face, person = face + size * count, person + count
        return scores


def _means(sums: list[NDArray[np.float64]], dimension: int) -> Vectors:
    return normalise(np.array(sums)) if sums else np.empty((0, dimension), np.float32)


def _owners(rivals: list[Part]) -> tuple[Ids, Ids]:
    """Return the people that have rival parts, and where each one's begin."""
    owners, starts = np.unique(np.array([part.owner for part in rivals], np.int64), return_index=True)
    return owners, starts
