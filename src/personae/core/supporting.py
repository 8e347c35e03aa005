"""Faces that found no group: each joins the nearest one, and none links two."""

from __future__ import annotations

import numpy as np

from personae.core.agglomerate import MEETING, NEVER, Apart, Clusters
from personae.core.constraints import summed
from personae.types import Ids, Labels, Scores

SCORES_AT_ONCE = 1 << 24
"""64 MiB."""


def join(units: Clusters, labels: Labels, waiting: Ids, apart: Apart, threshold: float) -> Labels:
    """Return the labels with the waiting units in the group each is nearest to, where that is near enough.

    Args:
        units: faces, or linked faces, one a row.
        labels: (u,) int64 group of each unit; -1 is none.
        waiting: (w,) rows that may join; their labels are -1.
        apart: pairs of units that are seldom or never one person.
        threshold: cosine with a group's mean face from which on a unit joins.
    """
    grouped = np.flatnonzero(labels >= 0)
    if not len(grouped) or not len(waiting):
        return labels
    names, group = np.unique(labels[grouped], return_inverse=True)
    centroids = summed(units.sums[grouped], group).centroids()
    probes = Clusters(units.sums[waiting], units.sizes[waiting]).centroids()
    result = labels.copy()
    reached = np.full(len(labels), -np.inf, np.float32)
    of_unit = np.full(len(labels), -1)
    of_unit[grouped] = group
    rows, groups, weights = _kept_off(of_unit, waiting, apart)
    step = max(1, SCORES_AT_ONCE // len(names))
    for start in range(0, len(waiting), step):
        scores = probes[start : start + step] @ centroids.T
        here = slice(*np.searchsorted(rows, [start, start + step]))
        # A waiting unit is the smaller side of every meeting.
        np.subtract.at(scores, (rows[here] - start, groups[here]), MEETING * weights[here])
        best = scores.argmax(axis=1)
        top = scores[np.arange(len(best)), best]
        joining = top >= np.float32(threshold)
        result[waiting[start : start + step][joining]] = names[best[joining]]
        reached[waiting[start : start + step]] = top
    return _without_clashes(result, reached, waiting, apart)


def _kept_off(labels: Labels, waiting: Ids, apart: Apart) -> tuple[Ids, Labels, Scores]:
    """Return what keeps waiting units from groups: position among the waiting, ascending; group; weight."""
    place = np.full(len(labels), -1)
    place[waiting] = np.arange(len(waiting))
    one = np.concatenate([apart.first, apart.second])
    other = np.concatenate([apart.second, apart.first])
    weights = np.concatenate([apart.weights, apart.weights])
    held = np.flatnonzero((place[one] >= 0) & (labels[other] >= 0))
    held = held[np.argsort(place[one[held]], kind="stable")]
    return place[one[held]], labels[other[held]], weights[held]


def _without_clashes(labels: Labels, reached: Scores, waiting: Ids, apart: Apart) -> Labels:
    """Take out again the less near of two waiting units that joined one group and must not."""
    moved = np.zeros(len(labels), bool)
    moved[waiting] = True
    never = apart.at(np.flatnonzero((apart.weights == NEVER) & moved[apart.first] & moved[apart.second]))
    for one, other in zip(never.first.tolist(), never.second.tolist(), strict=True):
        if labels[one] == labels[other] >= 0:
            labels[one if reached[one] < reached[other] else other] = -1
    return labels
