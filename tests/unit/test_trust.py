"""May this face join this person? The rule, its cuts, and what several sources say together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personae.core.bids import Bid, Pool, Rules
from personae.core.corroborate import CLUSTERED, CORROBORATED
from personae.core.hearing import SOURCE_LIMIT, TOTAL_LIMIT
from personae.core.poison import POISON, Nearness
from personae.core.settle import settle
from personae.core.trust import (
    HIGH_TRUST,
    LOW_TRUST_QUARANTINED,
    MATCHED_EXISTING,
    NO_EXISTING_FACES,
    NO_MATCH,
    Cuts,
    Ruling,
    cuts_of,
    judge,
)
from personae.errors import InputError, ModelMismatch
from personae.records import ClaimState, Trust
from personae.types import Thresholds, Vector, Vectors
from tests.generate import unit_rows

FACENET = Cuts(0.35, 0.40, 0.45)
OWN = Thresholds(verify=0.3, review=0.4, match=0.7, cluster=0.5)
ACCEPTED, REFUSED, QUARANTINED, HELD = (
    ClaimState.ACCEPTED, ClaimState.REFUSED, ClaimState.QUARANTINED, ClaimState.HELD,
)  # fmt: skip


def at(*distances: float) -> tuple[Vector, Vectors]:
    """Return a face, and faces that are so far from it."""
    face = np.zeros(8, np.float32)
    face[0] = 1
    others = np.zeros((len(distances), 8), np.float32)
    for i, distance in enumerate(distances):
        others[i, 0], others[i, 1 + i % 7] = 1 - distance, (1 - (1 - distance) ** 2) ** 0.5
    return face, others


# --- the rule ---------------------------------------------------------------------------------


@given(st.integers(0, 30), st.integers(0, 2**32 - 1))
def test_high_trust_is_always_accepted(existing: int, seed: int) -> None:
    vectors = unit_rows(existing + 1, 16, seed)
    assert judge(vectors[0], vectors[1:], Trust.HIGH, FACENET) == Ruling(ACCEPTED, HIGH_TRUST)


@given(st.integers(0, 30), st.integers(0, 2**32 - 1))
def test_low_trust_is_never_accepted(existing: int, seed: int) -> None:
    vectors = unit_rows(existing + 1, 16, seed)
    ruling = judge(vectors[0], vectors[1:], Trust.LOW, FACENET)
    assert (ruling.state, ruling.reason) == (QUARANTINED, LOW_TRUST_QUARANTINED)


def test_medium_trust_needs_an_existing_face() -> None:
    face, none = at()
    assert judge(face, none, Trust.MEDIUM, FACENET) == Ruling(REFUSED, NO_EXISTING_FACES)


@given(st.lists(st.floats(0, 2), min_size=1, max_size=12))
def test_medium_trust_goes_by_the_nearest_face_and_the_cut(apart: list[float]) -> None:
    face, others = at(*apart)
    ruling = judge(face, others, Trust.MEDIUM, FACENET)
    cut = 0.35 if len(apart) <= 1 else 0.40 if len(apart) <= 3 else 0.45
    assert ruling.threshold == cut
    assert ruling.distance == pytest.approx(min(apart), abs=1e-5)
    assert ruling.distance is not None
    near = ruling.distance < cut
    assert ruling.state is (ACCEPTED if near else REFUSED)
    assert ruling.reason == (MATCHED_EXISTING if near else NO_MATCH)


def test_a_face_at_the_cut_is_refused() -> None:
    face, others = at(0.5)
    assert judge(face, others, Trust.MEDIUM, Cuts(0.5, 0.5, 0.5)).reason == NO_MATCH
    assert judge(face, others, Trust.MEDIUM, Cuts(0.501, 0, 0)).reason == MATCHED_EXISTING


def test_the_cut_is_that_of_the_number_of_faces() -> None:
    assert [FACENET.at(n) for n in (0, 1, 2, 3, 4, 100)] == [0.35, 0.35, 0.40, 0.40, 0.45, 0.45]


@given(st.lists(st.floats(0, 2), min_size=1, max_size=12), st.floats(0, 2))
def test_one_more_face_never_shuts_out(apart: list[float], more: float) -> None:
    face, others = at(*apart)
    _, wider = at(*apart, more)
    if judge(face, others, Trust.MEDIUM, FACENET).state is ACCEPTED:
        assert judge(face, wider, Trust.MEDIUM, FACENET).state is ACCEPTED


def test_models_do_not_meet() -> None:
    with pytest.raises(ModelMismatch):
        judge(unit_rows(1, 8)[0], unit_rows(2, 16), Trust.MEDIUM, FACENET)


def test_cuts_are_the_models_own() -> None:
    assert cuts_of(replace(OWN, trust=(0.35, 0.40, 0.45))) == FACENET
    assert cuts_of(OWN) == Cuts(0.6, 0.6, 0.6)
    for wrong in ((0.5,), (0.1, 0.2, 0.3, 0.4), (0.1, 0.2, 2.1)):
        with pytest.raises(InputError, match="three distances"):
            cuts_of(replace(OWN, trust=wrong))


# --- all claims together ----------------------------------------------------------------------

RULES = Rules(Cuts(0.5, 0.5, 0.5), Nearness(0.5, 0.7), 0.5)
D = 64


def faces_of(person: int, count: int, seed: int = 0) -> Vectors:
    """Return faces of one person, each about 0.2 from the others."""
    rng = np.random.default_rng([person, seed])
    noise = rng.standard_normal((count, D))
    base = np.random.default_rng([person, 999]).standard_normal(D)
    rows = base / np.linalg.norm(base) + 0.5 * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def bid(row: int, person: int = 1, trust: Trust = Trust.HIGH, source: str = "", limit: int = 5) -> Bid:
    """Return a bid of a source called after its trust."""
    return Bid(source or trust.value, trust, person, row, (row,), limit)


def settled(bids: list[Bid], vectors: Vectors, people: list[int] | None = None, rules: Rules = RULES) -> list[str]:
    """Return the reasons."""
    owners = np.array(people if people is not None else [-1] * len(vectors), np.int64)
    return [ruling.reason for ruling in settle(bids, Pool(vectors, owners), rules)]


def test_nothing_claimed_is_nothing_settled() -> None:
    assert settled([], unit_rows(0, D)) == []


def test_medium_trust_is_heard_after_high_trust() -> None:
    bids = [bid(1, trust=Trust.MEDIUM), bid(0), bid(2, person=2, trust=Trust.MEDIUM)]
    assert settled(bids, faces_of(1, 3)) == [MATCHED_EXISTING, HIGH_TRUST, NO_EXISTING_FACES]


def test_accepted_faces_count_for_the_next() -> None:
    chain = np.zeros((3, D), np.float32)
    for i, angle in enumerate((0.0, 0.9, 1.8)):  # each 0.38 from the next, the ends 1.2 apart
        chain[i, :2] = np.cos(angle), np.sin(angle)
    bids = [bid(0), bid(2, trust=Trust.MEDIUM, source="a"), bid(1, trust=Trust.MEDIUM, source="b")]
    assert settled(bids, chain) == [HIGH_TRUST, MATCHED_EXISTING, MATCHED_EXISTING]


def test_limits_of_a_source_and_of_a_person() -> None:
    vectors = faces_of(1, 12)
    bids = [bid(i, source="a", limit=4) for i in range(6)] + [bid(i, source="b", limit=5) for i in range(6, 12)]
    rules = replace(RULES, total=7)
    reasons = settled(bids, vectors, rules=rules)
    assert reasons == [HIGH_TRUST] * 4 + [SOURCE_LIMIT] * 2 + [HIGH_TRUST] * 3 + [TOTAL_LIMIT] * 3
    assert settled([bid(1)], vectors, [1] + [-1] * 11, replace(RULES, total=1)) == [TOTAL_LIMIT]


def test_low_trust_waits_for_another_sources_face() -> None:
    vectors = np.concatenate([faces_of(1, 2), faces_of(2, 1)])
    low = [bid(1, trust=Trust.LOW), bid(2, trust=Trust.LOW)]
    assert settled([bid(0), *low], vectors) == [HIGH_TRUST, CORROBORATED, LOW_TRUST_QUARANTINED]
    assert settled(low, vectors, [1, -1, -1]) == [CORROBORATED, LOW_TRUST_QUARANTINED]


def test_a_source_does_not_vouch_for_itself() -> None:
    vectors = faces_of(1, 4)
    alone = [bid(i, trust=Trust.LOW) for i in range(4)]
    assert set(settled(alone, vectors)) == {LOW_TRUST_QUARANTINED}
    pool = Pool(vectors, np.array([1, -1, -1, -1]), {0: frozenset({"low"})})
    assert {r.reason for r in settle(alone[1:], pool, RULES)} == {LOW_TRUST_QUARANTINED}


def test_three_faces_of_two_sources_vouch_for_each_other() -> None:
    vectors = np.concatenate([faces_of(1, 3), faces_of(2, 1)])
    bids = [bid(i, trust=Trust.LOW, source="ab"[i % 2]) for i in range(4)]
    assert settled(bids, vectors) == [CLUSTERED] * 3 + [LOW_TRUST_QUARANTINED]
    assert settled(bids[:2], vectors) == [LOW_TRUST_QUARANTINED] * 2


def test_a_face_nearer_to_another_person_is_held_with_both_distances() -> None:
    vectors = np.concatenate([faces_of(1, 4), faces_of(2, 3)])
    bids = [bid(i) for i in range(4)] + [bid(4, person=2), bid(5, person=2), bid(6, person=1, source="poison")]
    rulings = settle(bids, Pool(vectors, np.full(7, -1)), RULES)
    assert [r.reason for r in rulings] == [HIGH_TRUST] * 6 + [POISON]
    held = rulings[-1]
    assert held.state is HELD
    assert held.other_person == 2
    assert held.distance is not None
    assert held.other_distance is not None
    assert held.other_distance < 0.5 < held.distance


def test_one_face_for_two_people_goes_to_the_more_trusted_and_of_equals_to_nobody() -> None:
    vectors = faces_of(1, 1)
    bids = [bid(0, person=2, trust=Trust.LOW, source="x"), bid(0, person=1)]
    assert settled(bids, vectors) == [LOW_TRUST_QUARANTINED, HIGH_TRUST]
    both = [bid(0, person=2, source="b"), bid(0, person=1, source="a")]
    assert settled(both, vectors) == [POISON, POISON]


def test_two_claims_on_one_face_are_one_face() -> None:
    vectors = faces_of(1, 2)
    bids = [bid(0, source="a"), bid(0, source="b"), bid(1, source="a")]
    assert settled(bids, vectors, rules=replace(RULES, total=2)) == [HIGH_TRUST] * 3


@given(st.integers(0, 2**32 - 1))
def test_the_order_of_claims_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = np.concatenate([faces_of(person, 6, seed) for person in range(4)])
    trusts = list(Trust)
    bids = [
        Bid(f"s{rng.integers(4)}", trusts[int(rng.integers(3))],
            row // 6 if rng.random() < 0.85 else int(rng.integers(4)), row, (row,), int(rng.integers(1, 6)))
        for row in range(len(vectors))
    ]  # fmt: skip
    order = rng.permutation(len(bids))
    pool, rules = Pool(vectors, np.full(len(vectors), -1)), replace(RULES, total=5)
    whole = settle(bids, pool, rules)
    assert settle([bids[i] for i in order], pool, rules) == [whole[i] for i in order]
    for person in range(4):
        mine = [b for b, ruling in zip(bids, whole, strict=True) if b.person == person and ruling.state is ACCEPTED]
        assert len({b.row for b in mine}) <= 5
        assert all(sum(b.source == each.source for b in mine) <= 5 for each in mine)
    assert all(ruling.state is not ACCEPTED or b.trust is not Trust.LOW or ruling.reason in {CORROBORATED, CLUSTERED}
               for b, ruling in zip(bids, whole, strict=True))  # fmt: skip


def test_most_planted_names_stay_out_and_most_right_ones_come_in() -> None:
    rng = np.random.default_rng(3)
    vectors = np.concatenate([faces_of(person, 8) for person in range(60)])
    planted = set(rng.choice(np.flatnonzero(np.arange(480) % 8), 20, replace=False).tolist())
    bids = [
        bid(row, person=(row // 8 + 7) % 60 if row in planted else row // 8,
            trust=Trust.MEDIUM if row % 8 else Trust.HIGH, limit=9)
        for row in range(480)
    ]  # fmt: skip
    rulings = settle(bids, Pool(vectors, np.full(480, -1)), RULES)
    accepted = {row for row in range(480) if rulings[row].state is ACCEPTED}
    assert not accepted & planted
    assert len(accepted) == 480 - len(planted)
