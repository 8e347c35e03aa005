"""Settle what sources claim of people: trust, limits, corroboration and poison, all claims together.

Pure, and without regard to the order in which the claims came in: who is heard first is decided by trust, then by the
source's name, then by the claim's own order. So runs that were cut short and continued end like one that was not.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from personae.core.corroborate import CLUSTERED, CORROBORATED, vouched
from personae.core.poison import POISON, Nearness, find_poison
from personae.core.trust import RANK, Cuts, Ruling, distances, judge
from personae.records import ClaimState, Trust
from personae.types import Ids, Vectors

SOURCE_LIMIT = "source_limit"
TOTAL_LIMIT = "total_limit"


@dataclass(frozen=True, slots=True)
class Bid:
    """A source says: this face is this person."""

    source: str
    trust: Trust
    person: int
    row: int
    """Of the face, in the pool; several bids may be for one face."""
    order: tuple[Any, ...] = ()
    """Among the bids of its source."""
    limit: int = 5
    """Faces of a person that this source may bring."""

    @property
    def rank(self) -> tuple[Any, ...]:
        """Smaller is heard sooner."""
        return RANK[self.trust], self.source, self.order, self.row


@dataclass(frozen=True, slots=True)
class Pool:
    """Faces that can be compared: those of people, and those that are bid for."""

    vectors: Vectors
    """(n, d) float32 unit rows."""
    people: Ids
    """(n,) the person of each; -1 for none."""
    vouchers: Mapping[int, frozenset[str]] = field(default_factory=dict)
    """Sources that brought the face of a row; a face that a human tied has none."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What claims are settled by."""

    cuts: Cuts
    nearness: Nearness
    reach: float
    """Mean cosine at which two groups of faces are one person."""
    total: int = 20
    """Faces of a person, from wherever, up to which sources may add."""


def settle(bids: Sequence[Bid], pool: Pool, rules: Rules) -> list[Ruling]:
    """Return what becomes of each bid.

    Bids of high trust are heard first, then those of medium trust, again and again while faces that were accepted
    draw others after them, then those of low trust. What is then nearer to another person is held, the worst first,
    and its person is settled again without it.

    Args:
        bids: in any order.
        pool: the faces; faces of people in it stay where they are.
        rules: cuts and limits.
    """
    numbers = sorted(range(len(bids)), key=lambda i: bids[i].rank)
    settling = _Settling(bids, pool, rules)
    by_person: dict[int, list[int]] = defaultdict(list)
    for i in numbers:
        by_person[bids[i].person].append(i)
    rulings: dict[int, Ruling] = {}
    waiting = sorted(by_person)
    while waiting:
        for person in waiting:
            rulings.update(settling.hear(person, by_person[person]))
        found = settling.poison(rulings)
        rulings.update(found)
        waiting = sorted({bids[i].person for i in found})
    return [rulings[i] for i in range(len(bids))]


class _Settling:
    """One settlement."""

    def __init__(self, bids: Sequence[Bid], pool: Pool, rules: Rules) -> None:
        self._bids = bids
        self._pool = pool
        self._rules = rules
        self._held: dict[int, Ruling] = {}
        self._known: dict[int, list[int]] = defaultdict(list)
        for row in np.flatnonzero(pool.people >= 0).tolist():
            self._known[int(pool.people[row])].append(row)

    def hear(self, person: int, numbers: Sequence[int]) -> dict[int, Ruling]:
        """Rule on the bids for one person, in order of rank; what is held stays held."""
        hearing = _Hearing(self._bids, self._pool, self._rules, self._known.get(person, []))
        hearing.run([i for i in numbers if i not in self._held])
        return {i: self._held.get(i) or hearing.rulings[i] for i in numbers}

    def poison(self, rulings: Mapping[int, Ruling]) -> dict[int, Ruling]:
        """Return the accepted bids that have to be held, with both distances."""
        accepted = [i for i in sorted(rulings, key=lambda i: self._bids[i].rank)
                    if rulings[i].state is ClaimState.ACCEPTED
                    and self._pool.people[self._bids[i].row] != self._bids[i].person]  # fmt: skip
        rows = np.array([self._bids[i].row for i in accepted], np.int64)
        people = np.array([self._bids[i].person for i in accepted], np.int64)
        found = find_poison(self._pool.vectors, self._pool.people, rows, people, self._rules.nearness)
        fresh = {}
        for place, (own, other, person) in found.items():
            i = accepted[place]
            fresh[i] = replace(
                rulings[i], state=ClaimState.HELD, reason=POISON, distance=None if own is None else 1.0 - own,
                other_person=person, other_distance=1.0 - other,
            )  # fmt: skip
        self._held.update(fresh)
        return fresh


