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


def trial(before: float, after: float, people: int = 200, seed: int = 0, first: int = 0) -> Trial:
    """Return searches whose share of misses is as given, by people numbered from `first`; the strangers are as ever."""
    rng = np.random.default_rng(seed)
    owners = first + np.repeat(np.arange(people), 4)
    luck = rng.random(len(owners))
    scores = [np.where(luck < share, 0.1, 0.9).astype(np.float32) for share in (before, after)]
    others: Scores = rng.uniform(-0.1, 0.2, STRANGERS).astype(np.float32)
    sides = [Searches(each, np.ones(len(owners), bool), owners, others) for each in scores]
    return Trial(*sides, 10_000 + np.arange(STRANGERS) // 2)


def new(before: float, after: float, people: int = 200) -> Trial:
    """Return searches for other people."""
    return trial(before, after, people, 1, 5000)


def test_a_better_head_is_accepted() -> None:
    verdict = judge(trial(0.2, 0.1), new(0.2, 0.1))
    assert verdict.accepted
    for change in (verdict.both, verdict.faces, verdict.people):
        assert change.before == pytest.approx(0.2, abs=0.04)
        assert change.low < change.after - change.before < change.high < 0
        assert change.relative == pytest.approx(-0.5, abs=0.1)
    assert (verdict.faces.searches, verdict.faces.people) == (800, 200)
    assert (verdict.both.searches, verdict.both.people) == (1600, 400)
    assert verdict.both.better > 100
    assert verdict.both.worse == 0
    assert [reason.rpartition(": ")[2].split(";")[0] for reason in verdict.reasons] == ["better", *["not worse"] * 3]


@pytest.mark.parametrize("after", [0.21, 0.3])
def test_what_is_worse_on_one_kind_is_refused_however_good_it_is_on_the_other(after: float) -> None:
    for place, verdict in ((1, judge(trial(0.2, after), new(0.4, 0.1))), (2, judge(trial(0.4, 0.1), new(0.2, after)))):
        assert not verdict.accepted
        assert verdict.both.high < 0
        assert [reason.endswith(": worse") for reason in verdict.reasons] == [at == place for at in range(4)]


def test_what_changes_nothing_is_refused() -> None:
    verdict = judge(trial(0.2, 0.2), new(0.2, 0.2))
    assert not verdict.accepted
    assert verdict.reasons[0].endswith("not surely better")


def test_few_people_for_whom_it_is_better_may_be_luck() -> None:
    few, same = trial(0.2, 0.2), new(0.1, 0.1)
    # Five of five people: the interval excludes zero, and a coin does it once in 32 times.
    scores = few.before.mated.copy()
    rows = np.isin(few.before.people, np.unique(few.before.people[scores < 0.5])[:5])
    scores[rows] = 0.9
    verdict = judge(replace(few, after=replace(few.after, mated=scores)), same)
    assert (verdict.both.better, verdict.both.worse) == (5, 0)
    assert verdict.both.high < 0
    assert not verdict.accepted
    assert "as a coin might have it" in verdict.reasons[0]


def test_fewer_people_make_the_interval_wider() -> None:
    wide, narrow = (judge(trial(0.3, 0.2, people), new(0.3, 0.2, people)).faces for people in (8, 800))
    assert wide.high - wide.low > 5 * (narrow.high - narrow.low)
    assert wide.high >= 0 > narrow.high


def test_a_head_that_draws_strangers_to_known_people_is_refused() -> None:
    known, others = trial(0.2, 0.1), new(0.2, 0.1)
    # Nearer to those who were learnt from, and to nobody else.
    nearer = replace(known.after, nonmated=known.after.nonmated + np.float32(0.05))
    verdict = judge(replace(known, after=nearer), others)
    assert not verdict.accepted
    assert verdict.reasons[3].endswith(": worse")
    assert verdict.strangers.before == pytest.approx(0.1, abs=0.03)
    assert verdict.strangers.after == pytest.approx(0.27, abs=0.05)


def test_the_same_searches_give_the_same_verdict() -> None:
    assert judge(trial(0.2, 0.15), new(0.2, 0.15)) == judge(trial(0.2, 0.15), new(0.2, 0.15))


def test_wrong_people_are_missed_at_any_threshold() -> None:
    base = trial(0.0, 0.0)
    wrong = Trial(base.before, replace(base.after, right=np.arange(800) >= 80), base.strangers)
    assert judge(wrong, new(0.0, 0.0)).faces.after == pytest.approx(0.1)


def test_few_strangers_show_nothing() -> None:
    base = trial(0.2, 0.1)
    few = Trial(
        *(replace(side, nonmated=side.nonmated[:50]) for side in (base.before, base.after)), base.strangers[:50]
    )
    with pytest.raises(TooFewComparisons):
        judge(few, new(0.2, 0.1))
    with pytest.raises(TooFewComparisons):
        judge(replace(base, strangers=base.strangers[:5]), new(0.2, 0.1))


def test_new_people_are_enrolled_or_strangers() -> None:
    people: Labels = np.repeat(np.arange(20), [1] * 10 + [4] * 10)
    parts = halves(people)
    assert sorted(np.concatenate([parts.gallery, parts.mated, parts.nonmated]).tolist()) == list(range(50))
    assert set(people[parts.gallery]) == set(people[parts.mated])
    assert not set(people[parts.gallery]) & set(people[parts.nonmated])
    assert (len(parts.gallery), len(parts.mated), len(parts.nonmated)) == (10, 10, 30)
    assert np.array_equal(parts.gallery, halves(people).gallery)
