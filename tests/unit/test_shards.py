from __future__ import annotations

import numpy as np
import pytest

from personae.core.agglomerate import NEVER, NOTHING_APART, Apart, Clusters, agglomerate
from personae.core.cluster import Linkage
from personae.core.graph import content_order
from personae.core.metrics import bcubed
from personae.core.shards import FAN, SHARD, agglomerate_shards
from personae.errors import Cancelled
from tests.generate import faces

SIZES = [400, 200, *[20] * 100, *[4] * 500, *[1] * 2000]
"""More faces than two shards hold."""


@pytest.fixture(scope="module")
def many() -> tuple[Clusters, np.ndarray]:
    vectors, truth = faces(SIZES, dimension=96, spread=0.6, seed=5)
    order = content_order(vectors)
    return Clusters(vectors[order], np.ones(len(vectors), np.float32)), truth[order]


def test_shards_find_what_all_pairs_find(many: tuple[Clusters, np.ndarray]) -> None:
    clusters, truth = many
    assert len(clusters) > 2 * SHARD
    whole, _ = agglomerate(clusters, 0.42, 32)
    parts, merged = agglomerate_shards(clusters, 0.42, 0.1, 32, NOTHING_APART)
    assert bcubed(parts, truth).f > 0.99
    assert abs(bcubed(parts, truth).f - bcubed(whole, truth).f) < 0.002
    assert len(merged) == parts.max() + 1
    assert merged.sizes.sum() == len(clusters)


def test_pairs_are_kept_apart_within_shards_and_across(many: tuple[Clusters, np.ndarray]) -> None:
    clusters, truth = many
    rows = np.flatnonzero(truth == 0)
    one, other = rows[::2], rows[1::2]
    first, second = (side.ravel().astype(np.int32) for side in np.meshgrid(one, other))
    apart = Apart(np.minimum(first, second), np.maximum(first, second), np.full(len(first), NEVER))
    labels, _ = agglomerate_shards(clusters, 0.42, 0.1, 32, apart)
    assert not set(labels[one].tolist()) & set(labels[other].tolist())
    assert len(set(labels[one].tolist())) == len(set(labels[other].tolist())) == 1


def test_it_tells_how_far_it_is_and_can_be_stopped(many: tuple[Clusters, np.ndarray]) -> None:
    clusters, _ = many
    told: list[tuple[int, int]] = []
    agglomerate_shards(clusters, 0.42, 0.1, 32, NOTHING_APART, lambda done, total: told.append((done, total)))
    shards = -(-len(clusters) // SHARD)
    assert told[-1] == (shards + -(-shards // FAN), shards + -(-shards // FAN))
    assert [done for done, _ in told] == list(range(1, len(told) + 1))

    def stop(_done: int, _total: int) -> None:
        raise Cancelled("enough")

    estimator = Linkage(threshold=0.42)
    estimator.tell = stop
    with pytest.raises(Cancelled):
        estimator.fit(clusters.sums)


def test_the_order_of_many_faces_has_no_influence(many: tuple[Clusters, np.ndarray]) -> None:
    vectors = many[0].sums
    order = np.random.default_rng(1).permutation(len(vectors))
    there = Linkage(fallback_threshold=0.42).fit(vectors).labels_
    here = Linkage(fallback_threshold=0.42).fit(vectors[order]).labels_
    assert (here == there[order]).all()
