"""New faces join groups that are there, without grouping all again."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from personae.core import kernels
from personae.core.agglomerate import NEVER, Apart, Clusters, agglomerate
from personae.core.constraints import Units, units_of
from personae.core.estimator import NEIGHBOURS, by_size, with_linked
from personae.core.supporting import join
from personae.types import Ids, Labels, Vectors


@dataclass(frozen=True, slots=True)
class Grouped:
    """Faces, most of which were grouped before. Every array has a row for each."""

    vectors: Vectors
    """(n, d) float32 unit rows."""
    groups: Labels
    """(n,) int64 the group that each is in; -1 is none."""
    fresh: NDArray[np.bool_]
    """(n,) which have never been grouped; it is quickest when they come last."""
    founding: NDArray[np.bool_]
    """(n,) which may found groups."""
    photos: Ids
    """(n,) the photo of each."""
    must: Ids
    """(m, 2) rows that are one person, as a human said."""
    cannot: Ids
    """(m, 2) rows that are two people, as a human said."""


def extend(faces: Grouped, threshold: float, min_cluster_size: int) -> Labels:
    """Return the group of each face, now that fresh ones have come.

    What was grouped stays together. Fresh faces join groups, found new ones, and may show that two groups are one.

    Args:
        faces: all of them.
        threshold: the cosine at which the groups stopped to merge when all faces were grouped.
        min_cluster_size: smaller groups are noise, unless a human linked their faces.

    Returns:
        (n,) int64; 0 is the largest group, -1 is noise.
    """
    faces = _without_broken(faces)
    order = np.argsort(faces.fresh, kind="stable")
    if not (order == np.arange(len(order))).all():
        labels = np.empty(len(order), np.int64)
        labels[order] = extend(_in_order(faces, order), threshold, min_cluster_size)
        return labels
    together = np.concatenate([faces.must, _chains(np.where(faces.founding, faces.groups, -1))])
    units = units_of(faces.vectors, faces.photos, together, faces.cannot)
    founds = np.bincount(units.of_face, faces.founding, len(units.clusters)) > 0
    old = len(np.unique(units.of_face[~faces.fresh]))
    labels = np.full(len(units.clusters), -1)
    labels[founds] = _founded(units, founds, old, threshold)
    labels = _supported(faces, units, founds, labels, threshold)
    linked = np.isin(units.of_face, units.of_face[faces.must])
    labels = with_linked(labels, np.bincount(units.of_face, linked, len(labels)) > 0)
    return by_size(labels[units.of_face], linked, min_cluster_size)


def _without_broken(faces: Grouped) -> Grouped:
    """Dissolve the groups that hold faces which a human has separated since; several groups may, that links join."""
    if not len(faces.cannot):
        return faces
    pairs = np.concatenate([faces.must, _chains(faces.groups)]).astype(np.int32)
    together = kernels.connected(len(faces.groups), pairs[:, 0], pairs[:, 1])
    parted = together[faces.cannot]
    broken = np.isin(together, parted[parted[:, 0] == parted[:, 1], 0]) & (faces.groups >= 0)
    if not broken.any():
        return faces
    return replace(faces, groups=np.where(broken, -1, faces.groups), fresh=faces.fresh | broken)


def _in_order(faces: Grouped, order: Ids) -> Grouped:
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return Grouped(
        faces.vectors[order], faces.groups[order], faces.fresh[order], faces.founding[order], faces.photos[order],
        place[faces.must], place[faces.cannot],
    )  # fmt: skip


def _chains(groups: Labels) -> Ids:
    """Return (m, 2) rows, each with the next one of its group."""
    order = np.argsort(groups, kind="stable")
    order = order[groups[order] >= 0]
    pairs = np.stack([order[:-1], order[1:]], axis=1)
    return np.compress(groups[pairs[:, 0]] == groups[pairs[:, 1]], pairs, axis=0)


def _founded(units: Units, founds: NDArray[np.bool_], old: int, threshold: float) -> Labels:
    """Return the groups of the founding units; old ones are compared with fresh ones only, and with what changes."""
    rows = np.flatnonzero(founds)
    among = np.full(len(founds), -1, np.int32)
    among[rows] = np.arange(len(rows))
    apart = units.apart.at(np.flatnonzero(founds[units.apart.first] & founds[units.apart.second]))
    inner = Apart(among[apart.first], among[apart.second], apart.weights)
    clusters = Clusters(units.clusters.sums[rows], units.clusters.sizes[rows])
    return agglomerate(clusters, threshold, NEIGHBOURS, inner, since=int(np.searchsorted(rows, old)))[0]


def _supported(faces: Grouped, units: Units, founds: NDArray[np.bool_], labels: Labels, threshold: float) -> Labels:
    """Put the supporting faces where they were, as far as their group is still there, and let the others join."""
    of_group = np.full(faces.groups.max(initial=-1) + 2, -1)
    founders = np.flatnonzero(faces.founding & (faces.groups >= 0))
    of_group[faces.groups[founders]] = labels[units.of_face[founders]]
    result = labels.copy()
    supporting = np.flatnonzero(~founds[units.of_face])
    result[units.of_face[supporting]] = of_group[faces.groups[supporting]]
    fresh = np.zeros(len(labels), bool)
    fresh[units.of_face[faces.fresh]] = True
    # Where groups came together, a face that stays must not be with one that it was separated from.
    never = units.apart.at(np.flatnonzero(units.apart.weights == NEVER))
    clash = never.at(np.flatnonzero((result[never.first] == result[never.second]) & (result[never.first] >= 0)))
    loose = np.concatenate([clash.first, clash.second])
    loose = loose[~founds[loose]]
    result[loose], fresh[loose] = -1, True
    waiting = ~founds & (result < 0)
    result = join(units.clusters, result, np.flatnonzero(waiting & fresh), units.apart, threshold)
    # Faces that were too far from every group look only at the groups that fresh faces have changed.
    changed = np.isin(result, result[fresh & (result >= 0)])
    nearer = join(
        units.clusters, np.where(changed, result, -1), np.flatnonzero(waiting & ~fresh), units.apart, threshold
    )
    return np.where(waiting & ~fresh, nearer, result)
