from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personae.core.cluster import Estimator, Linkage, Whispers, match_labels
from personae.core.graph import Edges, content_order, neighbour_graph, strongest
from personae.core.metrics import bcubed
from personae.errors import InputError
from personae.types import Labels
from tests.generate import faces, unit_rows

METHODS = pytest.mark.parametrize("method", [Linkage, Whispers])
SIZES = st.lists(st.integers(1, 6), min_size=1, max_size=6)


def partition(labels: Labels) -> set[frozenset[int]]:
    """The groups, and each face of noise alone."""
    groups = {frozenset(np.flatnonzero(labels == label).tolist()) for label in labels if label >= 0}
    return groups | {frozenset([int(face)]) for face in np.flatnonzero(labels < 0)}


@METHODS
def test_people_are_found(method: type[Estimator]) -> None:
    vectors, truth = faces([40, 20, 10, 5, 3, *[1] * 50], dimension=128)
    before = vectors.copy()
    estimator = method(threshold=0.4)
    assert estimator.fit(vectors) is estimator
    assert bcubed(estimator.labels_, truth).f > 0.99
    assert estimator.labels_.dtype == np.int64
    assert np.bincount(estimator.labels_[estimator.labels_ >= 0]).tolist() == [40, 20, 10, 5, 3]
    assert (vectors == before).all()


@METHODS
@settings(deadline=None, max_examples=40)
@given(sizes=SIZES, spread=st.floats(0.1, 0.95), seed=st.integers(0, 10**6), data=st.data())
def test_the_order_of_the_faces_has_no_influence(
    method: type[Estimator], sizes: list[int], spread: float, seed: int, data: st.DataObject
) -> None:
    vectors, _ = faces(sizes, dimension=8, spread=spread, seed=seed)
    # Equal faces are the hardest to treat alike.
    vectors[0] = vectors[-1]
    rng = np.random.default_rng(seed)
    founding, images = rng.random(len(vectors)) < 0.8, rng.integers(0, len(vectors), len(vectors))
    order = np.array(data.draw(st.permutations(range(len(vectors)))))
    there = method(threshold=0.3).fit(vectors, founding=founding, images=images).labels_
    here = method(threshold=0.3).fit(vectors[order], founding=founding[order], images=images[order]).labels_
    twins = (founding[0], images[0]) == (founding[-1], images[-1])
    expected = there[order]
    if twins:
        # Faces that are equal in every respect may change places.
        assert sorted(here.tolist()) == sorted(expected.tolist())
    else:
        assert (here == expected).all()


@METHODS
@settings(deadline=None, max_examples=40)
@given(sizes=SIZES, spread=st.floats(0.1, 0.95), seed=st.integers(0, 10**6))
def test_a_far_away_face_changes_nothing(method: type[Estimator], sizes: list[int], spread: float, seed: int) -> None:
    vectors, _ = faces(sizes, dimension=8, spread=spread, seed=seed)
    wide = np.concatenate([vectors, np.zeros((len(vectors), 1), np.float32)], axis=1)
    far = np.zeros((1, 9), np.float32)
    far[0, 8] = 1
    alone = method(threshold=0.3, min_cluster_size=1).fit(wide).labels_
    beside = method(threshold=0.3, min_cluster_size=1).fit(np.concatenate([wide, far])).labels_
    assert partition(beside[:-1]) == partition(alone)
    assert (beside[:-1] != beside[-1]).all()


@settings(deadline=None, max_examples=30)
@given(sizes=SIZES, spread=st.floats(0.1, 0.9), seed=st.integers(0, 10**6))
def test_no_two_groups_are_left_that_should_be_one(sizes: list[int], spread: float, seed: int) -> None:
    vectors, _ = faces(sizes, dimension=8, spread=spread, seed=seed)
    labels = Linkage(threshold=0.4, min_cluster_size=1).fit(vectors).labels_
    sums = np.stack([vectors[labels == label].sum(axis=0) for label in range(labels.max() + 1)])
    sizes_found = np.bincount(labels).astype(float)
    norms = sizes_found**0.3 * np.linalg.norm(sums, axis=1) ** 0.7
    nearness = sums @ sums.T / np.outer(norms, norms)
    np.fill_diagonal(nearness, -1)
    assert nearness.max() < 0.4 + 1e-5


