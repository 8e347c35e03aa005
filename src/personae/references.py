"""Reference identities: what anchors the likeness of a character, and what other pictures are held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

from personae.types import Box, Digest, ModelId, PersonId, Vector

ReferenceId = NewType("ReferenceId", int)
DetectedFaceId = NewType("DetectedFaceId", int)


class ReferenceStatus(StrEnum):
    """How far a reference is (the lookup table `embedding_statuses`)."""

    PENDING = "pending"
    EXTRACTING = "extracting"
    COMPLETED = "completed"
    FAILED = "failed"
    LOW_CONFIDENCE = "low_confidence"
    MULTI_FACE_PENDING = "multi_face_pending"


@dataclass(frozen=True, slots=True)
class DetectedFace:
    """A face found on a source image."""

    id: DetectedFaceId
    reference_id: ReferenceId
    box: Box
    """In pixels of the source image."""
    det_score: float
    """0 to 1."""
    is_primary: bool
    quality: ImageQuality | None = None
    """What the image is worth with this face as the primary one."""


@dataclass(frozen=True, slots=True)
class ImageQuality:
    """What a source image is worth as a reference."""

    ok: bool
    reasons: tuple[str, ...] = ()
    """Why not, or what could be better: blurred, dark, overexposed, small_image, small_face, turned_away, ..."""
    measures: Mapping[str, float] = field(default_factory=dict)
    """sharpness, brightness, contrast, width, height, face_side, yaw, ..."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One source image that anchors a character, and what came of it. A character may have several."""

    id: ReferenceId
    person_id: PersonId
    label: str
    """Which angle or expression; "" is the main one."""
    digest: Digest
    """Of the source image; its bytes lie in the project's files."""
    status: ReferenceStatus
    det_score: float | None = None
    """Of the primary face."""
    box: Box | None = None
    extracted_at: datetime | None = None
    error: str = ""
    """Why it failed, one sentence."""
    warning: str = ""
    quality: ImageQuality | None = None
    generation: int = 1
    """Counts the source images that were put here; a result of an earlier one is refused."""
    face_count: int = 0
    """Faces found on the source image."""


@dataclass(frozen=True, slots=True)
class NewDetectedFace:
    """A face as the extraction hands it to the store."""

    box: Box
    """In pixels of the source image."""
    det_score: float
    """0 to 1."""
    embeddings: Mapping[ModelId, Vector] = field(default_factory=dict)
    """(d,) float32 unit vector of each model."""
    quality: ImageQuality | None = None


@dataclass(frozen=True, slots=True)
class PastEmbedding:
    """What anchored a character before: one row of the history, without its vectors."""

    person_id: PersonId
    reference_id: ReferenceId | None
    """None: the reference was removed."""
    label: str
    digest: Digest
    """Of the source image, which may be gone."""
    model_ids: tuple[ModelId, ...]
    det_score: float
    box: Box
    replaced_at: datetime
    version: int
    """Of the template that it was part of."""


@dataclass(frozen=True, slots=True)
class Character:
    """A character with its references, the main one (label "") first."""

    person_id: PersonId
    name: str
    references: tuple[Reference, ...] = ()
    version: int = 0
    """Of its template; 0 before there was any."""

    @property
    def main(self) -> Reference | None:
        """The reference that stands for the character: the one without a label, else the oldest."""
        return self.references[0] if self.references else None


@dataclass(frozen=True, slots=True)
class Template:
    """What pictures are held against: the primary faces of a character's completed references, fused."""

    person_id: PersonId
    vectors: Mapping[ModelId, Vector]
    """(d,) float32 unit vector of each model."""
    version: int
    """Changes with every change of a reference; scores made under another version are stale."""


@dataclass(frozen=True, slots=True)
class LikenessCheck:
    """A picture held against a character's template."""

    id: int
    person_id: PersonId
    digest: Digest
    """Of the picture."""
    score: float | None
    """Cosine; None: there is no face."""
    threshold: float
    passed: bool
    box: Box | None
    """The face that was used."""
    reasons: tuple[str, ...]
    model_id: str
    version: int
    """Of the template."""
    stale: bool
    made_at: datetime
