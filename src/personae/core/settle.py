"""Settle what sources claim of people: trust, limits, corroboration and poison, all claims together.

Pure, and without regard to the order in which the claims came in: who is heard first is decided by trust, then by the
source's name, then by the claim's own order. So runs that were cut short and continued end like one that was not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from personae.core.bids import Bid, Pool, Rules
from personae.core.hearing import Hearing
from personae.core.poison import POISON, Claimed, Finding, Watch
from personae.core.trust import RANK, Ruling
from personae.records import ClaimState


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
    order = sorted(range(len(bids)), key=lambda i: bids[i].rank)
    rulings = _Settling([bids[i] for i in order], pool, rules).run()
    settled = dict(zip(order, rulings, strict=True))
    return [settled[i] for i in range(len(bids))]


class _Settling:
    """One settlement; its bids are in order of rank."""

    def __init__(self, bids: Sequence[Bid], pool: Pool, rules: Rules) -> None:
        self._bids = bids
        self._pool = pool
        self._rules = rules
        self._held: dict[int, Ruling] = {}
        self._rulings: dict[int, Ruling] = {}
        self._by_person: dict[int, list[int]] = defaultdict(list)
        for i, bid in enumerate(bids):
            self._by_person[bid.person].append(i)
        self._known: dict[int, list[int]] = defaultdict(list)
        for row in np.flatnonzero(pool.people >= 0).tolist():
            self._known[int(pool.people[row])].append(row)
        rows = np.array([bid.row for bid in bids], np.int64)
        people = np.array([bid.person for bid in bids], np.int64)
        trust = np.array([RANK[bid.trust] for bid in bids], np.int64)
        self._joins = pool.people[rows] != people
        """Whether an acceptance brings the person a face that it has not already."""
        self._joined = np.zeros(len(bids), np.bool_)
        self._watch = Watch(pool.vectors, pool.people, Claimed(rows, people, trust), rules.nearness)

    def run(self) -> list[Ruling]:
        """Rule on all bids."""
        waiting = sorted(self._by_person)
        while waiting:
            for person in waiting:
                self._hear(person)
            self._tell_watch(waiting)
            found = self._watch.worst()
            for i, finding in found.items():
                self._held[i] = self._rulings[i] = _held(self._rulings[i], finding)
            waiting = sorted({self._bids[i].person for i in found})
        return [self._rulings[i] for i in range(len(self._bids))]

    def _hear(self, person: int) -> None:
        """Rule on the bids for one person; what is held stays held."""
        open_ = [i for i in self._by_person[person] if i not in self._held]
        hearing = Hearing([self._bids[i] for i in open_], self._pool, self._rules, self._known.get(person, ()))
        hearing.run()
        self._rulings.update((i, hearing.rulings[place]) for place, i in enumerate(open_))

    def _tell_watch(self, people: Sequence[int]) -> None:
        """Say who has joined these people, and who no longer does."""
        heard = np.array([i for person in people for i in self._by_person[person]], np.int64)
        accepted = np.array([self._rulings[i].state is ClaimState.ACCEPTED for i in heard.tolist()], np.bool_)
        now = accepted & self._joins[heard]
        before = self._joined[heard]
        self._watch.change(np.sort(heard[before & ~now]), np.sort(heard[now & ~before]))
        self._joined[heard] = now


def _held(ruling: Ruling, finding: Finding) -> Ruling:
    """Return the ruling on a claim that is nearer to another person, with both distances."""
    own, other, person = finding
    return replace(
        ruling, state=ClaimState.HELD, reason=POISON, distance=None if own is None else 1.0 - own,
        other_person=person, other_distance=1.0 - other,
    )  # fmt: skip
