"""From decoded pictures to faces with quality, crop and embeddings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from personae.core.compare import fuse_vectors
from personae.core.geometry import align, crop_scale, crop_window, cut, rescale, scale_box
from personae.core.quality import Gates, judge, measure
from personae.engine.parts import Vision
from personae.ports import Embedder, Files
from personae.types import Detection, FaceRole, Landmarks, ModelId, NewFace, Picture, Pixels, Vector

CHIPS_AT_ONCE = 32
"""Aligned faces in one run of an embedder: enough to fill a processor, little enough to bound memory."""


@dataclass(frozen=True, slots=True)
class Analysed:
    """A face of one picture, before it is stored."""

    face: NewFace
    crop: bytes
    """JPEG."""


def analyse(vision: Vision, gates: Gates, encode: Callable[[Pixels], bytes],
            pictures: Sequence[Picture]) -> list[list[Analysed]]:  # fmt: skip
    """Detect, judge, cut out and embed the faces of several pictures.

    Args:
        vision: the models.
        gates: what a face must be.
        encode: RGB pixels -> JPEG bytes, for the crops.
        pictures: decoded images; the embedder runs once over the faces of all of them.

    Returns:
        A list per picture, best det_score first; refused faces are in it, without embeddings.
    """
    found = [[examine(picture, detection, gates, encode) for detection in vision.detector.detect(picture.pixels)]
             for picture in pictures]  # fmt: skip
    wanted = [
        (i, j)
        for i, faces in enumerate(found)
        for j, (_, analysed) in enumerate(faces)
        if analysed.face.role is not FaceRole.REFUSED
    ]
    places = [(pictures[i].pixels, found[i][j][0].landmarks) for i, j in wanted]
    results = [[analysed for _, analysed in faces] for faces in found]
    for (i, j), embeddings in zip(wanted, embed_all(vision, places), strict=True):
        analysed = results[i][j]
        results[i][j] = replace(analysed, face=replace(analysed.face, embeddings=embeddings))
    return results


def embed_all(vision: Vision, places: Sequence[tuple[Pixels, Landmarks]]) -> list[dict[ModelId, Vector]]:
    """Return the embeddings of faces under each embedder, and under the head where there is one.

    Args:
        vision: the models.
        places: as `embed` takes them.
    """
    results = embed(vision.embedders, places)
    if vision.head is not None and results:
        fused = fuse_vectors([np.stack([each[i] for each in results]) for i in vision.base.model_ids])
        for result, vector in zip(results, vision.head.apply(fused, vision.base.model_id), strict=True):
            result[vision.model_ids[0]] = vector
    return results


def embed(embedders: Sequence[Embedder],
          places: Sequence[tuple[Pixels, Landmarks]]) -> list[dict[ModelId, Vector]]:  # fmt: skip
    """Return the embeddings of faces under each of `embedders`.

    Args:
        embedders: the models.
        places: pixels, and the landmarks of a face in their coordinates.
    """
    results: list[dict[ModelId, Vector]] = [{} for _ in places]
    for embedder in embedders:
        for start in range(0, len(places), CHIPS_AT_ONCE):
            part = places[start : start + CHIPS_AT_ONCE]
            chips = np.stack(
                [align(pixels, landmarks, embedder.template, embedder.input_side) for pixels, landmarks in part]
            )
            for result, vector in zip(results[start:], embedder.embed(chips), strict=False):
                result[embedder.model_id] = vector
    return results


def examine(picture: Picture, detection: Detection, gates: Gates,
             encode: Callable[[Pixels], bytes]) -> tuple[Detection, Analysed]:  # fmt: skip
    """Judge one detection; return it with its face, without embeddings, in coordinates of the full-size image."""
    to_full = 1 / picture.scale
    box, landmarks = scale_box(detection.box, to_full), rescale(detection.landmarks, to_full)
    quality = measure(picture.pixels, detection, picture.scale)
    role, reasons = judge(gates, quality, detection.det_score, min(picture.width, picture.height))
    face = NewFace(box, landmarks, detection.det_score, quality, role, reasons)
    height, width = picture.pixels.shape[:2]
    window = crop_window(detection.box, width, height)
    return detection, Analysed(face, encode(cut(picture.pixels, window, crop_scale(window))))


def keep_crops(crops: Files, faces: Sequence[Analysed]) -> tuple[NewFace, ...]:
    """Store the crops and return the faces with their digests."""
    return tuple(replace(analysed.face, crop=crops.put(analysed.crop)) for analysed in faces)
