from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personae.core import pairs
from personae.core.pairs import pair_scores
from personae.errors import InputError
from tests.generate import faces, unit_rows


@given(st.lists(st.integers(0, 4), max_size=20), st.integers(0, 1000))
def test_every_pair_is_scored_once(owners: list[int], seed: int) -> None:
    vectors = unit_rows(len(owners), 16, seed) if owners else np.empty((0, 16), np.float32)
    found = pair_scores(vectors, np.array(owners, np.int64))
    scores: dict[bool, list[float]] = {True: [], False: []}
    for one, other in combinations(range(len(owners)), 2):
        scores[owners[one] == owners[other]].append(float(vectors[one] @ vectors[other]))
    assert found.mated == pytest.approx(sorted(scores[True]), abs=1e-6)
    assert found.nonmated == pytest.approx(sorted(scores[False]), abs=1e-6)


def test_blocks_change_nothing() -> None:
    vectors, people = faces([5] * 30)
    assert len(pair_scores(vectors, people).nonmated) == 150 * 149 // 2 - 30 * 10
    big = unit_rows(pairs.ROWS_AT_ONCE + 50, 8)
    n = len(big)
    found = pair_scores(big, np.arange(n))
    assert found.nonmated == pytest.approx(np.sort((big @ big.T)[np.triu_indices(n, 1)]), abs=1e-6)
    assert not len(found.mated)


def test_of_one_person_only_so_many_faces_are_compared() -> None:
    vectors, people = faces([pairs.MOST_OF_ONE + 60, 3], dimension=16)
    most = pairs.MOST_OF_ONE
    found = pair_scores(vectors, people)
    assert len(found.mated) == most * (most - 1) // 2 + 3
    order = np.random.default_rng(0).permutation(len(people))
    assert np.array_equal(pair_scores(vectors[order], people[order]).mated, found.mated)


def test_scores_are_cosines() -> None:
    same = np.repeat(unit_rows(1, 512), 8, axis=0)
    found = pair_scores(same, np.array([0, 0, 0, 0, 1, 1, 1, 1]))
    assert found.mated.max() <= 1
    assert found.nonmated.max() <= 1


def test_one_person_a_face() -> None:
    with pytest.raises(InputError):
        pair_scores(unit_rows(3, 8), np.zeros(2, np.int64))