class _Hearing:
    """The bids for one person."""

    def __init__(self, bids: Sequence[Bid], pool: Pool, rules: Rules, known: Sequence[int]) -> None:
        self._bids = bids
        self._pool = pool
        self._rules = rules
        self._rows = list(known)
        self._vouchers = {row: set(pool.vouchers.get(row, ())) for row in known}
        self._brought = Counter(source for sources in self._vouchers.values() for source in sources)
        self.rulings: dict[int, Ruling] = {}

    def run(self, numbers: Sequence[int]) -> None:
        """Rule on all of them; each acceptance may let others in."""
        for i in numbers:
            self._try(i)
        moved = True
        while moved:
            again = [i for i in numbers if self.rulings[i].state in (ClaimState.REFUSED, ClaimState.QUARANTINED)]
            moved = sum(self._try(i) for i in again if self._bids[i].trust is Trust.MEDIUM) > 0
            moved |= sum(self._corroborate(i) for i in again if self._waits(i)) > 0
            moved |= self._group([i for i in again if self._waits(i)])

    def _waits(self, i: int) -> bool:
        return self.rulings[i].state is ClaimState.QUARANTINED

    def _try(self, i: int) -> bool:
        """Rule on one; say whether it was accepted."""
        bid = self._bids[i]
        existing = self._pool.vectors[self._rows]
        ruling = judge(self._pool.vectors[bid.row], existing, bid.trust, self._rules.cuts)
        return self._admit(i, ruling)

    def _admit(self, i: int, ruling: Ruling) -> bool:
        """Write a ruling down; an acceptance only as far as the limits allow."""
        bid = self._bids[i]
        if ruling.state is ClaimState.ACCEPTED and bid.source not in self._vouchers.get(bid.row, ()):
            limit = self._limit(bid)
            if limit is not None:
                ruling = replace(ruling, state=ClaimState.REFUSED, reason=limit)
            else:
                if bid.row not in self._vouchers:
                    self._rows.append(bid.row)
                self._vouchers.setdefault(bid.row, set()).add(bid.source)
                self._brought[bid.source] += 1
        self.rulings[i] = ruling
        return ruling.state is ClaimState.ACCEPTED

    def _limit(self, bid: Bid) -> str | None:
        if self._brought[bid.source] >= bid.limit:
            return SOURCE_LIMIT
        if bid.row not in self._vouchers and len(self._rows) >= self._rules.total:
            return TOTAL_LIMIT
        return None

    def _corroborate(self, i: int) -> bool:
        """Accept a quarantined face that another source's face of the person is like."""
        bid = self._bids[i]
        others = [row for row in self._rows if self._vouchers[row] != {bid.source}]
        if not others:
            return False
        nearest = float(distances(self._pool.vectors[bid.row], self._pool.vectors[others]).min())
        cut = self._rules.cuts.at(len(others))
        if nearest >= cut:
            self.rulings[i] = replace(self.rulings[i], distance=nearest, threshold=cut)
            return False
        return self._admit(i, Ruling(ClaimState.ACCEPTED, CORROBORATED, nearest, cut))

    def _group(self, numbers: Sequence[int]) -> bool:
        """Accept quarantined faces that are many, alike, and from several sources."""
        rows = sorted({self._bids[i].row for i in numbers})
        sources = [sorted({self._bids[i].source for i in numbers if self._bids[i].row == row}) for row in rows]
        answers = dict(zip(rows, vouched(self._pool.vectors[rows], sources, self._rules.reach), strict=True))
        accepted = [
            self._admit(i, replace(self.rulings[i], state=ClaimState.ACCEPTED, reason=CLUSTERED))
            for i in numbers
            if answers[self._bids[i].row]
        ]
        return any(accepted)
