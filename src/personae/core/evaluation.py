"""How good is a model on labelled faces? Everything that `evaluate` measures, as plain numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from personae.core.cluster import Linkage
from personae.core.likeness import Prototypes
from personae.core.metrics import Agreement, bcubed, fmr, fnmr, pairwise, tar_at_far
from personae.core.pairs import Pairs, pair_scores
from personae.core.probability import Question, Reliability, reliability
from personae.core.probability_fit import fit_curve
from personae.core.rehearsal import Labelled, rehearse
from personae.core.search_metrics import (
    Searches,
    fnir,
    fnir_interval,
    search,
    split,
    threshold_at_fpir,
)
from personae.errors import TooFewComparisons
from personae.types import Labels, Scores, Thresholds, Vectors

FARS = (1e-3, 1e-4)
FPIRS = (0.003, 0.01)
BINS = 60
CURVE_POINTS = 200
SEED = 0
"""Of the half of the people from whom it is learnt how often scores are right."""


@dataclass(frozen=True, slots=True)
class AtThreshold:
    """Both error rates of comparisons at one threshold."""

    name: str
    """Which of the model's thresholds."""
    threshold: float
    fmr: float | None
    """None: nothing to observe it on; likewise below."""
    fnmr: float | None


@dataclass(frozen=True, slots=True)
class AtFar:
    """Share of pairs of one person that match at a false match rate."""

    far: float
    tar: float | None
    why: str = ""
    """Why there is no number."""


@dataclass(frozen=True, slots=True)
class AtFpir:
    """Share of searches for enrolled people that fail, at a false positive identification rate."""

    fpir: float
    fnir: float | None
    low: float | None = None
    """Where the FNIR lies, with a confidence of 95%."""
    high: float | None = None
    threshold: float | None = None
    why: str = ""
    """Why there is no number."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """How well a grouping agrees with the truth."""

    precision: float
    recall: float
    f: float


@dataclass(frozen=True, slots=True)
class Grouped:
    """The groups that clustering made."""

    threshold: float
    groups: int
    """Of two faces at least."""
    bcubed: Agreed
    pairwise: Agreed


@dataclass(frozen=True, slots=True)
class Foretold:
    """How often scores are right, learnt from one half of the people and held against the other."""

    question: str
    """face: searches for a person; pair: comparisons of two faces."""
    method: str
    """platt or isotonic; empty: nothing was learnt."""
    learnt_from: int
    """Answers of the first half."""
    found: Reliability | None
    """On the other half."""
    why: str = ""
    """Why there is no number."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Points of a curve."""

    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Plots:
    """What the plots of one model show."""

    edges: tuple[float, ...]
    """Of the histograms' bins, one more than bins."""
    mated: tuple[float, ...]
    """Share of the pairs in each bin."""
    nonmated: tuple[float, ...]
    comparisons: Curve
    """FNMR over FMR."""
    searches: Curve
    """FNIR over FPIR."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One model, or several fused, on labelled faces."""

    model_id: str
    thresholds: Thresholds
    mated_pairs: int
    nonmated_pairs: int
    at_thresholds: tuple[AtThreshold, ...]
    at_fars: tuple[AtFar, ...]
    enrolled_people: int
    enrolled_photos: int
    mated_searches: int
    nonmated_searches: int
    at_fpirs: tuple[AtFpir, ...]
    grouped: Grouped
    foretold: tuple[Foretold, ...]
    plots: Plots


@dataclass(frozen=True, slots=True)
class Unused:
    """A labelled photo that could not be used."""

    where: str
    """Line of the CSV, or the file within the folder."""
    reason: str
    """One word for all of its kind, such as missing or no_face."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The models in use, one by one and then fused, on one set of labelled photos."""

    created_at: datetime
    photos: int
    """Labelled ones, as many as were given."""
    faces: int
    """Photos that were used, each with its clearest face."""
    from_store: int
    """Faces whose embeddings were there already."""
    people: int
    single: int
    """People with one photo: searches for them must find nobody."""
    detector: str
    profile: str
    """Quality gates that the faces passed."""
    unused: tuple[Unused, ...]
    models: tuple[Measured, ...]


