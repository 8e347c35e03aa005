"""Do two models see the same people? Each labelled face is taken for whom the other labelled faces say it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from personae.core.compare import normalise
from personae.types import Ids, Labels, Scores, Vectors

NOBODY = -1
FACES_AT_ONCE = 4096
"""Faces that are held against all people at once."""
_VANISHED = 1e-6
"""Length under which what is left of a person says nothing."""


def recognised(vectors: Vectors, people: Ids, shows: NDArray[np.bool_], least: float) -> Labels:
    """Return whom each face is taken for, by everybody else's faces and the person's own others.

    Args:
        vectors: (n, d) float32 unit rows.
        people: (n,) int64 the person of each face; -1: none.
        shows: (n,) whether the face shows what its person looks like; a face never speaks for itself.
        least: cosine under which a face is nobody's.

    Returns:
        (n,) int64 the person whose mean face is nearest; -1: nobody is near enough.
    """
    named = shows & (people >= 0)
    ids, owner = np.unique(people[named], return_inverse=True)
    found = np.full(len(people), NOBODY, np.int64)
    if not len(ids):
        return found
    sums = np.zeros((len(ids), vectors.shape[1]))
    np.add.at(sums, owner, vectors[named])
    means = _means(sums)
    own = np.full(len(people), NOBODY, np.int64)
    own[named] = owner
    for start in range(0, len(people), FACES_AT_ONCE):
        part = slice(start, start + FACES_AT_ONCE)
        scores = vectors[part] @ means.T
        mine = np.flatnonzero(own[part] >= 0)
        scores[mine, own[part][mine]] = _without_itself(vectors[part][mine], sums[own[part][mine]])
        best = scores.argmax(axis=1)
        near = scores[np.arange(len(best)), best] >= least
        found[part] = np.where(near, ids[best], NOBODY)
    return found


def _means(sums: NDArray[np.float64]) -> Vectors:
    """Return the mean faces; one that has cancelled out is like nobody."""
    means = np.zeros(sums.shape, np.float32)
    sound = np.linalg.norm(sums, axis=1) > _VANISHED
    if sound.any():
        means[sound] = normalise(sums[sound])
    return means


def _without_itself(vectors: Vectors, sums: NDArray[np.float64]) -> Scores:
    """Return the cosine of each face with the mean of its person's other faces; -1: there are none."""
    others = sums - vectors
    # Of a single face float32 leaves a rest that is none.
    sound = np.linalg.norm(others, axis=1) > 1e-3
    scores = np.full(len(vectors), -1.0, np.float32)
    if sound.any():
        scores[sound] = np.einsum("ij,ij->i", vectors[sound], normalise(others[sound]))
    return scores
