"""All faces against all people: best, runner-up, outcome, receipt."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personae.core import open_set
from personae.core.compare import normalise
from personae.core.likeness import BestMean, Centroid, Likeness, Prototypes
from personae.core.open_set import Placed, place
from personae.errors import InputError, ModelMismatch
from personae.types import Outcome
from tests.generate import faces, unit_rows

USUAL = {"match": 0.7, "review": 0.34}


def axes(*rows: list[float]) -> np.ndarray:
    return normalise(np.array(rows))


def people(*numbers: int) -> Likeness:
    """People who look along the axes, in this order."""
    return Centroid().fit(np.eye(4, dtype=np.float32)[: len(numbers)], np.array(numbers))


def test_every_face_has_its_receipt() -> None:
    probes = axes([0.8, 0.3, 0, 0.52], [0.5, 0.2, 0, 0.84], [0.1, 0.2, 0, 0.97])
    placed = place(probes, np.array([11, 12, 13]), people(7, 8), **USUAL)
    assert placed.outcomes.tolist() == [Outcome.MATCH, Outcome.REVIEW, Outcome.UNKNOWN]
    assert placed.person_ids.tolist() == [7, 7, 8]
    assert placed.runner_up_ids.tolist() == [8, 8, 7]
    assert placed.support.tolist() == [1, 1, 1]
    receipt = placed.receipt(0)
    assert (receipt.face_id, receipt.outcome, receipt.person_id, receipt.runner_up_id) == (11, Outcome.MATCH, 7, 8)
    assert (receipt.score, receipt.runner_up) == (pytest.approx(0.8, abs=0.01), pytest.approx(0.3, abs=0.01))
    assert (receipt.match, receipt.review) == (0.7, 0.34)
    assert placed.rows(Outcome.REVIEW).tolist() == [1]


def test_the_threshold_itself_is_a_match() -> None:
    probe = np.array([[0.6, 0, 0, 0.8]], np.float32)
    for match, outcome in ((0.6, Outcome.MATCH), (0.6001, Outcome.REVIEW)):
        assert place(probe, np.array([1]), people(7), match=match, review=0.34).receipt(0).outcome is outcome
    assert place(probe, np.array([1]), people(7), match=0.9, review=0.6).receipt(0).outcome is Outcome.REVIEW
    assert place(probe, np.array([1]), people(7), match=0.5, review=0.9).receipt(0).outcome is Outcome.MATCH
    assert place(probe, np.array([1]), people(7), match=0.65, review=0.9).receipt(0).outcome is Outcome.UNKNOWN


def test_a_rejected_person_is_never_proposed() -> None:
    probe = axes([0.9, 0.4, 0, 0.1])
    for rejected, expected in (
        ({(1, 7)}, (8, -1)), ({(1, 8)}, (7, -1)), ({(2, 7), (None, 7), (1, None), (1, 99)}, (7, 8)),
        ({(1, 7), (1, 8)}, (-1, -1)),
    ):  # fmt: skip
        placed = place(probe, np.array([1]), people(7, 8), rejected=rejected, **USUAL)
        assert (placed.person_ids[0], placed.runner_up_ids[0]) == expected
    receipt = placed.receipt(0)
    assert receipt[1:7] == (Outcome.UNKNOWN, None, None, None, None, 0)


def test_equally_near_people_are_a_question_for_a_human() -> None:
    rows = np.repeat(unit_rows(1, 64), 3, axis=0)
    twins = Prototypes(0.34).fit(rows, np.array([9, 5, 7]))
    placed = place(rows[:1], np.array([1]), twins, **USUAL)
    assert placed.receipt(0)[1:6] == (Outcome.REVIEW, 5, pytest.approx(1), 7, pytest.approx(1))
    placed = place(rows[:1], np.array([1]), twins, rejected={(1, 5), (1, 9)}, **USUAL)
    assert placed.receipt(0)[1:6] == (Outcome.MATCH, 7, pytest.approx(1), None, None)


def test_single_pictures_that_contradict_each_other_are_a_question_for_a_human() -> None:
    first, second = unit_rows(2, 64)
    for copies in (1, 2):
        rule = Prototypes(0.34).fit(np.stack([first, second] * copies), np.full(2 * copies, 7))
        assert rule.doubtful_.tolist() == [True]
        placed = place(np.stack([first, second]), np.array([1, 2]), rule, **USUAL)
        assert placed.outcomes.tolist() == [Outcome.REVIEW] * 2
        assert placed.scores == pytest.approx(1)
    # Two halves that hold together are two likenesses of one name.
    vectors, labels = faces([3, 3], spread=0.5)
    halves = Prototypes(0.34).fit(vectors, np.zeros(6, np.int64))
    assert len(halves.contradictions_) == 1
    assert place(vectors, labels, halves, **USUAL).outcomes.tolist() == [Outcome.MATCH] * 6


def test_of_two_people_who_match_the_one_with_more_labels_is_taken() -> None:
    vectors, _ = faces([6], spread=0.3)
    # One face of the first person was labelled as another, who has no other.
    rule = Prototypes(0.34).fit(vectors[:4], np.array([1, 1, 1, 2]))
    placed = place(vectors[3:], np.array([3, 4, 5]), rule, **USUAL)
    assert (placed.runner_ups > 0.7).all()
    assert placed.person_ids[0] == 2
    assert placed.outcomes.tolist() == [Outcome.REVIEW, Outcome.MATCH, Outcome.MATCH]
    assert placed.person_ids[1:].tolist() == [1, 1]
    even = place(vectors[4:], np.array([4, 5]), Prototypes(0.34).fit(vectors[:4], np.array([1, 1, 2, 2])), **USUAL)
    assert even.outcomes.tolist() == [Outcome.REVIEW] * 2


def test_no_faces_and_nobody() -> None:
    rows = unit_rows(3, 4)
    none = place(rows[:0], np.empty(0, np.int64), people(7), **USUAL)
    assert [len(each) for each in (none.outcomes, none.person_ids, none.scores, none.support)] == [0] * 4
    nobody = place(rows, np.arange(3), Centroid().fit(rows[:0], np.empty(0, np.int64)), **USUAL)
    assert nobody.outcomes.tolist() == [Outcome.UNKNOWN] * 3
    assert nobody.person_ids.tolist() == [-1] * 3
    assert np.isnan(nobody.scores).all()
    assert nobody.receipt(0).person_id is None


def test_what_cannot_be_compared_is_refused() -> None:
    rows = unit_rows(2, 4)
    for bad in (np.nan, 0.0):
        broken = rows.copy()
        broken[1] = bad
        with pytest.raises(InputError):
            place(broken, np.arange(2), people(7), **USUAL)
    with pytest.raises(InputError):
        place(rows, np.arange(3), people(7), **USUAL)
    with pytest.raises(ModelMismatch):
        place(unit_rows(2, 5), np.arange(2), people(7), **USUAL)
    for match, review in ((1.1, 0.3), (0.7, -1.5), (float("nan"), 0.3)):
        with pytest.raises(InputError):
            place(rows, np.arange(2), people(7), match=match, review=review)


@pytest.mark.parametrize("rule", [Centroid(), Prototypes(0.34), BestMean()], ids=lambda rule: type(rule).__name__)
def test_faces_are_answered_alike_alone_and_among_many(rule: Likeness) -> None:
    # So many that they take several blocks.
    people_count, n = 3000, 4000
    assert people_count * n > 2 * open_set.SCORES_AT_ONCE
    known, labels = faces([1, 2] * (people_count // 2), dimension=16)
    vectors, ids = unit_rows(n, 16, 1), np.arange(n)
    rule.fit(known, labels)
    rejected = {(face, person) for face in range(0, n, 7) for person in range(0, people_count, 100)}
    together = place(vectors, ids, rule, rejected=rejected, **USUAL)
    for rows in (ids[:3], ids[1390:1410], ids[-2:]):
        alone = place(vectors[rows], rows, rule, rejected=rejected, **USUAL)
        assert same(alone, replace(together, **{
            name: getattr(together, name)[rows] for name in ("person_ids", "outcomes", "scores", "runner_ups")
        }))  # fmt: skip
    assert not rejected & set(zip(ids.tolist(), together.person_ids.tolist(), strict=True))


def same(one: Placed, other: Placed) -> bool:
    """Whether two answers agree, but for the rounding of scores."""
    return (
        (one.person_ids == other.person_ids).all()
        and (one.outcomes == other.outcomes).all()
        and np.allclose(one.scores, other.scores, atol=1e-6, equal_nan=True)
        and np.allclose(one.runner_ups, other.runner_ups, atol=1e-6, equal_nan=True)
    )


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_the_order_of_the_faces_has_no_influence(seed: int) -> None:
    rng = np.random.default_rng(seed)
    known, labels = faces([3] * 5, dimension=32, seed=seed)
    probes, _ = faces([4] * 7, dimension=32, seed=seed)
    probes[:3] = probes[3]
    order, mixed = rng.permutation(28), rng.permutation(15)
    straight = place(probes, np.arange(28), Prototypes(0.34).fit(known, labels), **USUAL)
    turned = place(probes[order], order, Prototypes(0.34).fit(known[mixed], labels[mixed]), **USUAL)
    assert (turned.person_ids == straight.person_ids[order]).all()
    assert (turned.outcomes == straight.outcomes[order]).all()
    assert np.allclose(turned.scores, straight.scores[order], atol=1e-6)


def test_memory_does_not_grow_with_faces_times_people() -> None:
    rows = unit_rows(20_000, 16)
    rule = Prototypes(0.34).fit(rows[:4000], np.arange(4000))
    tracemalloc.start()
    place(rows, np.arange(20_000), rule, **USUAL)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6
