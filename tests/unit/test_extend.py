from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from personae.core.cluster import Linkage
from personae.core.extend import Grouped, extend
from personae.core.metrics import bcubed
from personae.types import Labels, Vectors
from tests.generate import faces, unit_rows

NONE = np.empty((0, 2), np.int64)


def grouped(vectors: Vectors, groups: Labels, fresh: object, **other: object) -> Grouped:
    n = len(vectors)
    given = {"founding": np.ones(n, bool), "photos": np.arange(n), "must": NONE, "cannot": NONE, **other}
    return Grouped(vectors, np.asarray(groups), np.asarray(fresh, bool), **given)  # type: ignore[arg-type]


def test_fresh_faces_join_groups_found_new_ones_or_stay_alone() -> None:
    vectors, truth = faces([6, 6, 4, 1], dimension=64, spread=0.5, seed=3)
    order = np.argsort(truth, kind="stable")
    vectors, truth = vectors[order], truth[order]
    fresh = np.zeros(17, bool)
    fresh[[4, 5, 10, 11, *range(12, 17)]] = True
    groups = np.where(fresh, -1, truth + 40)
    labels = extend(grouped(vectors, groups, fresh), 0.4, 3)
    assert bcubed(labels, truth).f == 1
    assert labels[16] == -1


@settings(deadline=None, max_examples=30)
@given(
    sizes=st.lists(st.integers(1, 8), min_size=2, max_size=12), share=st.floats(0.05, 0.5), seed=st.integers(0, 10**6)
)
def test_adding_is_nearly_grouping_anew_and_never_breaks_a_group(sizes: list[int], share: float, seed: int) -> None:
    vectors, truth = faces(sizes, dimension=128, spread=0.5, seed=seed)
    fresh = np.random.default_rng(seed).random(len(vectors)) < share
    groups = np.full(len(vectors), -1)
    if (~fresh).any():
        groups[~fresh] = Linkage(threshold=0.4).fit(vectors[~fresh]).labels_
    labels = extend(grouped(vectors, groups, fresh), 0.4, 2)
    anew = Linkage(threshold=0.4).fit(vectors).labels_
    assert abs(bcubed(labels, truth).f - bcubed(anew, truth).f) < 0.05
    for group in np.unique(groups[groups >= 0]):
        assert len(set(labels[groups == group].tolist())) == 1


def test_a_fresh_face_brings_two_together_that_were_alone() -> None:
    # Neither of the two alone reaches the threshold; with the third between them all three do.
    rows = np.array([[0.86, 0.51, 0], [0.86, -0.51, 0], [1, 0, 0]], np.float32)
    rows /= np.linalg.norm(rows, axis=1)[:, None]
    labels = extend(grouped(rows, np.array([-1, -1, -1]), [0, 0, 1]), 0.6, 3)
    assert labels.tolist() == [0, 0, 0]


def test_what_a_human_separated_since_comes_apart() -> None:
    vectors, _ = faces([8], dimension=64, spread=0.3)
    cannot = np.array([(0, row) for row in range(4, 8)])
    must = np.array([(row, row + 1) for row in range(3)])
    labels = extend(grouped(vectors, np.zeros(8, int), np.zeros(8), must=must, cannot=cannot), 0.4, 2)
    assert len(set(labels[:4].tolist())) == len(set(labels[4:].tolist())) == 1
    assert labels[0] != labels[7]


def test_supporting_faces_stay_and_fresh_ones_join() -> None:
    vectors, truth = faces([5, 5], dimension=64, spread=0.4, seed=1)
    order = np.argsort(truth, kind="stable")
    vectors, truth = vectors[order], truth[order]
    founding = np.array([1, 1, 1, 0, 0] * 2, bool)
    fresh = np.array([0, 0, 0, 0, 1] * 2, bool)
    groups = np.where(fresh, -1, truth)
    labels = extend(grouped(vectors, groups, fresh, founding=founding), 0.4, 3)
    assert bcubed(labels, truth).f == 1


def test_nothing_at_all() -> None:
    assert extend(grouped(unit_rows(0, 8), np.empty(0, int), []), 0.4, 2).tolist() == []
    assert extend(grouped(unit_rows(1, 8), np.array([-1]), [1]), 0.4, 2).tolist() == [-1]


def test_two_groups_that_a_link_joins_and_a_separation_parts_keep_to_both() -> None:
    vectors, _ = faces([8], dimension=64, spread=0.3)
    groups, fresh = np.repeat([5, 6], 4), np.zeros(8, bool)
    labels = extend(grouped(vectors, groups, fresh, must=np.array([(0, 4)]), cannot=np.array([(1, 5)])), 0.4, 2)
    assert labels[0] == labels[4] >= 0
    assert labels[1] != labels[5]


def test_a_supporting_face_keeps_to_a_separation_when_its_group_meets_another() -> None:
    # The two groups become one by the fresh face between them; the supporting face may not be with one of their faces.
    rows = np.array([[0.86, 0.51, 0], [0.86, 0.51, 0.1], [0.86, -0.51, 0], [0.86, -0.51, 0.1], [1, 0, 0]], np.float32)
    rows /= np.linalg.norm(rows, axis=1)[:, None]
    founding, fresh = np.array([1, 0, 1, 1, 1], bool), np.array([0, 0, 0, 0, 1], bool)
    faces_ = grouped(rows, np.array([0, 0, 1, 1, -1]), fresh, founding=founding, cannot=np.array([(1, 2)]))
    labels = extend(faces_, 0.6, 2)
    assert labels[0] == labels[2] == labels[4] >= 0
    assert labels[1] != labels[2]


def test_linked_faces_none_of_which_founds_stay_a_group() -> None:
    rows = unit_rows(5, 64)
    founding = np.array([1, 1, 1, 0, 0], bool)
    labels = extend(
        grouped(rows, np.array([-1, -1, -1, 7, 7]), np.zeros(5), founding=founding, must=np.array([(3, 4)])), 0.4, 2
    )
    assert labels.tolist() == [-1, -1, -1, 0, 0]
