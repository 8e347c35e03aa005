"""Clustering many faces: in shards, whose clusters are then merged shard by shard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from personae.core.agglomerate import REPAIRS, Apart, Clusters, agglomerate
from personae.types import Labels

SHARD = 2500
"""Faces that are compared with each other at once. Fewer cost more merging, more cost more comparisons."""
FAN = 4
"""Shards that are merged into one."""
STRICTER = 1.5
"""Sigmas by which the threshold is raised until all shards have met: what is uncertain waits for the whole."""


Tell = Callable[[int, int], None]
"""Is told how many of how many shards are done; may raise to stop the work."""


def silent(_done: int, _total: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Shard:
    """The clusters of a run of rows."""

    start: int
    """First row."""
    labels: Labels
    """Cluster of each row from `start` on."""
    clusters: Clusters


def agglomerate_shards(
    clusters: Clusters,
    threshold: float,
    sigma: float,
    neighbours: int,
    apart: Apart,
    tell: Tell = silent,
) -> tuple[Labels, Clusters]:
    """Merge clusters as `agglomerate` does, with far fewer comparisons when there are many.

    Comparing all faces costs the square of their number. Shards cost their own squares alone, and hand on fewer and
    fewer clusters to compare, since the faces of one person come together on the way.

    Args:
        clusters: to begin with, in an order in which neighbours have nothing in common.
        threshold: similarity in [-1, 1] down to which clusters merge.
        sigma: spread of the cosines of different people; `STRICTER` is counted in it.
        neighbours: edges of the graph of near clusters that a cluster may choose.
        apart: pairs that are seldom or never one person.
        tell: is told how far the work has come.

    Returns:
        (n,) int64 final cluster of each one given; the final clusters.
    """
    count = max(1, -(-len(clusters) // SHARD))
    bounds = np.linspace(0, len(clusters), count + 1).astype(np.int64).tolist()
    shards = [
        Shard(start, np.arange(stop - start), Clusters(clusters.sums[start:stop], clusters.sizes[start:stop]))
        for start, stop in pairwise(bounds)
    ]
    fan, done, total = 1, 0, _merges(count)
    while True:
        groups = [shards[at : at + fan] for at in range(0, len(shards), fan)]
        within = _shared_out(apart, [group[0].start for group in groups])
        last = len(groups) == 1
        raised = threshold if last else threshold + STRICTER * sigma
        repairs = REPAIRS if last else 0
        shards = []
        for at, pairs in enumerate(within):
            shards.append(_merged(groups[at], raised, neighbours, pairs, repairs))
            # What was merged is not needed any more: at a million faces this is most of the memory.
            groups[at] = []
            done += 1
            tell(done, total)
        if last:
            return shards[0].labels, shards[0].clusters
        fan = FAN


def _merged(group: Sequence[Shard], threshold: float, neighbours: int, apart: Apart, repairs: int) -> Shard:
    """Make one shard of several."""
    offsets = np.cumsum([0, *(len(shard.clusters) for shard in group)])[:-1]
    labels = np.concatenate([shard.labels + offset for shard, offset in zip(group, offsets, strict=True)])
    together = Clusters.joined([shard.clusters for shard in group])
    start = group[0].start
    rows = Apart(
        labels[apart.first - start].astype(np.int32), labels[apart.second - start].astype(np.int32), apart.weights
    )
    final, clusters = agglomerate(together, threshold, neighbours, rows, repairs=repairs)
    return Shard(start, final[labels], clusters)


def _merges(shards: int) -> int:
    """Return how many shards are made until one is left."""
    total = shards
    while shards > 1:
        shards = -(-shards // FAN)
        total += shards
    return total


def _shared_out(apart: Apart, starts: Sequence[int]) -> list[Apart]:
    """Return for each group of rows, which begin at `starts`, the pairs that lie in it."""
    if not len(apart):
        return [apart] * len(starts)
    group = np.searchsorted(starts, apart.first, side="right") - 1
    inside = np.flatnonzero(group == np.searchsorted(starts, apart.second, side="right") - 1)
    order = inside[np.argsort(group[inside], kind="stable")]
    cuts = np.searchsorted(group[order], np.arange(len(starts) + 1))
    return [apart.at(order[start:stop]) for start, stop in pairwise(cuts.tolist())]
