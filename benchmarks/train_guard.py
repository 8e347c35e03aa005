"""How often does the guard err? Heads whose worth is known, tried on galleries that are drawn at random."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.report import Row
from personae.core.compare import normalise
from personae.core.guard import Verdict
from personae.core.head import make_head
from personae.core.holdout import Holdout, hold_out
from personae.engine.lesson import Material
from personae.engine.train import examine
from personae.errors import TooFewComparisons
from personae.types import Labels, Thresholds, Vectors

HALF = 48
"""Components of each of two models, put end to end."""
FACES = 8
"""Of a person, on average."""
SIZES = ((100, 40), (400, 20))
"""People, and how many galleries of so many are drawn."""
LIMITS = Thresholds(verify=0.3, review=0.35, match=0.7, cluster=0.45)
NONE = np.empty((0, 2), np.int64)
ERRS = 0.05
"""Share of useless heads that may be accepted."""


@dataclass(frozen=True)
class Kind:
    """Heads of one kind, each laid over two models of certain weights."""

    name: str
    base: tuple[float, float]
    """Weights of the two models before."""
    after: tuple[float, float]
    noise: tuple[float, float] = (1.35, 1.35)
    """How loud each of them is."""
    shake: float = 0.0
    """Random numbers that are added to the matrix."""
    heart: float = 0.0
    """How much more is made of what the known people look like."""
    helps: bool = False


KINDS = (
    # The two models are alike, so that neither weighting is better: the head only changes which searches go wrong.
    Kind("as good, many other errors", (1.3, 0.7), (0.7, 1.3)),
    Kind("as good, some other errors", (1.1, 0.9), (0.9, 1.1)),
    Kind("identity and a little noise", (1.0, 1.0), (1.0, 1.0), shake=0.005),
    Kind("identity and noise", (1.0, 1.0), (1.0, 1.0), shake=0.02),
    Kind("known people by heart", (1.0, 1.0), (1.0, 1.0), heart=1.0),
    Kind("FNIR a quarter lower", (1.0, 1.0), (0.8, 1.1), (1.8, 1.1), helps=True),
    Kind("FNIR by two thirds lower", (1.2, 0.8), (0.8, 1.1), (1.8, 1.1), helps=True),
)


def power() -> Iterator[Row]:
    """Yield how often heads of each kind are accepted."""
    for people, times in SIZES:
        for kind in KINDS:
            verdicts = [each for each in (tried(kind, people, seed) for seed in range(times)) if each is not None]
            share = float(np.mean([each.accepted for each in verdicts]))
            before, after = (np.mean([getattr(each.both, side) for each in verdicts]) for side in ("before", "after"))
            yield Row(
                f"guard, {people} people of {FACES} faces, {kind.name}: accepted",
                "" if kind.helps else f"<= {ERRS:.0%}",
                f"{share:.0%} of {len(verdicts)}; FNIR {before:.3f} -> {after:.3f}",
                None if kind.helps else share <= ERRS,
            )


def tried(kind: Kind, people: int, seed: int) -> Verdict | None:
    """Return the verdict on a head over a gallery; None where it is too small to judge by."""
    rng = np.random.default_rng([seed, people])
    rows, labels = gallery(kind, people, rng)
    material = Material(np.arange(len(labels)), labels, np.arange(len(labels)), rows, NONE, (HALF, HALF))
    parts = hold_out(labels, material.photos, seed)
    head = make_head("base", matrix(kind, material, parts, rng))
    try:
        return examine(head, material, parts, LIMITS, seed)[0]
    except TooFewComparisons:
        return None


def gallery(kind: Kind, people: int, rng: np.random.Generator) -> tuple[Vectors, Labels]:
    """Return faces under the two models; most people have few, as everywhere."""
    counts = 1 + rng.geometric(1 / (FACES - 1), people)
    labels = np.repeat(np.arange(people), counts)
    own = normalise(rng.standard_normal((2 * people, HALF))).reshape(2, people, HALF)
    each = [
        normalise(own[side][labels] + loud * rng.standard_normal((len(labels), HALF)) / HALF**0.5) * weight
        for side, (loud, weight) in enumerate(zip(kind.noise, kind.base, strict=True))
    ]
    return normalise(np.concatenate(each, axis=1)), labels


def matrix(kind: Kind, material: Material, parts: Holdout, rng: np.random.Generator) -> Vectors:
    """Return a head of this kind."""
    gains = np.repeat([after / before for after, before in zip(kind.after, kind.base, strict=True)], HALF)
    shaken = np.diag(gains) + kind.shake * rng.standard_normal((2 * HALF, 2 * HALF))
    people = material.people[parts.train]
    means = np.array([material.vectors[parts.train][people == each].mean(0) for each in np.unique(people)])
    _, strength, axes = np.linalg.svd(means, full_matrices=False)
    whole: Vectors = (shaken + kind.heart * (axes.T * (strength / strength[0])) @ axes).astype(np.float32)
    return whole
