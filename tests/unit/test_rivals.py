"""What is near to a claimed face, kept up to date in blocks, is what a whole comparison finds."""

from __future__ import annotations

import numpy as np

from personae.core.bids import Bid, Pool, Rules
from personae.core.poison import POISON, Nearness
from personae.core.rivals import COLUMNS_AT_ONCE, NO_OWN, ROWS_AT_ONCE, SAME_PICTURE, Rivals
from personae.core.settle import settle
from personae.core.trust import HIGH_TRUST, Cuts
from personae.records import Trust
from personae.types import Ids, Vectors
from tests.generate import unit_rows

RULES = Rules(Cuts(0.5, 0.5, 0.5), Nearness(0.5, 0.7), 0.5)
FLOOR = 0.9


def whole(vectors: Vectors, rows: Ids, owners: Ids, counts: Ids, known: int) -> tuple[np.ndarray, ...]:
    """Return of each claim the nearest own face, the nearest of another picture, and the nearest of others."""
    scores = np.clip(vectors[rows[known:]] @ vectors[rows].T, -1, 1)
    own = owners[known:, None] == owners[None]
    mine = np.where(own & counts & (rows[known:, None] != rows[None]), scores, NO_OWN)
    backed = np.where(mine < SAME_PICTURE, mine, NO_OWN)
    others = np.where(~own & counts, scores, NO_OWN)
    return mine.max(axis=1), backed.max(axis=1), others.max(axis=1)


def test_blocks_and_changes_find_what_a_whole_comparison_does() -> None:
    rng = np.random.default_rng(0)
    known, claims = COLUMNS_AT_ONCE, ROWS_AT_ONCE + 10
    vectors = unit_rows(known + claims, 8)
    people = np.concatenate([rng.integers(0, 300, known), np.full(claims, -1)])
    rows = rng.integers(known - 500, known + claims, claims)
    claimed = rng.integers(0, 400, claims)
    rivals = Rivals(vectors, people, rows, claimed, FLOOR)
    counts = np.zeros(claims, np.bool_)
    every, owners = np.concatenate([np.arange(known), rows]), np.concatenate([people[:known], claimed])
    for share in (0.7, 0.05, 0.6):
        now = np.where(rng.random(claims) < share, ~counts, counts)
        rivals.change(np.flatnonzero(counts & ~now), np.flatnonzero(now & ~counts))
        counts = now
        both = np.concatenate([np.ones(known, np.bool_), counts])
        mine, backed, others = whole(vectors, every, owners, both, known)
        np.testing.assert_allclose(rivals.own[counts], mine[counts], atol=1e-6)
        np.testing.assert_allclose(rivals.backed[counts], backed[counts], atol=1e-6)
        # Below the floor nobody asks.
        near = counts & (others > FLOOR)
        np.testing.assert_allclose(rivals.other[near], others[near], atol=1e-6)
        assert (rivals.other[counts & ~near] <= FLOOR).all()


def placeholder(people: int, noise: float) -> tuple[list[Bid], Vectors]:
    """Return bids of one source on two photos of each person: their own, and one that everybody has."""
    rng = np.random.default_rng(1)
    own = unit_rows(people, 128)
    shared = rng.standard_normal(128) + noise * rng.standard_normal((people, 128))
    shared /= np.linalg.norm(shared, axis=1, keepdims=True)
    bids = [Bid("a", Trust.HIGH, person, row, (row,)) for row in range(2 * people) for person in [row % people]]
    return bids, np.concatenate([own, shared]).astype(np.float32)


def test_a_picture_that_stands_for_everybody_is_nobodys() -> None:
    for noise in (0.0, 0.05):
        bids, vectors = placeholder(400, noise)
        rulings = settle(bids, Pool(vectors, np.full(800, -1)), RULES)
        assert [ruling.reason for ruling in rulings] == [HIGH_TRUST] * 400 + [POISON] * 400


def test_a_face_that_others_of_the_person_bear_out_stays() -> None:
    vectors = np.concatenate([unit_rows(1, 64), unit_rows(2, 64, seed=5)])
    mine = vectors[0] + 0.5 * vectors[2]
    vectors[1] = mine / np.linalg.norm(mine)
    bids = [
        Bid("a", Trust.HIGH, 1, 0),
        Bid("a", Trust.HIGH, 1, 1),
        Bid("b", Trust.HIGH, 2, 0),
        Bid("c", Trust.HIGH, 3, 0),
    ]
    rulings = settle(bids, Pool(vectors, np.full(3, -1)), RULES)
    assert [ruling.reason for ruling in rulings] == [HIGH_TRUST, HIGH_TRUST, POISON, POISON]