@METHODS
def test_supporting_faces_join_groups_but_never_link_them(method: type[Estimator]) -> None:
    one, other = np.eye(2, 3, dtype=np.float32)
    between = np.array([0.75, 0.66, 0.05])
    vectors = np.stack([one, one, other, other, between, between, [0, 0, 1]]).astype(np.float32)
    founding = np.array([1, 1, 1, 1, 0, 0, 0], bool)
    assert method(threshold=0.6).fit(vectors, founding=founding).labels_.tolist() == [
        *[method(threshold=0.6).fit(vectors, founding=founding).labels_[0]] * 2,
        *[method(threshold=0.6).fit(vectors, founding=founding).labels_[2]] * 2,
        *[method(threshold=0.6).fit(vectors, founding=founding).labels_[0]] * 2,
        -1,
    ]
    labels = method(threshold=0.6).fit(vectors, founding=founding).labels_
    assert labels[0] != labels[2]


@METHODS
def test_without_founding_faces_there_are_no_groups(method: type[Estimator]) -> None:
    rows = np.repeat(unit_rows(1, 8), 5, axis=0)
    assert (method(threshold=0.5).fit(rows, founding=np.zeros(5, bool)).labels_ == -1).all()


def test_two_alike_in_one_photo_are_two_people() -> None:
    # Twins that look alike at 0.8, always seen together.
    twins = np.array([[1, 0], [0.8, 0.6]], np.float32)
    rows = np.tile(twins, (4, 1))
    assert len(partition(Linkage(threshold=0.5).fit(rows).labels_)) == 1
    labels = Linkage(threshold=0.5).fit(rows, images=np.repeat(np.arange(4), 2)).labels_
    assert partition(labels) == {frozenset([0, 2, 4, 6]), frozenset([1, 3, 5, 7])}


@METHODS
def test_small_groups_are_noise(method: type[Estimator]) -> None:
    vectors, truth = faces([5, 3, 2, 1], dimension=128, spread=0.3)
    labels = method(threshold=0.5, min_cluster_size=3).fit(vectors).labels_
    assert (labels[truth >= 2] == -1).all()
    assert sorted(set(labels.tolist())) == [-1, 0, 1]


@METHODS
def test_no_face_one_face_equal_faces(method: type[Estimator]) -> None:
    assert method().fit(np.empty((0, 8), np.float32)).labels_.tolist() == []
    assert method().fit(unit_rows(1, 8)).labels_.tolist() == [-1]
    assert set(method(threshold=0.5).fit(np.repeat(unit_rows(1, 8), 300, axis=0)).labels_.tolist()) == {0}


def test_the_gallery_says_how_alike_strangers_are_when_it_is_large_enough() -> None:
    many, _ = faces([2] * 400, dimension=64, spread=0.5)
    own = Linkage(fallback_threshold=0.55).fit(many).threshold_
    assert own != 0.55
    assert own == pytest.approx(4.5 / 8, abs=0.06)
    assert Linkage(fallback_threshold=0.55).fit(many[:400]).threshold_ == 0.55
    assert Linkage(fallback_threshold=0.2).fit(many).threshold_ == 0.2
    assert Linkage(threshold=0.3, fallback_threshold=0.55).fit(many).threshold_ == 0.3


def test_a_gallery_of_few_people_is_not_asked() -> None:
    few, truth = faces([60] * 10, dimension=128, spread=0.5)
    estimator = Linkage(fallback_threshold=0.45).fit(few)
    assert estimator.threshold_ == 0.45
    assert bcubed(estimator.labels_, truth).f == 1


@METHODS
def test_the_parameters_are_those_given(method: type[Estimator]) -> None:
    given_ones = {
        "threshold": 0.5, "fallback_threshold": None, "min_cluster_size": 4, "sigmas": 4.0, "neighbours": 7,
    }  # fmt: skip
    assert method(**given_ones).get_params() == given_ones
    assert method(**method(**given_ones).get_params()).get_params() == given_ones


