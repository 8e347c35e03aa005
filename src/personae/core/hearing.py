"""Hear what sources say of one person: who is let in, who is refused, who waits."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from personae.core.bids import Bid, Pool, Rules
from personae.core.corroborate import CLUSTERED, CORROBORATED, vouched
from personae.core.trust import HIGH_TRUST, MATCHED_EXISTING, Ruling, rule
from personae.records import ClaimState, Trust
from personae.types import Ids

SOURCE_LIMIT = "source_limit"
TOTAL_LIMIT = "total_limit"
FACES_AT_ONCE = 4096
Distances = NDArray[np.float64]
_NOBODY = -1
"""Stands for the source of a face that several, or none, vouch for."""


class Hearing:
    """The bids for one person. Each acceptance may let others in.

    Distances are kept up to date: a face that joins is compared once with all who wait.
    """

    def __init__(self, bids: Sequence[Bid], pool: Pool, rules: Rules, known: Sequence[int]) -> None:
        """Begin.

        Args:
            bids: of this person, those heard first first.
            pool: the faces.
            rules: cuts and limits.
            known: rows of the person's faces.
        """
        self._bids = bids
        self._rules = rules
        self._vectors = pool.vectors
        self._asked = np.array([i for i, bid in enumerate(bids) if bid.trust is not Trust.HIGH], np.int64)
        """Those for whom distances matter."""
        self._faces = pool.vectors[[bids[i].row for i in self._asked.tolist()]]
        self.rulings: dict[int, Ruling] = {}
        """By place among the bids."""
        self._codes = {name: code for code, name in enumerate(sorted({bid.source for bid in bids}))}
        self._sources = np.array([self._codes[bid.source] for bid in bids], np.int64)
        self._vouchers = {row: set(pool.vouchers.get(row, ())) for row in known}
        self._brought = Counter(source for sources in self._vouchers.values() for source in sources)
        # Distance to the nearest face of the person, and to the nearest that not only the own source brought.
        self._nearest = np.full(len(bids), np.inf)
        self._others = np.full(len(bids), np.inf)
        self._alone = np.zeros(len(self._codes), np.int64)
        """Faces that each source alone vouches for."""
        self._fresh: dict[tuple[int, bool], list[int]] = defaultdict(list)
        """Rows not compared yet, by who alone brought them; whether they are new, or were only that source's before."""
        for row in known:
            self._note(row)

    def run(self) -> None:
        """Rule on all bids."""
        mediums = self._of(Trust.MEDIUM)
        for i in self._of(Trust.HIGH).tolist():
            self._admit(i, Ruling(ClaimState.ACCEPTED, HIGH_TRUST))
        self._match(mediums)
        for i in self._of(Trust.LOW).tolist():
            self.rulings[i] = self._ruled(i)
        moved = True
        while moved:
            low = self._waiting()
            moved = self._match(self._not_accepted(mediums))
            moved |= self._corroborate(low)
            moved |= self._group(self._waiting())
        for i in self._not_accepted(mediums).tolist():
            self._admit(i, self._ruled(i))

    def _of(self, trust: Trust) -> Ids:
        return np.array([i for i, bid in enumerate(self._bids) if bid.trust is trust], np.int64)

    def _not_accepted(self, places: Ids) -> Ids:
        accepted = {i for i, ruling in self.rulings.items() if ruling.state is ClaimState.ACCEPTED}
        return np.array([i for i in places.tolist() if i not in accepted], np.int64)

    def _waiting(self) -> Ids:
        return np.array(sorted(i for i, ruling in self.rulings.items() if ruling.state is ClaimState.QUARANTINED),
                        np.int64)  # fmt: skip

    # --- who is let in ------------------------------------------------------------------------

    def _ruled(self, i: int) -> Ruling:
        """Return the trust rule's word, as things are now."""
        self._compare()
        nearest = float(self._nearest[i]) if self._vouchers else None
        return rule(nearest, len(self._vouchers), self._bids[i].trust, self._rules.cuts)

    def _match(self, places: Ids) -> bool:
        """Try these in turn by the rule of medium trust; say whether one was accepted."""
        moved, left = False, places
        while len(left):
            self._compare()
            cut = self._rules.cuts.at(len(self._vouchers))
            near = np.flatnonzero(self._nearest[left] < cut)
            for k in near.tolist():
                i = int(left[k])
                if self._admit(i, Ruling(ClaimState.ACCEPTED, MATCHED_EXISTING, float(self._nearest[i]), cut)):
                    moved, left = True, left[k + 1 :]
                    break
            else:
                break
        return moved

    def _corroborate(self, places: Ids) -> bool:
        """Accept those that wait whom another source's face of the person is like, in turn; the others are told why."""
        moved, left = False, places
        while len(left):
            self._compare()
            faces = len(self._vouchers) - self._alone[self._sources[left]]
            cuts = np.array([self._rules.cuts.at(n) for n in range(int(faces.max()) + 1)])[faces]
            near = self._others[left]
            found = np.flatnonzero((faces > 0) & (near < cuts))
            stop = int(found[0]) if len(found) else len(left)
            for k in np.flatnonzero(faces[:stop] > 0).tolist():
                i = int(left[k])
                self.rulings[i] = replace(self.rulings[i], distance=float(near[k]), threshold=float(cuts[k]))
            if stop < len(left):
                ruling = Ruling(ClaimState.ACCEPTED, CORROBORATED, float(near[stop]), float(cuts[stop]))
                moved |= self._admit(int(left[stop]), ruling)
            left = left[stop + 1 :]
        return moved

    def _group(self, places: Ids) -> bool:
        """Accept those that wait and are many, alike, and from several sources."""
        sources: dict[int, set[str]] = defaultdict(set)
        for i in places.tolist():
            sources[self._bids[i].row].add(self._bids[i].source)
        rows = sorted(sources)
        said = vouched(self._vectors[rows], [sorted(sources[row]) for row in rows], self._rules.reach)
        answers = dict(zip(rows, said, strict=True))
        accepted = [
            self._admit(i, replace(self.rulings[i], state=ClaimState.ACCEPTED, reason=CLUSTERED))
            for i in places.tolist()
            if answers[self._bids[i].row]
        ]
        return any(accepted)

    def _admit(self, i: int, ruling: Ruling) -> bool:
        """Write a ruling down; an acceptance only as far as the limits allow."""
        bid = self._bids[i]
        if ruling.state is ClaimState.ACCEPTED and bid.source not in self._vouchers.get(bid.row, ()):
            limit = self._limit(bid)
            if limit is not None:
                ruling = replace(ruling, state=ClaimState.REFUSED, reason=limit)
            else:
                self._enter(bid)
        self.rulings[i] = ruling
        return ruling.state is ClaimState.ACCEPTED

    def _limit(self, bid: Bid) -> str | None:
        if self._brought[bid.source] >= bid.limit:
            return SOURCE_LIMIT
        if bid.row not in self._vouchers and len(self._vouchers) >= self._rules.total:
            return TOTAL_LIMIT
        return None

    # --- who is near --------------------------------------------------------------------------

    def _enter(self, bid: Bid) -> None:
        """Let a face in, or another source vouch for one that is."""
        self._brought[bid.source] += 1
        before = self._vouchers.get(bid.row)
        self._vouchers[bid.row] = {*(before or ()), bid.source}
        if before is None:
            self._note(bid.row)
        elif not before:
            # Nobody's until now: it no longer speaks for this source's other faces.
            self._recount(self._codes[bid.source])
        elif len(before) == 1:
            code = self._codes.get(next(iter(before)), _NOBODY)
            if code != _NOBODY:
                self._alone[code] -= 1
                self._fresh[code, False].append(bid.row)

    def _note(self, row: int) -> None:
        """Take a new face down for comparison."""
        code = self._only(row)
        if code != _NOBODY:
            self._alone[code] += 1
        self._fresh[code, True].append(row)

    def _only(self, row: int) -> int:
        """Return the source that alone vouches for a face."""
        names = self._vouchers[row]
        return self._codes.get(next(iter(names)), _NOBODY) if len(names) == 1 else _NOBODY

    def _recount(self, code: int) -> None:
        """Measure anew what others' faces are near to those of one source."""
        self._compare()
        self._alone[code] += 1
        mine = self._sources == code
        self._others[mine] = np.inf
        rows = [row for row in self._vouchers if self._only(row) != code]
        self._others[mine] = self._apart(rows)[mine]

    def _compare(self) -> None:
        """Bring the distances up to date."""
        for (code, new), rows in self._fresh.items():
            apart = self._apart(rows)
            if new:
                self._nearest = np.minimum(self._nearest, apart)
            for_whom = self._sources != code if new else self._sources == code
            self._others = np.where(for_whom, np.minimum(self._others, apart), self._others)
        self._fresh.clear()

    def _apart(self, rows: Sequence[int]) -> Distances:
        """Return of each bid how far the nearest of these faces is; inf where it does not matter."""
        apart = np.full(len(self._bids), np.inf)
        for start in range(0, len(rows) if len(self._asked) else 0, FACES_AT_ONCE):
            some = self._vectors[rows[start : start + FACES_AT_ONCE]]
            nearest = 1.0 - np.clip((self._faces @ some.T).max(axis=1), -1.0, 1.0)
            apart[self._asked] = np.minimum(apart[self._asked], nearest)
        return apart
