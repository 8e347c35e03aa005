"""How far faces lie from the nearest of a person's, and the trust distances that follow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from personae.core.trust import FEW, SOME, distances
from personae.types import Scores, Vectors

WRONG_RATE = 0.002
"""Share of faces of somebody else that may lie under a cut."""
MANY = 10
SIZES = ((1, FEW), (FEW + 1, SOME), (SOME + 1, MANY))
"""Fewest and most existing faces for which each of the three distances is measured."""
OTHERS = 20
"""People with whom a face is compared who are not its own."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Distances of faces from the nearest of a person's existing ones."""

    own: Scores
    """Of faces of that very person."""
    others: Scores
    """Of faces of somebody else."""


def spreads(people: Mapping[str, Vectors], seed: int) -> list[Spread]:
    """Measure distances for each of SIZES.

    Args:
        people: (n, d) float32 unit rows by person.
        seed: decides which faces are the existing ones, and with whom a face is compared.
    """
    rng = np.random.default_rng(seed)
    return [Spread(_own(people, fewest, most, rng), _others(people, fewest, most, rng)) for fewest, most in SIZES]


def at_wrong(found: Sequence[Spread], rate: float = WRONG_RATE) -> tuple[float, ...]:
    """Return the distances under which this share of somebody else's faces lie, of two places."""
    return tuple(round(float(np.quantile(each.others, rate)), 2) for each in found)


def at_right(found: Sequence[Spread], rate: float) -> tuple[float, ...]:
    """Return the distances beyond which this share of the person's own faces lie, of two places."""
    return tuple(round(float(np.quantile(each.own, 1 - rate)), 2) for each in found)


def halves(people: Iterable[str], seed: int) -> tuple[set[str], set[str]]:
    """Return two halves of the people."""
    order = np.random.default_rng(seed).permutation(sorted(people)).tolist()
    return set(order[: len(order) // 2]), set(order[len(order) // 2 :])


def _own(people: Mapping[str, Vectors], fewest: int, most: int, rng: np.random.Generator) -> Scores:
    found = []
    for vectors in people.values():
        for i in range(len(vectors)):
            if len(vectors) > fewest:
                existing = rng.permutation(np.delete(vectors, i, axis=0))[: rng.integers(fewest, most + 1)]
                found.append(distances(vectors[i], existing).min())
    return np.array(found, np.float32)


def _others(people: Mapping[str, Vectors], fewest: int, most: int, rng: np.random.Generator) -> Scores:
    galleries = [person for person, vectors in people.items() if len(vectors) >= fewest]
    found = []
    for person, vectors in people.items():
        for vector in vectors:
            for j in rng.integers(0, len(galleries), OTHERS).tolist():
                if galleries[j] != person:
                    existing = people[galleries[j]]
                    chosen = rng.permutation(len(existing))[: rng.integers(fewest, most + 1)]
                    found.append(distances(vector, existing[chosen]).min())
    return np.array(found, np.float32)
