"""From scores to probabilities: how often is an answer of this score right?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from personae.errors import InputError, TooFewComparisons
from personae.types import Scores

PLATT, ISOTONIC = "platt", "isotonic"
BINS = 10

Probabilities = NDArray[np.float64]
Weights = NDArray[np.float64]


class Question(StrEnum):
    """What a score answers. Each has scores of its own, and a probability of its own."""

    FACE = "face"
    """Is this face the known person whom it is most like?"""
    GROUP = "group"
    """Is this unknown group, by its mean face?"""
    SEARCH = "search"
    """Is a face of a photo that was sent the one whose nearest faces are most like it?"""
    PAIR = "pair"
    """Are these two faces one person?"""


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers of which it is known whether they are right."""

    scores: Scores
    right: NDArray[np.bool_]
    weights: Weights
    """What each counts: more where its kind is more frequent than it is here."""

    def at(self, rows: NDArray[np.bool_]) -> Answers:
        """Return some of them."""
        return Answers(self.scores[rows], self.right[rows], self.weights[rows])


@dataclass(frozen=True, slots=True)
class Curve:
    """Probability over score; it never falls, and is never 0 or 1."""

    method: str
    """platt or isotonic."""
    slope: float
    """Of the logarithm of the odds, for platt; 0 or more."""
    intercept: float
    scores: tuple[float, ...] = ()
    """For isotonic: where the curve is known, rising; between them it is straight, and level beyond."""
    values: tuple[float, ...] = ()
    right: int = 0
    """Right answers that it rests on."""
    wrong: int = 0

    def at(self, scores: Scores) -> Probabilities:
        """Return the probability that answers of these scores are right.

        Args:
            scores: (n,) cosines, or means of them.

        Returns:
            (n,) float64 in (0, 1).
        """
        given = np.asarray(scores, np.float64)
        if self.method == ISOTONIC:
            return np.interp(given, self.scores, self.values)
        return logistic(self.slope * given + self.intercept)

    def of(self, score: float) -> float:
        """Return the probability that an answer of this score is right."""
        return float(self.at(np.array([score], np.float64).astype(np.float32))[0])


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of which about the same was said."""

    low: float
    high: float
    answers: int
    said: float | None
    """Mean of their probabilities, by weight; None: there are none."""
    right: float | None
    """Share of them that are right, by weight."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """How far what was said is from what was so."""

    answers: int
    expected_error: float
    """Mean distance between `said` and `right` of the bins, by weight; 0 is best. ECE."""
    brier: float
    """Mean squared distance of the probabilities from 1 for right and 0 for wrong; 0 is best."""
    log_loss: float
    """Mean of -log of the probability of what was so; 0 is best, and 0.69 is said by a coin."""
    bins: tuple[Bin, ...]


def in_100(probability: float) -> int:
    """Return how often of a hundred times: 1 to 99, since nothing is certain."""
    return min(99, max(1, round(100 * probability)))


def reliability(curve: Curve, answers: Answers) -> Reliability:
    """Hold what a curve says against answers that it was not learnt from.

    Args:
        curve: from `fit_curve`.
        answers: at least one.

    Raises:
        InputError: see `fit_curve`.
        TooFewComparisons: there are none.

    Source: reliability diagram and its expected error, Naeini, Cooper and Hauskrecht 2015; Brier 1950.
    """
    require_sound(answers)
    if not len(answers.scores):
        raise TooFewComparisons("there are no answers to judge by")
    said, shares = curve.at(answers.scores), answers.weights / answers.weights.sum()
    truth = answers.right.astype(np.float64)
    place = np.minimum((said * BINS).astype(np.int64), BINS - 1)
    counts = np.bincount(place, minlength=BINS)
    mass, expected, seen = (np.bincount(place, shares * each, BINS) for each in (np.ones_like(said), said, truth))
    bins = tuple(
        Bin(
            number / BINS, (number + 1) / BINS, int(counts[number]),
            float(expected[number] / mass[number]) if counts[number] else None,
            float(seen[number] / mass[number]) if counts[number] else None,
        )
        for number in range(BINS)
    )  # fmt: skip
    chance = np.where(answers.right, said, 1 - said)
    return Reliability(
        len(said), float(np.abs(expected - seen).sum()), float(shares @ (said - truth) ** 2),
        float(-(shares @ np.log(chance))), bins,
    )  # fmt: skip


def require_sound(answers: Answers) -> None:
    """Raise InputError when the parts do not fit, or a number is none."""
    if not len(answers.scores) == len(answers.right) == len(answers.weights):
        raise InputError(f"{len(answers.scores)} scores, {len(answers.right)} truths, {len(answers.weights)} weights")
    if not (np.isfinite(answers.scores).all() and np.isfinite(answers.weights).all()):
        raise InputError("a score or weight is NaN or infinite")
    if not (answers.weights > 0).all():
        raise InputError("a weight is not above 0")


def logistic(logits: Probabilities) -> Probabilities:
    """Return the probabilities of these logarithms of odds."""
    # Bounded, so that neither 0 nor 1 comes of rounding.
    small = np.exp(-np.abs(np.clip(logits, -30, 30)))
    return np.where(logits >= 0, 1 / (1 + small), small / (1 + small))
