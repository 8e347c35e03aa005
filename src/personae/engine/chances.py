"""How often a score is right in this gallery: what was learnt of it, beside the thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from personae.core.probability import Curve, Question
from personae.ports import Transaction
from personae.types import Decision, DecisionKind

KEY = "probability."
"""Settings so named, with the model ids after it, keep what was learnt."""
PRIOR = 0.5
"""Share of the unknown faces that are taken to be of known people."""


@dataclass(frozen=True, slots=True)
class Chances:
    """How often answers of models are right, by their score."""

    model_id: str
    """The embedder, or several joined by +, as in `Vision.model_id`."""
    curves: Mapping[str, Curve]
    """By `Question`; one that has too few answers is not there."""
    people: int
    """Whom humans named on two photos or more."""
    faces: int
    """Faces that humans named, on which it rests."""
    prior: float
    """Share of the unknown faces that were taken to be of known people."""
    data: str
    """SHA-256 of those faces, their people and photos."""
    created_at: str
    """ISO 8601."""

    def of(self, question: Question, score: float | None) -> float | None:
        """Return the probability that the answer is right; None when nothing was learnt of such questions."""
        curve = self.curves.get(question)
        return None if curve is None or score is None else curve.of(score)


def chances(tx: Transaction, model_id: str) -> Chances | None:
    """Return what was learnt of these models' scores; None when nothing was."""
    kept = tx.settings.get(KEY + model_id)
    if not isinstance(kept, Mapping):
        return None
    curves = {
        question: Curve(**{**curve, "scores": tuple(curve["scores"]), "values": tuple(curve["values"])})
        for question, curve in kept["curves"].items()
    }
    return Chances(**{**kept, "curves": curves})


def chance(found: Chances | None, question: Question, score: float | None) -> float | None:
    """Return the probability that an answer is right; None when there is nothing to say it by."""
    return None if found is None else found.of(question, score)


def of_ties(tx: Transaction, ties: Sequence[Decision | None]) -> list[float | None]:
    """Return of machines' ties the probability that each is right, by the models that it was made with."""
    models = {tie.model_id for tie in ties if tie is not None and tie.kind is DecisionKind.ASSIGN and tie.model_id}
    known = {model_id: chances(tx, model_id) for model_id in models}
    return [
        None if tie is None or tie.kind is not DecisionKind.ASSIGN
        else chance(known.get(tie.model_id or ""), Question.FACE, tie.score)
        for tie in ties
    ]  # fmt: skip


def keep(tx: Transaction, found: Chances) -> None:
    """Remember what was learnt in place of what was before; other models' stays."""
    tx.settings.set(KEY + found.model_id, asdict(replace(found, curves={str(q): c for q, c in found.curves.items()})))


def forget(tx: Transaction, model_id: str) -> bool:
    """Say nothing of these models' scores; return whether there was anything to forget."""
    known = chances(tx, model_id) is not None
    if known:
        tx.settings.set(KEY + model_id, None)
    return known
