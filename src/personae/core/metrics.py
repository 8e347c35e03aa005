"""How right were we? Error rates of comparisons, and agreement of groupings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from personae.core.calibrate import threshold_at_fmr
from personae.errors import InputError
from personae.types import Ids, Labels, Scores


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well a grouping agrees with the truth, each in [0, 1]."""

    precision: float
    recall: float

    @property
    def f(self) -> float:
        """Harmonic mean of precision and recall."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


@dataclass(frozen=True, slots=True)
class Det:
    """Points of a detection error trade-off curve, thresholds rising."""

    thresholds: Scores
    fmr: NDArray[np.float64]
    fnmr: NDArray[np.float64]


# --- comparisons ------------------------------------------------------------------------------


def fmr(nonmated: Scores, threshold: float) -> float:
    """Return the share of pairs of different persons that match, score >= threshold.

    Args:
        nonmated: (n,) cosine scores, n >= 1.
        threshold: cosine.

    Source: ISO/IEC 19795-1.
    """
    return float(np.mean(_some(nonmated) >= np.float32(threshold)))


def fnmr(mated: Scores, threshold: float) -> float:
    """Return the share of pairs of one person that do not match, score < threshold.

    Args:
        mated: (n,) cosine scores, n >= 1.
        threshold: cosine.

    Source: ISO/IEC 19795-1.
    """
    return float(np.mean(_some(mated) < np.float32(threshold)))


def tar_at_far(mated: Scores, nonmated: Scores, far: float) -> float:
    """Return the share of pairs of one person that match at the threshold of this false match rate.

    Args:
        mated: (n,) cosine scores of pairs of one person.
        nonmated: (m,) cosine scores of pairs of different persons.
        far: false match rate in (0, 1).

    Raises:
        TooFewComparisons: m * far < 1.
    """
    return 1.0 - fnmr(mated, threshold_at_fmr(nonmated, far))


def det_curve(mated: Scores, nonmated: Scores) -> Det:
    """Return both error rates at every score that occurs, and just above the highest.

    Args:
        mated: (n,) cosine scores of pairs of one person.
        nonmated: (m,) cosine scores of pairs of different persons.
    """
    same, different = np.sort(_some(mated)), np.sort(_some(nonmated))
    thresholds = np.unique(np.concatenate([same, different]))
    thresholds = np.append(thresholds, np.nextafter(thresholds[-1], np.float32(np.inf)))
    return Det(
        thresholds,
        1.0 - np.searchsorted(different, thresholds) / len(different),
        np.searchsorted(same, thresholds) / len(same),
    )


def best_threshold(scores: Scores, same: NDArray[np.bool_]) -> float:
    """Return the threshold with most pairs told right; of equally good ones the middle one.

    Args:
        scores: (n,) cosine scores, n >= 1.
        same: (n,) whether the pair shows one person.
    """
    values = _some(scores)
    order = np.argsort(values, kind="stable")
    ranked, truth = values[order], np.asarray(same, dtype=bool)[order]
    # With the threshold at position p, the p lowest pairs are called different.
    right = np.concatenate([[0], np.cumsum(~truth)]) + truth.sum() - np.concatenate([[0], np.cumsum(truth)])
    edges = np.concatenate([ranked[:1] - 1e-3, (ranked[1:] + ranked[:-1]) / 2, ranked[-1:] + 1e-3])
    possible = np.concatenate([[True], ranked[1:] > ranked[:-1], [True]])
    best = np.flatnonzero(possible & (right == right[possible].max()))
    # A midpoint may round up to the higher neighbour or down to the lower; the higher one always divides the two.
    at = int(best[(len(best) - 1) // 2])
    return float(max(edges[at], np.nextafter(ranked[at - 1], np.float32(np.inf)))) if at else float(edges[0])


def verification_accuracy(scores: Scores, same: ArrayLike, folds: int = 10) -> float:
    """Return the mean share of pairs told right, each fold at the threshold that is best on the others.

    Args:
        scores: (n,) cosine scores, in the order of the protocol.
        same: (n,) whether the pair shows one person.
        folds: runs of neighbouring pairs that are held out in turn.

    Raises:
        InputError: fewer pairs than folds, or not one truth a pair.

    Source: the protocol of Labeled Faces in the Wild.
    """
    values, truth = _some(scores), np.asarray(same, dtype=bool)
    if len(values) != len(truth):
        raise InputError(f"{len(values)} scores and {len(truth)} truths")
    if not 2 <= folds <= len(values):
        raise InputError(f"{len(values)} pairs cannot be held out in {folds} folds")
    part = np.arange(len(values)) * folds // len(values)
    right = []
    for fold in range(folds):
        held = part == fold
        threshold = np.float32(best_threshold(values[~held], truth[~held]))
        right.append(np.mean((values[held] >= threshold) == truth[held]))
    return float(np.mean(right))


def _some(scores: Scores) -> Scores:
    values = np.asarray(scores, dtype=np.float32).ravel()
    if not len(values) or not np.isfinite(values).all():
        raise InputError("no score, or one that is NaN or infinite")
    return values


# --- groupings --------------------------------------------------------------------------------


def bcubed(labels: Labels, truth: Labels) -> Agreement:
    """Return the BCubed agreement: the precision and recall of each face's own group, averaged over the faces.

    Args:
        labels: (n,) int64 group of each face; -1 is a group of its own.
        truth: (n,) int64 person of each face; -1 likewise.

    Raises:
        InputError: not one truth a face.

    Source: Bagga and Baldwin 1998; Amigo et al. 2009.
    """
    cells = _cells(labels, truth)
    if not cells.faces:
        return Agreement(1.0, 1.0)
    squares = cells.counts.astype(np.float64) ** 2
    return Agreement(
        float((squares / cells.group_sizes).sum() / cells.faces),
        float((squares / cells.person_sizes).sum() / cells.faces),
    )


def pairwise(labels: Labels, truth: Labels) -> Agreement:
    """Return precision and recall of the pairs of faces that are put together; 1 where there are no such pairs.

    Args:
        labels: (n,) int64 group of each face; -1 is a group of its own.
        truth: (n,) int64 person of each face; -1 likewise.

    Raises:
        InputError: not one truth a face.
    """
    cells = _cells(labels, truth)
    # A group of size s has s - 1 partners for each of its faces; summed over its cells that is each pair twice.
    both = float((cells.counts * (cells.counts - 1)).sum())
    together = float((cells.counts * (cells.group_sizes - 1)).sum())
    of_one = float((cells.counts * (cells.person_sizes - 1)).sum())
    return Agreement(both / together if together else 1.0, both / of_one if of_one else 1.0)


@dataclass(frozen=True, slots=True)
class _Cells:
    """The meetings of a group and a person: faces in both, size of the group, faces of the person."""

    counts: Ids
    group_sizes: Ids
    person_sizes: Ids
    faces: int


def _cells(labels: Labels, truth: Labels) -> _Cells:
    group, person = _numbered(labels), _numbered(truth)
    if len(group) != len(person):
        raise InputError(f"{len(group)} labels and {len(person)} truths")
    people = int(person.max(initial=0)) + 1
    meetings, counts = np.unique(group * people + person, return_counts=True)
    return _Cells(
        counts,
        np.bincount(group)[meetings // people] if len(group) else counts,
        np.bincount(person)[meetings % people] if len(group) else counts,
        len(group),
    )


def _numbered(labels: Labels) -> Labels:
    """Number the groups from 0, each -1 a group of its own."""
    given = np.array(labels, dtype=np.int64)
    alone = np.flatnonzero(given < 0)
    given[alone] = given.max(initial=-1) + 1 + np.arange(len(alone))
    _, numbers = np.unique(given, return_inverse=True)
    return numbers.ravel().astype(np.int64)
