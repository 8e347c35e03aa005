"""The matching head: one matrix, learnt from labels, that is laid over the embeddings of a frozen model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from personae.core.compare import cosines, normalise, require_unit
from personae.errors import InputError, ModelError, ModelMismatch
from personae.types import Labels, ModelId, Scores, Thresholds, Vectors

LARGEST = 4096
"""Components of the longest embedding that a head takes."""
SAMPLE = 2000
"""Faces of which all pairs are compared."""


@dataclass(frozen=True, slots=True)
class Head:
    """What turns embeddings of one model into those of another."""

    base: str
    """The model whose embeddings it takes: an embedder's id, or several joined by +, as in `Vision.model_id`."""
    weight: Vectors
    """(out, in) float32, out <= in; the identity changes nothing. Not to be written to."""

    @property
    def model_id(self) -> ModelId:
        """What its embeddings are signed with; other weights or another base have another one."""
        digest = hashlib.sha256(self.base.encode() + b"\0" + np.ascontiguousarray(self.weight).tobytes())
        return ModelId(f"head-{digest.hexdigest()[:16]}")

    @property
    def dimension(self) -> int:
        """Components of what it makes."""
        return int(self.weight.shape[0])

    def apply(self, vectors: Vectors, base: str) -> Vectors:
        """Return the embeddings under the head.

        Args:
            vectors: (n, in) float32 unit rows; unchanged.
            base: the model that made them.

        Returns:
            (n, out) float32 unit rows.

        Raises:
            ModelMismatch: another model made them, or they have another dimension.
            InputError: a row holds NaN or is not of length 1.
            ModelError: the head leaves nothing of a row.
        """
        if base != self.base:
            raise ModelMismatch(f"the head was trained on {self.base}, and these embeddings are of {base}")
        rows = require_unit(vectors, int(self.weight.shape[1]))
        try:
            return normalise(rows @ self.weight.T)
        except InputError as error:
            raise ModelError(f"the head {self.model_id} leaves nothing of a face") from error


def make_head(base: str, weight: Vectors) -> Head:
    """Return a head after checking its matrix.

    Args:
        base: the model whose embeddings it takes.
        weight: (out, in), 1 <= out <= in.

    Raises:
        InputError: no base, another shape, or NaN or infinity in it.
    """
    rows = np.ascontiguousarray(weight, dtype=np.float32)
    if rows.ndim != 2 or not 1 <= rows.shape[0] <= rows.shape[1] <= LARGEST:
        raise InputError(f"a head is a matrix of at most as many rows as columns, not of shape {rows.shape}")
    if not base or not np.isfinite(rows).all():
        raise InputError("a head has a base model, and finite numbers")
    # A copy, so that nobody else can write to it.
    own = rows.copy()
    own.flags.writeable = False
    return Head(base, own)


def identity(base: str, dimension: int) -> Head:
    """Return the head that changes nothing, where training begins."""
    return make_head(base, np.eye(dimension, dtype=np.float32))


def mover(before: Scores, after: Scores) -> Callable[[float], float]:
    """Return what turns a threshold of a model into that of a head which parts the same pairs of faces.

    Args:
        before: (n,) float32 scores of pairs under the model, n >= 2.
        after: (n,) scores of the same pairs under the head; neither has to be in any order.

    Returns:
        Threshold -> the score of the same rank; beyond the highest score, as far above it.

    Raises:
        InputError: fewer than two scores, or not as many of each.
    """
    old, new = np.sort(before).astype(np.float64), np.sort(after).astype(np.float64)
    if len(old) < 2 or len(old) != len(new):
        raise InputError(f"{len(old)} and {len(new)} scores say nothing of how a threshold moves")

    def moved(threshold: float) -> float:
        beyond = max(0.0, threshold - float(old[-1])) + min(0.0, threshold - float(old[0]))
        return float(np.clip(np.interp(threshold, old, new) + beyond, -1.0, 1.0))

    return moved


def carry_over(thresholds: Thresholds, moved: Callable[[float], float]) -> Thresholds:
    """Return the thresholds of a head, from those of the model that it stands on.

    Args:
        thresholds: of the model.
        moved: from `mover`.

    Returns:
        Without trust distances: those are measured on a model and never derived.
    """
    return Thresholds(
        verify=moved(thresholds.verify),
        review=moved(thresholds.review),
        match=moved(thresholds.match),
        cluster=moved(thresholds.cluster),
    )


def pairs_of(vectors: Vectors, people: Labels, most: int = SAMPLE) -> Scores:
    """Return the scores of pairs of different people, the same pairs in the same order under any model.

    Args:
        vectors: (n, d) float32 unit rows.
        people: (n,) the person of each.
        most: faces of which all pairs are compared, evenly spaced.
    """
    rows = np.unique(np.linspace(0, max(0, len(vectors) - 1), min(most, len(vectors))).astype(np.int64))
    one, other = np.triu_indices(len(rows), 1)
    apart = people[rows[one]] != people[rows[other]]
    scores: Scores = cosines(vectors[rows], vectors[rows])[one[apart], other[apart]]
    return scores
