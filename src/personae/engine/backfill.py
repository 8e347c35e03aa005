"""Make the embeddings that faces lack under an enabled model, from their stored crops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from personae.core.geometry import crop_window, to_crop
from personae.engine.analyse import embed
from personae.engine.ingest import DECODED_SIDE
from personae.engine.parts import Parts
from personae.errors import BackendError, ImageError, NotFound
from personae.ports import Embedder
from personae.types import Face, FaceId, Image, Landmarks, Pixels, Vector

FACES_AT_ONCE = 256
"""Faces in one transaction."""


def backfill(parts: Parts) -> int:
    """Embed every face under every enabled model it lacks; return how many could not be, for want of their crop."""
    left = 0
    for embedder in parts.vision().embedders:
        with parts.store.read() as tx:
            lacking = tx.faces.lacking(embedder.model_id)
        for start in range(0, len(lacking), FACES_AT_ONCE):
            left += _embed_some(parts, embedder, lacking[start : start + FACES_AT_ONCE])
    return left


def _embed_some(parts: Parts, embedder: Embedder, face_ids: Sequence[FaceId]) -> int:
    with parts.store.read() as tx:
        faces = tx.faces.get(face_ids)
        images = {image.id: image for image in tx.images.get([face.image_id for face in faces])}
    vectors = _from_crops(parts, embedder, [(face, images[face.image_id]) for face in faces])
    with parts.store.write() as tx:
        tx.faces.add_embeddings(embedder.model_id, vectors)
    return len(face_ids) - len(vectors)


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
