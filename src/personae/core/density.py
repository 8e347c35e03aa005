"""The methods that other people's libraries name: HDBSCAN, DBSCAN and average linkage, on cosines.

They know nothing of photos: two faces of one photo are kept apart by none of them. What a human said holds, see
`Estimator`. A face that they call noise founds a group of its own, which is noise as long as it is smaller than
`min_cluster_size`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster
from scipy.cluster.hierarchy import linkage as scipy_linkage
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from personae.core.agglomerate import Apart, Clusters
from personae.core.estimator import Estimator
from personae.core.graph import Edges, neighbour_graph
from personae.errors import InputError
from personae.types import Ids, Labels, Vectors

MOST_AT_ONCE = 16_384
"""Faces all of whose pairs are held at once, by HDBSCAN of a gallery, by average linkage of connected faces: 4 GiB."""
MOST_PAIRS = 100_000_000
"""Pairs of near faces that are held at once: 2 GiB."""
ROWS_AT_ONCE = 256
"""Rows of one matrix product."""
SAMPLE = 2000
"""Faces of which all pairs are looked at, to know how many pairs of all are near."""


class Hdbscan(Estimator):
    """The groups that last longest while the distance falls, of all densities ("excess of mass").

    `threshold` has no influence on them, it is what supporting faces are held against.

    Args:
        min_cluster_size: smaller groups are noise; at least 2.
        min_samples: the distance to its neighbour of this rank says how dense it is around a face; None:
            `min_cluster_size`.
        threshold: as in `Estimator`; likewise the others.
        fallback_threshold: see there.
        sigmas: see there.

    Source: Campello, Moulavi and Sander, PAKDD 2013; scikit-learn's implementation.
    """

    def __init__(
        self,
        min_cluster_size: int = 3,
        min_samples: int | None = None,
        threshold: float | None = None,
        fallback_threshold: float | None = None,
        sigmas: float | None = None,
    ) -> None:
        super().__init__(threshold, fallback_threshold, min_cluster_size, sigmas)
        if min_cluster_size < 2:
            raise InputError("min_cluster_size of hdbscan is at least 2")
        _check_samples(min_samples)
        self.min_samples = min_samples

    def get_params(self, deep: bool = True) -> dict[str, object]:  # noqa: ARG002
        """Return the parameters as given; `deep` has no effect."""
        names = ("min_cluster_size", "min_samples", "threshold", "fallback_threshold", "sigmas")
        return {name: getattr(self, name) for name in names}

    def _group(self, units: Clusters, apart: Apart, sigma: float) -> Labels:  # noqa: ARG002
        n = len(units)
        if n > MOST_AT_ONCE:
            raise InputError(f"hdbscan groups at most {MOST_AT_ONCE:,} faces, not {n:,}; linkage groups any number")
        if n < self.min_cluster_size:
            return np.arange(n)
        rows = units.centroids()
        if (rows == rows[0]).all():
            # HDBSCAN never takes the whole for a group, so that a gallery of one picture would be noise.
            return np.zeros(n, np.int64)
        from sklearn.cluster import HDBSCAN  # noqa: PLC0415 - a second that only those who ask for it wait

        # On unit vectors the square of the Euclidean distance is twice the cosine distance.
        found = HDBSCAN(
            min_cluster_size=self.min_cluster_size,
            # The face itself is counted here, and not by the authors' own implementation, whose groups these are.
            min_samples=min((self.min_samples or self.min_cluster_size) + 1, n),
            metric="euclidean",
            algorithm="brute",
            cluster_selection_method="eom",
            copy=False,
        ).fit(rows)
        return _alone(found.labels_.astype(np.int64))


class Dbscan(Estimator):
    """Faces with enough others around them, and all that are around those.

    A face on the border of two groups goes with the nearest face that has enough others around it.

    Args:
        eps: cosine distance, 1 - cosine, in [0, 2], up to which faces are around each other.
        min_samples: faces, itself among them, that are enough; None: `min_cluster_size`. Linked faces count each.
        min_cluster_size: smaller groups are noise.

    Source: Ester, Kriegel, Sander and Xu, KDD 1996.
    """

    def __init__(self, eps: float = 0.5, min_samples: int | None = None, min_cluster_size: int = 3) -> None:
        super().__init__(_cosine("eps", eps), min_cluster_size=min_cluster_size)
        _check_samples(min_samples)
        self.eps = eps
        self.min_samples = min_samples

    def get_params(self, deep: bool = True) -> dict[str, object]:  # noqa: ARG002
        """Return the parameters as given; `deep` has no effect."""
        return {name: getattr(self, name) for name in ("eps", "min_samples", "min_cluster_size")}

    def _group(self, units: Clusters, apart: Apart, sigma: float) -> Labels:  # noqa: ARG002
        n = len(units)
        edges = _all_near(units.centroids(), self.threshold_, "dbscan")
        around = units.sizes + np.bincount(edges.first, units.sizes[edges.second], n)
        around += np.bincount(edges.second, units.sizes[edges.first], n)
        dense = around >= (self.min_samples or self.min_cluster_size)
        labels = _components(n, edges.at(dense[edges.first] & dense[edges.second]))
        border, nearest = _nearest_dense(edges, dense)
        labels[border] = labels[nearest]
        return np.unique(labels, return_inverse=True)[1]


class Agglomerative(Estimator):
    """Average linkage: the two groups whose faces are nearest on average merge, until none are near enough.

    Two groups can be so near only if two of their faces are. So faces that no chain of near faces connects are dealt
    with apart, which changes nothing and takes far less time and memory than all of them together.

    Args:
        distance_threshold: cosine distance, 1 - cosine, in [0, 2], down to which groups merge; None: chosen by the
            gallery, as in `Estimator`.
        fallback_threshold: see there.
        min_cluster_size: smaller groups are noise.
        sigmas: see there.

    Source: Sokal and Michener 1958; SciPy's implementation (nearest-neighbour chain, Müllner 2011).
    """

    def __init__(
        self,
        distance_threshold: float | None = 0.5,
        fallback_threshold: float | None = None,
        min_cluster_size: int = 3,
        sigmas: float | None = None,
    ) -> None:
        threshold = None if distance_threshold is None else _cosine("distance_threshold", distance_threshold)
        super().__init__(threshold, fallback_threshold, min_cluster_size, sigmas)
        self.distance_threshold = distance_threshold

    def get_params(self, deep: bool = True) -> dict[str, object]:  # noqa: ARG002
        """Return the parameters as given; `deep` has no effect."""
        names = ("distance_threshold", "fallback_threshold", "min_cluster_size", "sigmas")
        return {name: getattr(self, name) for name in names}

    def _group(self, units: Clusters, apart: Apart, sigma: float) -> Labels:  # noqa: ARG002
        n = len(units)
        rows = units.centroids()
        connected = _components(n, _all_near(rows, self.threshold_, "agglomerative"))
        largest = int(np.bincount(connected, minlength=1).max())
        if largest > MOST_AT_ONCE:
            raise InputError(
                f"agglomerative groups at most {MOST_AT_ONCE:,} faces that a chain of near faces connects, not "
                f"{largest:,}; choose a shorter distance, or linkage, which groups any number"
            )
        labels = np.empty(n, np.int64)
        count = 0
        by_component = np.argsort(connected, kind="stable")
        for members in np.split(by_component, np.flatnonzero(np.diff(connected[by_component])) + 1):
            labels[members] = count + _average_linkage(rows[members], 1 - self.threshold_)
            count = int(labels[members].max(initial=count - 1)) + 1
        return labels


def _cosine(name: str, distance: float) -> float:
    if not 0 <= distance <= 2:
        raise InputError(f"{name}, a cosine distance, lies between 0 and 2, not at {distance}")
    return 1 - distance


def _check_samples(min_samples: int | None) -> None:
    if min_samples is not None and min_samples < 1:
        raise InputError("min_samples is at least 1")


def _all_near(rows: Vectors, threshold: float, method: str) -> Edges:
    """Return every pair of rows whose cosine reaches the threshold.

    Args:
        rows: (n, d) float32 unit rows, in an order in which neighbours have nothing in common.
        threshold: cosine.
        method: what asks, for the error.

    Raises:
        InputError: there are more than can be held.
    """
    n = len(rows)
    some = rows[:SAMPLE]
    near = int(np.count_nonzero(some @ some.T >= np.float32(threshold))) - len(some)
    if near * (n / max(1, len(some))) ** 2 / 2 > MOST_PAIRS:
        raise InputError(
            f"{method}: within a distance of {1 - threshold:.2f} there are more than {MOST_PAIRS:,} pairs among "
            f"{n:,} faces; choose a shorter distance, or linkage, which groups any number"
        )
    return neighbour_graph(rows, threshold, max(1, n))


def _components(n: int, edges: Edges) -> Labels:
    """Number the rows by what the edges connect."""
    graph = csr_array((np.ones(len(edges), np.int8), (edges.first, edges.second)), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _nearest_dense(edges: Edges, dense: NDArray[np.bool_]) -> tuple[Ids, Ids]:
    """Return the rows that are not dense themselves but near to dense ones, and the nearest of these for each."""
    one = np.concatenate([edges.first, edges.second])
    other = np.concatenate([edges.second, edges.first])
    scores = np.concatenate([edges.scores, edges.scores])
    at = np.flatnonzero(~dense[one] & dense[other])
    at = at[np.lexsort((other[at], -scores[at], one[at]))]
    border, first = np.unique(one[at], return_index=True)
    return border.astype(np.int64), other[at[first]].astype(np.int64)


def _average_linkage(rows: Vectors, distance: float) -> Labels:
    """Number the groups of these rows from 0."""
    n = len(rows)
    if n < 2:
        return np.zeros(n, np.int64)
    distances = np.empty(n * (n - 1) // 2)
    at = 0
    for start in range(0, n, ROWS_AT_ONCE):
        for row, cosines in enumerate(rows[start : start + ROWS_AT_ONCE] @ rows[start:].T):
            stop = at + n - start - row - 1
            # Rounding may put the cosine of equal rows above 1.
            np.maximum(1 - cosines[row + 1 :], 0, out=distances[at:stop])
            at = stop
    return fcluster(scipy_linkage(distances, "average"), distance, "distance").astype(np.int64) - 1


def _alone(labels: Labels) -> Labels:
    """Give every face of noise a group of its own."""
    alone = np.flatnonzero(labels < 0)
    labels[alone] = labels.max(initial=-1) + 1 + np.arange(len(alone))
    return labels
