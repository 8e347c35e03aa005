"""Learn from answers that are known to be right or wrong how often a score is right."""

from __future__ import annotations

import numpy as np
from scipy.optimize import isotonic_regression

from personae.core.probability import (
    ISOTONIC,
    PLATT,
    Answers,
    Curve,
    Probabilities,
    Weights,
    logistic,
    require_sound,
)
from personae.errors import TooFewComparisons

FEWEST = 20
"""Right answers, and wrong ones, from which on anything is said."""
ISOTONIC_FROM = 1000
"""Likewise, from which on the curve takes whatever rising shape the answers have; fewer would be known by heart."""
MOST_KNOTS = 200
STEPS, SMALLEST_STEP, RIDGE = 100, 1e-10, 1e-12


def fit_curve(answers: Answers) -> Curve:
    """Learn how often answers are right, by their score.

    With 1,000 right and 1,000 wrong answers the curve is isotonic, with fewer it is Platt's. Answers count as almost
    right and almost wrong, by as much as so many leave open, so that nothing is ever said to be certain.

    Args:
        answers: any order; equal scores get one probability.

    Raises:
        InputError: not one score, weight and truth an answer; one is not finite; or a weight is not above 0.
        TooFewComparisons: fewer than 20 right or 20 wrong ones.

    Source: Platt 1999, as in Lin, Lin and Weng 2007; isotonic regression, Zadrozny and Elkan 2002; the choice between
    them, Niculescu-Mizil and Caruana 2005.
    """
    require_sound(answers)
    right = int(np.count_nonzero(answers.right))
    wrong = len(answers.right) - right
    if min(right, wrong) < FEWEST:
        raise TooFewComparisons(
            f"{right:,} right answers and {wrong:,} wrong ones; {FEWEST} of each are needed to say how often a score "
            f"is right"
        )
    weights = answers.weights * (len(answers.weights) / answers.weights.sum())
    mass = float(weights[answers.right].sum())
    high, low = (mass + 1) / (mass + 2), 1 / (len(weights) - mass + 2)
    goals = np.where(answers.right, high, low)
    scores = answers.scores.astype(np.float64)
    if min(right, wrong) >= ISOTONIC_FROM:
        return _isotonic(scores, goals, weights, (right, wrong))
    slope, intercept = _platt(scores, goals, weights)
    return Curve(PLATT, slope, intercept, right=right, wrong=wrong)


# --- Platt ------------------------------------------------------------------------------------


def _platt(scores: Probabilities, goals: Probabilities, weights: Weights) -> tuple[float, float]:
    """Return slope and intercept of the likeliest logistic curve that does not fall, by Newton's steps."""
    level = float(weights @ goals / weights.sum())
    flat = float(np.log(level / (1 - level)))
    middle = float(weights @ scores / weights.sum())
    design = np.column_stack([scores - middle, np.ones_like(scores)])
    found = np.array([0.0, flat])
    loss = _loss(design @ found, goals, weights)
    for _ in range(STEPS):
        said = logistic(design @ found)
        slope = design.T @ (weights * (said - goals))
        bend = (design * (weights * said * (1 - said))[:, None]).T @ design + RIDGE * np.eye(2)
        step, size = np.linalg.solve(bend, slope), 1.0
        while size > SMALLEST_STEP and (tried := _loss(design @ (found - size * step), goals, weights)) > loss:
            size /= 2
        if size <= SMALLEST_STEP:
            break
        found, gained, loss = found - size * step, loss - tried, tried
        if gained <= SMALLEST_STEP * loss:
            break
    if found[0] <= 0:
        # The score says nothing, or the contrary: all are as likely as they are together.
        return 0.0, flat
    return float(found[0]), float(found[1] - found[0] * middle)


def _loss(logits: Probabilities, goals: Probabilities, weights: Weights) -> float:
    """Return the weighted cross entropy, without the overflow of exponents."""
    return float(weights @ (np.logaddexp(0, logits) - goals * logits))


# --- isotonic ---------------------------------------------------------------------------------


def _isotonic(scores: Probabilities, goals: Probabilities, weights: Weights, counts: tuple[int, int]) -> Curve:
    each, place = np.unique(scores, return_inverse=True)
    mass = np.bincount(place, weights)
    found = isotonic_regression(np.bincount(place, weights * goals) / mass, weights=mass)
    starts = np.asarray(found.blocks[:-1], np.int64)
    block_mass = np.add.reduceat(mass, starts)
    middles = np.add.reduceat(mass * each, starts) / block_mass
    values = np.asarray(found.x, np.float64)[starts]
    if len(starts) > MOST_KNOTS:
        kept = np.unique(np.linspace(0, len(starts) - 1, MOST_KNOTS).astype(np.int64))
        middles, values = middles[kept], values[kept]
    right, wrong = counts
    return Curve(ISOTONIC, 0.0, 0.0, tuple(middles.tolist()), tuple(values.tolist()), right, wrong)
