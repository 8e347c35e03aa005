from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personae.core.calibrate import faces_for, impostors, strangers_threshold, threshold_at_fmr
from personae.core.compare import normalise
from personae.errors import InputError, TooFewComparisons
from tests.generate import faces, unit_rows


@given(
    st.lists(st.floats(-1, 1, width=16), min_size=1, max_size=60).map(lambda s: np.array(s, np.float32)),
    st.floats(0.001, 0.999),
)
def test_the_threshold_is_the_lowest_that_keeps_the_rate(scores: np.ndarray, target: float) -> None:
    if len(scores) * target * (1 + 1e-12) < 1:
        with pytest.raises(TooFewComparisons):
            threshold_at_fmr(scores, target)
        return
    threshold = np.float32(threshold_at_fmr(scores, target))
    assert np.mean(scores >= threshold) <= target * (1 + 1e-9)
    assert np.mean(scores >= np.nextafter(threshold, np.float32(-2))) > target


def test_just_enough_comparisons_are_enough() -> None:
    scores = np.linspace(-1, 1, 10_000, dtype=np.float32)
    assert np.count_nonzero(scores >= np.float32(threshold_at_fmr(scores, 1e-4))) == 1
    assert np.count_nonzero(scores[:1000] >= np.float32(threshold_at_fmr(scores[:1000], 1e-3))) == 1


@pytest.mark.parametrize("target", [0.0, 1.0, -0.1, float("nan")])
def test_a_rate_is_a_fraction(target: float) -> None:
    with pytest.raises(InputError):
        threshold_at_fmr(np.zeros(10, np.float32), target)


def test_nan_is_no_score() -> None:
    with pytest.raises(InputError):
        threshold_at_fmr(np.array([np.nan, 0.1], np.float32), 0.5)


def test_strangers_are_measured_among_people_with_many_faces() -> None:
    strangers = impostors(unit_rows(1500, 64))
    crowd, _ = faces([5] * 300)
    found = impostors(crowd)
    assert strangers.median == pytest.approx(0, abs=0.005)
    assert strangers.sigma == pytest.approx(64**-0.5, rel=0.05)
    assert found.sigma == pytest.approx(strangers.sigma, rel=0.05)
    assert found.threshold(4.5) == pytest.approx(strangers.threshold(4.5), rel=0.1)


def test_pairs_of_one_person_are_counted_where_there_are_few_people() -> None:
    few, _ = faces([50] * 10)
    assert impostors(few).mated > 0.01 > impostors(unit_rows(500, 64)).mated


def test_the_order_of_the_faces_has_no_influence() -> None:
    crowd, _ = faces([3] * 300)
    assert impostors(crowd) == impostors(crowd[::-1])


def test_one_face_has_no_pairs() -> None:
    with pytest.raises(TooFewComparisons):
        impostors(unit_rows(1, 8))


def test_without_labels_the_threshold_is_near_the_one_with_them() -> None:
    # Half of the likeness of strangers comes from a few traits that many share, so that their scores have a tail.
    traits = unit_rows(6, 128, seed=5)[np.random.default_rng(6).integers(0, 6, 1200)]
    vectors = normalise(0.55 * traits + unit_rows(1200, 128, seed=7))
    strangers = np.sort((vectors @ vectors.T)[np.triu_indices(1200, 1)])
    for target in (1e-3, 1e-4):
        found = strangers_threshold(vectors, target)
        rate = np.mean(strangers >= np.float32(found.threshold))
        assert target / 10 <= rate <= 2 * target
        assert found.threshold >= threshold_at_fmr(strangers, 2 * target)
    assert strangers_threshold(vectors, 1e-4).threshold > strangers_threshold(vectors, 1e-3).threshold


def test_pairs_of_one_person_do_not_raise_the_threshold() -> None:
    crowd, people = faces([4] * 300)
    found = strangers_threshold(crowd, 1e-4)
    both = (crowd @ crowd.T)[np.triu_indices(len(crowd), 1)]
    same = (people[:, None] == people)[np.triu_indices(len(crowd), 1)]
    assert 1e-5 < np.mean(both[~same] >= np.float32(found.threshold)) < 2e-4
    assert found.comparisons == pytest.approx((~same).sum(), rel=1e-3)
    assert found == strangers_threshold(crowd[::-1], 1e-4)


@pytest.mark.parametrize("target", [1e-2 - 1e-6, 1e-3, 3e-4, 1e-4, 1e-5])
def test_so_many_faces_are_just_enough(target: float) -> None:
    n = faces_for(target)
    assert n * (n - 1) // 2 * target >= 1 - 1e-9
    assert (n - 1) * (n - 2) // 2 * target < 1


def test_too_small_a_gallery_says_what_is_missing() -> None:
    with pytest.raises(TooFewComparisons, match="42 more are needed"):
        strangers_threshold(unit_rows(100, 64), 1e-4)
    with pytest.raises(TooFewComparisons, match="too low"):
        strangers_threshold(unit_rows(15_000, 4), 1e-8)
    family, _ = faces([50] * 4)
    with pytest.raises(TooFewComparisons, match="more people"):
        strangers_threshold(family, 1e-3)


@pytest.mark.parametrize("target", [0.0, 0.011, 0.5, -1.0, float("nan")])
def test_without_labels_only_low_rates_are_found(target: float) -> None:
    with pytest.raises(InputError):
        strangers_threshold(unit_rows(500, 64), target)
