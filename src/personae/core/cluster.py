"""Grouping the faces of unknown people: estimators with fit, labels_ and get_params."""

from __future__ import annotations

import numpy as np

from personae.core.agglomerate import Apart, Clusters
from personae.core.density import Agglomerative, Dbscan, Hdbscan
from personae.core.estimator import Estimator
from personae.core.graph import Edges, neighbour_graph
from personae.core.shards import agglomerate_shards
from personae.types import Ids, Labels

__all__ = ["Agglomerative", "Dbscan", "Estimator", "Hdbscan", "Linkage", "Whispers", "match_labels"]

WHISPER_ROUNDS = 30


class Linkage(Estimator):
    """Average linkage over the graph of near faces, by sum vectors, under a falling threshold, in shards.

    Source: Monath et al., Scalable Hierarchical Agglomerative Clustering, KDD 2021.
    """

    def _group(self, units: Clusters, apart: Apart, sigma: float) -> Labels:
        return agglomerate_shards(units, self.threshold_, sigma, self.neighbours, apart, self.tell)[0]


class Whispers(Estimator):
    """Chinese whispers: each face takes over the group that speaks loudest among its neighbours.

    The faces are visited in the order of their content, so that the outcome is the same every time.

    Source: Biemann 2006.
    """

    default_sigmas = 4.8

    def _group(self, units: Clusters, apart: Apart, sigma: float) -> Labels:  # noqa: ARG002
        edges = neighbour_graph(units.centroids(), self.threshold_, self.neighbours)
        n = len(units)
        low, high = np.minimum(apart.first, apart.second), np.maximum(apart.first, apart.second)
        # The number of a pair may be beyond 32 bits.
        edges = edges.at(~np.isin(edges.first * np.int64(n) + edges.second, low * np.int64(n) + high))
        return np.unique(_whisper(n, edges), return_inverse=True)[1]


def match_labels(before: Ids, labels: Labels) -> dict[int, int]:
    """Say which new groups go on under an old group's id: those that share the most faces, each id once.

    Args:
        before: (n,) int64 id of each face's group until now; -1 is none.
        labels: (n,) int64 new group of the same faces; -1 is none.

    Returns:
        Old id by new label, for the new groups that continue an old one.
    """
    both = np.flatnonzero((before >= 0) & (labels >= 0))
    if not len(both):
        return {}
    pairs, shared = np.unique(np.stack([before[both], labels[both]]), axis=1, return_counts=True)
    kept: dict[int, int] = {}
    used: set[int] = set()
    # Most shared faces first; of equal ones the oldest id, then the larger new group, which has the lower label.
    for at in np.lexsort((pairs[1], pairs[0], -shared)).tolist():
        old, new = int(pairs[0, at]), int(pairs[1, at])
        if old not in used and new not in kept:
            used.add(old)
            kept[new] = old
    return kept


def _whisper(n: int, edges: Edges) -> Labels:
    first = np.concatenate([edges.first, edges.second])
    second = np.concatenate([edges.second, edges.first])
    weights = np.concatenate([edges.scores, edges.scores])
    order = np.lexsort((second, first))
    second, weights = second[order], weights[order]
    starts = np.searchsorted(first[order], np.arange(n + 1))
    labels = np.arange(n)
    for _ in range(WHISPER_ROUNDS):
        changed = False
        for face in np.flatnonzero(np.diff(starts)).tolist():
            around = slice(starts[face], starts[face + 1])
            heard, place = np.unique(labels[second[around]], return_inverse=True)
            loudest = heard[np.bincount(place, weights[around]).argmax()]
            changed |= bool(loudest != labels[face])
            labels[face] = loudest
        if not changed:
            break
    return labels
