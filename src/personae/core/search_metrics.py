"""How right are searches? Open-set identification, where the one who is looked for may not be enrolled."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from personae.core.calibrate import threshold_at_fmr
from personae.core.likeness import Likeness
from personae.core.open_set import place
from personae.errors import InputError, TooFewComparisons
from personae.types import Ids, Labels, Scores, Vectors

RESAMPLES = 1000
SEED = 0


@dataclass(frozen=True, slots=True)
class Split:
    """Which faces are enrolled, and which are searched for."""

    gallery: Ids
    mated: Ids
    """Probes of people who are enrolled."""
    nonmated: Ids
    """Probes of people who are not."""


@dataclass(frozen=True, slots=True)
class Searches:
    """Best answers of the gallery to each probe."""

    mated: Scores
    """(n,) score of the best answer to a probe of an enrolled person."""
    right: NDArray[np.bool_]
    """(n,) whether that answer is the person."""
    people: Labels
    """(n,) the person of each such probe."""
    nonmated: Scores
    """(m,) score of the best answer to a probe of somebody who is not enrolled."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a rate lies, in [0, 1]."""

    low: float
    high: float


def split(people: Labels) -> Split:
    """Say who is enrolled: of everybody with several faces the first half, the rest are probes.

    The only face of a person is a probe whose person is not enrolled. Of an odd number the smaller half is enrolled.

    Args:
        people: (n,) the person of each face; the order of the faces decides which of them are enrolled.
    """
    order = np.argsort(people, kind="stable")
    _, starts, counts = np.unique(people[order], return_index=True, return_counts=True)
    rank = np.arange(len(order)) - np.repeat(starts, counts)
    count = np.repeat(counts, counts)
    enrolled = rank < count // 2
    return Split(np.sort(order[enrolled]), np.sort(order[~enrolled & (count > 1)]), np.sort(order[count == 1]))


def search(vectors: Vectors, people: Labels, parts: Split, rule: Likeness) -> Searches:
    """Search the gallery for every probe.

    Args:
        vectors: (n, d) float32 unit rows.
        people: (n,) the person of each face.
        parts: from `split`; with an empty gallery there are no searches.
        rule: how a person is made of faces; is fitted to the gallery.
    """
    if not len(parts.gallery):
        none = np.empty(0, np.float32)
        return Searches(none, np.empty(0, bool), np.empty(0, np.int64), none)
    rule.fit(vectors[parts.gallery], people[parts.gallery])
    scores, found = _best(vectors[parts.mated], rule)
    strangers, _ = _best(vectors[parts.nonmated], rule)
    return Searches(scores, found == people[parts.mated], people[parts.mated], strangers)


def _best(probes: Vectors, rule: Likeness) -> tuple[Scores, Labels]:
    """Return score and person of the best answer to each probe, at whatever threshold."""
    placed = place(probes, np.arange(len(probes)), rule, match=1.0, review=1.0)
    return np.where(placed.person_ids < 0, np.float32(-1.0), placed.scores), placed.person_ids


def fpir(searches: Searches, threshold: float) -> float:
    """Return the share of searches for people who are not enrolled that are answered, score >= threshold.

    Args:
        searches: with one at least for somebody who is not enrolled.
        threshold: cosine.

    Source: FPIR as in ISO/IEC 19795-1.
    """
    if not len(searches.nonmated):
        raise TooFewComparisons("nobody was searched for who is not enrolled")
    return float(np.mean(searches.nonmated >= np.float32(threshold)))


def fnir(searches: Searches, threshold: float) -> float:
    """Return the share of searches for enrolled people whose best answer is another person, or under the threshold.

    Args:
        searches: with one at least for somebody who is enrolled.
        threshold: cosine.

    Source: FNIR at rank 1 as in ISO/IEC 19795-1.
    """
    if not len(searches.mated):
        raise TooFewComparisons("nobody was searched for who is enrolled")
    return float(np.mean(_missed(searches, threshold)))


