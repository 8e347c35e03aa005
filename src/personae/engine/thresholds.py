"""The thresholds in use: the model's, with what was calibrated on this gallery in its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from personae.engine.parts import Vision
from personae.ports import Transaction
from personae.types import Thresholds

KEY = "calibration."
"""Settings so named, with the model ids after it, keep what was calibrated."""
BEFORE = "calibration_before."
"""Settings so named keep {was}, what was calibrated before the last change."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A threshold that was found on this gallery."""

    model_id: str
    """The embedder, or several joined by +, as in `Vision.model_id`."""
    fmr: float
    """The false match rate that was asked for."""
    threshold: float
    comparisons: int
    """Pairs of different people that it rests on."""
    source: str
    """labels: faces that humans tied to different people; strangers: all faces, their people unknown."""
    created_at: str
    """ISO 8601."""


def thresholds(tx: Transaction, vision: Vision) -> Thresholds:
    """Return the thresholds to go by: those of the models in use, `review` from the gallery where it was calibrated."""
    own = calibration(tx, vision.model_id)
    return vision.thresholds if own is None else replace(vision.thresholds, review=own.threshold)


def calibration(tx: Transaction, model_id: str) -> Calibration | None:
    """Return what was calibrated for these models; None when nothing was."""
    kept = tx.settings.get(KEY + model_id)
    return Calibration(**kept) if isinstance(kept, Mapping) else None


def keep(tx: Transaction, found: Calibration) -> None:
    """Remember a calibration in place of the models' last one; other models' stay."""
    _change(tx, found.model_id, asdict(found))


def forget(tx: Transaction, model_id: str) -> bool:
    """Go by the models' own thresholds again; return whether there was anything to forget."""
    known = calibration(tx, model_id) is not None
    if known:
        _change(tx, model_id, None)
    return known


def take_back(tx: Transaction, model_id: str) -> bool:
    """Go by what was calibrated before the last change; return whether there was a change. Once more: as it was."""
    kept = tx.settings.get(BEFORE + model_id)
    if isinstance(kept, Mapping):
        _change(tx, model_id, kept["was"])
    return isinstance(kept, Mapping)


def review_before(tx: Transaction, vision: Vision) -> float | None:
    """Return the score that was asked from before the last change of the calibration; None: it was never changed."""
    kept = tx.settings.get(BEFORE + vision.model_id)
    if not isinstance(kept, Mapping):
        return None
    return vision.thresholds.review if kept["was"] is None else Calibration(**kept["was"]).threshold


def _change(tx: Transaction, model_id: str, to: Mapping[str, object] | None) -> None:
    tx.settings.set(BEFORE + model_id, {"was": tx.settings.get(KEY + model_id)})
    tx.settings.set(KEY + model_id, to)
