from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personae.core.assign import Candidate, assign, decide, rank
from personae.core.likeness import Centroid
from personae.core.open_set import TIE
from personae.errors import ModelMismatch
from personae.types import FaceId, Outcome, PersonId
from tests.generate import faces, unit_rows

NONE = np.full(4, -1)


def candidate(score: float) -> Candidate:
    return Candidate(PersonId(1), None, FaceId(1), score, 1)


def test_a_person_is_scored_by_the_best_few_of_their_faces() -> None:
    found = rank(
        np.arange(5), np.array([0.9, 0.8, 0.7, 0.1, 0.85], np.float32), np.array([7, 7, 7, 7, 8]), np.full(5, -1)
    )
    assert [(each.person_id, each.support, each.face_id) for each in found] == [(8, 1, 4), (7, 4, 0)]
    assert found[1].score == pytest.approx(0.8)


def test_unknown_groups_and_single_faces_are_candidates_of_their_own() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.6], np.float32)
    found = rank(np.array([1, 2, 3, 4]), scores, NONE, np.array([5, 5, -1, -1]))
    assert [(each.cluster_id, each.face_id, each.support) for each in found] == [(5, 1, 2), (None, 3, 1), (None, 4, 1)]
    assert all(each.person_id is None for each in found)


def test_rejected_people_and_empty_places_are_no_candidates() -> None:
    scores = np.array([0.9, 0.8, -1, -1], np.float32)
    found = rank(np.array([1, 2, -1, -1]), scores, np.array([5, 6, -1, -1]), NONE, rejected=[5])
    assert [each.person_id for each in found] == [6]


@given(st.permutations(range(6)))
def test_the_order_of_the_neighbours_has_no_influence(order: list[int]) -> None:
    ids, scores = np.arange(6), np.array([0.5, 0.5, 0.5, 0.4, 0.4, 0.3], np.float32)
    people = np.array([1, 2, -1, 1, 2, -1])
    assert rank(ids[order], scores[order], people[order], np.full(6, -1)) == rank(ids, scores, people, np.full(6, -1))


@pytest.mark.parametrize(
    ("score", "outcome"),
    [(0.7, Outcome.MATCH), (0.69, Outcome.REVIEW), (0.34, Outcome.REVIEW), (0.33, Outcome.UNKNOWN)],
)
def test_three_outcomes(score: float, outcome: Outcome) -> None:
    receipt = decide([candidate(score), candidate(0.1)], match=0.7, review=0.34)
    assert receipt.outcome is outcome
    assert (receipt.score, receipt.runner_up, receipt.threshold) == (score, 0.1, 0.7)
    assert receipt.margin == pytest.approx(score - 0.1)


def test_nobody_to_choose_from() -> None:
    receipt = decide([], match=0.7, review=0.34)
    assert (receipt.outcome, receipt.best, receipt.margin) == (Outcome.UNKNOWN, None, None)
    assert decide([candidate(0.9)], match=0.7, review=0.34).margin is None


@given(st.integers(0, 1000), st.floats(0, 0.9))
def test_each_face_goes_to_the_nearest_person_it_may_go_to(seed: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    vectors, _ = faces([3] * 6, dimension=8, seed=seed)
    known, people = faces([2] * 4, dimension=8, seed=seed)
    ids = np.arange(100, 100 + len(vectors))
    rejected = {(int(rng.choice(ids)), int(rng.integers(0, 4))) for _ in range(20)}
    rule = Centroid().fit(known, people)
    ordered, scores = rule.people_, rule.scores(vectors)
    expected = []
    for face_id, row in zip(ids.tolist(), scores, strict=True):
        allowed = [(float(score), int(p)) for p, score in zip(ordered, row, strict=True)
                   if (face_id, int(p)) not in rejected]  # fmt: skip
        best = max(allowed, default=(-1.0, -1))[0]
        if best >= threshold and allowed:
            expected.append((face_id, min(p for score, p in allowed if score >= best - TIE)))
    found = assign(vectors, ids, known, people, threshold=threshold, rejected=rejected)
    assert [(each.face_id, each.person_id) for each in found] == expected
    assert all(each.runner_up is None or each.runner_up <= each.score for each in found)


def test_a_single_person_has_no_runner_up() -> None:
    rows = unit_rows(1, 8)
    assert assign(rows, np.array([1]), rows, np.array([2]), threshold=0.7) == [(1, 2, pytest.approx(1), None)]


def test_no_faces_no_people_and_other_models() -> None:
    rows = unit_rows(2, 8)
    ids = np.array([1, 2])
    assert assign(rows[:0], ids[:0], rows, ids, threshold=0.7) == []
    assert assign(rows, ids, rows[:0], ids[:0], threshold=0.7) == []
    with pytest.raises(ModelMismatch):
        assign(rows, ids, unit_rows(2, 9), ids, threshold=0.7)
