"""How near each claimed face is to its own person's faces, and to everybody else's, while claims come and go.

All are compared with all once; then only what those touch who join or leave.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from personae.types import Ids, Scores, Vectors

NO_OWN = -1.0
"""Score that stands for the nearest face where there is none."""
SAME_PICTURE = 0.98
"""Cosine from which two faces are of one picture, perhaps of another size."""
ROWS_AT_ONCE = 1024
CLAIMS_AT_ONCE = 256
"""Claims whose near ones are looked up together."""
COLUMNS_AT_ONCE = 8192
KEPT_PAIRS = 8_000_000
"""Pairs of near faces that are remembered; beyond that they are compared again when they are asked for."""

Near = tuple[int, Ids, Scores]
"""A claim, and those of other people who are near it: their columns, and the scores."""


class Rivals:
    """Faces of people, and claimed faces that count at the moment.

    A column is a face and whose it is: first the known ones, then the claims in their order.
    """

    def __init__(self, vectors: Vectors, people: Ids, rows: Ids, claimed: Ids, floor: float) -> None:
        """Begin with no claim.

        Args:
            vectors: (n, d) float32 unit rows.
            people: (n,) the person of each row; -1 for none.
            rows: (m,) the row of each claim.
            claimed: (m,) whom each is claimed to be.
            floor: cosine from which another person's face is near.
        """
        known = np.flatnonzero(people >= 0)
        self.known = len(known)
        self.owners = np.concatenate([people[known], claimed])
        self.counts = np.arange(len(self.owners)) < self.known
        """Whether a column counts at the moment."""
        self.own = np.full(len(rows), NO_OWN, np.float32)
        """(m,) cosine with the nearest other face of the own person."""
        self.backed = np.full(len(rows), NO_OWN, np.float32)
        """The same, without faces of the same picture."""
        self.other = np.full(len(rows), NO_OWN, np.float32)
        """(m,) cosine with the nearest face of anybody else."""
        self._vectors = vectors
        self._rows = np.concatenate([known, rows])
        self._floor = floor
        self._at = np.full(len(rows), -1, np.int64)
        self._by_owner = np.argsort(self.owners, kind="stable")
        self._sorted = self.owners[self._by_owner]
        self._near: dict[int, tuple[Ids, Scores]] = {}
        self._pairs = 0
        self._begun = False

    def change(self, gone: Ids, come: Ids) -> None:
        """Let claims leave and join, by place."""
        self.counts[self.known + gone] = False
        stale = self._counting()[np.isin(self._at[self._counting()], self.known + gone)] if len(gone) else gone
        others = self._counting()
        self.counts[self.known + come] = True
        for person in np.unique(self.owners[self.known + np.concatenate([gone, come])]).tolist():
            self._meet_own(person)
        stale = np.union1d(stale, come)
        self.other[stale], self._at[stale] = NO_OWN, -1
        if self._begun:
            self._meet_others(np.setdiff1d(others, stale), self.known + come)
            for place, columns, scores in self.near(stale.tolist()):
                self._take_best(place, columns, scores)
        else:
            self._meet_others(stale, np.flatnonzero(self.counts))
            self._begun = True

    def near(self, places: Sequence[int]) -> Iterator[Near]:
        """Yield of each claim the columns of other people that are near and count."""
        for start in range(0, len(places), CLAIMS_AT_ONCE):
            part = places[start : start + CLAIMS_AT_ONCE]
            missing = [place for place in part if place not in self._near]
            found = self._search(np.array(missing, np.int64)) if missing else {}
            self._keep(found)
            for place in part:
                columns, scores = found.get(place) or self._near[place]
                count = self.counts[columns]
                yield place, columns[count], scores[count]

    def _counting(self) -> Ids:
        return np.flatnonzero(self.counts[self.known :])

    def _take_best(self, place: int, columns: Ids, scores: Scores) -> None:
        if len(scores):
            best = int(scores.argmax())
            self.other[place], self._at[place] = scores[best], columns[best]

    def _meet_own(self, person: int) -> None:
        """Compare the claims on one person with all faces of that person."""
        first, last = np.searchsorted(self._sorted, [person, person + 1])
        columns = np.sort(self._by_owner[first:last])
        columns = columns[self.counts[columns]]
        rows = self._rows[columns]
        claims = columns[columns >= self.known]
        for start in range(0, len(claims), ROWS_AT_ONCE):
            part = claims[start : start + ROWS_AT_ONCE]
            scores = self._scores(self._rows[part], rows)
            scores[self._rows[part][:, None] == rows[None]] = NO_OWN
            places = part - self.known
            self.own[places] = scores.max(axis=1)
            scores[scores >= SAME_PICTURE] = NO_OWN
            self.backed[places] = scores.max(axis=1)

    def _meet_others(self, places: Ids, columns: Ids) -> None:
        """Compare claims with columns of other people; of equals the first counts."""
        for start in range(0, len(columns), COLUMNS_AT_ONCE):
            across = columns[start : start + COLUMNS_AT_ONCE]
            for first in range(0, len(places), ROWS_AT_ONCE):
                part = places[first : first + ROWS_AT_ONCE]
                scores = self._others(part, across)
                best = scores.argmax(axis=1)
                found = scores[np.arange(len(part)), best]
                better = found > self.other[part]
                self.other[part[better]] = found[better]
                self._at[part[better]] = across[best[better]]

    def _search(self, places: Ids) -> dict[int, tuple[Ids, Scores]]:
        """Find the near columns of others, whether or not they count now."""
        parts: dict[int, list[tuple[Ids, Scores]]] = {int(place): [] for place in places}
        for start in range(0, len(self._rows), COLUMNS_AT_ONCE):
            across = np.arange(start, min(start + COLUMNS_AT_ONCE, len(self._rows)))
            scores = self._others(places, across)
            near = scores >= self._floor
            for i in np.flatnonzero(near.any(axis=1)).tolist():
                at = np.flatnonzero(near[i])
                parts[int(places[i])].append((across[at].astype(np.int32), scores[i, at]))
        none = np.zeros(0, np.int32), np.zeros(0, np.float32)
        return {
            place: (np.concatenate([none[0], *(columns for columns, _ in found)]),
                    np.concatenate([none[1], *(scores for _, scores in found)]))
            for place, found in parts.items()
        }  # fmt: skip

    def _keep(self, found: dict[int, tuple[Ids, Scores]]) -> None:
        for place, each in found.items():
            if self._pairs + len(each[0]) <= KEPT_PAIRS:
                self._near[place] = each
                self._pairs += len(each[0])

    def _others(self, places: Ids, columns: Ids) -> Scores:
        """Return the scores of claims with columns, without those of the own person."""
        scores = self._scores(self._rows[self.known + places], self._rows[columns])
        owners = self.owners[columns]
        order = np.argsort(owners, kind="stable")
        claimed = self.owners[self.known + places]
        first = np.searchsorted(owners, claimed, "left", sorter=order)
        last = np.searchsorted(owners, claimed, "right", sorter=order)
        for i in np.flatnonzero(last > first).tolist():
            scores[i, order[first[i] : last[i]]] = NO_OWN
        return scores

    def _scores(self, rows: Ids, against: Ids) -> Scores:
        scores: Scores = self._vectors[rows] @ self._vectors[against].T
        return np.clip(scores, -1.0, 1.0, out=scores)


def first_best(columns: NDArray[np.int64], scores: Scores, slack: float) -> tuple[int, float]:
    """Return the first of the columns that are best, up to what rounding does, and the best score."""
    best = float(scores.max())
    return int(columns[np.flatnonzero(scores >= best - slack)[0]]), best
