"""Grouping the faces of unknown people: estimators with fit, labels_ and get_params."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from personae.core.agglomerate import MEETING, SLACK, Clusters, agglomerate
from personae.core.calibrate import impostors
from personae.core.compare import normalise
from personae.core.graph import Edges, content_order, neighbour_graph
from personae.errors import InputError
from personae.types import Ids, Labels, Vectors

NEIGHBOURS = 48
"""Edges of the graph a face may choose."""
ENOUGH_FACES = 500
"""From so many faces on, the gallery itself says how alike different people are."""
BELIEVABLE = 0.1
"""A gallery's own threshold this far from the model's is not believed."""
FEW_PEOPLE = 0.01
"""Share of pairs that look like one person from which on a gallery is of too few people to be asked."""
WHISPER_ROUNDS = 30
FACES_AT_ONCE = 4096

Mask = NDArray[np.bool_]


class Estimator(ABC):
    """Groups faces; the partition depends on the faces alone, not on their order.

    Args:
        threshold: cosine at which groups stop to merge; None: `sigmas` above what different people have in common in
            the gallery that is fitted, when it holds enough faces, else `fallback_threshold`.
        fallback_threshold: the model's own threshold for grouping.
        min_cluster_size: smaller groups are noise.
        sigmas: see `threshold`; None: what suits the method.
        neighbours: edges of the graph that a face may choose.

    Attributes:
        labels_: (n,) int64; 0 is the largest group, -1 is noise.
        threshold_: the cosine used.
    """

    default_sigmas: float
    labels_: Labels
    threshold_: float

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

    def get_params(self, deep: bool = True) -> dict[str, object]:  # noqa: ARG002
        """Return the parameters as given.

        Args:
            deep: has no effect; scikit-learn passes it.
        """
        names = ("threshold", "fallback_threshold", "min_cluster_size", "sigmas", "neighbours")
        return {name: getattr(self, name) for name in names}

    def fit(self, vectors: Vectors, founding: ArrayLike | None = None, images: ArrayLike | None = None) -> Self:
        """Group the faces.

        Args:
            vectors: (n, d) float32 rows, of two models fused or of one; of any length but zero.
            founding: (n,) bool, faces that form groups; the others join the nearest group, never link two. None: all.
            images: (n,) integers, the photo of each face; those of one photo are seldom one person. None: no matter.

        Returns:
            The estimator, with `labels_` and `threshold_` set.

        Raises:
            InputError: a row holds NaN or is zero, or the lengths differ.
        """
        rows = _matrix(vectors)
        founds = _column(founding, len(rows), True).astype(bool)
        photos = _column(images, len(rows), -1).astype(np.int64)
        self.threshold_ = self._choose(rows[founds])
        order = content_order(rows, photos, founds.astype(np.int64))
        # A copy, in an order of its own: every later step may use positions without looking at where a face stood.
        rows, founds, photos = rows[order], founds[order], photos[order]
        labels = np.full(len(rows), -1)
        if founds.any():
            # The groups' sums are made in this copy, and supporting faces are looked at afterwards.
            shown = None if images is None else _photo_counts(photos)
            labels[founds], groups = self._group(rows[founds], None if shown is None else shown[np.flatnonzero(founds)])
            supporting = np.flatnonzero(~founds)
            labels[supporting] = _join(groups, rows[supporting], None if shown is None else shown[supporting],
                                       self.threshold_)  # fmt: skip
        self.labels_ = np.empty(len(rows), np.int64)
        self.labels_[order] = _by_size(labels, self.min_cluster_size)
        return self

    @abstractmethod
    def _group(self, vectors: Vectors, photos: csr_array | None) -> tuple[Labels, Clusters]:
        """Return each face's group, and the groups. May use `vectors` up."""

    def _choose(self, vectors: Vectors) -> float:
        """Return the threshold for this gallery."""
        if self.threshold is not None:
            return self.threshold
        given = self.fallback_threshold
        if len(vectors) < ENOUGH_FACES and given is not None:
            return given
        if len(vectors) < 2:
            return 1.0
        found = impostors(vectors)
        own = found.threshold(self.sigmas or self.default_sigmas)
        if given is not None and (found.mated > FEW_PEOPLE or abs(own - given) > BELIEVABLE):
            return given
        return float(np.clip(own, -1.0, 1.0))