def threshold_at_fpir(searches: Searches, target: float) -> float:
    """Return the lowest threshold whose false positive identification rate does not exceed `target`.

    Args:
        searches: see `fpir`.
        target: wanted FPIR, a fraction in (0, 1).

    Raises:
        TooFewComparisons: so few searches cannot show the rate.
    """
    try:
        return threshold_at_fmr(searches.nonmated, target)
    except TooFewComparisons as error:
        raise TooFewComparisons(
            f"{len(searches.nonmated)} searches for people who are not enrolled; "
            f"{ceil(1 / target * (1 - 1e-12))} are needed to see a rate of {target:g}"
        ) from error


def fnir_at_fpir(searches: Searches, target: float) -> float:
    """Return the FNIR at the threshold of this FPIR. Raises TooFewComparisons."""
    return fnir(searches, threshold_at_fpir(searches, target))


def fnir_interval(searches: Searches, target: float, level: float = 0.95) -> Interval:
    """Return where the FNIR at this FPIR lies, with this confidence.

    People are drawn again with replacement, enrolled ones with all their probes, and so are those who are not
    enrolled, with a threshold of its own each time: photos of one person go wrong together. Where hardly an error was
    seen that says nothing, so the interval is never narrower than Wilson's.

    Args:
        searches: see `fnir` and `fpir`.
        target: FPIR, a fraction in (0, 1).
        level: confidence, in (0, 1).

    Raises:
        TooFewComparisons: the rate cannot be observed.

    Source: bootstrap, Efron 1979; Wilson 1927.
    """
    threshold = threshold_at_fpir(searches, target)
    errors = int(_missed(searches, threshold).sum())
    wide = wilson(errors, len(searches.mated), level)
    rates = _resampled(searches, target)
    low, high = np.quantile(rates, [(1 - level) / 2, (1 + level) / 2]).tolist()
    return Interval(min(low, wide.low), max(high, wide.high))


def wilson(errors: int, trials: int, level: float = 0.95) -> Interval:
    """Return where a rate lies of which so many errors were seen in independent trials.

    Args:
        errors: 0 to trials.
        trials: at least 1.
        level: confidence, in (0, 1).

    Raises:
        InputError: a number is out of range.

    Source: Wilson 1927.
    """
    if not 0 <= errors <= trials or not trials or not 0 < level < 1:
        raise InputError(f"{errors} errors in {trials} trials at a confidence of {level} mean nothing")
    z2 = NormalDist().inv_cdf((1 + level) / 2) ** 2
    centre = (errors + z2 / 2) / (trials + z2)
    reach = np.sqrt(z2 * (errors * (trials - errors) / trials + z2 / 4)) / (trials + z2)
    # Rounding shall not keep the rate itself out.
    return Interval(min(max(0.0, centre - reach), errors / trials), max(min(1.0, centre + reach), errors / trials))


def _missed(searches: Searches, threshold: float) -> NDArray[np.bool_]:
    missed: NDArray[np.bool_] = ~searches.right | (searches.mated < np.float32(threshold))
    return missed


def _resampled(searches: Searches, target: float) -> NDArray[np.float64]:
    """Return the FNIR at this FPIR of many galleries of the same kind."""
    rng = np.random.default_rng(SEED)
    _, owner = np.unique(searches.people, return_inverse=True)
    owner = owner.ravel()
    probes = np.bincount(owner)
    # A search that brings the wrong person is missed at any threshold.
    scores = np.where(searches.right, searches.mated, np.float32(-np.inf))
    rates = np.empty(RESAMPLES)
    for turn in range(RESAMPLES):
        strangers = searches.nonmated[rng.integers(len(searches.nonmated), size=len(searches.nonmated))]
        threshold = np.float32(threshold_at_fmr(strangers, target))
        drawn = np.bincount(rng.integers(len(probes), size=len(probes)), minlength=len(probes))
        missed = np.bincount(owner, scores < threshold, minlength=len(probes))
        rates[turn] = (drawn @ missed) / (drawn @ probes)
    return rates
