"""Make the embeddings that faces lack under an enabled model, from their stored crops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from personae.core.geometry import crop_window, to_crop
from personae.engine.analyse import embed
from personae.engine.ingest import DECODED_SIDE
from personae.engine.parts import Parts
from personae.engine.progress import NOBODY, Progress
from personae.errors import BackendError, ImageError, InputError, NotFound
from personae.ports import Embedder
from personae.types import Face, FaceId, Image, Landmarks, Pixels, Vector

FACES_AT_ONCE = 256
"""Faces in one transaction."""


@dataclass(frozen=True, slots=True)
class BackfillSummary:
    """What one backfill did, counted in embeddings."""

    embedded: int
    without_crop: int
    """Could not be made, since the face's crop is gone."""
    left: int
    """Not tried, because of the limit."""


def backfill(parts: Parts, limit: int | None = None, progress: Progress = NOBODY) -> BackfillSummary:
    """Embed every face under every enabled model it lacks.

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
    with parts.store.read() as tx:
        lacking = [(embedder, face_id) for embedder in parts.vision().embedders
                   for face_id in tx.faces.lacking(embedder.model_id)]  # fmt: skip
    tried = lacking[:limit]
    embedded = done = 0
    for embedder, pairs in groupby(tried, key=lambda pair: pair[0]):
        face_ids = [face_id for _, face_id in pairs]
        for start in range(0, len(face_ids), FACES_AT_ONCE):
            progress.step(done, len(tried), "embedding")
            some = face_ids[start : start + FACES_AT_ONCE]
            embedded += _embed_some(parts, embedder, some, progress)
            done += len(some)
    if tried:
        progress.step(done, len(tried), "embedding")
    return BackfillSummary(embedded, len(tried) - embedded, len(lacking) - len(tried))


def _embed_some(parts: Parts, embedder: Embedder, face_ids: Sequence[FaceId], progress: Progress) -> int:
    """Embed some faces under one model; return how many could be."""
    with parts.store.read() as tx:
        faces = tx.faces.get(face_ids)
        images = {image.id: image for image in tx.images.get([face.image_id for face in faces])}
    vectors = _from_crops(parts, embedder, [(face, images[face.image_id]) for face in faces])
    with parts.store.write() as tx:
        progress.hold(tx)
        tx.faces.add_embeddings(embedder.model_id, vectors)
    return len(vectors)


def _from_crops(parts: Parts, embedder: Embedder, faces: Sequence[tuple[Face, Image]]) -> Mapping[FaceId, Vector]:
    ids: list[FaceId] = []
    places: list[tuple[Pixels, Landmarks]] = []
    for face, image in faces:
        try:
            pixels = parts.decode(parts.crops.get(face.crop), DECODED_SIDE).pixels if face.crop else None
        except (NotFound, BackendError, ImageError):
            continue
        if pixels is not None:
            ids.append(face.id)
            places.append((pixels, _landmarks_in_crop(face, image, pixels)))
    embeddings = embed([embedder], places)
    return {face_id: by_model[embedder.model_id] for face_id, by_model in zip(ids, embeddings, strict=True)}


def _landmarks_in_crop(face: Face, image: Image, crop: Pixels) -> Landmarks:
    window = crop_window(face.box, image.width, image.height)
    return to_crop(face.landmarks, window, crop.shape[1] / window.width)
