from __future__ import annotations

import importlib.util
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personae.core import metrics
from personae.errors import InputError, TooFewComparisons

GROUPS = st.lists(st.tuples(st.integers(-1, 4), st.integers(-1, 4)), max_size=25)
SCORES = st.lists(st.floats(-1, 1, width=16), min_size=1, max_size=30).map(lambda s: np.array(s, np.float32))


def as_sets(labels: list[int]) -> list[set[int]]:
    """The group of each face, one by one; -1 is alone."""
    return [
        {other for other, theirs in enumerate(labels) if theirs == own and own >= 0} | {face}
        for face, own in enumerate(labels)
    ]


@given(GROUPS)
def test_bcubed_is_the_mean_over_faces(groups: list[tuple[int, int]]) -> None:
    labels, truth = [a for a, _ in groups], [b for _, b in groups]
    found = metrics.bcubed(np.array(labels, np.int64), np.array(truth, np.int64))
    if not groups:
        assert (found.precision, found.recall) == (1, 1)
        return
    pairs = list(zip(as_sets(labels), as_sets(truth), strict=True))
    assert found.precision == pytest.approx(np.mean([len(a & b) / len(a) for a, b in pairs]))
    assert found.recall == pytest.approx(np.mean([len(a & b) / len(b) for a, b in pairs]))


@given(GROUPS)
def test_pairwise_counts_pairs(groups: list[tuple[int, int]]) -> None:
    pairs = list(combinations(groups, 2))
    together = [a[0] == b[0] >= 0 for a, b in pairs]
    of_one = [a[1] == b[1] >= 0 for a, b in pairs]
    both = sum(x and y for x, y in zip(together, of_one, strict=True))
    found = metrics.pairwise(np.array([a for a, _ in groups], np.int64), np.array([b for _, b in groups], np.int64))
    assert found.precision == pytest.approx(both / sum(together) if any(together) else 1)
    assert found.recall == pytest.approx(both / sum(of_one) if any(of_one) else 1)
    assert 0 <= found.f <= 1


def test_f_is_zero_when_nothing_is_right() -> None:
    assert metrics.pairwise(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])).f == 0


def test_scores_agree_with_the_outside_tool() -> None:
    tool = Path(__file__).parents[2].parent / "shared" / "tools" / "facescore.py"
    if not tool.is_file():
        pytest.skip("../shared/tools/facescore.py is absent")
    spec = importlib.util.spec_from_file_location("facescore", tool)
    assert spec is not None
    assert spec.loader is not None
    facescore = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(facescore)
    rng = np.random.default_rng(0)
    for _ in range(20):
        labels, truth = rng.integers(-1, 30, (2, 200))
        theirs = facescore.score(labels, truth)
        assert metrics.bcubed(labels, truth).f == pytest.approx(theirs["bc_F"])
        assert metrics.pairwise(labels, truth).f == pytest.approx(theirs["pair_F"])


@given(SCORES, st.floats(-1, 1, width=16))
def test_error_rates_count(scores: np.ndarray, threshold: float) -> None:
    assert metrics.fmr(scores, threshold) == pytest.approx(np.mean([s >= threshold for s in scores.tolist()]))
    assert metrics.fnmr(scores, threshold) == pytest.approx(np.mean([s < threshold for s in scores.tolist()]))


@given(SCORES, SCORES)
def test_the_det_curve_has_both_rates_at_each_threshold(mated: np.ndarray, nonmated: np.ndarray) -> None:
    curve = metrics.det_curve(mated, nonmated)
    for threshold, false_match, false_non_match in zip(curve.thresholds, curve.fmr, curve.fnmr, strict=True):
        assert false_match == pytest.approx(metrics.fmr(nonmated, threshold))
        assert false_non_match == pytest.approx(metrics.fnmr(mated, threshold))
    assert curve.fmr[-1] == 0


@given(SCORES, st.integers(0, 2**30))
def test_no_threshold_is_better_than_the_best(scores: np.ndarray, seed: int) -> None:
    same = np.random.default_rng(seed).random(len(scores)) < 0.5
    best = np.float32(metrics.best_threshold(scores, same))
    right = np.mean((scores >= best) == same)
    for threshold in [*scores.tolist(), 2.0]:
        assert right >= np.mean((scores >= threshold) == same) - 1e-12


def test_perfect_scores_are_all_told_right() -> None:
    same = np.tile([True, False], 50)
    assert metrics.verification_accuracy(np.where(same, 0.8, 0.1).astype(np.float32), same) == 1


def test_the_held_out_fold_does_not_choose_its_threshold() -> None:
    # Ten folds of two pairs; in the last one the scores are turned round.
    same = np.tile([True, False], 10)
    scores = np.where(same, 0.8, 0.1).astype(np.float32)
    scores[18:] = scores[:17:-1]
    assert metrics.verification_accuracy(scores, same) == pytest.approx(0.9)


def test_tar_at_far() -> None:
    nonmated = np.arange(1000, dtype=np.float32) / 2000
    assert metrics.tar_at_far(np.array([0.499, 0.4995, 0.6, 0.7], np.float32), nonmated, 1e-3) == 0.75
    with pytest.raises(TooFewComparisons):
        metrics.tar_at_far(nonmated, nonmated, 1e-4)


def test_bad_input_is_refused() -> None:
    one = np.zeros(1, np.float32)
    for call in (
        lambda: metrics.fmr(np.array([np.nan], np.float32), 0),
        lambda: metrics.fnmr(np.empty(0, np.float32), 0),
        lambda: metrics.bcubed(np.zeros(2, np.int64), np.zeros(3, np.int64)),
        lambda: metrics.verification_accuracy(one, [True], 10),
        lambda: metrics.verification_accuracy(one, [True, False], 2),
    ):
        with pytest.raises(InputError):
            call()
