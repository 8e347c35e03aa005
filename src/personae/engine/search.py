"""Faces like one that is known already."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from personae.core.search import nearest
from personae.engine.follow import open_indexes
from personae.engine.parts import Parts
from personae.engine.review import get_face
from personae.errors import InputError
from personae.types import FaceId

MOST = 200
"""Faces that are found at most."""


@dataclass(frozen=True, slots=True)
class Alike:
    """A face that was found."""

    face_id: FaceId
    score: float
    """Cosine, of the models together."""


def alike(parts: Parts, face_id: int, limit: int = 20) -> list[Alike]:
    """Return the faces most like a face, best first, without itself.

    Args:
        parts: the outfit.
        face_id: the face.
        limit: how many, 1 to 200.

    Raises:
        NotFound: there is no such face.
        InputError: it was refused and has no embedding, or the limit is out of range.
    """
    if not 1 <= limit <= MOST:
        raise InputError(f"1 to {MOST} faces are found, not {limit}")
    wanted = np.array([face_id], np.int64)
    parts = parts.steady()
    model_ids = parts.vision().model_ids
    with parts.store.read() as tx:
        face = get_face(tx, FaceId(face_id))
        probe = {model_id: tx.faces.embeddings(model_id, wanted)[1] for model_id in model_ids}
    if not all(len(vectors) for vectors in probe.values()):
        raise InputError(f"face {face.id} ({face.role}) has no embedding under every model in use")
    found, scores = nearest(open_indexes(parts), {model_id: rows[0] for model_id, rows in probe.items()}, limit + 1)
    pairs = zip(found.tolist(), scores.tolist(), strict=True)
    return [Alike(FaceId(i), score) for i, score in pairs if i != face_id][:limit]
