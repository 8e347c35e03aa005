"""Make the embeddings that the faces of references lack under a model, from their source images or under a head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np

from personae.core.compare import fuse_vectors
from personae.core.geometry import overlap, scale_box
from personae.engine.analyse import embed
from personae.engine.ingest import DECODED_SIDE
from personae.engine.parts import Parts, Vision
from personae.engine.progress import Progress
from personae.errors import BackendError, ImageError, NotFound
from personae.ports import Embedder
from personae.references import DetectedFace, DetectedFaceId, ReferenceId
from personae.types import Detection, Picture, Vector

SAME = 0.5
"""Overlap from which a box that is found again is the one that was found before."""


def fill_references(parts: Parts, vision: Vision, progress: Progress) -> int:
    """Embed the faces on source images under every model that they lack; return how many could not be.

    Faces stay as they are, and so does the choice among them.

    Args:
        parts: adapters and rules.
        vision: the models, live or not.
        progress: is told how many source images are done.

    Raises:
        Cancelled: `progress` says to stop.
        Conflict: another runner has taken the work over.
    """
    failed: set[DetectedFaceId] = set()
    for embedder in vision.embedders:
        with parts.store.read() as tx:
            lacking = tx.references.lacking(embedder.model_id)
        images = [(i, list(faces)) for i, faces in groupby(lacking, key=lambda face: face.reference_id)]
        for done, (reference_id, faces) in enumerate(images):
            progress.step(done, len(images), "embedding references")
            made = _look_again(parts, vision, embedder, reference_id, faces)
            failed |= {face.id for face in faces} - set(made)
            with parts.store.write() as tx:
                progress.hold(tx)
                tx.references.add_embeddings(embedder.model_id, made)
    if vision.head is not None:
        failed |= _fill_head(parts, vision, progress)
    return len(failed)


def _look_again(
    parts: Parts, vision: Vision, embedder: Embedder, reference_id: ReferenceId, faces: Sequence[DetectedFace]
) -> Mapping[DetectedFaceId, Vector]:
    """Return the embeddings of those faces that are found again on their source image."""
    try:
        with parts.store.read() as tx:
            digest = tx.references.get(reference_id).digest
        picture = parts.decode(parts.pictures.get(digest), DECODED_SIDE)
    except (NotFound, BackendError, ImageError):
        return {}
    found = vision.detector.detect(picture.pixels)
    pairs = [(face.id, best) for face in faces if (best := _same(face, found, picture)) is not None]
    vectors = embed([embedder], [(picture.pixels, detection.landmarks) for _, detection in pairs])
    return {face_id: by_model[embedder.model_id] for (face_id, _), by_model in zip(pairs, vectors, strict=True)}


def _same(face: DetectedFace, found: Sequence[Detection], picture: Picture) -> Detection | None:
    def alike(detection: Detection) -> float:
        return overlap(scale_box(detection.box, 1 / picture.scale), face.box)

    best = max(found, key=alike, default=None)
    return best if best is not None and alike(best) >= SAME else None


def _fill_head(parts: Parts, vision: Vision, progress: Progress) -> set[DetectedFaceId]:
    """Lay the head over what the embedders have made; return the faces of which they have not."""
    head, base = vision.head, vision.base
    (model_id,) = vision.model_ids
    with parts.store.read() as tx:
        wanted = [face.id for face in tx.references.lacking(model_id)]
        per_model = [tx.references.embeddings(each, wanted) for each in base.model_ids]
    whole = [face_id for face_id in wanted if all(face_id in vectors for vectors in per_model)]
    if head is not None and whole:
        fused = fuse_vectors([np.stack([vectors[i] for i in whole]) for vectors in per_model])
        made = dict(zip(whole, head.apply(fused, base.model_id), strict=True))
        with parts.store.write() as tx:
            progress.hold(tx)
            tx.references.add_embeddings(model_id, made)
    return set(wanted) - set(whole)
