"""Between rows and values: references, detected faces and their history."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa

from personae.adapters.store.columns import storable
from personae.adapters.store.rows import STORED, embedding_row
from personae.errors import InputError
from personae.references import (
    DetectedFace,
    DetectedFaceId,
    ImageQuality,
    PastEmbedding,
    Reference,
    ReferenceId,
    ReferenceStatus,
)
from personae.types import Box, Digest, ModelId, PersonId, Vector


def to_json_box(box: Box) -> dict[str, float]:
    """Return a box as it is kept.

    Raises:
        InputError: a measure is not finite.
    """
    sides = {"x": float(box.x), "y": float(box.y), "width": float(box.width), "height": float(box.height)}
    if not all(map(math.isfinite, sides.values())):
        raise InputError("the box of a face is not finite")
    return sides


def to_box(kept: Mapping[str, float]) -> Box:
    """Return the box of its JSON."""
    return Box(kept["x"], kept["y"], kept["width"], kept["height"])


def to_json_quality(quality: ImageQuality | None) -> Any:
    """Return a verdict as it is kept; None alone would be kept as the JSON value null."""
    if quality is None:
        return sa.null()
    measures = {storable(name): float(value) for name, value in quality.measures.items()}
    return {"ok": bool(quality.ok), "reasons": [storable(reason) for reason in quality.reasons], "measures": measures}


def to_quality(kept: Mapping[str, Any] | None) -> ImageQuality | None:
    """Return the verdict of its JSON."""
    return None if kept is None else ImageQuality(kept["ok"], tuple(kept["reasons"]), kept["measures"])


def unit_bytes(model_id: ModelId, vector: Vector) -> bytes:
    """Return a vector as it is kept. Raises InputError when it is no finite unit vector."""
    kept: bytes = embedding_row(0, model_id, vector)["vector"]
    return kept


def to_vector(kept: bytes) -> Vector:
    """Return a vector of its bytes."""
    return np.frombuffer(kept, dtype=STORED).astype(np.float32)


def reference_values(reference: Reference) -> dict[str, Any]:
    """Return the column values of a reference, without id, person, label, and what the store adds itself."""
    return {
        "digest": reference.digest,
        "status": ReferenceStatus(reference.status).value,
        "confidence": None if reference.det_score is None else float(reference.det_score),
        "bounding_box": sa.null() if reference.box is None else to_json_box(reference.box),
        "extracted_at": reference.extracted_at,
        "error": reference.error,
        "warning": reference.warning,
        "quality": to_json_quality(reference.quality),
        "generation": int(reference.generation),
    }


def to_reference(row: Any) -> Reference:
    """Return the reference of a row of all columns, with `owner` and `face_count`."""
    return Reference(
        id=ReferenceId(row.id),
        person_id=PersonId(row.owner),
        label=row.label,
        digest=Digest(row.digest),
        status=ReferenceStatus(row.status),
        det_score=row.confidence,
        box=None if row.bounding_box is None else to_box(row.bounding_box),
        extracted_at=row.extracted_at,
        error=row.error,
        warning=row.warning,
        quality=to_quality(row.quality),
        generation=row.generation,
        face_count=row.face_count,
    )


def to_detected(row: Any) -> DetectedFace:
    """Return the face of a row of all columns."""
    return DetectedFace(
        DetectedFaceId(row.id), ReferenceId(row.reference_id), to_box(row.bounding_box), row.confidence,
        bool(row.is_primary), to_quality(row.quality),
    )  # fmt: skip


def to_history(person_id: PersonId, rows: Sequence[Any]) -> list[PastEmbedding]:
    """Return one entry for each face that was replaced, out of a row for each of its models; latest first.

    Args:
        person_id: whose history it is.
        rows: latest first; those of one face side by side.
    """
    entries: dict[tuple[object, ...], list[Any]] = {}
    for row in rows:
        entries.setdefault((row.person_id, row.label, row.version, row.replaced_at), []).append(row)
    return [
        PastEmbedding(
            person_id, None if first.reference_id is None else ReferenceId(first.reference_id), first.label,
            Digest(first.digest), tuple(sorted(ModelId(row.model_id) for row in same)), first.confidence,
            to_box(first.bounding_box), first.replaced_at, first.version,
        )
        for same in entries.values() for first in same[:1]
    ]  # fmt: skip


def anchors_of(rows: Sequence[Any]) -> list[Mapping[ModelId, Vector]]:
    """Return the embeddings of each primary face, by model."""
    faces: dict[int, dict[ModelId, Vector]] = {}
    for row in rows:
        faces.setdefault(row.reference_id, {})[ModelId(row.model_id)] = to_vector(row.vector)
    return list(faces.values())
