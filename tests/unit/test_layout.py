"""The layout of the map: who looks alike lies together, always at the same place."""

from __future__ import annotations

import numpy as np
import pytest

from personae.core.compare import normalise
from personae.core.layout import join, lay_out, nearest, principal
from personae.types import Labels, Vectors


def people(count: int, faces: int, dimension: int = 64) -> tuple[Vectors, Labels]:
    """Return faces of people who do not look alike."""
    rng = np.random.default_rng(5)
    middles = normalise(rng.standard_normal((count, dimension)).astype(np.float32))
    owners = np.repeat(np.arange(count), faces)
    noise = 0.06 * rng.standard_normal((len(owners), dimension))
    return normalise((middles[owners] + noise).astype(np.float32)), owners


def test_faces_of_one_person_lie_together() -> None:
    vectors, owners = people(30, 20)
    places = lay_out(vectors)
    away = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(away, np.inf)
    assert (owners[away.argmin(axis=1)] == owners).mean() > 0.98


def test_the_same_faces_have_the_same_places_within_the_square() -> None:
    vectors, _ = people(12, 9)
    places = lay_out(vectors)
    assert np.array_equal(places, lay_out(vectors.copy()))
    assert places.dtype == np.float32
    assert places.min() >= 0
    assert places.max() <= 1


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 17])
def test_few_faces_have_places(count: int) -> None:
    vectors, _ = people(max(1, count), 1)
    places = lay_out(vectors[:count])
    assert places.shape == (count, 2)
    assert np.isfinite(places).all()


def test_equal_faces_have_places() -> None:
    places = lay_out(np.ones((40, 8), np.float32) / np.float32(np.sqrt(8)))
    assert np.isfinite(places).all()


def test_the_nearest_are_those_of_a_plain_search() -> None:
    vectors, _ = people(40, 15)
    found = nearest(vectors, 7)
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -np.inf)
    expected = -np.sort(-scores, axis=1)[:, :7]
    assert np.allclose(found.scores, expected, atol=1e-6)
    assert np.allclose(np.take_along_axis(scores, found.indices.astype(np.int64), 1), found.scores, atol=1e-6)


def test_an_edge_is_there_once_and_stronger_where_both_hold() -> None:
    vectors, _ = people(6, 8)
    (first, second), strength = join(nearest(vectors, 5))
    assert (first < second).all()
    assert len(set(zip(first.tolist(), second.tolist(), strict=True))) == len(first)
    assert strength.min() >= 0
    assert strength.max() <= 1


def test_the_directions_are_those_of_the_largest_spread() -> None:
    rng = np.random.default_rng(1)
    vectors = (rng.standard_normal((500, 6)) * [9, 1, 5, 0.1, 0.1, 0.1]).astype(np.float32)
    reduced = principal(vectors, 2)
    assert reduced.shape == (500, 2)
    assert np.allclose(reduced.std(axis=0), [9, 5], rtol=0.1)


def test_who_watches_can_stop_it() -> None:
    class StoppedError(Exception):
        pass

    told: list[tuple[int, int, str]] = []

    def report(done: int, total: int, doing: str) -> None:
        told.append((done, total, doing))
        if doing == "placing":
            raise StoppedError

    with pytest.raises(StoppedError):
        lay_out(people(10, 10)[0], report)
    assert told[0][0] == 0
    assert len({total for _, total, _ in told}) == 1
