"""Merging clusters by their sum vectors under a falling threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personae.core import kernels
from personae.core.graph import Edges, Rows, neighbour_graph
from personae.types import Ids, Labels, Scores, Vectors

LEVELS = 24
"""Steps in which the threshold falls."""
FIRST_LEVEL = 0.8
"""Where it starts: only near duplicates are that close."""
COHERENCE = np.float32(0.7)
"""How far a cluster is measured by the length of its sum rather than by its size, see `_norms`."""
SLACK = 0.06
"""Edges so far below the threshold stay: with the length of the sum in the measure a pair may rise again."""
MEETING = np.float32(0.5)
"""Taken off the similarity of two faces of one photo: only what is all but the same picture stays together."""
NEVER = np.float32(np.inf)
"""Weight of a pair that must not come together."""
REPAIRS = 4
"""Times that changed clusters which no edge of the graph joins are looked for."""


@dataclass(frozen=True, slots=True)
class Clusters:
    """Clusters, one a row; a face alone is one of size 1."""

    sums: Vectors
    """(c, d) float32 sum of the members' unit vectors."""
    sizes: NDArray[np.float32]
    """(c,) float32 count of the members."""

    def __len__(self) -> int:
        return len(self.sums)

    @classmethod
    def joined(cls, parts: Sequence[Clusters]) -> Clusters:
        """Return the clusters of all parts, one after the other; of a single part without a copy."""
        if len(parts) == 1:
            return parts[0]
        return cls(np.concatenate([part.sums for part in parts]), np.concatenate([part.sizes for part in parts]))

    def centroids(self) -> Vectors:
        """Return the (c, d) float32 unit vectors of the sums."""
        lengths = np.sqrt(np.einsum("ij,ij->i", self.sums, self.sums))
        unit: Vectors = self.sums / np.maximum(lengths, np.float32(1e-12))[:, None]
        return unit


@dataclass(frozen=True, slots=True)
class Apart:
    """Pairs of rows that are seldom or never one person, each once, with a weight."""

    first: Rows
    second: Rows
    weights: Scores
    """(p,) float32: how many faces of the two rows share a photo; NEVER: a human says they are two people."""

    def __len__(self) -> int:
        return len(self.first)

    def at(self, rows: Ids) -> Apart:
        """Return the pairs at these positions, or where this mask is true."""
        return Apart(self.first[rows], self.second[rows], self.weights[rows])


NOTHING_APART = Apart(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32))


@dataclass(slots=True)
class _State:
    """Clusters under way: rows of merged clusters stay empty, their root's row stands for them."""

    sums: Vectors
    sizes: NDArray[np.float32]
    norms: Scores
    roots: Rows
    """Row that each row has become part of."""
    edges: Edges


def agglomerate(
    clusters: Clusters,
    threshold: float,
    neighbours: int,
    apart: Apart = NOTHING_APART,
    since: int = 0,
    repairs: int = REPAIRS,
) -> tuple[Labels, Clusters]:
    """Merge clusters until none is as near to another as `threshold`.

    Args:
        clusters: to begin with, often one for each face.
        threshold: similarity in [-1, 1] down to which clusters merge.
        neighbours: edges of the graph of near clusters that a cluster may choose.
        apart: pairs that lose similarity by the share of the smaller one's faces that share a photo with the other, or
            that never merge.
        since: rows below this have been compared with each other already: pairs of them are not looked for.
        repairs: times that pairs of changed clusters which no edge joins are looked for.

    Returns:
        (n,) int64 final cluster of each one given, numbered in the order of their first; the final clusters.

    Source: Monath et al., Scalable Hierarchical Agglomerative Clustering, KDD 2021 (the falling threshold);
        average linkage by sum vectors, exact for a mean of cosines.
    """
    sums, sizes = clusters.sums.copy(), clusters.sizes.copy()
    state = _State(sums, sizes, _norms(sums, sizes), np.arange(len(clusters), dtype=np.int32), Edges(*_no_edges()))
    found = neighbour_graph(clusters.centroids(), threshold - SLACK, neighbours, since)
    for left in range(repairs, -1, -1):
        state.edges = _scored(state, _with_apart(state, found, apart))
        before = state.roots.copy()
        _merge_all(state, threshold)
        changed = np.flatnonzero(state.roots != before)
        if not left or not len(changed):
            break
        found = _missed(state, np.unique(state.roots[changed]), threshold, neighbours)
        if not len(found):
            break
    live, labels = np.unique(state.roots, return_inverse=True)
    return labels.astype(np.int64), Clusters(state.sums[live], state.sizes[live])


def _no_edges() -> tuple[Rows, Rows, Scores]:
    return np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32)


