"""Find faces that a source ties to one person and that are nearer to another."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from personae.core.rivals import NO_OWN, SAME_PICTURE, Near, Rivals, first_best
from personae.types import Ids, Vectors

POISON = "nearer_to_another"
SLACK = 1e-6
"""Scores that differ by less are equal: the same two faces give other last digits in another block."""

Finding = tuple[float | None, float, int]
"""Score with the nearest other face of its own person (None: it has none), with the other person's, and who that is."""


@dataclass(frozen=True, slots=True)
class Nearness:
    """Cosines from which it counts that another person is nearer."""

    near: float
    """For a face whose own person has other faces."""
    sure: float
    """For the only face of a person: there is nothing to hold against it, and look-alikes are many."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """(m,) each: claims, those heard first first; a row may be claimed several times."""

    rows: Ids
    people: Ids
    trust: Ids
    """Equal numbers are equal trust."""


class Watch:
    """Watches the accepted claims, as they join and leave, for those nearer to another person's gallery.

    A wrong face draws right ones after it, which are then nearer to it than to their own. So of claims that are near
    each other only the worst is found: when that is out, the others are asked again. A picture that equally trusted
    sources show as several people cannot tell them apart: it is found at once for all whom no other face bears out.
    """

    def __init__(self, vectors: Vectors, people: Ids, claimed: Claimed, nearness: Nearness) -> None:
        """Begin with no claim accepted.

        Args:
            vectors: (n, d) float32 unit rows.
            people: (n,) the person of each row; -1 for none.
            claimed: all claims that may be accepted.
            nearness: from where on it counts.
        """
        floor = min(nearness.near, nearness.sure)
        self._rivals = Rivals(vectors, people, claimed.rows, claimed.people, floor)
        self._trust = claimed.trust
        self._nearness = nearness
        self._gaps = np.full(len(claimed.rows), -np.inf)
        """By how much another person is nearer; -inf: nobody is."""
        self._own = self._rivals.own.copy()
        self._behind: dict[int, set[int]] = defaultdict(set)
        """Claims that have to wait for a worse one."""
        self._asked: set[int] = set()

    def change(self, gone: Ids, come: Ids) -> None:
        """Let claims leave and join the accepted ones, by place."""
        self._rivals.change(gone, come)
        gaps = self._measure()
        moved = np.flatnonzero((gaps != self._gaps) | (self._own != self._rivals.own)).tolist()
        self._gaps, self._own = gaps, self._rivals.own.copy()
        self._asked.update(moved)
        for place in moved:
            self._asked |= self._behind.pop(place, set())
        unborne = (gaps > -np.inf) & (self._rivals.backed < self._nearness.near) & (self._rivals.other >= SAME_PICTURE)
        self._asked.update(np.flatnonzero(unborne).tolist())

    def worst(self) -> dict[int, Finding]:
        """Return the claims that have to leave now, by place."""
        asked = sorted(place for place in self._asked if self._gaps[place] > -np.inf)
        self._asked.clear()
        found = {}
        for near in self._rivals.near(asked):
            worse = self._worse(near)
            if not len(worse) or self._is_of_several(near):
                found[near[0]] = self._finding(near)
            else:
                # Any will do; always the same one would make all of them wait for one, and be asked again together.
                self._behind[int(worse[near[0] * 2_654_435_761 % len(worse)])].add(near[0])
        return found

    def _measure(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Return by how much each accepted claim is nearer to another person; -inf where it is not, or not enough."""
        own, other = self._rivals.own.astype(np.float64), self._rivals.other.astype(np.float64)
        floor = np.where(own > NO_OWN, self._nearness.near, self._nearness.sure)
        nearer = self._rivals.counts[self._rivals.known :] & (other > own + SLACK) & (other >= floor)
        # Rounded, so that two faces that are each other's only witness are equals.
        return np.where(nearer, np.round(other - own, 5), -np.inf)

    def _worse(self, near: Near) -> Ids:
        """Return the claims near this one that are worse; of equals the less trusted, which is later, is the worse."""
        place, columns, scores = near
        drawn = (scores >= self._nearness.near) & (scores > self._own[place] + SLACK)
        rivals = columns[drawn & (columns >= self._rivals.known)] - self._rivals.known
        mine, theirs = self._gaps[place], self._gaps[rivals]
        worse: Ids = rivals[(theirs > mine) | ((theirs == mine) & (rivals > place))]
        return worse

    def _is_of_several(self, near: Near) -> bool:
        """Whether an equally trusted source shows this picture as another person, and nothing bears this claim out."""
        place, columns, scores = near
        if self._rivals.backed[place] >= self._nearness.near:
            return False
        same = columns[(scores >= SAME_PICTURE) & (columns >= self._rivals.known)] - self._rivals.known
        return bool((self._trust[same] == self._trust[place]).any())

    def _finding(self, near: Near) -> Finding:
        place, columns, scores = near
        column, other = first_best(columns, scores, SLACK)
        own = float(self._own[place])
        return None if own <= NO_OWN else own, other, int(self._rivals.owners[column])
