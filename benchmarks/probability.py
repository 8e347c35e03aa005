"""How sure: probabilities learnt from one half of the people, held against the other half.

Reads ../shared/data/lfw-dev where present, through the embeddings that `verification` keeps.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.report import CACHE, Row
from benchmarks.verification import PHOTOS, embeddings
from personae.adapters.vision.registry import Registry
from personae.core.compare import fuse_vectors
from personae.core.probability import Answers, Curve, Question, reliability
from personae.core.probability_fit import fit_curve
from personae.core.rehearsal import Labelled, Rehearsed, rehearse
from personae.settings import Settings
from personae.types import Labels, ModelId, Vectors

SEED = 20_24
ASKED = {
    Question.FACE: "a face, against known people",
    Question.GROUP: "a group of two to five, likewise",
    Question.SEARCH: "a photo that is sent",
    Question.PAIR: "two photos",
}
STRANGERS = 0.8
"""A harder share of strangers than the half that is taken for granted."""
SURE = 0.95


def halves(vectors: Vectors, people: Labels, apart: float) -> tuple[Rehearsed, Rehearsed]:
    """Ask in each half of the people for itself."""
    faces = Labelled(vectors, people, np.arange(len(people)))
    names = np.unique(people)
    first = np.isin(people, np.random.default_rng(SEED).permutation(names)[: len(names) // 2])
    return rehearse(faces.at(first), apart), rehearse(faces.at(~first), apart)


def measure(model: str, curve: Curve, question: Question, answers: Answers) -> Iterator[Row]:
    """Return the rows of one question to one model."""
    found = reliability(curve, answers)
    yield Row(
        f"{model}: {ASKED[question]}, {found.answers:,} answers ({curve.method})",
        "",
        f"ECE {found.expected_error:.4f}, Brier {found.brier:.4f}, log loss {found.log_loss:.4f}",
    )
    said = curve.at(answers.scores)
    sure = said >= SURE
    yield Row(
        f"{model}: likewise, {int(sure.sum()):,} answers said to be right {SURE:.0%} of the time or more",
        "",
        f"said {np.average(said[sure], weights=answers.weights[sure]):.2%}, "
        f"right {np.average(answers.right[sure], weights=answers.weights[sure]):.2%}",
    )


def with_strangers(model: str, curve: Curve, answers: Answers) -> Row:
    """Return what becomes of it where more of those who are asked about are strangers than was taken for granted."""
    # Searches for known people have the lower weight of the two: there are fewer strangers' than there are of all.
    known = np.isclose(answers.weights, answers.weights[answers.right][0])
    weights = np.where(known, (1 - STRANGERS) / known.sum(), STRANGERS / (~known).sum())
    found = reliability(curve, Answers(answers.scores, answers.right, weights))
    return Row(
        f"{model}: {ASKED[Question.FACE]}, {STRANGERS:.0%} of them strangers",
        "",
        f"ECE {found.expected_error:.4f}, Brier {found.brier:.4f}, log loss {found.log_loss:.4f}",
    )


def run(cache: Path = CACHE, settings: Settings | None = None) -> list[Row]:
    """Measure each embedder and, of two, their fusion.

    Returns:
        Rows of the table; none where the photos are not present.
    """
    chosen = settings or Settings()
    photos = sorted(PHOTOS.glob("*/*.jpg"))
    if not photos:
        return []
    registry = Registry(chosen.models_dir)
    alone = embeddings(photos, registry, chosen, cache)
    found = np.all([np.linalg.norm(each, axis=1) > 0 for each in alone], axis=0)
    people = np.unique([photo.parent.name for photo in photos], return_inverse=True)[1].astype(np.int64)[found]
    models = {name: each[found] for name, each in zip(chosen.embedders, alone, strict=True)}
    if len(models) > 1:
        models["+".join(chosen.embedders)] = fuse_vectors(list(models.values()))
    rows: list[Row] = []
    for name, vectors in models.items():
        limits = registry.thresholds([ModelId(part) for part in name.split("+")])
        before, after = halves(vectors, people, limits.review)
        curves = {question: fit_curve(before[question]) for question in ASKED}
        for question, curve in curves.items():
            rows += measure(name, curve, question, after[question])
        rows.append(with_strangers(name, curves[Question.FACE], after[Question.FACE]))
    return rows
