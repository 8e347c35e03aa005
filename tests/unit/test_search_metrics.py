from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from personae.core.likeness import Centroid
from personae.core.search_metrics import (
    Searches,
    fnir,
    fnir_at_fpir,
    fnir_interval,
    fpir,
    search,
    split,
    threshold_at_fpir,
    wilson,
)
from personae.errors import InputError, TooFewComparisons
from tests.generate import faces

SCORE = st.floats(-1, 1, width=16)
MATED = st.lists(st.tuples(SCORE, st.booleans(), st.integers(0, 5)), min_size=1, max_size=40)
NONMATED = st.lists(SCORE, min_size=1, max_size=60)


def searches(mated: list[tuple[float, bool, int]], nonmated: list[float]) -> Searches:
    return Searches(
        np.array([score for score, _, _ in mated], np.float32),
        np.array([right for _, right, _ in mated], bool),
        np.array([person for _, _, person in mated], np.int64),
        np.array(nonmated, np.float32),
    )


@given(MATED, NONMATED, SCORE)
def test_rates_are_shares_of_searches(
    mated: list[tuple[float, bool, int]], nonmated: list[float], threshold: float
) -> None:
    them = searches(mated, nonmated)
    missed = sum(not (right and score >= threshold) for score, right, _ in mated)
    answered = sum(score >= threshold for score in nonmated)
    assert fnir(them, threshold) == pytest.approx(missed / len(mated))
    assert fpir(them, threshold) == pytest.approx(answered / len(nonmated))


@given(MATED, NONMATED, st.floats(0.005, 0.9))
def test_the_threshold_is_the_lowest_that_keeps_the_fpir(
    mated: list[tuple[float, bool, int]], nonmated: list[float], target: float
) -> None:
    them = searches(mated, nonmated)
    if len(nonmated) * target * (1 + 1e-12) < 1:
        with pytest.raises(TooFewComparisons, match="not enrolled"):
            threshold_at_fpir(them, target)
        return
    threshold = np.float32(threshold_at_fpir(them, target))
    assert fpir(them, threshold) <= target * (1 + 1e-9)
    assert fpir(them, np.nextafter(threshold, np.float32(-2))) > target
    assert fnir_at_fpir(them, target) == fnir(them, threshold)


@settings(max_examples=15)
@given(MATED, NONMATED, st.floats(0.1, 0.9))
def test_the_interval_holds_the_rate(
    mated: list[tuple[float, bool, int]], nonmated: list[float], target: float
) -> None:
    them = searches(mated, nonmated)
    if len(nonmated) * target < 1:
        return
    where = fnir_interval(them, target)
    assert 0 <= where.low <= fnir_at_fpir(them, target) <= where.high <= 1
    assert where == fnir_interval(them, target)


@given(st.lists(st.integers(0, 8), max_size=60))
def test_everybody_is_enrolled_with_half_of_the_photos(owners: list[int]) -> None:
    people = np.array(owners, np.int64)
    parts = split(people)
    assert sorted([*parts.gallery, *parts.mated, *parts.nonmated]) == list(range(len(owners)))
    for person in set(owners):
        count = owners.count(person)
        assert np.count_nonzero(people[parts.gallery] == person) == count // 2
        assert np.count_nonzero(people[parts.nonmated] == person) == (count == 1)


def test_a_search_answers_with_the_nearest_mean() -> None:
    vectors, people = faces([6, 6, 4, 2, 1, 1, 1], dimension=128, spread=0.5)
    parts = split(people)
    found = search(vectors, people, parts, Centroid())
    assert found.right.all()
    means = {p: vectors[parts.gallery][people[parts.gallery] == p].mean(axis=0) for p in range(4)}
    best = [max(float(v @ m / np.linalg.norm(m)) for m in means.values()) for v in vectors[parts.nonmated]]
    assert found.nonmated == pytest.approx(best, abs=1e-5)
    assert found.mated.min() > found.nonmated.max()


def test_nobody_is_enrolled() -> None:
    vectors, people = faces([1] * 9)
    found = search(vectors, people, split(people), Centroid())
    assert not len(found.mated)
    with pytest.raises(TooFewComparisons):
        fnir(found, 0.5)
    with pytest.raises(TooFewComparisons):
        fpir(found, 0.5)
    with pytest.raises(TooFewComparisons):
        threshold_at_fpir(found, 0.01)


def test_too_few_searches_say_how_many_are_needed() -> None:
    few = searches([(0.5, True, 0)], [0.1] * 120)
    with pytest.raises(TooFewComparisons, match=r"120 searches .*; 334 are needed to see a rate of 0\.003"):
        threshold_at_fpir(few, 0.003)
    assert threshold_at_fpir(few, 0.01) > 0.1


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.999))
def test_wilsons_interval_is_where_the_score_test_accepts(counts: tuple[int, int], level: float) -> None:
    errors, trials = counts
    where = wilson(errors, trials, level)
    rate, z = errors / trials, float(norm.ppf((1 + level) / 2))
    assert 0 <= where.low <= rate <= where.high <= 1
    for end in (where.low, where.high):
        if 1e-9 < end < 1 - 1e-9:
            assert abs(rate - end) == pytest.approx(z * math.sqrt(end * (1 - end) / trials), rel=1e-6)


def test_wilsons_interval_covers_the_truth() -> None:
    rng = np.random.default_rng(0)
    for truth in (0.01, 0.05, 0.5):
        seen = [wilson(int(errors), 300) for errors in rng.binomial(300, truth, 500)]
        assert np.mean([where.low <= truth <= where.high for where in seen]) > 0.92


def test_the_interval_covers_the_truth_though_photos_of_one_person_go_wrong_together() -> None:
    rng = np.random.default_rng(1)
    target, strangers, people, probes = 0.01, 600, 150, 4
    limit = norm.isf(target)  # strangers' scores are normal, and an enrolled person's are around a mean of its own
    truth = float(norm.cdf(limit, loc=4.0, scale=math.hypot(1.0, 0.7)))
    covered = 0
    for _ in range(60):
        means = rng.normal(4.0, 1.0, people)
        scores = rng.normal(np.repeat(means, probes), 0.7)
        drawn = Searches(
            (scores / 20).astype(np.float32), np.ones(len(scores), bool), np.repeat(np.arange(people), probes),
            (rng.normal(size=strangers) / 20).astype(np.float32),
        )  # fmt: skip
        where = fnir_interval(drawn, target)
        covered += where.low <= truth <= where.high
    assert covered >= 54


def test_no_error_is_no_proof() -> None:
    perfect = searches([(0.9, True, person) for person in range(100)], [0.1] * 400)
    where = fnir_interval(perfect, 0.01)
    assert where.low == 0
    assert 0.03 < where.high < 0.04


@pytest.mark.parametrize("numbers", [(1, 0, 0.95), (-1, 5, 0.95), (6, 5, 0.95), (1, 5, 1.0), (1, 5, 0.0)])
def test_wilson_refuses_what_means_nothing(numbers: tuple[int, int, float]) -> None:
    with pytest.raises(InputError):
        wilson(*numbers)
