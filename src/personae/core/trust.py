"""May this face join this person? What a source's word is worth, by how far the source is trusted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from personae.errors import InputError, ModelMismatch
from personae.records import ClaimState, Trust
from personae.types import Scores, Thresholds, Vector, Vectors

HIGH_TRUST = "high_trust"
NO_EXISTING_FACES = "no_existing_faces"
MATCHED_EXISTING = "matched_existing"
NO_MATCH = "no_match"
LOW_TRUST_QUARANTINED = "low_trust_quarantined"

RANK = {Trust.HIGH: 0, Trust.MEDIUM: 1, Trust.LOW: 2}
"""Whose word is heard first."""
FEW = 1
SOME = 3
"""Up to so many faces a person's first and second cut hold."""


@dataclass(frozen=True, slots=True)
class Cuts:
    """Distances (1 - cosine, in [0, 2]) under which a face is the person's, by how many faces the person has."""

    one: float
    """Up to 1 face."""
    few: float
    """Up to 3 faces."""
    many: float

    def at(self, existing: int) -> float:
        """Return the cut for a person who has so many faces."""
        if existing <= FEW:
            return self.one
        return self.few if existing <= SOME else self.many


@dataclass(frozen=True, slots=True)
class Ruling:
    """What becomes of a face that a source says is a person, and why."""

    state: ClaimState
    reason: str
    distance: float | None = None
    """To the nearest face of the person, 1 - cosine; None: the person has none."""
    threshold: float | None = None
    """The cut that the distance was held against; None: it did not matter."""
    other_person: int | None = None
    """Of a held face: whom it is nearer to."""
    other_distance: float | None = None


def cuts_of(thresholds: Thresholds) -> Cuts:
    """Return the cuts of a model, or of a fused pair.

    Args:
        thresholds: cosine thresholds with the trust distances; where those are not stated, the distance of the review
            threshold (false match rate 1e-3) holds for all.

    Raises:
        InputError: not three distances in [0, 2].
    """
    stated = thresholds.trust or (1.0 - thresholds.review,) * 3
    if len(stated) != 3 or not all(0 <= distance <= 2 for distance in stated):
        raise InputError(f"trust holds three distances from 0 to 2, not {list(stated)}")
    return Cuts(*stated)


def distances(vector: Vector, existing: Vectors) -> Scores:
    """Return 1 - cosine of a face with each of a person's.

    Args:
        vector: (d,) float32 of length 1.
        existing: (n, d) float32 unit rows.

    Returns:
        (n,) float32 in [0, 2].

    Raises:
        ModelMismatch: the dimensions differ.
    """
    if existing.ndim != 2 or existing.shape[1:] != vector.shape:
        raise ModelMismatch(f"a face of {vector.shape} cannot be compared with faces of {existing.shape}")
    apart: Scores = 1.0 - np.clip(existing @ vector, -1.0, 1.0)
    return apart


def judge(vector: Vector, existing: Vectors, trust: Trust, cuts: Cuts) -> Ruling:
    """Say whether a face that a source brings joins the person whom the source names.

    Args:
        vector: (d,) float32 of length 1, of one model, or of several fused.
        existing: (n, d) float32 unit rows: the person's faces under the same models; n may be 0.
        trust: of the source.
        cuts: of the same models.

    Returns:
        High trust: accepted. Medium: accepted when the nearest of the person's faces is nearer than the cut, else
        refused. Low: quarantined. What was measured is told: distance and threshold, or the distance alone.

    Raises:
        ModelMismatch: the dimensions differ.

    Source: the trust rule of docs/adr/0074-enrichment.md.
    """
    apart = distances(vector, existing)
    return rule(float(apart.min()) if len(apart) else None, len(existing), trust, cuts)


def rule(nearest: float | None, existing: int, trust: Trust, cuts: Cuts) -> Ruling:
    """Say the same as `judge` of a face that was measured already.

    Args:
        nearest: distance to the nearest of the person's faces, in [0, 2]; None: there is none.
        existing: how many faces the person has.
        trust: of the source.
        cuts: of the models that it was measured with.
    """
    if trust is Trust.HIGH:
        return Ruling(ClaimState.ACCEPTED, HIGH_TRUST)
    if trust is Trust.LOW:
        return Ruling(ClaimState.QUARANTINED, LOW_TRUST_QUARANTINED, nearest)
    if nearest is None:
        return Ruling(ClaimState.REFUSED, NO_EXISTING_FACES)
    cut = cuts.at(existing)
    if nearest < cut:
        return Ruling(ClaimState.ACCEPTED, MATCHED_EXISTING, nearest, cut)
    return Ruling(ClaimState.REFUSED, NO_MATCH, nearest, cut)
