"""What all ways of grouping have in common: fit, labels_, get_params, what humans said, and who only joins."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from personae.core.agglomerate import Apart, Clusters
from personae.core.calibrate import FEW_PEOPLE, impostors
from personae.core.compare import are_unit, normalise
from personae.core.constraints import Units, pairs_of, separated, units_of
from personae.core.graph import content_order
from personae.core.shards import SHARD, Tell, silent
from personae.core.supporting import join
from personae.errors import InputError
from personae.types import Ids, Labels, Vectors

NEIGHBOURS = 32
"""Edges of the graph a face may choose."""
ENOUGH_FACES = 500
"""From so many faces on, the gallery itself says how alike different people are."""
BELIEVABLE = 0.1
"""A gallery's own threshold this far from the model's is not believed."""


class Estimator(ABC):
    """Groups faces; the partition depends on the faces alone, not on their order.

    Args:
        threshold: cosine at which groups stop to merge; None: `sigmas` above what different people have in common in
            the gallery that is fitted, when it holds enough faces, else `fallback_threshold`.
        fallback_threshold: the model's own threshold for grouping.
        min_cluster_size: smaller groups are noise, unless a human linked their faces.
        sigmas: see `threshold`; None: what suits the method.
        neighbours: edges of the graph that a face may choose.

    Attributes:
        labels_: (n,) int64; 0 is the largest group, -1 is noise.
        threshold_: the cosine used.
        conflicts_: (m, 2) int64 rows that must not come together, and do, since other links join them.
        tell: is told how far `fit` has come, where the method knows; may raise to stop it.
    """

    default_sigmas = 4.5
    labels_: Labels
    threshold_: float
    conflicts_: Ids

    def __init__(
        self,
        threshold: float | None = None,
        fallback_threshold: float | None = None,
        min_cluster_size: int = 2,
        sigmas: float | None = None,
        neighbours: int = NEIGHBOURS,
    ) -> None:
        for value in (threshold, fallback_threshold):
            if value is not None and not -1 <= value <= 1:
                raise InputError(f"a cosine threshold lies between -1 and 1, not at {value}")
        if min_cluster_size < 1 or neighbours < 1:
            raise InputError("min_cluster_size and neighbours are at least 1")
        self.threshold = threshold
        self.fallback_threshold = fallback_threshold
        self.min_cluster_size = min_cluster_size
        self.sigmas = sigmas
        self.neighbours = neighbours
        self.tell: Tell = silent

    def get_params(self, deep: bool = True) -> dict[str, object]:  # noqa: ARG002
        """Return the parameters as given.

        Args:
            deep: has no effect; scikit-learn passes it.
        """
        names = ("threshold", "fallback_threshold", "min_cluster_size", "sigmas", "neighbours")
        return {name: getattr(self, name) for name in names}

    def fit(
        self,
        vectors: Vectors,
        founding: ArrayLike | None = None,
        images: ArrayLike | None = None,
        must: ArrayLike | None = None,
        cannot: ArrayLike | None = None,
    ) -> Self:
        """Group the faces.

        Args:
            vectors: (n, d) float32 rows, of two models fused or of one; of any length but zero.
            founding: (n,) bool, faces that form groups; the others join the nearest group, never link two. None: all.
            images: (n,) integers, the photo of each face; those of one photo are seldom one person. None: no matter.
            must: (m, 2) rows that are one person, as a human said.
            cannot: (m, 2) rows that are two people, as a human said; of `must` and `cannot`, the former wins.

        Returns:
            The estimator, with `labels_`, `threshold_` and `conflicts_` set.

        Raises:
            InputError: a row holds NaN or is zero, the lengths differ, or a link speaks of a row that is not there.
        """
        rows = _matrix(vectors)
        n = len(rows)
        founds = _column(founding, n, True).astype(bool)
        photos = _column(images, n, -1).astype(np.int64)
        # In an order of its own: every later step may use positions without looking at where a face stood.
        order = content_order(rows, photos, founds.astype(np.int64))
        place = np.empty(n, np.int64)
        place[order] = np.arange(n)
        rows, founds = rows[order], founds[order]
        units = units_of(rows, None if images is None else photos[order],
                         place[pairs_of(must, n)], place[pairs_of(cannot, n)])  # fmt: skip
        del rows
        labels = self._grouped(units, np.bincount(units.of_face, founds, len(units.clusters)) > 0)
        labels = with_linked(labels, units.clusters.sizes > 1)
        self.labels_ = np.empty(n, np.int64)
        self.labels_[order] = by_size(labels[units.of_face], units.linked[units.of_face], self.min_cluster_size)
        self.conflicts_ = order[units.conflicts]
        return self

    def _grouped(self, units: Units, founds: NDArray[np.bool_]) -> Labels:
        """Return the group of each unit: first those that found groups, then those that join them."""
        clusters, apart = units.clusters, units.apart
        founding, waiting = np.flatnonzero(founds), np.flatnonzero(~founds)
        labels = np.full(len(clusters), -1)
        if not len(waiting):
            self.threshold_, sigma = self._choose(clusters)
            return separated(self._group(clusters, apart, sigma), clusters, apart)
        among = np.full(len(clusters), -1, np.int32)
        among[founding] = np.arange(len(founding))
        chosen = Clusters(clusters.sums[founding], clusters.sizes[founding])
        inner = apart.at(np.flatnonzero((among[apart.first] >= 0) & (among[apart.second] >= 0)))
        inner = Apart(among[inner.first], among[inner.second], inner.weights)
        self.threshold_, sigma = self._choose(chosen)
        if len(founding):
            labels[founding] = separated(self._group(chosen, inner, sigma), chosen, inner)
        return join(clusters, labels, waiting, apart, self.threshold_)

    @abstractmethod
    def _group(self, units: Clusters, apart: Apart, sigma: float) -> Labels:
        """Return the group of each unit, -1 for none; `sigma` is the spread of the cosines of different people."""

    def _choose(self, units: Clusters) -> tuple[float, float]:
        """Return the threshold for these faces, and the spread of the cosines of different people."""
        given = self.fallback_threshold if self.threshold is None else self.threshold
        needed = SHARD if self.threshold is not None else ENOUGH_FACES
        if len(units) < 2 or (len(units) < needed and given is not None):
            return 1.0 if given is None else given, 0.0
        found = impostors(units.sums if (units.sizes == 1).all() else units.centroids())
        own = float(np.clip(found.threshold(self.sigmas or self.default_sigmas), -1.0, 1.0))
        doubtful = found.mated > FEW_PEOPLE or (given is not None and abs(own - given) > BELIEVABLE)
        if self.threshold is not None or (given is not None and doubtful):
            return float(given or 0.0), found.sigma
        return own, found.sigma


def _matrix(vectors: Vectors) -> Vectors:
    rows = np.asarray(vectors)
    if rows.ndim != 2:
        raise InputError(f"a row for each face is wanted, not an array of shape {rows.shape}")
    if not len(rows) or (rows.dtype == np.float32 and are_unit(rows)):
        return rows.astype(np.float32, copy=False)
    return normalise(rows)


def _column(given: ArrayLike | None, n: int, default: int) -> NDArray[np.int64]:
    column = np.full(n, default) if given is None else np.asarray(given)
    if column.shape != (n,):
        raise InputError(f"{n} faces and an array of shape {column.shape}")
    return column


def with_linked(labels: Labels, linked: NDArray[np.bool_]) -> Labels:
    """Make a group of each linked unit that found none: supporting faces that are one person, as a human said."""
    alone = np.flatnonzero(linked & (labels < 0))
    result = labels.copy()
    result[alone] = labels.max(initial=-1) + 1 + np.arange(len(alone))
    return result


def by_size(labels: Labels, linked: NDArray[np.bool_], smallest: int) -> Labels:
    """Number the groups from the largest down; too small ones are noise, unless a human linked their faces."""
    grouped = labels >= 0
    sizes = np.bincount(labels[grouped])
    kept = (sizes >= smallest) | (np.bincount(labels[grouped], linked[grouped], len(sizes)) > 0)
    number = np.full(len(sizes) + 1, -1)
    order = np.argsort(-sizes, kind="stable")
    order = order[kept[order] & (sizes[order] > 0)]
    number[order] = np.arange(len(order))
    return number[labels]