def _norms(sums: Vectors, sizes: NDArray[np.float32]) -> Scores:
    """Return what the product of two sums is divided by to give the similarity of the clusters.

    Over the product of the sizes it is the mean cosine of their faces: average linkage. Over the product of the lengths
    of the sums it is the cosine of the centroids. Between the two (see COHERENCE) lies one that is as careful with
    single faces as the former and as sure of large groups as the latter.
    """
    lengths = np.sqrt(np.einsum("ij,ij->i", sums, sums))
    norms: Scores = sizes ** (1 - COHERENCE) * np.maximum(lengths, np.float32(1e-6)) ** COHERENCE
    return norms


def _similarities(state: _State, edges: Edges, rows: Ids) -> Scores:
    """Return how near the ends of the edges at `rows` are: (len(rows),) float32.

    Clusters that meet in photos lose by the share of the smaller one's faces that do: a photo seldom shows a person
    twice.
    """
    scores = np.empty(len(rows), np.float32)
    kernels.products(state.sums, edges.first, edges.second, rows, scores)
    first, second = edges.first[rows], edges.second[rows]
    scores /= state.norms[first] * state.norms[second]
    scores -= MEETING * edges.apart[rows] / np.minimum(state.sizes[first], state.sizes[second])
    return scores


def _scored(state: _State, edges: Edges) -> Edges:
    scores = _similarities(state, edges, np.arange(len(edges)))
    return Edges(edges.first, edges.second, scores, edges.apart)


def _with_apart(state: _State, found: Edges, apart: Apart) -> Edges:
    """Put what keeps pairs apart to the edges found; those pairs stay, however far from each other they are."""
    first = np.concatenate([found.first, apart.first])
    second = np.concatenate([found.second, apart.second])
    scores = np.concatenate([found.scores, np.full(len(apart), -1, np.float32)])
    weights = np.concatenate([np.zeros(len(found), np.float32), apart.weights])
    return Edges(*kernels.contract(state.roots, first, second, scores, weights))


def _merge_all(state: _State, threshold: float) -> None:
    """Merge at every level down to the threshold, and there until nothing does any more."""
    highest = float(state.edges.scores.max(initial=-1.0))
    for level in np.linspace(max(FIRST_LEVEL, threshold), threshold, LEVELS):
        if highest >= level:
            _merge_level(state, float(level), threshold)
    while _merge_level(state, threshold, threshold):
        pass


def _merge_level(state: _State, level: float, threshold: float) -> bool:
    """Merge what is as near as `level`, each cluster with its best neighbour, and score the edges anew."""
    edges, n = state.edges, len(state.roots)
    partner = kernels.best_partners(n, edges.first, edges.second, edges.scores, np.float32(level))
    if not (partner >= 0).any():
        return False
    root = _tied(partner)
    # Through a third cluster, faces that are apart may have come together. There only mutual best pairs merge.
    if kernels.only_mutual(partner, root, edges.first, edges.second, edges.apart):
        root = _tied(partner)
    grown = kernels.add_up(root, state.sums, state.sizes)
    rows = np.flatnonzero(grown)
    state.norms[rows] = _norms(state.sums[rows], state.sizes[rows])
    state.roots = root[state.roots]
    carried = Edges(*kernels.contract(root, edges.first, edges.second, edges.scores, edges.apart))
    stale = np.flatnonzero(grown[carried.first] | grown[carried.second])
    carried.scores[stale] = _similarities(state, carried, stale)
    state.edges = carried.at((carried.scores >= np.float32(threshold - SLACK)) | (carried.apart > 0))
    return True


def _tied(partner: Rows) -> Rows:
    """Return the lowest row of those that partners connect each with."""
    rows = np.flatnonzero(partner >= 0).astype(np.int32)
    root: Rows = kernels.connected(len(partner), rows, partner[rows])
    return root


def _missed(state: _State, changed: Rows, threshold: float, neighbours: int) -> Edges:
    """Find pairs with one of the changed clusters that may still merge though no edge joins them.

    The measure never exceeds the centroids' cosine, so none is overlooked.
    """
    live = np.unique(state.roots)
    rows = np.concatenate([np.setdiff1d(live, changed, assume_unique=True), changed])
    centroids = Clusters(state.sums[rows], state.sizes[rows]).centroids()
    found = neighbour_graph(centroids, threshold, neighbours, since=len(rows) - len(changed))
    edges = Edges(rows[found.first], rows[found.second], found.scores, np.zeros(len(found), np.float32))
    near = _similarities(state, edges, np.arange(len(edges))) >= np.float32(threshold)
    return edges.at(near)
