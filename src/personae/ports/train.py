"""Port of what learns a head from labelled faces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from personae.errors import InputError
from personae.types import Ids, Labels, Vectors

LOSSES = ("triplet", "softmax")
SAMPLED = 4
"""Faces of a person in one step of triplets."""
Watch = Callable[[int, int], None]
"""(steps that are behind, steps in all) -> nothing; raises to stop."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """Labelled faces that a head is learnt from."""

    vectors: Vectors
    """(n, d) float32 unit rows."""
    people: Labels
    """(n,) the person of each; -1 is nobody who is known: a face that a human said is not a certain person."""
    rejected: Ids
    """(m, 2) row and person: this face is not that person, as a human said."""
    blocks: tuple[int, ...]
    """Components of each of the models whose vectors were put end to end; they sum to d."""

    def __post_init__(self) -> None:
        n, d = self.vectors.shape
        pairs = self.rejected
        if len(self.people) != n or sum(self.blocks) != d or pairs.ndim != 2 or pairs.shape[1:] != (2,):
            raise InputError("a lesson has one person a face, and blocks that make up an embedding")
        if len(pairs) and (
            pairs[:, 0].min() < 0 or pairs[:, 0].max() >= n or not np.isin(pairs[:, 1], self.people).all()
        ):
            raise InputError("a rejection names a face and a person of the lesson")
        if len(np.unique(self.people[self.people >= 0])) < 2:
            raise InputError("at least two people are needed to tell them apart")


@dataclass(frozen=True, slots=True)
class Plan:
    """How a head is learnt."""

    loss: str = "softmax"
    """softmax: with a margin over the people; triplet: with semi-hard negatives of the batch."""
    margin: float = 0.2
    epochs: int = 20
    batch_size: int = 32
    learning_rate: float = 1e-4
    seed: int = 0

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise InputError(f"there is no loss {self.loss!r}; there are: {', '.join(LOSSES)}")
        if not 0 <= self.margin <= 2:
            raise InputError(f"a margin lies between 0 and 2, not at {self.margin}")
        if not 1 <= self.epochs <= 10_000:
            raise InputError(f"training takes 1 to 10,000 epochs, not {self.epochs}")
        if not 2 * SAMPLED <= self.batch_size <= 4096:
            raise InputError(f"a step of training takes {2 * SAMPLED} to 4,096 faces, not {self.batch_size}")
        if not 0 < self.learning_rate <= 1:
            raise InputError(f"a learning rate lies above 0 and up to 1, not at {self.learning_rate}")
        if not 0 <= self.seed < 2**32:
            raise InputError(f"a seed lies between 0 and {2**32 - 1}, not at {self.seed}")


@dataclass(frozen=True, slots=True)
class Epoch:
    """What there is after every face was seen once more."""

    number: int
    """From 1."""
    loss: float
    """Mean over the steps."""
    wrong: float
    """Share of what was looked at that keeps no margin: triplets, or faces under softmax."""
    weight: Vectors
    """(d, d) float32: the head."""
    state: Mapping[str, Vectors]
    """What the next epoch goes on from."""


Train = Callable[[Lesson, Plan, Mapping[str, Vectors], Watch], Iterator[Epoch]]
"""(lesson, plan, the state after an epoch or nothing, who watches) -> the epochs that remain, one by one. The same seed
gives the same numbers on the same processor, also when it went on from a state. Raises InputError when the loss is no
number any more, or when what is needed is not installed."""