class Linkage(Estimator):
    """Average linkage over the graph of near faces, by sum vectors, under a falling threshold.

    Source: Monath et al., Scalable Hierarchical Agglomerative Clustering, KDD 2021.
    """

    default_sigmas = 4.5

    def _group(self, vectors: Vectors, photos: csr_array | None) -> tuple[Labels, Clusters]:
        edges = neighbour_graph(vectors, self.threshold_ - SLACK, self.neighbours)
        singles = Clusters(vectors, np.ones(len(vectors), np.float32), photos)
        return agglomerate(singles, edges, self.threshold_, self.neighbours)


class Whispers(Estimator):
    """Chinese whispers: each face takes over the group that speaks loudest among its neighbours.

    The faces are visited in the order of their content, so that the outcome is the same every time.

    Source: Biemann 2006.
    """

    default_sigmas = 4.8

    def _group(self, vectors: Vectors, photos: csr_array | None) -> tuple[Labels, Clusters]:
        edges = neighbour_graph(vectors, self.threshold_, self.neighbours)
        if photos is not None:
            shared = photos[edges.first].multiply(photos[edges.second]).sum(axis=1)
            edges = edges.at(np.flatnonzero(shared == 0))
        labels = _whisper(len(vectors), edges)
        _, labels = np.unique(labels, return_inverse=True)
        return labels, _summed(vectors, labels, photos)


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


def _matrix(vectors: Vectors) -> Vectors:
    rows = np.asarray(vectors)
    if rows.ndim != 2:
        raise InputError(f"a row for each face is wanted, not an array of shape {rows.shape}")
    return normalise(rows) if len(rows) else rows.astype(np.float32)


def _column(given: ArrayLike | None, n: int, default: int) -> NDArray[np.int64]:
    column = np.full(n, default) if given is None else np.asarray(given)
    if column.shape != (n,):
        raise InputError(f"{n} faces and an array of shape {column.shape}")
    return column


def _photo_counts(photos: Ids) -> csr_array | None:
    """Return (faces, photos) ones where a face is in a photo that shows several; None when there is no such photo."""
    _, place, counts = np.unique(photos, return_inverse=True, return_counts=True)
    rows = np.flatnonzero(counts[place] > 1)
    if not len(rows):
        return None
    return csr_array((np.ones(len(rows), np.float32), (rows, place[rows])), shape=(len(photos), len(counts)))


def _summed(vectors: Vectors, labels: Labels, photos: csr_array | None) -> Clusters:
    n = len(labels)
    member = csr_array((np.ones(n, np.float32), (labels, np.arange(n))), shape=(int(labels.max()) + 1, n))
    return Clusters(member @ vectors, member.sum(axis=1), None if photos is None else member @ photos)


def _join(groups: Clusters, vectors: Vectors, photos: csr_array | None, threshold: float) -> Labels:
    """Return for each supporting face the group nearest to it, -1 where none is near enough."""
    labels = np.full(len(vectors), -1)
    for start in range(0, len(vectors), FACES_AT_ONCE):
        part = slice(start, start + FACES_AT_ONCE)
        scores = vectors[part] @ groups.sums.T
        scores /= groups.norms
        if photos is not None and groups.photos is not None:
            # A single face is the smaller side of every meeting.
            scores -= MEETING * (photos[part] @ groups.photos.T).toarray()
        best = scores.argmax(axis=1)
        near = scores[np.arange(len(best)), best] >= np.float32(threshold)
        labels[part] = np.where(near, best, -1)
    return labels


def _by_size(labels: Labels, smallest: int) -> Labels:
    """Number the groups from the largest down; too small ones are noise."""
    sizes = np.bincount(labels[labels >= 0])
    number = np.full(len(sizes) + 1, -1)
    order = np.argsort(-sizes, kind="stable")
    order = order[sizes[order] >= smallest]
    number[order] = np.arange(len(order))
    return number[labels]


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
