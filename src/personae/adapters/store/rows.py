"""Between rows and values: faces and embeddings."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from personae.errors import InputError
from personae.types import (
    Box,
    ClusterId,
    Digest,
    Face,
    FaceId,
    FaceRole,
    ImageId,
    ModelId,
    NewFace,
    PersonId,
    Quality,
    Reason,
    Vector,
)

STORED = np.dtype("<f4")
"""Vectors are kept as little-endian float32, whatever the machine."""
UNIT_TOLERANCE = 1e-3


def face_row(project_id: int, image_id: ImageId, date_key: int, face: NewFace) -> dict[str, Any]:
    """Return the column values of a new face; `date_key` is its image's.

    Raises:
        InputError: a measure is not finite, or there are not five landmarks.
    """
    box, quality = face.box, face.quality
    measures = {
        "box_x": float(box.x),
        "box_y": float(box.y),
        "box_width": float(box.width),
        "box_height": float(box.height),
        "det_score": float(face.det_score),
        "side": float(quality.side),
        "sharpness": float(quality.sharpness),
        "yaw": float(quality.yaw),
        "roll": float(quality.roll),
        "quality": float(quality.score),
    }
    landmarks = np.asarray(face.landmarks, dtype=np.float32)
    if landmarks.shape != (5, 2) or not np.isfinite(landmarks).all() or not all(map(math.isfinite, measures.values())):
        raise InputError("a face needs five landmarks, and finite measures")
    return measures | {
        "project_id": project_id,
        "image_id": image_id,
        "date_key": date_key,
        "landmarks": landmarks.tolist(),
        "role": face.role,
        "reasons": list(face.reasons),
        "crop": face.crop,
    }


def embedding_row(face_id: int, model_id: ModelId, vector: Vector) -> dict[str, Any]:
    """Return the column values of an embedding.

    Raises:
        InputError: the vector is not finite or not of length 1.
    """
    if vector.ndim != 1 or not abs(float(np.dot(vector, vector)) - 1) < UNIT_TOLERANCE:
        raise InputError(f"an embedding of {model_id} is not a unit vector")
    return {"face_id": int(face_id), "model_id": model_id, "vector": vector.astype(STORED, copy=False).tobytes()}


def to_face(row: Any) -> Face:
    """Return the face of a row of all columns."""
    return Face(
        id=FaceId(row.id),
        image_id=ImageId(row.image_id),
        box=Box(row.box_x, row.box_y, row.box_width, row.box_height),
        landmarks=np.array(row.landmarks, dtype=np.float32),
        det_score=row.det_score,
        quality=Quality(row.side, row.sharpness, row.yaw, row.roll, row.quality),
        role=FaceRole(row.role),
        reasons=tuple(map(Reason, row.reasons)),
        crop=None if row.crop is None else Digest(row.crop),
        person_id=None if row.person_id is None else PersonId(row.person_id),
        cluster_id=None if row.cluster_id is None else ClusterId(row.cluster_id),
    )
