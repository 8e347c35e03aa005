"""The guard: a head that is better goes live, one that is not, or of which nobody can tell, does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from personae.core.guard import Trial, halves, judge
from personae.core.search_metrics import Searches
from personae.errors import TooFewComparisons
from personae.types import Labels, Scores

STRANGERS = 2000


def trial(before: float, after: float, strangers: float = 0.1, people: int = 200, seed: int = 0) -> Trial:
    """Return searches whose share of misses is as given, and strangers whose highest scores are as given."""
    rng = np.random.default_rng(seed)
    owners = np.repeat(np.arange(people), 4)
    luck = rng.random(len(owners))
    scores = [np.where(luck < share, 0.1, 0.9).astype(np.float32) for share in (before, after)]
    others = rng.uniform(-0.1, 0.2, STRANGERS).astype(np.float32)
    sides = [Searches(each, np.ones(len(owners), bool), owners, others) for each in scores]
    worse: Scores = np.where(np.arange(STRANGERS) < strangers * STRANGERS, others, 0.0).astype(np.float32)
    return Trial(sides[0], replace(sides[1], nonmated=np.maximum(others, worse)), np.arange(STRANGERS) // 2)


def test_a_better_head_is_accepted() -> None:
    verdict = judge(trial(0.2, 0.1), trial(0.2, 0.1))
    assert verdict.accepted
    assert verdict.faces.before == pytest.approx(0.2, abs=0.04)
    assert verdict.faces.high < 0
    assert verdict.faces.low < verdict.faces.after - verdict.faces.before < verdict.faces.high
    assert verdict.faces.relative == pytest.approx(-0.5, abs=0.1)
    assert (verdict.faces.searches, verdict.faces.people) == (800, 200)
    assert all("better" in reason or "not worse" in reason for reason in verdict.reasons)


@pytest.mark.parametrize("after", [0.2, 0.21, 0.3])
def test_a_head_that_is_not_surely_better_is_refused(after: float) -> None:
    for verdict in (judge(trial(0.2, after), trial(0.2, 0.1)), judge(trial(0.2, 0.1), trial(0.2, after))):
        assert not verdict.accepted
        assert sum("not surely better" in reason for reason in verdict.reasons) == 1


def test_a_head_that_draws_strangers_to_known_people_is_refused() -> None:
    known, new = trial(0.2, 0.1), trial(0.2, 0.1)
    # Nearer to those who were learnt from, and to nobody else.
    nearer = replace(known.after, nonmated=known.after.nonmated + np.float32(0.05))
    verdict = judge(replace(known, after=nearer), new)
    assert not verdict.accepted
    assert "perhaps worse" in verdict.reasons[2]
    assert verdict.strangers.before == pytest.approx(0.01)
    assert verdict.strangers.after == pytest.approx(0.17, abs=0.05)


def test_the_same_searches_give_the_same_verdict() -> None:
    assert judge(trial(0.2, 0.15), trial(0.2, 0.15)) == judge(trial(0.2, 0.15), trial(0.2, 0.15))


def test_wrong_people_are_missed_at_any_threshold() -> None:
    base = trial(0.0, 0.0)
    wrong = Trial(base.before, replace(base.after, right=np.arange(800) >= 80), base.strangers)
    assert judge(wrong, base).faces.after == pytest.approx(0.1)


def test_few_strangers_show_nothing() -> None:
    base = trial(0.2, 0.1)
    few = Trial(
        *(replace(side, nonmated=side.nonmated[:50]) for side in (base.before, base.after)), base.strangers[:50]
    )
    with pytest.raises(TooFewComparisons):
        judge(few, base)
    with pytest.raises(TooFewComparisons):
        judge(replace(base, strangers=base.strangers[:5]), base)


def test_new_people_are_enrolled_or_strangers() -> None:
    people: Labels = np.repeat(np.arange(20), [1] * 10 + [4] * 10)
    parts = halves(people)
    assert sorted(np.concatenate([parts.gallery, parts.mated, parts.nonmated]).tolist()) == list(range(50))
    assert set(people[parts.gallery]) == set(people[parts.mated])
    assert not set(people[parts.gallery]) & set(people[parts.nonmated])
    assert (len(parts.gallery), len(parts.mated), len(parts.nonmated)) == (10, 10, 30)
    assert np.array_equal(parts.gallery, halves(people).gallery)