@pytest.mark.parametrize(
    "call",
    [
        lambda: Linkage(threshold=1.5),
        lambda: Linkage(fallback_threshold=-2),
        lambda: Linkage(min_cluster_size=0),
        lambda: Linkage().fit(np.full((3, 8), np.nan, np.float32)),
        lambda: Linkage().fit(np.zeros((3, 8), np.float32)),
        lambda: Linkage().fit(np.zeros(8, np.float32)),
        lambda: Linkage().fit(unit_rows(3, 8), founding=[True]),
        lambda: Linkage().fit(unit_rows(3, 8), images=[1, 2]),
    ],
)
def test_bad_input_is_refused(call: Callable[[], object]) -> None:
    with pytest.raises(InputError):
        call()


# --- the graph --------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.integers(2, 40), st.floats(-0.5, 0.9), st.integers(0, 10**6))
def test_the_graph_holds_every_near_pair(n: int, threshold: float, seed: int) -> None:
    vectors = unit_rows(n, 4, seed)
    scores = vectors @ vectors.T
    edges = neighbour_graph(vectors, threshold, neighbours=n)
    found = set(zip(edges.first.tolist(), edges.second.tolist(), strict=True))
    near = {(i, j) for i in range(n) for j in range(i + 1, n) if scores[i, j] >= threshold + 1e-6}
    nearly = {(i, j) for i in range(n) for j in range(i + 1, n) if scores[i, j] >= threshold - 1e-6}
    assert near <= found <= nearly


@given(st.integers(3, 30), st.integers(1, 5), st.integers(0, 10**6))
def test_an_edge_stays_when_one_of_its_ends_chooses_it(n: int, neighbours: int, seed: int) -> None:
    vectors = unit_rows(n, 4, seed)
    everything = neighbour_graph(vectors, -1.0, n)
    kept = strongest(everything, n, neighbours)
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -2)
    chosen = np.argsort(-scores, axis=1)[:, :neighbours]
    expected = {(min(i, int(j)), max(i, int(j))) for i in range(n) for j in chosen[i] if i != j}
    assert set(zip(kept.first.tolist(), kept.second.tolist(), strict=True)) == expected


def test_no_edges() -> None:
    nothing = np.empty(0, np.int64)
    assert len(strongest(Edges(nothing, nothing, np.empty(0, np.float32)), 3, 2)) == 0
    assert len(neighbour_graph(np.eye(3, dtype=np.float32), 0.5, 4)) == 0


@given(st.permutations(range(12)))
def test_the_order_by_content_is_one_and_the_same(order: list[int]) -> None:
    rows, tag = np.repeat(unit_rows(6, 3), 2, axis=0), np.arange(12) % 2
    there, here = content_order(rows, tag), content_order(rows[order], tag[order])
    assert (rows[there] == rows[order][here]).all()
    assert (tag[there] == tag[order][here]).all()


# --- ids that stay ----------------------------------------------------------------------------


def test_groups_keep_the_id_of_those_they_share_most_faces_with() -> None:
    before = np.array([7, 7, 7, 9, 9, -1, -1])
    assert match_labels(before, np.array([1, 1, 0, 0, 0, 2, 2])) == {1: 7, 0: 9}


def test_an_id_is_given_once() -> None:
    before = np.array([7, 7, 7, 7, 7])
    assert match_labels(before, np.array([0, 0, 0, 1, 1])) == {0: 7}
    assert match_labels(np.array([3, 3, 5, 5]), np.zeros(4, np.int64)) == {0: 3}
    assert match_labels(np.array([-1, -1]), np.array([0, -1])) == {}


@given(st.lists(st.tuples(st.integers(-1, 4), st.integers(-1, 4)), max_size=30))
def test_an_unchanged_grouping_keeps_all_its_ids(pairs: list[tuple[int, int]]) -> None:
    labels = np.array([label for label, _ in pairs], np.int64)
    assert match_labels(np.where(labels >= 0, labels + 100, -1), labels) == {
        label: label + 100 for label in set(labels.tolist()) if label >= 0
    }
    kept = match_labels(np.array([old for _, old in pairs], np.int64), labels)
    assert len(set(kept.values())) == len(kept)


@pytest.mark.slow
def test_whispers_keeps_to_separations_among_many_faces() -> None:
    # So many that the number of a pair of rows is beyond 32 bits.
    n = 47_000
    vectors = unit_rows(n // 2, 16).repeat(2, axis=0)
    labels = Whispers(threshold=0.9999, min_cluster_size=1).fit(vectors, images=np.arange(n) // 2).labels_
    assert (labels[::2] != labels[1::2]).all()