def measure(
    model_id: str, vectors: Vectors, people: Labels, founding: NDArray[np.bool_], thresholds: Thresholds
) -> Measured:
    """Measure comparisons, searches and clustering on faces whose people are known, by the rules in use.

    Args:
        model_id: what the figures are signed with.
        vectors: (n, d) float32 unit rows, n >= 1; their order decides who is enrolled with what, see `split`.
        people: (n,) the person of each.
        founding: (n,) which faces may found a group.
        thresholds: of the model.
    """
    pairs = pair_scores(vectors, people)
    parts = split(people)
    searches = search(vectors, people, parts, Prototypes(thresholds.review))
    return Measured(
        model_id=model_id,
        thresholds=thresholds,
        mated_pairs=len(pairs.mated),
        nonmated_pairs=len(pairs.nonmated),
        at_thresholds=tuple(
            _at_threshold(pairs, name, getattr(thresholds, name)) for name in ("verify", "review", "match")
        ),
        at_fars=tuple(_at_far(pairs, far) for far in FARS),
        enrolled_people=len(np.unique(people[parts.gallery])),
        enrolled_photos=len(parts.gallery),
        mated_searches=len(searches.mated),
        nonmated_searches=len(searches.nonmated),
        at_fpirs=tuple(_at_fpir(searches, rate) for rate in FPIRS),
        grouped=_group(vectors, people, founding, thresholds),
        foretold=_foretell(vectors, people, thresholds.review),
        plots=_plots(pairs, searches),
    )


def _at_threshold(pairs: Pairs, name: str, threshold: float) -> AtThreshold:
    return AtThreshold(
        name,
        threshold,
        fmr(pairs.nonmated, threshold) if len(pairs.nonmated) else None,
        fnmr(pairs.mated, threshold) if len(pairs.mated) else None,
    )


def _at_far(pairs: Pairs, far: float) -> AtFar:
    if not len(pairs.mated):
        return AtFar(far, None, "nobody has two photos")
    try:
        return AtFar(far, tar_at_far(pairs.mated, pairs.nonmated, far))
    except TooFewComparisons as error:
        return AtFar(far, None, str(error))


def _at_fpir(searches: Searches, target: float) -> AtFpir:
    try:
        threshold = threshold_at_fpir(searches, target)
        rate = fnir(searches, threshold)
        where = fnir_interval(searches, target)
    except TooFewComparisons as error:
        return AtFpir(target, None, why=str(error))
    return AtFpir(target, rate, where.low, where.high, threshold)


def _group(vectors: Vectors, people: Labels, founding: NDArray[np.bool_], thresholds: Thresholds) -> Grouped:
    fitted = Linkage(fallback_threshold=thresholds.cluster).fit(vectors, founding=founding)
    labels = fitted.labels_
    return Grouped(
        float(fitted.threshold_),
        len(np.unique(labels[labels >= 0])),
        _agreed(bcubed(labels, people)),
        _agreed(pairwise(labels, people)),
    )


def _foretell(vectors: Vectors, people: Labels, apart: float) -> tuple[Foretold, ...]:
    names = np.unique(people)
    drawn = np.random.default_rng(SEED).permutation(names)[: (len(names) + 1) // 2]
    learnt = np.isin(people, drawn)
    faces, asked = Labelled(vectors, people, np.arange(len(people))), (Question.FACE, Question.PAIR)
    before, after = (rehearse(faces.at(half), apart, asked) for half in (learnt, ~learnt))
    found = []
    for question in asked:
        count = len(before[question].scores)
        try:
            curve = fit_curve(before[question])
            found.append(Foretold(question, curve.method, count, reliability(curve, after[question])))
        except TooFewComparisons as error:
            found.append(Foretold(question, "", count, None, str(error)))
    return tuple(found)


def _agreed(found: Agreement) -> Agreed:
    return Agreed(found.precision, found.recall, found.f)


# --- plots ------------------------------------------------------------------------------------


def _plots(pairs: Pairs, searches: Searches) -> Plots:
    lowest = min([float(scores[0]) for scores in (pairs.mated, pairs.nonmated) if len(scores)], default=-1.0)
    edges = np.linspace(max(-1.0, lowest), 1.0 + 1e-6, BINS + 1)
    return Plots(
        tuple(edges.tolist()),
        _shares(pairs.mated, edges),
        _shares(pairs.nonmated, edges),
        _curve(pairs.nonmated, lambda threshold: fnmr(pairs.mated, threshold), len(pairs.mated)),
        _curve(searches.nonmated, lambda threshold: fnir(searches, threshold), len(searches.mated)),
    )


def _shares(scores: Scores, edges: NDArray[np.float64]) -> tuple[float, ...]:
    counts = np.histogram(scores, edges)[0]
    return tuple((counts / max(1, len(scores))).tolist())


def _curve(false_scores: Scores, missed: Callable[[float], float], trials: int) -> Curve:
    """Return the rate of misses over the rate of false answers, at thresholds spread evenly over its magnitudes."""
    if not len(false_scores) or not trials:
        return Curve((), ())
    falling = np.sort(false_scores)[::-1]
    at = np.unique(np.geomspace(1, len(falling), CURVE_POINTS).astype(np.int64))
    return Curve(tuple((at / len(falling)).tolist()), tuple(missed(float(falling[i - 1])) for i in at.tolist()))
