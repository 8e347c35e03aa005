"""Merging clusters by their sum vectors under a falling threshold."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from personae.core.graph import Edges, neighbour_graph
from personae.types import Ids, Labels, Scores, Vectors

LEVELS = 24
"""Steps in which the threshold falls."""
FIRST_LEVEL = 0.8
"""Where it starts: only near duplicates are that close."""
COHERENCE = 0.7
"""How far a cluster is measured by the length of its sum rather than by its size, see `similarities`."""
SLACK = 0.06
"""Edges so far below the threshold stay: with the length of the sum in the measure a pair may rise again."""
MEETING = np.float32(0.5)
"""Taken off the similarity of two faces of one photo: only what is all but the same picture stays together."""
REPAIRS = 4
"""Times that clusters which no edge of the graph joins are looked for."""
ROWS_AT_ONCE = 8192


@dataclass(slots=True)
class Clusters:
    """Clusters under way. Row c of every array speaks of cluster c."""

    sums: Vectors
    """(c, d) sum of the members' unit vectors."""
    sizes: NDArray[np.float32]
    photos: csr_array | None = None
    """(c, photos) faces of each cluster in each photo that shows several; None: no matter."""
    norms: NDArray[np.float32] = field(init=False)

    def __post_init__(self) -> None:
        self.norms = self.sizes ** (1 - COHERENCE) * np.linalg.norm(self.sums, axis=1) ** np.float32(COHERENCE)

    def __len__(self) -> int:
        return len(self.sums)


