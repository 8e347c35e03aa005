"""The neighbour graph: which faces are nearer to each other than a threshold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from personae.core import kernels
from personae.types import Ids, Labels, Scores, Vectors

ROWS_AT_ONCE = 512
"""Rows of one matrix product: more no longer fit into the processor's cache."""
COLUMNS_AT_ONCE = 1 << 15
"""With ROWS_AT_ONCE, 64 MiB of scores are held at once."""
MIN_EDGES_KEPT = 1 << 21
"""Edges that are held before the weaker ones are dropped."""

Rows = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Edges:
    """Undirected edges between rows: first < second."""

    first: Rows
    second: Rows
    scores: Scores
    apart: Scores = field(default_factory=lambda: np.empty(0, np.float32))
    """What keeps the two ends from being one person, see `agglomerate`; empty: nothing."""

    def __len__(self) -> int:
        return len(self.first)

    def at(self, rows: Ids | NDArray[np.bool_]) -> Edges:
        """Return the edges at these positions, or where this mask is true."""
        apart = self.apart[rows] if len(self.apart) else self.apart
        return Edges(self.first[rows], self.second[rows], self.scores[rows], apart)


def neighbour_graph(vectors: Vectors, threshold: float, neighbours: int, since: int = 0) -> Edges:
    """Return every pair of rows whose cosine reaches `threshold`, as far as it is among the nearest of one of the two.

    Args:
        vectors: (n, d) float32 unit rows.
        threshold: cosine in [-1, 1].
        neighbours: edges that are kept of a row's own choice, at least 1; of equal scores all.
        since: only pairs of which one row is at least this.

    Returns:
        Edges with exact float32 scores.
    """
    room = max(MIN_EDGES_KEPT, 4 * len(vectors) * neighbours)
    kept: list[Edges] = []
    count = 0
    for found in _pairs_above(vectors, threshold, since):
        kept.append(found)
        count += len(found)
        if count > room:
            # An edge that goes has enough stronger ones at both ends already, so no later edge can bring it back.
            kept = [strongest(joined(kept), len(vectors), neighbours)]
            count = len(kept[0])
            # Equal scores all stay: to look through them again for every block would take the square of the time.
            room = max(room, 2 * count)
    return strongest(joined(kept), len(vectors), neighbours)


def joined(parts: list[Edges]) -> Edges:
    """Return the edges of all parts; none of them says what keeps its ends apart."""
    if not parts:
        return Edges(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32))
    return Edges(
        np.concatenate([part.first for part in parts]),
        np.concatenate([part.second for part in parts]),
        np.concatenate([part.scores for part in parts]),
    )


def strongest(edges: Edges, n: int, neighbours: int) -> Edges:
    """Return the edges that are among the `neighbours` strongest of either end; of equal scores all.

    Args:
        edges: to choose from.
        n: number of rows.
        neighbours: edges a row may choose.
    """
    if len(edges) <= neighbours:
        return edges
    return edges.at(kernels.strongest(n, edges.first, edges.second, edges.scores, neighbours))


def content_order(vectors: Vectors, *also: Labels) -> Ids:
    """Return the rows in an order that depends on what they hold, not on where they stand; equal rows side by side.

    The order is that of a hash of the rows' bytes, so that neighbours in it have nothing in common.

    Args:
        vectors: (n, d) float32.
        also: (n,) numbers that tell rows with equal vectors apart.
    """
    n, dimension = vectors.shape
    # Two components are one number of 64 bits; the last one of an odd count is taken with a zero.
    even = np.zeros((min(n, ROWS_AT_ONCE), dimension + dimension % 2), np.float32)
    factors = np.random.default_rng(0).integers(1, 1 << 63, even.shape[1] // 2, dtype=np.uint64) | np.uint64(1)
    hashes = np.empty(n, np.uint64)
    for start in range(0, n, ROWS_AT_ONCE):
        block = even[: min(ROWS_AT_ONCE, n - start)]
        # Adding zero makes -0.0 and 0.0, which are equal, the same bytes.
        np.add(vectors[start : start + ROWS_AT_ONCE], np.float32(0), out=block[:, :dimension])
        hashes[start : start + ROWS_AT_ONCE] = block.view(np.uint64) @ factors
    return np.lexsort((*also[::-1], hashes))


def _pairs_above(vectors: Vectors, threshold: float, since: int) -> Iterator[Edges]:
    """Yield the pairs by blocks."""
    n = len(vectors)
    room = 1 << 16
    for start in range(0, n, ROWS_AT_ONCE):
        rows = vectors[start : start + ROWS_AT_ONCE]
        for column in range(max(start, since), n, COLUMNS_AT_ONCE):
            scores = _scores(rows, vectors[column : column + COLUMNS_AT_ONCE])
            count = room + 1
            while count > room:
                room = max(room, count)
                first, second = np.empty(room, np.int32), np.empty(room, np.int32)
                values = np.empty(room, np.float32)
                found = (first, second, values)
                count = kernels.pairs_above(scores, start, column, np.float32(threshold), found)
            yield Edges(first[:count].copy(), second[:count].copy(), values[:count].copy())


def _scores(rows: Vectors, columns: Vectors) -> Scores:
    """Return the cosine of each row with each column.

    The matrix products are here alone, for a quicker way to do them to take their place.
    """
    scores: Scores = rows @ columns.T
    return scores
