"""Where a group comes apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personae.core import cut as module
from personae.core.cut import mean_cosines, weakest_cut
from personae.errors import InputError
from personae.types import Vectors


def people(sizes: list[int], noise: float = 0.4, dimension: int = 32) -> tuple[Vectors, np.ndarray]:
    rng = np.random.default_rng(7)
    centres = np.eye(dimension)[: len(sizes)]
    labels = np.repeat(np.arange(len(sizes)), sizes)
    vectors = centres[labels] + noise * rng.standard_normal((len(labels), dimension)) / dimension**0.5
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), labels


@pytest.mark.parametrize("sizes", [[5, 3], [1, 1], [1, 6], [20, 2], [module.EXACT, 400], [600, module.EXACT + 1]])
def test_two_people_are_told_apart(sizes: list[int]) -> None:
    vectors, labels = people(sizes)
    smaller = labels == (0 if sizes[0] < sizes[1] else 1)
    np.testing.assert_array_equal(weakest_cut(vectors), smaller)


def test_the_halves_are_measured() -> None:
    vectors, labels = people([5, 3])
    cosines = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    same = labels[:, None] == labels
    across, within = mean_cosines(vectors, labels == 1)
    assert across == pytest.approx(cosines[~same].mean(), abs=1e-5)
    assert within == pytest.approx(cosines[same & ~np.eye(8, dtype=bool)].mean(), abs=1e-5)
    assert mean_cosines(vectors[:2], np.array([True, False]))[1] == 1


@pytest.mark.parametrize("n", [2, 9, module.EXACT + 1])
def test_equal_faces_are_cut_somehow(n: int) -> None:
    vectors = np.tile(people([1])[0], (n, 1))
    assert 0 < weakest_cut(vectors).sum() < n


@pytest.mark.parametrize("n", [0, 1])
def test_one_face_is_not_cut(n: int) -> None:
    with pytest.raises(InputError):
        weakest_cut(people([1])[0][:n])


@given(st.integers(2, 30), st.integers(0, 2**32 - 1))
def test_both_halves_have_faces_and_the_smaller_one_is_marked(n: int, seed: int) -> None:
    vectors = np.random.default_rng(seed).standard_normal((n, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    marked = weakest_cut(vectors)
    assert 0 < marked.sum() <= n / 2
