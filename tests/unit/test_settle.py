"""Settling many claims at once ends as the plain rules, followed word for word, do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from personae.core.bids import Bid, Pool, Rules
from personae.core.corroborate import CLUSTERED, CORROBORATED, vouched
from personae.core.hearing import SOURCE_LIMIT, TOTAL_LIMIT
from personae.core.poison import POISON, Nearness
from personae.core.rivals import SAME_PICTURE
from personae.core.settle import settle
from personae.core.trust import Cuts, Ruling, distances, judge
from personae.records import ClaimState, Trust
from personae.types import Vectors

NONE = -1.0
Finding = tuple[float | None, float, int]


class Plain:
    """The rules, word for word: everything is compared with everything, again and again."""

    def __init__(self, bids: Sequence[Bid], pool: Pool, rules: Rules) -> None:
        self.bids, self.pool, self.rules = bids, pool, rules
        self.numbers = sorted(range(len(bids)), key=lambda i: bids[i].rank)
        self.held: dict[int, Ruling] = {}
        self.rulings: dict[int, Ruling] = {}

    def settle(self) -> list[Ruling]:
        people = {bid.person for bid in self.bids}
        while people:
            for person in people:
                self.hear(person)
            found = self.poison()
            self.held.update(found)
            self.rulings.update(found)
            people = {self.bids[i].person for i in found}
        return [self.rulings[i] for i in range(len(self.bids))]

    def hear(self, person: int) -> None:
        self.rows = np.flatnonzero(self.pool.people == person).tolist()
        self.vouchers = {row: set(self.pool.vouchers.get(row, ())) for row in self.rows}
        self.brought = Counter(source for sources in self.vouchers.values() for source in sources)
        mine = [i for i in self.numbers if self.bids[i].person == person and i not in self.held]
        for i in mine:
            self.attempt(i)
        moved = True
        while moved:
            again = [i for i in mine if self.rulings[i].state in (ClaimState.REFUSED, ClaimState.QUARANTINED)]
            moved = sum(self.attempt(i) for i in again if self.bids[i].trust is Trust.MEDIUM) > 0
            moved |= sum(self.corroborate(i) for i in again if self.waits(i)) > 0
            moved |= self.group([i for i in again if self.waits(i)])

    def waits(self, i: int) -> bool:
        return self.rulings[i].state is ClaimState.QUARANTINED

    def attempt(self, i: int) -> bool:
        bid = self.bids[i]
        existing = self.pool.vectors[self.rows]
        return self.admit(i, judge(self.pool.vectors[bid.row], existing, bid.trust, self.rules.cuts))

    def admit(self, i: int, ruling: Ruling) -> bool:
        bid = self.bids[i]
        if ruling.state is ClaimState.ACCEPTED and bid.source not in self.vouchers.get(bid.row, ()):
            if self.brought[bid.source] >= bid.limit:
                ruling = replace(ruling, state=ClaimState.REFUSED, reason=SOURCE_LIMIT)
            elif bid.row not in self.vouchers and len(self.rows) >= self.rules.total:
                ruling = replace(ruling, state=ClaimState.REFUSED, reason=TOTAL_LIMIT)
            else:
                if bid.row not in self.vouchers:
                    self.rows.append(bid.row)
                self.vouchers.setdefault(bid.row, set()).add(bid.source)
                self.brought[bid.source] += 1
        self.rulings[i] = ruling
        return ruling.state is ClaimState.ACCEPTED

    def corroborate(self, i: int) -> bool:
        bid = self.bids[i]
        others = [row for row in self.rows if self.vouchers[row] != {bid.source}]
        if not others:
            return False
        nearest = float(distances(self.pool.vectors[bid.row], self.pool.vectors[others]).min())
        cut = self.rules.cuts.at(len(others))
        if nearest >= cut:
            self.rulings[i] = replace(self.rulings[i], distance=nearest, threshold=cut)
            return False
        return self.admit(i, Ruling(ClaimState.ACCEPTED, CORROBORATED, nearest, cut))

    def group(self, numbers: Sequence[int]) -> bool:
        rows = sorted({self.bids[i].row for i in numbers})
        sources = [sorted({self.bids[i].source for i in numbers if self.bids[i].row == row}) for row in rows]
        answers = dict(zip(rows, vouched(self.pool.vectors[rows], sources, self.rules.reach), strict=True))
        accepted = [
            self.admit(i, replace(self.rulings[i], state=ClaimState.ACCEPTED, reason=CLUSTERED))
            for i in numbers
            if answers[self.bids[i].row]
        ]
        return any(accepted)

    def poison(self) -> dict[int, Ruling]:
        taken = [i for i in self.numbers if self.rulings[i].state is ClaimState.ACCEPTED]
        accepted = [i for i in taken if self.pool.people[self.bids[i].row] != self.bids[i].person]
        known = [(row, int(self.pool.people[row])) for row in np.flatnonzero(self.pool.people >= 0).tolist()]
        faces = known + [(self.bids[i].row, self.bids[i].person) for i in accepted]
        findings: dict[int, Finding] = {}
        pictures = set()
        near: dict[int, list[int]] = {}
        for i in accepted:
            bid = self.bids[i]
            scores = [min(1.0, float(self.pool.vectors[bid.row] @ self.pool.vectors[row])) for row, _ in faces]
            mine = max([s for s, (row, who) in zip(scores, faces, strict=True) if who == bid.person and row != bid.row],
                       default=NONE)  # fmt: skip
            theirs = [s if who != bid.person else NONE for s, (_, who) in zip(scores, faces, strict=True)]
            best = int(np.argmax(theirs))
            floor = self.rules.nearness.near if mine > NONE else self.rules.nearness.sure
            if theirs[best] > mine and theirs[best] >= floor:
                findings[i] = (None if mine == NONE else mine, theirs[best], faces[best][1])
                if self.is_of_several(i, accepted, scores, faces):
                    pictures.add(i)
                near[i] = [accepted[k - len(known)] for k, s in enumerate(theirs)
                           if k >= len(known) and s >= self.rules.nearness.near and s > mine]  # fmt: skip

        def badness(i: int) -> tuple[float, int]:
            own, other, _ = findings[i]
            return round(other - (NONE if own is None else own), 5), self.numbers.index(i)

        worst = [
            i for i in findings if i in pictures or all(badness(i) >= badness(k) for k in near[i] if k in findings)
        ]
        return {
            i: replace(self.rulings[i], state=ClaimState.HELD, reason=POISON,
                       distance=None if findings[i][0] is None else 1.0 - (findings[i][0] or 0.0),
                       other_person=findings[i][2], other_distance=1.0 - findings[i][1])
            for i in worst
        }  # fmt: skip

    def is_of_several(self, i: int, accepted: list[int], scores: list[float], faces: list[tuple[int, int]]) -> bool:
        """Whether equal trust shows one picture as another person, and no other picture bears this one out."""
        bid, first = self.bids[i], len(faces) - len(accepted)
        rivals = [self.bids[k] for k, score in zip(accepted, scores[first:], strict=True) if score >= SAME_PICTURE]
        borne_out = any(
            who == bid.person and row != bid.row and self.rules.nearness.near <= score < SAME_PICTURE
            for score, (row, who) in zip(scores, faces, strict=True)
        )
        return not borne_out and any(other.person != bid.person and other.trust is bid.trust for other in rivals)


def faces_around(rng: np.random.Generator, centres: int, count: int, spread: float) -> Vectors:
    """Return faces of a few looks in a space so small that many are near each other."""
    middle = rng.standard_normal((centres, 6))
    rows = middle[rng.integers(0, centres, count)] + spread * rng.standard_normal((count, 6))
    if count > 8:
        rows[:3] = rows[5:8]  # the same picture, kept twice
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def instance(seed: int) -> tuple[list[Bid], Pool, Rules]:
    """Return a small jumble: sources of every trust, people known and new, faces that several claim."""
    rng = np.random.default_rng(seed)
    people, count = int(rng.integers(1, 7)), int(rng.integers(1, 40))
    vectors = faces_around(rng, int(rng.integers(1, 8)), count, float(rng.choice([0.2, 0.5, 1.0])))
    owners = np.where(rng.random(count) < rng.choice([0.0, 0.2]), rng.integers(0, people, count), -1)
    vouchers = {
        int(row): frozenset({f"s{rng.integers(5)}"}) for row in np.flatnonzero(owners >= 0) if rng.random() < 0.6
    }
    trust = rng.choice(list(Trust), 5)
    bids = []
    for k in range(int(rng.integers(1, 60))):
        source = int(rng.integers(5))
        bids.append(Bid(f"s{source}", Trust(trust[source]), int(rng.integers(people)), int(rng.integers(count)), (k,),
                        int(rng.integers(1, 6))))  # fmt: skip
    near = float(rng.choice([0.3, 0.6, 0.9]))
    cuts = Cuts(*sorted(rng.uniform(0.02, 0.8, 3)))
    rules = Rules(cuts, Nearness(near, near + float(rng.choice([0.0, 0.05]))), float(rng.uniform(0.2, 0.9)),
                  int(rng.integers(1, 12)))  # fmt: skip
    return bids, Pool(vectors, owners.astype(np.int64), vouchers), rules


def plain(ruling: Ruling) -> tuple[object, ...]:
    """Return a ruling with its numbers as exact as two ways of computing them are."""
    numbers = (ruling.distance, ruling.threshold, ruling.other_distance)
    return (ruling.state, ruling.reason, ruling.other_person,
            *(None if number is None else pytest.approx(number, abs=1e-5) for number in numbers))  # fmt: skip


@pytest.mark.parametrize("seed", range(400))
def test_many_at_once_end_as_the_plain_rules_do(seed: int) -> None:
    bids, pool, rules = instance(seed)
    assert [plain(ruling) for ruling in settle(bids, pool, rules)] == [
        (r.state, r.reason, r.other_person, r.distance, r.threshold, r.other_distance)
        for r in Plain(bids, pool, rules).settle()
    ]
