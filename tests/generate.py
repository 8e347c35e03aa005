"""Labelled synthetic embeddings for tests."""

from __future__ import annotations

import numpy as np

from personae.core.compare import normalise
from personae.types import Labels, Vectors


def unit_rows(n: int, dimension: int, seed: int = 0) -> Vectors:
    """Return n directions that have nothing in common."""
    return normalise(np.random.default_rng(seed).standard_normal((n, dimension)))


def faces(sizes: list[int], dimension: int = 64, spread: float = 0.6, seed: int = 0) -> tuple[Vectors, Labels]:
    """Return shuffled faces of people.

    Args:
        sizes: faces of each person.
        dimension: of the embeddings.
        spread: share of a face that is not its person; two faces of a person have a cosine of about 1 - spread ** 2.
        seed: of the generator.
    """
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    people = normalise(rng.standard_normal((len(sizes), dimension)))
    noise = normalise(rng.standard_normal((len(labels), dimension)))
    order = rng.permutation(len(labels))
    return normalise(np.sqrt(1 - spread**2) * people[labels] + spread * noise)[order], labels[order].astype(np.int64)
