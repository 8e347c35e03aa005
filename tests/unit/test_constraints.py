from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personae.core.cluster import Agglomerative, Dbscan, Estimator, Hdbscan, Linkage, Whispers
from personae.core.constraints import meetings
from personae.errors import InputError
from tests.generate import faces, unit_rows

METHODS = pytest.mark.parametrize("method", [Linkage, Whispers, Hdbscan, Dbscan, Agglomerative])
PAIRS = st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)).filter(lambda pair: pair[0] != pair[1]), max_size=8)


def fitted(method: type[Estimator], vectors: np.ndarray, **given: object) -> Estimator:
    return method(min_cluster_size=2).fit(vectors, **given)  # type: ignore[arg-type]


def components(n: int, pairs: list[tuple[int, int]]) -> list[int]:
    root = list(range(n))
    for _ in range(n):
        for a, b in pairs:
            root[a] = root[b] = min(root[a], root[b])
    return root


@METHODS
@settings(deadline=None, max_examples=25)
@given(sizes=st.lists(st.integers(1, 5), min_size=8, max_size=8), must=PAIRS, cannot=PAIRS, seed=st.integers(0, 10**6))
def test_links_hold(
    method: type[Estimator], sizes: list[int], must: list[tuple[int, int]], cannot: list[tuple[int, int]], seed: int
) -> None:
    vectors, _ = faces([*sizes, *[1] * 12], dimension=8, spread=0.7, seed=seed)
    found = fitted(method, vectors, must=must, cannot=cannot)
    joined = components(len(vectors), must)
    for a, b in must:
        assert found.labels_[a] == found.labels_[b] >= 0
    contradictory = {(a, b) for a, b in cannot if joined[a] == joined[b]}
    for a, b in set(cannot) - contradictory:
        assert found.labels_[a] != found.labels_[b] or found.labels_[a] == -1
    assert {tuple(pair) for pair in found.conflicts_.tolist()} == contradictory


@METHODS
@settings(deadline=None, max_examples=15)
@given(must=PAIRS, cannot=PAIRS, seed=st.integers(0, 10**6))
def test_the_order_of_the_faces_has_no_influence_on_linked_ones(
    method: type[Estimator], must: list[tuple[int, int]], cannot: list[tuple[int, int]], seed: int
) -> None:
    vectors, _ = faces([5, 4, 3, 2, *[1] * 6], dimension=16, spread=0.6, seed=seed)
    rng = np.random.default_rng(seed)
    founding, images = rng.random(20) < 0.8, rng.integers(0, 12, 20)
    order = rng.permutation(20)
    place = np.argsort(order)
    there = fitted(method, vectors, founding=founding, images=images, must=must, cannot=cannot)
    here = fitted(
        method, vectors[order], founding=founding[order], images=images[order],
        must=place[np.array(must, int).reshape(-1, 2)], cannot=place[np.array(cannot, int).reshape(-1, 2)],
    )  # fmt: skip
    assert (here.labels_ == there.labels_[order]).all()


def test_a_link_joins_what_looks_like_two_people() -> None:
    rows = unit_rows(2, 64).repeat(4, axis=0)
    assert len(set(Linkage(threshold=0.5).fit(rows).labels_.tolist())) == 2
    assert len(set(Linkage(threshold=0.5).fit(rows, must=[(0, 7)]).labels_.tolist())) == 1


def test_a_separation_divides_what_looks_like_one_person() -> None:
    vectors, _ = faces([12], dimension=64, spread=0.3)
    cannot = [(0, row) for row in range(6, 12)]
    must = [(row, row + 1) for row in range(5)]
    labels = Linkage(threshold=0.5).fit(vectors, must=must, cannot=cannot).labels_
    assert set(labels[:6].tolist()) != set(labels[6:].tolist())
    assert len(set(labels[:6].tolist())) == len(set(labels[6:].tolist())) == 1


def test_linked_faces_are_a_group_however_few() -> None:
    labels = Linkage(threshold=0.9, min_cluster_size=5).fit(unit_rows(6, 32), must=[(1, 4)]).labels_
    assert labels.tolist() == [-1, 0, -1, -1, 0, -1]


def test_linked_faces_wait_together_when_none_founds() -> None:
    vectors, _ = faces([6], dimension=64, spread=0.4)
    founding = np.array([1, 1, 1, 1, 0, 0], bool)
    labels = Linkage(threshold=0.4).fit(vectors, founding=founding, must=[(4, 5)]).labels_
    assert labels[4] == labels[5]


def test_linked_faces_that_are_like_nobody_are_a_group_though_none_founds() -> None:
    rows, founding = unit_rows(6, 64), np.array([1, 1, 1, 1, 0, 0], bool)
    for must in ([(4, 5)], [(0, 1), (4, 5)]):
        labels = Linkage(threshold=0.9, min_cluster_size=3).fit(rows, founding=founding, must=must).labels_
        assert labels[4] == labels[5] >= 0
        assert (labels[:4] != labels[4]).all()


def test_supporting_faces_keep_to_separations() -> None:
    vectors, _ = faces([8], dimension=64, spread=0.3)
    founding = np.arange(8) < 5
    labels = Linkage(threshold=0.4).fit(vectors, founding=founding, cannot=[(5, 0), (6, 7)]).labels_
    assert labels[5] == -1
    assert sorted(labels[[6, 7]].tolist()) == [-1, 0]


@pytest.mark.parametrize("pairs", [[(0, 9)], [(-1, 0)], [0, 1], [(0, 1, 2)]])
def test_links_to_rows_that_are_not_there(pairs: list[object]) -> None:
    for name in ("must", "cannot"):
        with pytest.raises(InputError):
            fitted(Linkage, unit_rows(5, 16), **{name: pairs})


@given(st.lists(st.integers(0, 6), max_size=30))
def test_every_meeting_is_listed_once(photos: list[int]) -> None:
    pairs = meetings(np.array(photos, np.int64))
    n = len(photos)
    expected = {frozenset((a, b)) for a in range(n) for b in range(a) if photos[a] == photos[b]}
    assert {frozenset(pair) for pair in pairs.tolist()} == expected
    assert len(pairs) == len(expected)
