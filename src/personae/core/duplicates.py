"""Which of very many characters look like one another, without a step of Python for each pair."""

from __future__ import annotations

import numpy as np

from personae.core.compare import normalise
from personae.errors import InputError
from personae.types import Ids, Scores, Vectors

ROWS_AT_ONCE = 512
"""Rows compared with all the others in one product: 20 MB of scores for 10,000 characters."""


def fuse_rows(owners: Ids, vectors: Vectors) -> tuple[Ids, Vectors]:
    """Return one vector for each owner: the mean of its rows, of length 1.

    Args:
        owners: (n,) ascending; an owner may have several rows.
        vectors: (n, d) float32 unit rows of one model.

    Returns:
        (m,) owners, each once, and their (m, d) float32 unit rows; left out is whose rows cancel each other.
    """
    if not len(owners):
        return owners, vectors
    whose, starts = np.unique(owners, return_index=True)
    sums = np.add.reduceat(vectors, starts, axis=0, dtype=np.float64)
    there = np.linalg.norm(sums, axis=1) > 0
    return whose[there], normalise(sums[there]) if there.any() else np.empty((0, vectors.shape[1]), np.float32)


def alike(vectors: Vectors, threshold: float, limit: int) -> tuple[Ids, Ids, Scores]:
    """Return the pairs of rows from a score on, best first.

    Args:
        vectors: (n, d) float32 unit rows.
        threshold: cosine in [-1, 1] from which a pair counts.
        limit: the most pairs that are returned, at least 1.

    Returns:
        First and second row (k,) of each pair, first < second, and their cosines (k,) float32, falling; equal ones by
        row.

    Raises:
        InputError: the threshold or the limit is out of range.
    """
    if not -1 <= threshold <= 1 or limit < 1:
        raise InputError(f"a threshold lies in [-1, 1] and at least 1 pair is returned, not {threshold} and {limit}")
    edge = np.float32(threshold)
    first, second = np.empty(0, np.int64), np.empty(0, np.int64)
    scores = np.empty(0, np.float32)
    for start in range(0, len(vectors), ROWS_AT_ONCE):
        block = np.clip(vectors[start : start + ROWS_AT_ONCE] @ vectors[start:].T, -1, 1)
        # Of each pair the one above the diagonal.
        found = np.triu(block >= edge, 1)
        row, column = np.nonzero(found)
        first = np.concatenate([first, row + start])
        second = np.concatenate([second, column + start])
        scores = np.concatenate([scores, block[found]])
        if len(scores) > limit:
            best = np.lexsort((second, first, -scores))[:limit]
            first, second, scores = first[best], second[best], scores[best]
            # What is below the worst that is kept need not be looked at any more.
            edge = scores[-1]
    order = np.lexsort((second, first, -scores))
    return first[order], second[order], scores[order]
