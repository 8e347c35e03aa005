"""Find faces that a source ties to one person and that are nearer to another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from personae.types import Ids, Vectors

POISON = "nearer_to_another"
ROWS_AT_ONCE = 1024
NO_OWN = -1.0
"""Score that stands for the nearest own face of a person who has no other."""

Finding = tuple[float | None, float, int]
"""Score with the nearest other face of its own person (None: it has none), with the other person's, and who that is."""


@dataclass(frozen=True, slots=True)
class Nearness:
    """Cosines from which it counts that another person is nearer."""

    near: float
    """For a face whose own person has other faces."""
    sure: float
    """For the only face of a person: there is nothing to hold against it, and look-alikes are many."""


def find_poison(vectors: Vectors, people: Ids, rows: Ids, claimed: Ids, nearness: Nearness) -> dict[int, Finding]:
    """Return the claims that are nearer to another person's gallery than to their own.

    A wrong face draws right ones after it, which are then nearer to it than to their own. So of claims that are near
    each other only the worst is returned: when that is out, the others are asked again.

    Args:
        vectors: (n, d) float32 unit rows.
        people: (n,) the person of each row; -1 for none.
        rows: (m,) rows of the accepted faces, the most trusted first.
        claimed: (m,) the person whom each is claimed to be; a row may be claimed several times.
        nearness: from where on it counts.

    Returns:
        By place among the m claims.
    """
    if not len(rows):
        return {}
    known = np.flatnonzero(people >= 0)
    against = np.concatenate([known, rows])
    owners = np.concatenate([people[known], claimed])
    findings: dict[int, Finding] = {}
    near: dict[int, Ids] = {}
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        scores = np.clip(vectors[rows[part]] @ vectors[against].T, -1.0, 1.0)
        own = claimed[part][:, None] == owners[None]
        mine = np.where(own & (rows[part][:, None] != against[None]), scores, NO_OWN).max(axis=1)
        theirs = np.where(own, NO_OWN, scores)
        best = theirs.argmax(axis=1)
        score = theirs[np.arange(len(best)), best]
        floor = np.where(mine > NO_OWN, nearness.near, nearness.sure)
        for i in np.flatnonzero((score > mine) & (score >= floor)):
            place = start + int(i)
            findings[place] = (None if mine[i] <= NO_OWN else float(mine[i]), float(score[i]), int(owners[best[i]]))
            near[place] = np.flatnonzero((theirs[i] >= nearness.near) & (theirs[i] > mine[i])) - len(known)
    return {place: finding for place, finding in findings.items() if _is_worst(place, findings, near[place])}


def _is_worst(place: int, findings: dict[int, Finding], near: Ids) -> bool:
    """Whether no claim near this one is worse; of equals the less trusted, which is later, is the worse."""
    mine = _gap(findings[place]), place
    rivals: Sequence[int] = [int(other) for other in near if int(other) in findings]
    return all(mine >= (_gap(findings[other]), other) for other in rivals)


def _gap(finding: Finding) -> float:
    own, other, _ = finding
    # Rounded, so that two faces that are each other's only witness are equals.
    return round(other - (NO_OWN if own is None else own), 5)
