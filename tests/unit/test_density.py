from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster
from scipy.cluster.hierarchy import linkage as scipy_linkage
from scipy.spatial.distance import pdist
from sklearn.cluster import DBSCAN, HDBSCAN

from personae.core import density
from personae.core.cluster import Estimator, Linkage, Whispers
from personae.core.density import Agglomerative, Dbscan, Hdbscan
from personae.core.graph import content_order
from personae.core.metrics import bcubed
from personae.errors import InputError
from personae.types import Labels
from tests.generate import faces, unit_rows

NAMED = pytest.mark.parametrize("method", [Hdbscan, Dbscan, Agglomerative])
EVERY = pytest.mark.parametrize("method", [Hdbscan, Dbscan, Agglomerative, Linkage, Whispers])
SIZES = st.lists(st.integers(1, 6), min_size=1, max_size=6)
FEW = settings(max_examples=40)


def partition(labels: Labels) -> set[frozenset[int]]:
    """The groups, and each face of noise alone."""
    groups = {frozenset(np.flatnonzero(labels == label).tolist()) for label in labels if label >= 0}
    return groups | {frozenset([int(face)]) for face in np.flatnonzero(labels < 0)}


def contents(labels: Labels, rows: np.ndarray) -> list[list[bytes]]:
    """The groups by what their faces hold: equal faces may change places."""
    return sorted(sorted(rows[face].tobytes() for face in group) for group in partition(labels))


# --- each method --------------------------------------------------------------------------------


@NAMED
def test_people_are_found(method: type[Estimator]) -> None:
    vectors, truth = faces([40, 20, 10, 5, 3], dimension=128, spread=0.5)
    before = vectors.copy()
    estimator = method()
    assert estimator.fit(vectors) is estimator
    assert bcubed(estimator.labels_, truth).f > 0.98
    assert estimator.labels_.dtype == np.int64
    assert np.bincount(estimator.labels_[estimator.labels_ >= 0]).tolist()[:2] == [40, 20]
    assert (vectors == before).all()


@pytest.mark.parametrize("method", [Dbscan, Agglomerative])
def test_faces_of_nobody_else_are_noise(method: type[Estimator]) -> None:
    vectors, truth = faces([40, 20, 10, 5, 3, *[1] * 50], dimension=128, spread=0.5)
    labels = method().fit(vectors).labels_
    assert (labels[truth > 4] == -1).all()
    assert bcubed(labels, truth).f > 0.98


@NAMED
@FEW
@given(sizes=SIZES, spread=st.floats(0.1, 0.95), seed=st.integers(0, 10**6), data=st.data())
def test_the_order_of_the_faces_has_no_influence(
    method: type[Estimator], sizes: list[int], spread: float, seed: int, data: st.DataObject
) -> None:
    vectors, _ = faces(sizes, dimension=8, spread=spread, seed=seed)
    # Equal faces are the hardest to treat alike.
    vectors[0] = vectors[-1]
    order = np.array(data.draw(st.permutations(range(len(vectors)))))
    there = method().fit(vectors).labels_
    here = method().fit(vectors[order]).labels_
    assert contents(there, vectors) == contents(here, vectors[order])


@EVERY
@FEW
@given(sizes=SIZES, seed=st.integers(0, 10**6))
def test_the_length_of_the_rows_has_no_influence(method: type[Estimator], sizes: list[int], seed: int) -> None:
    vectors, _ = faces(sizes, dimension=8, spread=0.5, seed=seed)
    # Powers of two change no digit.
    lengths = np.exp2(np.random.default_rng(seed).integers(-8, 8, len(vectors)).astype(np.float32))[:, None]
    assert contents(method().fit(vectors * lengths).labels_, vectors) == contents(
        method().fit(vectors).labels_, vectors
    )


@pytest.mark.parametrize("method", [Dbscan, Agglomerative])
@FEW
@given(sizes=SIZES, spread=st.floats(0.1, 0.95), seed=st.integers(0, 10**6))
def test_a_far_away_face_changes_nothing(method: type[Estimator], sizes: list[int], spread: float, seed: int) -> None:
    vectors, _ = faces(sizes, dimension=8, spread=spread, seed=seed)
    wide = np.concatenate([vectors, np.zeros((len(vectors), 1), np.float32)], axis=1)
    far = np.zeros((1, 9), np.float32)
    far[0, 8] = 1
    beside = method().fit(np.concatenate([wide, far])).labels_
    assert partition(beside[:-1]) == partition(method().fit(wide).labels_)
    assert beside[-1] == -1


