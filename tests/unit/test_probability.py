"""From scores to probabilities: known curves are found again, and nothing is invented."""

from __future__ import annotations

import numpy as np
import pytest

from personae.core.assign import rank
from personae.core.evaluation import measure
from personae.core.probability import ISOTONIC, PLATT, Answers, Question, in_100, reliability
from personae.core.probability_fit import FEWEST, fit_curve
from personae.core.rehearsal import Labelled, _nearest, rehearse
from personae.errors import InputError, TooFewComparisons
from personae.types import Labels, Scores, Thresholds, Vectors
from tests.generate import faces, unit_rows

GRID = np.linspace(-1, 1, 81, dtype=np.float32)


def drawn(n: int, seed: int = 0, slope: float = 12.0, middle: float = 0.4) -> Answers:
    """Return answers that are right by a logistic law."""
    rng = np.random.default_rng(seed)
    scores = rng.uniform(-0.2, 1.0, n).astype(np.float32)
    return Answers(scores, rng.random(n) < truth(scores, slope, middle), np.ones(n))


def truth(scores: Scores, slope: float = 12.0, middle: float = 0.4) -> Scores:
    odds: Scores = np.exp(np.clip(slope * (scores - middle), -50, 50)).astype(np.float32)
    return odds / (1 + odds)


@pytest.mark.parametrize(("n", "method", "off"), [(600, PLATT, 0.08), (20_000, ISOTONIC, 0.06)])
def test_a_known_curve_is_found_again(n: int, method: str, off: float) -> None:
    curve = fit_curve(drawn(n))
    assert curve.method == method
    inside = GRID[(GRID >= 0) & (GRID <= 0.8)]
    assert np.abs(curve.at(inside) - truth(inside)).max() < off
    found = reliability(curve, drawn(n, seed=1))
    assert found.expected_error < 0.06
    assert found.answers == n == sum(each.answers for each in found.bins)
    assert found.brier < found.log_loss < 0.4
    assert curve.of(0.5) == pytest.approx(float(curve.at(np.array([0.5], np.float32))[0]))
    shuffled = np.random.default_rng(2).permutation(n)
    same = drawn(n)
    again = fit_curve(Answers(same.scores[shuffled], same.right[shuffled], same.weights))
    assert np.allclose(again.at(GRID), curve.at(GRID), atol=1e-6)


@pytest.mark.parametrize("n", [100, 5000])
@pytest.mark.parametrize("slope", [12.0, 400.0, 0.0, -12.0])
def test_no_curve_ever_falls_or_is_certain(n: int, slope: float) -> None:
    values = fit_curve(drawn(n, slope=slope)).at(GRID)
    assert (np.diff(values) >= 0).all()
    assert 0 < values.min() <= values.max() < 1
    if slope < 0:
        assert np.ptp(values) < 0.05


def test_a_weight_is_as_good_as_so_many_answers() -> None:
    few = drawn(400)
    weighted = fit_curve(Answers(few.scores, few.right, np.where(few.right, 3.0, 1.0)))
    rows = np.repeat(np.arange(400), np.where(few.right, 3, 1))
    repeated = fit_curve(Answers(few.scores[rows], few.right[rows], np.ones(len(rows))))
    assert np.abs(weighted.at(GRID) - repeated.at(GRID)).max() < 0.02
    assert weighted.of(0.4) > fit_curve(few).of(0.4) + 0.1


def test_equal_scores_have_one_probability() -> None:
    right = np.arange(4000) % 4 > 0
    curve = fit_curve(Answers(np.full(4000, 0.5, np.float32), right, np.ones(4000)))
    assert curve.of(0.5) == pytest.approx(0.75, abs=0.01) == curve.of(0.1)


