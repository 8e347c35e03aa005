"""Make the embeddings that faces lack under a model, from their stored crops, or under a head from other embeddings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from personae.core.geometry import crop_window, to_crop
from personae.engine.analyse import embed
from personae.engine.gallery import read_fused
from personae.engine.ingest import DECODED_SIDE
from personae.engine.parts import Parts, Vision
from personae.engine.progress import NOBODY, Progress
from personae.errors import BackendError, ImageError, InputError, NotFound
from personae.ports import Embedder
from personae.types import Face, FaceId, Image, Landmarks, ModelId, Pixels, Vector

FACES_AT_ONCE = 256
"""Faces in one transaction."""

_Make = Callable[[Sequence[FaceId]], Mapping[FaceId, Vector]]
"""Faces -> embeddings of those of which they can be made."""


@dataclass(frozen=True, slots=True)
class BackfillSummary:
    """What one backfill did, counted in embeddings."""

    embedded: int
    without_crop: int
    """Could not be made, since the face's crop is gone."""
    left: int
    """Not tried, because of the limit."""


def backfill(parts: Parts, limit: int | None = None, progress: Progress = NOBODY) -> BackfillSummary:
    """Embed every face under every model it lacks of those that are live.

    Every batch is written when it is done, so that a backfill that was stopped goes on where it was.

    Args:
        parts: the outfit.
        limit: embeddings that are made at the most; None: all.
        progress: is told how many are made.

    Raises:
        InputError: limit is below 1.
        Cancelled: `progress` says to stop.
        Conflict: another runner has taken the work over.
    """
    if limit is not None and limit < 1:
        raise InputError(f"at least 1 embedding is made, not {limit}; leave the limit out for all")
    return fill(parts, parts.vision(), limit, progress)


def fill(parts: Parts, vision: Vision, limit: int | None = None, progress: Progress = NOBODY) -> BackfillSummary:
    """Embed every face under every model that it lacks, whether those models are live or not; see `backfill`."""
    makers: list[tuple[ModelId, _Make]] = [
        (embedder.model_id, partial(_from_crops, parts, embedder)) for embedder in vision.embedders
    ]
    if vision.head is not None:
        makers.append((vision.model_ids[0], partial(_under_head, parts, vision)))
    with parts.store.read() as tx:
        lacking = [(model_id, make, tx.faces.lacking(model_id)) for model_id, make in makers]
    total = sum(len(face_ids) for _, _, face_ids in lacking)
    wanted = total if limit is None else min(limit, total)
    embedded = done = 0
    for model_id, make, face_ids in lacking:
        for start in range(0, len(face_ids), FACES_AT_ONCE):
            some = face_ids[start : start + min(FACES_AT_ONCE, wanted - done)]
            if not some:
                break
            progress.step(done, wanted, "embedding")
            embedded += _embed_some(parts, model_id, make(some), progress)
            done += len(some)
    if wanted:
        progress.step(done, wanted, "embedding")
    return BackfillSummary(embedded, done - embedded, total - wanted)


def _embed_some(parts: Parts, model_id: ModelId, made: Mapping[FaceId, Vector], progress: Progress) -> int:
    """Write the embeddings of faces that are still there and still lack them; return how many were made."""
    with parts.store.write() as tx:
        progress.hold(tx)
        # Another process may have made some meanwhile, and a face may have been erased.
        known = set(tx.faces.embeddings(model_id, np.array(list(made), np.int64))[0].tolist())
        there = {face.id for face in tx.faces.get(list(made))}
        tx.faces.add_embeddings(model_id, {i: made[i] for i in made if i in there and int(i) not in known})
    return len(made)


def _from_crops(parts: Parts, embedder: Embedder, face_ids: Sequence[FaceId]) -> Mapping[FaceId, Vector]:
    with parts.store.read() as tx:
        faces = tx.faces.get(face_ids)
        images = {image.id: image for image in tx.images.get([face.image_id for face in faces])}
    ids: list[FaceId] = []
    places: list[tuple[Pixels, Landmarks]] = []
    for face in faces:
        try:
            pixels = parts.decode(parts.crops.get(face.crop), DECODED_SIDE).pixels if face.crop else None
        except (NotFound, BackendError, ImageError):
            continue
        if pixels is not None:
            ids.append(face.id)
            places.append((pixels, _landmarks_in_crop(face, images[face.image_id], pixels)))
    embeddings = embed([embedder], places)
    return {face_id: by_model[embedder.model_id] for face_id, by_model in zip(ids, embeddings, strict=True)}


def _under_head(parts: Parts, vision: Vision, face_ids: Sequence[FaceId]) -> Mapping[FaceId, Vector]:
    base = vision.base
    with parts.store.read() as tx:
        common, fused = read_fused(tx, base.model_ids, np.array(sorted(face_ids), np.int64))
    if vision.head is None or not len(common):
        return {}
    return {FaceId(i): row for i, row in zip(common.tolist(), vision.head.apply(fused, base.model_id), strict=True)}


def _landmarks_in_crop(face: Face, image: Image, crop: Pixels) -> Landmarks:
    window = crop_window(face.box, image.width, image.height)
    return to_crop(face.landmarks, window, crop.shape[1] / window.width)