@given(sizes=SIZES, spread=st.floats(0.1, 0.95), seed=st.integers(0, 10**6), eps=st.floats(0.05, 0.9))
@FEW
def test_dbscan_is_that_of_scikit_learn(sizes: list[int], spread: float, seed: int, eps: float) -> None:
    vectors, _ = faces(sizes, dimension=8, spread=spread, seed=seed)
    theirs = DBSCAN(eps=eps, min_samples=3, metric="cosine", algorithm="brute").fit(vectors)
    ours = Dbscan(eps, min_samples=3, min_cluster_size=2).fit(vectors).labels_
    assert ((ours == -1) == (theirs.labels_ == -1)).all()
    core = theirs.core_sample_indices_
    # A face on the border goes with either group there, with the nearest dense one here.
    assert partition(ours[core]) == partition(theirs.labels_[core])


def test_a_border_face_goes_with_the_nearest_dense_face() -> None:
    angles = np.radians([-3, -2, -1, 0, 40.4, 80, 81, 82, 83])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    # 40.4 degrees from the one group, 39.6 from the other.
    labels = Dbscan(eps=1 - float(np.cos(np.radians(40.5))), min_samples=4).fit(rows).labels_
    assert labels[4] == labels[5] != labels[3]


@given(sizes=SIZES, spread=st.floats(0.1, 0.95), seed=st.integers(0, 10**6), distance=st.floats(0.05, 1.2))
@FEW
def test_average_linkage_is_that_of_all_faces_together(
    sizes: list[int], spread: float, seed: int, distance: float
) -> None:
    vectors, _ = faces(sizes, dimension=8, spread=spread, seed=seed)
    ours = Agglomerative(distance, min_cluster_size=1).fit(vectors).labels_
    if len(vectors) < 2:
        assert ours.tolist() == [0]
        return
    theirs = fcluster(scipy_linkage(pdist(vectors, "cosine"), "average"), distance, "distance")
    assert partition(ours) == partition(theirs)


@given(sizes=st.lists(st.integers(1, 12), min_size=2, max_size=8), seed=st.integers(0, 10**6))
@FEW
def test_hdbscan_is_that_of_scikit_learn_which_counts_the_face_itself(sizes: list[int], seed: int) -> None:
    vectors, _ = faces(sizes, dimension=16, spread=0.5, seed=seed)
    ordered = vectors[content_order(vectors)]
    ours = Hdbscan(min_cluster_size=3).fit(ordered).labels_
    if len(vectors) < 3:
        assert (ours == -1).all()
        return
    theirs = (
        HDBSCAN(min_cluster_size=3, min_samples=min(4, len(vectors)), algorithm="brute", copy=True).fit(ordered).labels_
    )
    assert partition(ours) == partition(theirs)


@pytest.mark.slow
def test_hdbscan_is_that_of_its_authors() -> None:
    hdbscan = pytest.importorskip("hdbscan", reason="the extra bench is not installed")
    vectors, _ = faces([30, 20, 20, 10, 5, 5, 3, *[1] * 100], dimension=32, spread=0.6)
    # Theirs depend on the order, and on which of equal distances comes first.
    ordered = vectors[content_order(vectors)]
    theirs = hdbscan.HDBSCAN(min_cluster_size=3).fit_predict(ordered)
    assert bcubed(Hdbscan(min_cluster_size=3).fit(ordered).labels_, theirs).f > 0.95


def test_the_gallery_chooses_the_distance_of_average_linkage_when_none_is_given() -> None:
    many, truth = faces([2] * 400, dimension=64, spread=0.5)
    estimator = Agglomerative(distance_threshold=None, min_cluster_size=1).fit(many)
    assert estimator.threshold_ == Linkage().fit(many).threshold_
    assert bcubed(estimator.labels_, truth).f > 0.99
    assert Agglomerative(None, fallback_threshold=0.4).fit(many[:100]).threshold_ == 0.4


# --- bad and odd input --------------------------------------------------------------------------


@EVERY
@pytest.mark.parametrize(
    "rows",
    [
        np.full((3, 8), np.nan, np.float32),
        np.array([[1, 0], [np.inf, 0], [0, 1]], np.float32),
        np.zeros((5, 8), np.float32),
        np.array([[1, 0], [0, 0], [0, 1]], np.float32),
        np.zeros(8, np.float32),
    ],
    ids=["nan", "infinity", "zeros", "one zero row", "no rows"],
)
def test_rows_that_cannot_be_compared_are_refused(method: type[Estimator], rows: np.ndarray) -> None:
    with pytest.raises(InputError):
        method().fit(rows)


@EVERY
def test_no_face(method: type[Estimator]) -> None:
    labels = method().fit(np.empty((0, 8), np.float32)).labels_
    assert labels.shape == (0,)
    assert labels.dtype == np.int64


@EVERY
@pytest.mark.parametrize("n", [1, 2])
def test_fewer_faces_than_a_group_needs_are_noise(method: type[Estimator], n: int) -> None:
    equal = np.repeat(unit_rows(1, 8), n, axis=0)
    assert method(min_cluster_size=3).fit(equal).labels_.tolist() == [-1] * n
    assert method(min_cluster_size=3).fit(unit_rows(n, 8)).labels_.tolist() == [-1] * n


