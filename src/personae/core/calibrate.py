"""From scores to thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, isqrt, log

import numpy as np

from personae.core.graph import content_order
from personae.errors import InputError, TooFewComparisons
from personae.types import Scores, Vectors

SAMPLE = 2000
"""Faces of which all pairs are compared."""
UPPER, UPPER_SIGMAS = 0.99, 2.326
"""Where the upper half is measured, and how many sigmas above the median a normal law has that share."""
WIDEST_TAIL = 1.25
"""A wider one is not strangers but pairs of one person: a gallery of very few people."""
TRIMS = 8
"""Times that pairs of one person are set aside."""
FEW_PEOPLE = 0.01
"""Share of pairs that look like one person from which on a gallery holds too few people to be measured."""


@dataclass(frozen=True, slots=True)
class Impostors:
    """How alike different people are under a model, in one gallery."""

    median: float
    sigma: float
    """Robust standard deviation, from the lower half: the upper one also holds pairs of one person."""
    tail: float = 1.0
    """How much wider the upper half is: strangers of one age and kind are more alike than a normal law has it."""
    mated: float = 0.0
    """Share of the pairs that were set aside as one person's."""

    def threshold(self, sigmas: float) -> float:
        """Return the cosine that lies so many sigmas of the upper half above the median."""
        return self.median + sigmas * self.sigma * self.tail


@dataclass(frozen=True, slots=True)
class Extrapolated:
    """A threshold that was found without labels."""

    threshold: float
    comparisons: int
    """Pairs that it rests on."""
    median: float
    """Of their scores."""


def threshold_at_fmr(nonmated: Scores, target: float) -> float:
    """Return the lowest threshold whose false match rate does not exceed `target`.

    Args:
        nonmated: (n,) float32 cosine scores in [-1, 1] of pairs from different persons.
        target: wanted FMR, a fraction in (0, 1); 1e-4 means 1 in 10,000.

    Returns:
        Cosine threshold; a pair matches when score >= threshold.

    Raises:
        InputError: target outside (0, 1), or a score that is not finite.
        TooFewComparisons: n * target < 1, so the rate cannot be observed.

    Source: FMR as in ISO/IEC 19795-1.
    """
    scores = np.asarray(nonmated, dtype=np.float32).ravel()
    if not 0 < target < 1:
        raise InputError(f"a false match rate lies between 0 and 1, not at {target}")
    if not np.isfinite(scores).all():
        raise InputError("a score is NaN or infinite")
    # The tolerance keeps 1000 comparisons enough for 1e-3, whatever the rounding of their product.
    allowed = int(np.floor(len(scores) * target * (1 + 1e-12)))
    if allowed < 1:
        raise TooFewComparisons(f"{len(scores)} comparisons cannot show a false match rate of {target}")
    # The highest score that must not match stands right below the allowed ones.
    highest_refused = np.partition(scores, len(scores) - allowed - 1)[len(scores) - allowed - 1]
    return float(np.nextafter(highest_refused, np.float32(np.inf)))


def impostors(vectors: Vectors, trim_sigmas: float = 4.5) -> Impostors:
    """Measure how alike different people are, from pairs of faces whose people are not known.

    Most pairs of a gallery show two people. Those that look like one person (`trim_sigmas` above the median) are set
    aside until nothing changes, so that a gallery of few people is measured as well.

    Args:
        vectors: (n, d) float32 unit rows, n >= 2; the order of the rows has no influence.
        trim_sigmas: from there on a pair is taken for one person.

    Raises:
        TooFewComparisons: fewer than two faces.
    """
    if len(vectors) < 2:
        raise TooFewComparisons("one face has no pairs")
    return _measure(_sampled_scores(vectors), trim_sigmas)[0]


def strangers_threshold(vectors: Vectors, target: float, trim_sigmas: float = 4.5) -> Extrapolated:
    """Return the threshold at a false match rate, from pairs of faces whose people are not known.

    The highest hundredth of the strangers' scores falls off by an exponential law, which is carried on to the target.
    On Labeled Faces in the Wild that is right at 1e-3, and up to twice as strict as wanted at 1e-4.

    Args:
        vectors: (n, d) float32 unit rows; the order of the rows has no influence.
        target: wanted FMR, a fraction in (0, 0.01].
        trim_sigmas: from there above the median on a pair is taken for one person and set aside.

    Raises:
        InputError: target outside (0, 0.01).
        TooFewComparisons: fewer than 1 / target pairs of strangers, or too large a share of the pairs is of one person.

    Source: peaks over threshold, Pickands 1975.
    """
    if not 0 < target <= 1 - UPPER:
        raise InputError(f"without labels a false match rate is found between 0 and {1 - UPPER:g}, not at {target}")
    enough = faces_for(target)
    if len(vectors) < enough:
        raise TooFewComparisons(
            f"{len(vectors)} faces have too few pairs to show a false match rate of {target:g}: "
            f"{enough - len(vectors)} more are needed"
        )
    scores = _sampled_scores(vectors)
    if len(scores) * target * (1 + 1e-12) < 1:
        raise TooFewComparisons(f"a false match rate of {target:g} is too low to be found without labels")
    found, kept = _measure(scores, trim_sigmas)
    if found.mated > FEW_PEOPLE:
        raise TooFewComparisons(
            f"{found.mated:.1%} of the pairs look like one person: the faces are of too few people to tell how alike "
            f"strangers are. Faces of more people are needed"
        )
    strangers = scores[:kept]
    edge = float(np.quantile(strangers, UPPER))
    fall = float(np.mean(strangers[strangers >= edge])) - edge
    return Extrapolated(min(1.0, edge + fall * log((1 - UPPER) / target)), kept, found.median)


def faces_for(target: float) -> int:
    """Return how many faces have enough pairs to show this false match rate."""
    pairs = ceil(1 / (target * (1 + 1e-12)))
    return (1 + isqrt(8 * pairs - 7)) // 2 + 1


def _sampled_scores(vectors: Vectors) -> Scores:
    """Return the scores of all pairs of a sample of the faces, rising."""
    order = content_order(vectors)
    sample = vectors[order[np.linspace(0, len(order) - 1, min(SAMPLE, len(order))).astype(np.int64)]]
    return np.sort((sample @ sample.T)[np.triu_indices(len(sample), 1)])


def _measure(scores: Scores, trim_sigmas: float) -> tuple[Impostors, int]:
    """Return what the strangers among rising scores are like, and how many of the lowest scores are theirs."""
    kept = len(scores)
    for _ in range(TRIMS):
        low, median, high = np.quantile(scores[:kept], [0.1587, 0.5, UPPER])
        sigma = max(float(median - low), 1e-6)
        tail = float(high - median) / (UPPER_SIGMAS * sigma)
        found = Impostors(float(median), sigma, float(np.clip(tail, 1.0, WIDEST_TAIL)), 1 - kept / len(scores))
        before, kept = kept, max(1, int(np.searchsorted(scores, median + trim_sigmas * sigma)))
        if kept == before:
            break
    return found, kept