def test_what_cannot_be_learnt_from_is_refused() -> None:
    good = drawn(100)
    with pytest.raises(TooFewComparisons, match="100 right answers and 0 wrong ones; 20 of each"):
        fit_curve(Answers(good.scores, np.ones(100, bool), good.weights))
    with pytest.raises(TooFewComparisons):
        fit_curve(Answers(good.scores, np.arange(100) < FEWEST - 1, good.weights))
    for scores, weights in (
        (np.where(np.arange(100) == 7, np.nan, good.scores), good.weights),
        (good.scores, np.where(np.arange(100) == 7, np.inf, good.weights)),
        (good.scores, np.where(np.arange(100) == 7, 0, good.weights)),
        (good.scores[1:], good.weights),
    ):
        with pytest.raises(InputError):
            fit_curve(Answers(scores, good.right, weights))
    with pytest.raises(TooFewComparisons):
        reliability(fit_curve(good), good.at(np.zeros(100, bool)))


def test_nothing_is_said_to_be_certain_in_words() -> None:
    assert [in_100(each) for each in (1e-9, 0.004, 0.5, 0.974, 0.9999)] == [1, 1, 50, 97, 99]


# --- what is learnt from ----------------------------------------------------------------------


def labelled(vectors: Vectors, people: Labels) -> Labelled:
    return Labelled(vectors, people, np.arange(len(people)))


def test_right_answers_score_higher_and_half_are_for_strangers() -> None:
    answers = rehearse(labelled(*faces([6] * 20, spread=0.5)), 0.3)
    assert set(answers) == set(Question)
    for question, each in answers.items():
        assert each.scores[each.right].min() > each.scores[~each.right].max(), question
        assert each.weights[each.right].sum() == pytest.approx(each.weights[~each.right].sum()), question
        assert 0.9 < fit_curve(each).of(float(np.median(each.scores[each.right]))) < 1
    assert [len(answers[question].scores) for question in (Question.FACE, Question.SEARCH)] == [240, 240]
    assert len(answers[Question.GROUP].scores) == 80


def test_nobody_helps_to_find_itself_on_the_same_photo() -> None:
    vectors, people = faces([2] * 30, spread=0.5)
    same = Labelled(vectors, people, people)
    for question, each in rehearse(same, 0.3).items():
        if question is not Question.PAIR:
            assert not each.right.any()


def test_a_single_photo_is_a_stranger() -> None:
    answers = rehearse(labelled(unit_rows(40, 32), np.arange(40)), 0.3, [Question.FACE, Question.SEARCH])
    assert all(len(each.scores) == 40 and not each.right.any() for each in answers.values())


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_is_asked_of_nobody(n: int) -> None:
    answers = rehearse(labelled(unit_rows(2, 32)[:n], np.arange(n)), 0.3)
    assert [len(each.scores) for each in answers.values()] == [0] * 4


def test_the_best_of_a_search_is_the_one_that_assign_ranks_first() -> None:
    rng = np.random.default_rng(0)
    people = rng.integers(0, 30, 300)
    for _ in range(20):
        cosines = rng.uniform(-1, 1, 300).astype(np.float32)
        rows = np.argsort(-cosines)[:100]
        best = rank(rows, cosines[rows], people[rows], np.full(100, -1))[0]
        found = _nearest(cosines, people, np.ones(300, bool))
        assert found is not None
        assert found == pytest.approx((best.score, best.person_id))


def test_an_evaluation_judges_by_people_from_whom_nothing_was_learnt() -> None:
    vectors, people = faces([4] * 60, spread=0.7)
    limits = Thresholds(verify=0.3, review=0.3, match=0.6, cluster=0.4)
    for told in measure("model", vectors, people, np.ones(len(people), bool), limits).foretold:
        assert told.found is not None
        assert told.found.expected_error < 0.05
        assert told.found.brier < 0.05
    searches, pairs = measure("model", vectors[:30], people[:30], np.ones(30, bool), limits).foretold
    assert searches.found is pairs.found is None
    assert "20 of each are needed" in searches.why