@EVERY
@pytest.mark.parametrize("n", [3, 300])
def test_equal_faces_are_one_group(method: type[Estimator], n: int) -> None:
    assert set(method(min_cluster_size=3).fit(np.repeat(unit_rows(1, 8), n, axis=0)).labels_.tolist()) == {0}


@EVERY
def test_duplicates_stay_together(method: type[Estimator]) -> None:
    vectors, truth = faces([6, 5, 4], dimension=64, spread=0.3)
    labels = method(min_cluster_size=3).fit(np.concatenate([vectors] * 4)).labels_
    assert (labels.reshape(4, -1) == labels[: len(vectors)]).all()
    assert bcubed(labels, np.tile(truth, 4)).precision == 1


@EVERY
def test_opposite_faces_are_no_trouble(method: type[Estimator]) -> None:
    one = unit_rows(1, 8)
    labels = method(min_cluster_size=3).fit(np.concatenate([one] * 4 + [-one] * 4)).labels_
    assert partition(labels) == {frozenset(range(4)), frozenset(range(4, 8))}


@NAMED
def test_linked_faces_stay_together_and_separated_ones_apart(method: type[Estimator]) -> None:
    vectors, truth = faces([8, 8, 1, 1], dimension=64, spread=0.3)
    strangers = np.flatnonzero(truth >= 2)
    first = np.flatnonzero(truth == 0)
    labels = method().fit(vectors, must=[strangers], cannot=[first[:2]]).labels_
    assert labels[strangers[0]] == labels[strangers[1]] >= 0
    assert labels[first[0]] != labels[first[1]]


@NAMED
def test_supporting_faces_join_groups_but_found_none(method: type[Estimator]) -> None:
    vectors, truth = faces([10, 10], dimension=64, spread=0.3)
    founding = np.arange(20) % 4 > 0
    labels = method().fit(vectors, founding=founding).labels_
    assert partition(labels) == partition(truth)
    assert (method().fit(vectors, founding=np.zeros(20, bool)).labels_ == -1).all()


@pytest.mark.parametrize(
    "call",
    [
        lambda: Dbscan(eps=-0.1),
        lambda: Dbscan(eps=2.5),
        lambda: Dbscan(eps=float("nan")),
        lambda: Dbscan(min_samples=0),
        lambda: Dbscan(min_cluster_size=0),
        lambda: Agglomerative(distance_threshold=3),
        lambda: Agglomerative(distance_threshold=float("nan")),
        lambda: Agglomerative(fallback_threshold=2),
        lambda: Hdbscan(min_cluster_size=1),
        lambda: Hdbscan(min_samples=0),
        lambda: Hdbscan(threshold=-3),
    ],
)
def test_wrong_parameters_are_refused(call: Callable[[], object]) -> None:
    with pytest.raises(InputError):
        call()


def test_the_widest_parameters_are_taken() -> None:
    rows = unit_rows(20, 8)
    assert set(Dbscan(eps=2).fit(rows).labels_.tolist()) == {0}
    assert set(Agglomerative(distance_threshold=2).fit(rows).labels_.tolist()) == {0}
    assert (Dbscan(eps=0).fit(rows).labels_ == -1).all()
    assert (Agglomerative(distance_threshold=0).fit(rows).labels_ == -1).all()
    assert (Hdbscan(min_cluster_size=5, min_samples=50).fit(rows).labels_ >= -1).all()


@NAMED
def test_the_parameters_are_those_given(method: type[Estimator]) -> None:
    given_ones = {**method().get_params(), "min_cluster_size": 4}
    assert method(**given_ones).get_params() == given_ones
    assert method(min_cluster_size=4).get_params() == given_ones


# --- limits -------------------------------------------------------------------------------------


def test_more_faces_than_can_be_held_at_once_are_refused() -> None:
    many = np.tile(np.eye(2, dtype=np.float32), (density.MOST_AT_ONCE, 1))
    with pytest.raises(InputError, match="linkage"):
        Hdbscan().fit(many)
    # Half of all pairs are near: 268 million.
    with pytest.raises(InputError, match=r"dbscan.*linkage"):
        Dbscan().fit(many)
    with pytest.raises(InputError, match=r"agglomerative.*linkage"):
        Agglomerative().fit(many)


def test_a_long_chain_of_near_faces_is_refused_by_average_linkage() -> None:
    angles = np.linspace(0, 2 * np.pi, density.MOST_AT_ONCE + 1, endpoint=False)
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    distance = 2 * (1 - float(np.cos(angles[1])))
    with pytest.raises(InputError, match="chain"):
        Agglomerative(distance).fit(ring)
