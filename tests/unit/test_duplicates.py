"""Which rows of very many look like one another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personae.core.duplicates import ROWS_AT_ONCE, alike, fuse_rows
from personae.core.reference import fuse_template
from personae.errors import InputError
from personae.types import ModelId, Vectors

A = ModelId("a")


def rows(count: int, seed: int = 1, dimension: int = 16) -> Vectors:
    vectors = np.random.default_rng(seed).normal(size=(count, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def plainly(vectors: Vectors, threshold: float) -> list[tuple[float, int, int]]:
    """Every pair by itself."""
    scores = vectors @ vectors.T
    found = [
        (-float(np.clip(scores[i, j], -1, 1)), i, j)
        for i in range(len(vectors))
        for j in range(i + 1, len(vectors))
        if scores[i, j] >= np.float32(threshold)
    ]
    return sorted(found)


@given(st.integers(0, 40), st.floats(-1, 1), st.integers(1, 60))
def test_the_pairs_are_those_of_comparing_each_with_each(count: int, threshold: float, limit: int) -> None:
    vectors = rows(count, count)
    first, second, scores = alike(vectors, threshold, limit)
    wanted = plainly(vectors, threshold)[:limit]
    assert len(scores) == len(wanted)
    np.testing.assert_allclose(scores, [-score for score, _, _ in wanted], atol=1e-6)
    assert set(zip(first.tolist(), second.tolist(), strict=True)) <= {(i, j) for _, i, j in plainly(vectors, -1)}
    assert (first < second).all()
    assert (np.diff(scores) <= 0).all()


@pytest.mark.parametrize("limit", [1, 7, 300, 10**6])
def test_of_more_rows_than_are_compared_at_once_the_best_pairs_are_kept(limit: int) -> None:
    vectors = rows(2 * ROWS_AT_ONCE + 3)
    first, second, scores = alike(vectors, 0.5, limit)
    whole = vectors @ vectors.T
    pairs = np.argwhere(np.triu(whole >= np.float32(0.5), 1))
    wanted = np.sort(whole[tuple(pairs.T)])[::-1][:limit]
    np.testing.assert_allclose(scores, wanted, atol=1e-6)
    np.testing.assert_allclose(whole[first, second], scores, atol=1e-6)
    assert len(set(zip(first.tolist(), second.tolist(), strict=True))) == len(first)


def test_copies_are_found_first() -> None:
    vectors = np.concatenate([rows(5), rows(5)])
    first, second, scores = alike(vectors, 0.999, 100)
    assert sorted(zip(first.tolist(), second.tolist(), strict=True)) == [(i, i + 5) for i in range(5)]
    np.testing.assert_allclose(scores, 1, atol=1e-6)
    assert len(alike(vectors, 0.999, 2)[0]) == 2


def test_wrong_limits_are_refused() -> None:
    for threshold, limit in ((1.5, 1), (float("nan"), 1), (0.5, 0)):
        with pytest.raises(InputError):
            alike(rows(3), threshold, limit)


def test_rows_of_one_owner_become_what_its_template_is() -> None:
    owners = np.array([3, 3, 3, 8, 9, 9])
    vectors = rows(6)
    whose, fused = fuse_rows(owners, vectors)
    assert whose.tolist() == [3, 8, 9]
    for owner, vector in zip(whose, fused, strict=True):
        wanted = fuse_template([{A: row} for row in vectors[owners == owner]])[A]
        np.testing.assert_allclose(vector, wanted, atol=1e-6)
    assert fused.dtype == np.float32


def test_opposed_rows_leave_nobody() -> None:
    one = rows(1)
    whose, fused = fuse_rows(np.array([1, 1, 2]), np.concatenate([one, -one, one]))
    assert (whose.tolist(), fused.shape) == ([2], (1, 16))
    whose, fused = fuse_rows(np.array([1, 1]), np.concatenate([one, -one]))
    assert (whose.tolist(), fused.shape) == ([], (0, 16))
    whose, fused = fuse_rows(np.empty(0, np.int64), np.empty((0, 0), np.float32))
    assert len(whose) == len(fused) == 0
