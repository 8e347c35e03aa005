"""Scores of pairs of faces whose people are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from personae.core.graph import content_order
from personae.errors import InputError
from personae.types import Ids, Labels, Scores, Vectors

MOST_FACES = 6000
"""Faces of which all pairs of different people are compared: 18 million pairs."""
MOST_OF_ONE = 200
"""Faces of one person of which all pairs are compared: nobody shall be the whole measurement."""
ROWS_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class Pairs:
    """Scores of pairs of faces."""

    mated: Scores
    """(n,) of one person, rising."""
    nonmated: Scores
    """(m,) of two people, rising."""


def pair_scores(vectors: Vectors, people: Labels) -> Pairs:
    """Compare the faces two by two.

    Of very many faces a sample is compared: `MOST_OF_ONE` of a person with each other, `MOST_FACES` of different
    people. It does not depend on the order of the faces.

    Args:
        vectors: (n, d) float32 unit rows.
        people: (n,) the person of each face.

    Raises:
        InputError: not one person a face.
    """
    if len(vectors) != len(people):
        raise InputError(f"{len(vectors)} faces and {len(people)} people")
    order = content_order(vectors)
    rows, owners = vectors[order], people[order]
    return Pairs(_mated(rows, owners), _nonmated(rows, owners))


def _mated(vectors: Vectors, people: Labels) -> Scores:
    order = np.argsort(people, kind="stable")
    _, starts = np.unique(people[order], return_index=True)
    found = [np.empty(0, np.float32)]
    for own in np.split(order, starts[1:]):
        mine = vectors[_spread(own, MOST_OF_ONE)]
        found.append(_upper(mine @ mine.T))
    return np.sort(np.concatenate(found))


def _nonmated(vectors: Vectors, people: Labels) -> Scores:
    chosen = _spread(np.arange(len(vectors)), MOST_FACES)
    rows, owners = vectors[chosen], people[chosen]
    found = [np.empty(0, np.float32)]
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        scores = rows[part] @ rows[start:].T
        later = np.arange(start, len(rows)) > np.arange(start, start + len(scores))[:, None]
        found.append(scores[later & (owners[part][:, None] != owners[start:])])
    return np.sort(np.clip(np.concatenate(found), -1.0, 1.0))


def _upper(scores: Scores) -> Scores:
    return np.clip(scores[np.triu_indices(len(scores), 1)], -1.0, 1.0)


def _spread(rows: Ids, most: int) -> Ids:
    """Return at most so many of the rows, evenly spaced."""
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
