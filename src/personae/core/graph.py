"""The neighbour graph: which faces are nearer to each other than a threshold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from personae.types import Ids, Labels, Scores, Vectors

BLOCK_SCORES = 1 << 24
"""Scores that are held at once: 64 MiB."""
MIN_EDGES_KEPT = 1 << 21
"""Edges that are held before the weaker ones are dropped."""


@dataclass(frozen=True, slots=True)
class Edges:
    """Undirected edges between rows, each once: first < second."""

    first: Ids
    second: Ids
    scores: Scores

    def __len__(self) -> int:
        return len(self.first)

    def at(self, rows: Ids) -> Edges:
        """Return the edges at these positions, or where this mask is true."""
        return Edges(self.first[rows], self.second[rows], self.scores[rows])


def neighbour_graph(vectors: Vectors, threshold: float, neighbours: int) -> Edges:
    """Return every pair of rows whose cosine reaches `threshold`, as far as it is among the nearest of one of the two.

    Args:
        vectors: (n, d) float32 unit rows.
        threshold: cosine in [-1, 1].
        neighbours: edges that are kept of a row's own choice, at least 1. The count of edges is at most n times this.

    Returns:
        Edges with exact float32 scores.
    """
    room = max(MIN_EDGES_KEPT, 4 * len(vectors) * neighbours)
    kept: list[Edges] = []
    count = 0
    for found in _pairs_above(vectors, threshold):
        kept.append(found)
        count += len(found)
        if count > room:
            # An edge that goes has enough stronger ones at both ends already, so no later edge can bring it back.
            kept = [strongest(joined(kept), len(vectors), neighbours)]
            count = len(kept[0])
    return strongest(joined(kept), len(vectors), neighbours)


def joined(parts: list[Edges]) -> Edges:
    """Return the edges of all parts."""
    if not parts:
        return Edges(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
    return Edges(
        np.concatenate([part.first for part in parts]),
        np.concatenate([part.second for part in parts]),
        np.concatenate([part.scores for part in parts]),
    )


def strongest(edges: Edges, n: int, neighbours: int) -> Edges:
    """Return the edges that are among the `neighbours` strongest of either end.

    Args:
        edges: to choose from.
        n: number of rows.
        neighbours: edges a row may choose.
    """
    degrees = np.bincount(edges.first, minlength=n) + np.bincount(edges.second, minlength=n)
    if degrees.max(initial=0) <= neighbours:
        return edges
    ends = np.concatenate([edges.first, edges.second])
    order = np.lexsort((np.concatenate([-edges.scores, -edges.scores]), ends))
    starts = np.cumsum(degrees) - degrees
    rank = np.arange(len(ends)) - starts[ends[order]]
    chosen = np.zeros(len(edges), dtype=bool)
    chosen[order[rank < neighbours] % len(edges)] = True
    return edges.at(np.flatnonzero(chosen))


def content_order(vectors: Vectors, *also: Labels) -> Ids:
    """Return the rows in an order that depends on what they hold, not on where they stand.

    Args:
        vectors: (n, d) float32.
        also: (n,) numbers that tell rows with equal vectors apart.
    """
    n, dimension = vectors.shape
    if not n or not dimension:
        return np.arange(n)
    # Adding zero makes -0.0 and 0.0, which are equal, the same bytes.
    rows = (np.ascontiguousarray(vectors, dtype=np.float32) + np.float32(0)).view(np.dtype((np.void, 4 * dimension)))
    _, place = np.unique(rows.ravel(), return_inverse=True)
    return np.lexsort((*also[::-1], place.ravel()))


def _pairs_above(vectors: Vectors, threshold: float) -> Iterator[Edges]:
    """Yield the pairs by blocks of rows. The matrix products are here alone, for a faster way to take their place."""
    n = len(vectors)
    start = 0
    while start < n:
        stop = min(n, start + max(1, BLOCK_SCORES // (n - start)))
        scores = vectors[start:stop] @ vectors[start:].T
        first, second = np.divmod(np.flatnonzero(scores >= np.float32(threshold)), n - start)
        upper = second > first
        first, second = first[upper], second[upper]
        yield Edges(first + start, second + start, scores[first, second])
        start = stop
