"""What keeps faces together or apart, in the form that clustering takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from personae.core import kernels
from personae.core.agglomerate import NEVER, Apart, Clusters
from personae.core.shards import SHARD, agglomerate_shards
from personae.errors import InputError
from personae.types import Ids, Labels, Vectors

ANY = -1.0
"""No cosine is lower: whatever may come together does."""


@dataclass(frozen=True, slots=True)
class Units:
    """Faces that a human linked are one unit from the beginning; every other face is a unit of its own."""

    of_face: Labels
    """(n,) unit of each face, numbered in the order of their first faces."""
    clusters: Clusters
    apart: Apart
    """Pairs of units."""
    conflicts: Ids
    """(m, 2) pairs of faces that a human separated, and that links join all the same."""

    @property
    def linked(self) -> NDArray[np.bool_]:
        """Which units are of several faces."""
        return np.bincount(self.of_face, minlength=len(self.clusters)) > 1


def pairs_of(given: ArrayLike | None, n: int) -> Ids:
    """Return (m, 2) int64 pairs of rows.

    Raises:
        InputError: the shape is another, or a row is not one of the n.
    """
    pairs = np.empty((0, 2), np.int64) if given is None else np.asarray(given)
    if not pairs.size:
        return np.empty((0, 2), np.int64)
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise InputError(f"links are pairs of rows, not an array of shape {pairs.shape}")
    if pairs.min() < 0 or pairs.max() >= n:
        raise InputError(f"a link speaks of a row that is not one of the {n}")
    return pairs.astype(np.int64)


def units_of(vectors: Vectors, photos: Ids | None, must: Ids, cannot: Ids) -> Units:
    """Return the faces with what humans said of them built in.

    Args:
        vectors: (n, d) float32 unit rows.
        photos: (n,) the photo of each; None: no matter.
        must: (m, 2) rows that are one person.
        cannot: (m, 2) rows that are two people.
    """
    n = len(vectors)
    _, of_face = np.unique(
        kernels.connected(n, must[:, 0].astype(np.int32), must[:, 1].astype(np.int32)), return_inverse=True
    )
    clusters = summed(vectors, of_face) if len(must) else Clusters(vectors, np.ones(n, np.float32))
    met = np.empty((0, 2), np.int64) if photos is None else meetings(photos)
    weights = np.concatenate([np.ones(len(met), np.float32), np.full(len(cannot), NEVER)])
    first, second = of_face[np.concatenate([met, cannot])].T
    between = first != second
    together = of_face[cannot[:, 0]] == of_face[cannot[:, 1]]
    apart = Apart(first[between].astype(np.int32), second[between].astype(np.int32), weights[between])
    return Units(of_face, clusters, apart, cannot[together])


def summed(vectors: Vectors, labels: Labels) -> Clusters:
    """Return the clusters of rows that labels from 0 on describe."""
    sizes = np.bincount(labels).astype(np.float32)
    sums = np.zeros((len(sizes), vectors.shape[1]), np.float32)
    kernels.sum_rows(vectors, labels, sums)
    return Clusters(sums, sizes)


def meetings(photos: Ids) -> Ids:
    """Return every (m, 2) pair of rows that share a photo, once."""
    order = np.argsort(photos, kind="stable")
    ranked = photos[order]
    pairs = [np.empty((0, 2), np.int64)]
    at, step = np.arange(len(order)), 0
    while len(at):
        step += 1
        at = at[at < len(order) - step]
        at = at[ranked[at] == ranked[at + step]]
        pairs.append(np.stack([order[at], order[at + step]], axis=1))
    return np.concatenate(pairs)


def separated(labels: Labels, clusters: Clusters, apart: Apart) -> Labels:
    """Return the labels with every group divided that holds units which must not come together.

    Args:
        labels: (u,) group of each unit; -1 is none.
        clusters: the units.
        apart: pairs of units; only those of weight NEVER matter.
    """
    never = apart.at(np.flatnonzero(apart.weights == NEVER))
    broken = never.at(np.flatnonzero((labels[never.first] == labels[never.second]) & (labels[never.first] >= 0)))
    result = labels.copy()
    for label in np.unique(labels[broken.first]).tolist():
        rows = np.flatnonzero(labels == label)
        pairs = broken.at(np.flatnonzero(labels[broken.first] == label))
        local = Apart(
            np.searchsorted(rows, pairs.first).astype(np.int32),
            np.searchsorted(rows, pairs.second).astype(np.int32),
            pairs.weights,
        )
        whole = Clusters(clusters.sums[rows], clusters.sizes[rows])
        # In shards, since all pairs of a group of ten thousands are too many.
        pieces, _ = agglomerate_shards(whole, ANY, 0.0, SHARD, local)
        result[rows] = np.where(pieces == 0, label, result.max() + pieces)
    return result