def agglomerate(clusters: Clusters, edges: Edges, threshold: float, neighbours: int) -> tuple[Labels, Clusters]:
    """Merge clusters until none is as near to another as `threshold`.

    Args:
        clusters: to begin with, often one for each face; their sums are used up.
        edges: pairs that may merge, with any scores.
        threshold: similarity in [-1, 1] down to which clusters merge.
        neighbours: edges a cluster, for the search of pairs that no edge joins.

    Returns:
        (n,) int64 final cluster of each one given; the final clusters.

    Source: Monath et al., Scalable Hierarchical Agglomerative Clustering, KDD 2021 (the falling threshold);
        average linkage by sum vectors, exact for a mean of cosines.
    """
    labels = np.arange(len(clusters))
    edges = _scored(clusters, edges)
    schedule = np.linspace(max(FIRST_LEVEL, threshold), threshold, LEVELS)
    for _ in range(1 + REPAIRS):
        for level in schedule:
            labels, clusters, edges = _level(labels, clusters, edges, float(level), threshold)
        while len(edges):
            before = len(clusters)
            labels, clusters, edges = _level(labels, clusters, edges, threshold, threshold)
            if len(clusters) == before:
                break
        edges = _missed(clusters, threshold, neighbours)
        if not len(edges):
            break
        schedule = np.linspace(max(float(edges.scores.max()), threshold), threshold, LEVELS // 4)
    return labels, clusters


def similarities(clusters: Clusters, first: Ids, second: Ids) -> Scores:
    """Return how near pairs of clusters are.

    The product of two sums over the product of the sizes is the mean cosine of their faces: average linkage. Over the
    product of the lengths of the sums it is the cosine of the centroids. Between the two (see COHERENCE) lies one that
    is as careful with single faces as the former and as sure of large groups as the latter. Clusters that meet in
    photos lose by the share of the smaller one's faces that do: a photo seldom shows a person twice.

    Args:
        clusters: the clusters.
        first: (m,) rows.
        second: (m,) rows.

    Returns:
        (m,) float32.
    """
    scores = np.empty(len(first), np.float32)
    for start in range(0, len(first), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        scores[part] = np.einsum("ij,ij->i", clusters.sums[first[part]], clusters.sums[second[part]])
    scores /= clusters.norms[first] * clusters.norms[second]
    if clusters.photos is not None:
        met = clusters.photos[first].multiply(clusters.photos[second]).sum(axis=1)
        scores -= MEETING * (met / np.minimum(clusters.sizes[first], clusters.sizes[second]))
    return scores


def _scored(clusters: Clusters, edges: Edges) -> Edges:
    return Edges(edges.first, edges.second, similarities(clusters, edges.first, edges.second))


def _level(
    labels: Labels, clusters: Clusters, edges: Edges, level: float, threshold: float
) -> tuple[Labels, Clusters, Edges]:
    """Merge what is as near as `level`, each cluster with its best neighbour, and score the edges anew."""
    best = _best_edges(len(clusters), edges, level)
    if not len(best):
        return labels, clusters, edges
    groups = _groups(clusters, edges.at(best))
    members = np.bincount(groups)
    merged = _merged(clusters, groups, len(members))
    return groups[labels], merged, _contracted(merged, edges, groups, members > 1, threshold - SLACK)


def _best_edges(n: int, edges: Edges, level: float) -> Ids:
    """Positions of the edges that are the best of one of their ends and reach `level`."""
    rows = np.flatnonzero(edges.scores >= np.float32(level))
    if not len(rows):
        return rows
    ends = np.concatenate([edges.first[rows], edges.second[rows]])
    others = np.concatenate([edges.second[rows], edges.first[rows]])
    scores = np.concatenate([edges.scores[rows], edges.scores[rows]])
    top = np.full(n, -np.inf, np.float32)
    np.maximum.at(top, ends, scores)
    ties = np.flatnonzero(scores == top[ends])
    partner = np.full(n, n)
    np.minimum.at(partner, ends[ties], others[ties])
    chosen = ties[others[ties] == partner[ends[ties]]]
    return np.unique(rows[chosen % len(rows)])


def _groups(clusters: Clusters, best: Edges) -> Labels:
    """Number the groups into which the best edges tie the clusters, numbers rising with each group's first row."""
    n = len(clusters)
    groups = _components(n, best)
    if clusters.photos is None:
        return groups
    # Through a third cluster, faces of one photo may have come together. There only mutual best pairs merge.
    within = _photos_of(groups, clusters.photos)
    alone = _photos_of(groups, clusters.photos * clusters.photos)
    clash = (within * within).sum(axis=1) > alone.sum(axis=1)
    if not clash.any():
        return groups
    keep = ~clash[groups[best.first]] | _mutual(best, n)
    return _components(n, best.at(np.flatnonzero(keep)))


def _mutual(best: Edges, n: int) -> NDArray[np.bool_]:
    """Mark the edges that are the best of both their ends."""
    order = np.lexsort((best.second, best.first, -best.scores))
    place = np.empty(len(best), np.int64)
    place[order] = np.arange(len(best))
    lowest = np.full(n, len(best))
    np.minimum.at(lowest, best.first, place)
    np.minimum.at(lowest, best.second, place)
    mutual: NDArray[np.bool_] = (lowest[best.first] == place) & (lowest[best.second] == place)
    return mutual


def _components(n: int, edges: Edges) -> Labels:
    graph = csr_array((np.ones(len(edges), np.int8), (edges.first, edges.second)), shape=(n, n))
    _, found = connected_components(graph, directed=False)
    _, first_row, groups = np.unique(found, return_index=True, return_inverse=True)
    number = np.empty(len(first_row), np.int64)
    number[np.argsort(first_row)] = np.arange(len(first_row))
    return number[groups]


def _photos_of(groups: Labels, photos: csr_array) -> csr_array:
    n = len(groups)
    members = csr_array((np.ones(n, np.float32), (groups, np.arange(n))), shape=(int(groups.max()) + 1, n))
    together: csr_array = members @ photos
    return together


def _merged(clusters: Clusters, groups: Labels, count: int) -> Clusters:
    """Add up the sums of each group; rows stay in the order of each group's first."""
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    heads = order[starts]
    rest = np.setdiff1d(np.arange(len(groups)), heads, assume_unique=True)
    sums = clusters.sums
    for start in range(0, len(rest), ROWS_AT_ONCE):
        part = rest[start : start + ROWS_AT_ONCE]
        np.add.at(sums, heads[groups[part]], sums[part])
    sizes = np.bincount(groups, clusters.sizes, count).astype(np.float32)
    photos = None if clusters.photos is None else _photos_of(groups, clusters.photos)
    return Clusters(sums[heads], sizes, photos)


def _contracted(clusters: Clusters, edges: Edges, groups: Labels, changed: NDArray[np.bool_], lowest: float) -> Edges:
    """Carry the edges over to the merged clusters: each pair once, scored anew where an end has changed."""
    first, second = groups[edges.first], groups[edges.second]
    outside = np.flatnonzero(first != second)
    low, high = np.minimum(first, second)[outside], np.maximum(first, second)[outside]
    _, once = np.unique(low * len(clusters) + high, return_index=True)
    low, high, scores = low[once], high[once], edges.scores[outside[once]]
    stale = np.flatnonzero(changed[low] | changed[high])
    scores[stale] = similarities(clusters, low[stale], high[stale])
    alive = np.flatnonzero(scores >= np.float32(lowest))
    return Edges(low[alive], high[alive], scores[alive])


def _missed(clusters: Clusters, threshold: float, neighbours: int) -> Edges:
    """Find pairs of clusters that may still merge though no edge of the graph joins them.

    The measure never exceeds the centroids' cosine, so none is overlooked.
    """
    centroids = clusters.sums / np.linalg.norm(clusters.sums, axis=1, keepdims=True)
    edges = _scored(clusters, neighbour_graph(centroids, threshold, neighbours))
    return edges.at(np.flatnonzero(edges.scores >= np.float32(threshold)))
