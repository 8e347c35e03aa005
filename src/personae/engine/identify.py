"""Who is this? Are these two the same? What faces are in this picture?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np

from personae.core.assign import Candidate, decide, rank
from personae.core.compare import cosine, fuse_scores
from personae.core.probability import Question
from personae.core.search import nearest
from personae.engine.analyse import analyse
from personae.engine.chances import chance, chances
from personae.engine.copies import PREVIEW_SIDE, encode_within
from personae.engine.follow import open_indexes
from personae.engine.ingest import DECODED_SIDE
from personae.engine.parts import Parts
from personae.engine.preferences import rules_now
from personae.engine.review import NOISE_LABEL, get_face
from personae.engine.thresholds import thresholds
from personae.engine.walk import user_path
from personae.errors import ImageError, InputError, NotFound
from personae.ports import Transaction, VectorIndex
from personae.types import Box, DecisionKind, FaceId, FaceRole, ModelId, NewFace, Outcome, Picture

Photo = str | Path | bytes
"""A file, or the bytes of one."""

NEIGHBOURS = 100
"""Nearest faces from which the candidates are made."""
CANDIDATES = 5
"""Candidates that a receipt lists."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """One candidate of a receipt."""

    label: str
    """The person's name, unknown_cluster_N, or unknown_noise_FACEID."""
    person_id: int | None
    score: float
    support: int
    """Faces among the nearest that speak for it."""
    face_id: int
    """Its face that is nearest."""
    cluster_id: int | None
    """Set for an unknown group."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One face of a probe photo, and the receipt of the decision on it."""

    box: Box
    det_score: float
    reasons: tuple[str, ...]
    """What the quality gates had to say."""
    outcome: Outcome
    who: str | None
    """Label of the best candidate, for match and review."""
    score: float | None
    runner_up: float | None
    probability: float | None
    """That it is the best candidate; None: it was not learnt how often such scores are right."""
    match_threshold: float
    review_threshold: float
    model_id: str
    candidates: tuple[Suspect, ...]

    @property
    def margin(self) -> float | None:
        """How far the best candidate is ahead of the next."""
        return None if self.score is None or self.runner_up is None else self.score - self.runner_up


@dataclass(frozen=True, slots=True)
class Looked:
    """A photo that was looked at and not kept."""

    width: int
    """Of the upright photo at full size, pixels; boxes are in these."""
    height: int
    copy: bytes
    """The photo, reduced: a JPEG."""
    faces: tuple[tuple[Sighting, bytes], ...]
    """From left to right, each with its own picture, a JPEG."""
    refused: tuple[tuple[Box, tuple[str, ...]], ...]
    """Faces that the gates refuse, and why."""


class ExtractedFace(TypedDict):
    """One face, as JSON."""

    bounding_box: dict[str, float]
    confidence: float
    embedding: list[float]


class Extract(TypedDict):
    """The faces of one image, as JSON."""

    faces: list[ExtractedFace]
    count: int
    model_id: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """A 1:1 comparison of the clearest face of each of two pictures."""

    same: bool
    score: float
    probability: float | None
    """That it is one person; None: it was not learnt how often such scores are right."""
    threshold: float
    model_id: str
    scores: Mapping[str, float]
    """By model."""
    boxes: tuple[Box, Box]
    face_counts: tuple[int, int]


def read_picture(parts: Parts, path: Photo) -> Picture:
    """Decode one image file.

    Raises:
        InputError: the file cannot be read.
        ImageError: it is no picture, or a broken one; the sentence names the file.
    """
    if isinstance(path, bytes):
        return parts.decode(path, DECODED_SIDE)
    place = user_path(path)
    try:
        if place.stat().st_size > parts.rules.max_file_bytes:
            raise InputError(f"{place}: larger than {parts.rules.max_file_bytes} bytes")
        return parts.decode(place.read_bytes(), DECODED_SIDE)
    except OSError as error:
        raise InputError(f"{place}: {error.strerror or error}") from error
    except ImageError as error:
        raise ImageError(error.reason, f"{place}: {error.detail}") from error


def faces_in(parts: Parts, path: Photo) -> list[NewFace]:
    """Return the faces of one image file, best first; those that the gates refuse have no embeddings.

    Raises:
        InputError: the file cannot be read, or (ImageError) is no picture.
    """
    picture = read_picture(parts, path)
    found = analyse(parts.vision(), parts.rules.gates, parts.encode, [picture])[0]
    return [analysed.face for analysed in found]


def who(parts: Parts, photo: Photo) -> list[Sighting]:
    """Say who is in a photo: every face that is not refused, with candidates and a receipt.

    Raises:
        InputError: the file cannot be read, or (ImageError) is no picture.
    """
    parts = parts.steady()
    faces = [face for face in faces_in(parts, photo) if face.role is not FaceRole.REFUSED]
    indexes = open_indexes(parts) if faces else {}
    return [_sighting(parts, indexes, face) for face in faces]


def look(parts: Parts, photo: bytes) -> Looked:
    """Say who is in a photo, with pictures to show: of the photo, and of every face.

    Args:
        parts: the outfit.
        photo: a whole file; nothing of it is kept.

    Raises:
        ImageError: it is no picture.
    """
    parts = parts.steady()
    picture = read_picture(parts, photo)
    found = analyse(parts.vision(), parts.rules.gates, parts.encode, [picture])[0]
    found.sort(key=lambda analysed: analysed.face.box.x)
    used = [analysed for analysed in found if analysed.face.role is not FaceRole.REFUSED]
    indexes = open_indexes(parts) if used else {}
    return Looked(
        picture.width, picture.height, encode_within(parts, picture, PREVIEW_SIDE),
        tuple((_sighting(parts, indexes, analysed.face), analysed.crop) for analysed in used),
        tuple((analysed.face.box, tuple(analysed.face.reasons)) for analysed in found if not analysed.face.embeddings),
    )  # fmt: skip


def likely(parts: Parts, face_id: int, limit: int = 3) -> list[Suspect]:
    """Return the people whom a face in the store may show, best first, without those it was said not to be.

    Args:
        parts: the outfit.
        face_id: of a face; of one that was refused there is nothing to say.
        limit: how many at most.

    Raises:
        NotFound: there is no such face.
    """
    wanted = np.array([face_id], np.int64)
    parts = parts.steady()
    model_ids = parts.vision().model_ids
    with parts.store.read() as tx:
        get_face(tx, FaceId(face_id))
        probe = {model_id: tx.faces.embeddings(model_id, wanted)[1] for model_id in model_ids}
    if not all(len(rows) for rows in probe.values()):
        return []
    found, scores = nearest(
        open_indexes(parts), {model_id: rows[0] for model_id, rows in probe.items()}, NEIGHBOURS + 1
    )
    others = found != face_id
    with parts.store.read() as tx:
        review = thresholds(tx, parts.vision()).review
        rejected = {int(tx.people.now(said.person_id)) for said in tx.decisions.active([FaceId(face_id)])
                    if said.kind is DecisionKind.REJECT and said.person_id is not None}  # fmt: skip
        ranked = rank(found[others], scores[others], *tx.faces.identities(found[others]), rejected)
        people = [each for each in ranked if each.person_id is not None and each.score >= review]
        return [_suspect(tx, each) for each in people[:limit]]


def candidates(tx: Transaction, indexes: Mapping[ModelId, VectorIndex], face: NewFace) -> list[Candidate]:
    """Return who a face may be, best first: people and unknown groups near it under all the models, fused."""
    face_ids, scores = nearest(indexes, {model_id: face.embeddings[model_id] for model_id in indexes}, NEIGHBOURS)
    people, clusters = tx.faces.identities(face_ids)
    return rank(face_ids, scores, people, clusters)


def verify(parts: Parts, first: Photo, second: Photo) -> Comparison:
    """Compare the clearest faces of two image files 1:1.

    Raises:
        InputError: a file cannot be read, or (ImageError) is no picture.
        NotFound: one of them shows no usable face.
    """
    parts = parts.steady()
    a, b = _usable(parts, first), _usable(parts, second)
    best_a, best_b = (max(faces, key=lambda face: face.quality.score) for faces in (a, b))
    vision = parts.vision()
    scores = {str(model_id): cosine(best_a.embeddings[model_id], best_b.embeddings[model_id])
              for model_id in vision.model_ids}  # fmt: skip
    score, threshold = fuse_scores(scores), vision.thresholds.verify
    with parts.store.read() as tx:
        probability = chance(chances(tx, vision.model_id), Question.PAIR, score)
    return Comparison(
        score >= threshold, score, probability, threshold, vision.model_id, scores, (best_a.box, best_b.box),
        (len(a), len(b)),
    )  # fmt: skip


def extract(parts: Parts, image: Photo, model_id: str | None = None) -> Extract:
    """Return the faces of one image with their embeddings under one model, by default the first enabled.

    Raises:
        InputError: the file cannot be read, or (ImageError) is no picture; or the model is not enabled.
    """
    parts = parts.steady()
    enabled = parts.vision().model_ids
    chosen = ModelId(model_id) if model_id else enabled[0]
    if chosen not in enabled:
        raise InputError(f"{chosen} is not enabled; enabled: {', '.join(enabled)}")
    faces = [face for face in faces_in(parts, image) if face.embeddings]
    rows: list[ExtractedFace] = [
        {
            "bounding_box": {"x": face.box.x, "y": face.box.y, "width": face.box.width, "height": face.box.height},
            "confidence": face.det_score,
            "embedding": [float(component) for component in face.embeddings[chosen]],
        }
        for face in faces
    ]
    return {"faces": rows, "count": len(rows), "model_id": chosen}


def _usable(parts: Parts, path: Photo) -> list[NewFace]:
    faces = [face for face in faces_in(parts, path) if face.embeddings]
    if not faces:
        raise NotFound(f"{'a picture' if isinstance(path, bytes) else path}: no usable face")
    return faces


def _sighting(parts: Parts, indexes: Mapping[ModelId, VectorIndex], face: NewFace) -> Sighting:
    vision = parts.vision()
    with parts.store.read() as tx:
        rules = rules_now(tx, parts.rules)
        ranked = candidates(tx, indexes, face)
        suspects = tuple(_suspect(tx, candidate) for candidate in ranked[:CANDIDATES])
        review = thresholds(tx, vision).review
        learnt = chances(tx, vision.model_id)
    verdict = decide(ranked, match=rules.match_threshold, review=review)
    return Sighting(
        box=face.box,
        det_score=face.det_score,
        reasons=tuple(face.reasons),
        outcome=verdict.outcome,
        who=suspects[0].label if verdict.outcome is not Outcome.UNKNOWN else None,
        score=verdict.score,
        runner_up=verdict.runner_up,
        probability=chance(learnt, Question.SEARCH, verdict.score),
        match_threshold=rules.match_threshold,
        review_threshold=review,
        model_id=vision.model_id,
        candidates=suspects,
    )


def _suspect(tx: Transaction, candidate: Candidate) -> Suspect:
    if candidate.person_id is not None:
        label = tx.people.get(candidate.person_id).name
    elif candidate.cluster_id is not None:
        label = tx.clusters.get(candidate.cluster_id).label
    else:
        label = f"{NOISE_LABEL}{candidate.face_id}"
    return Suspect(
        label, candidate.person_id, candidate.score, candidate.support, candidate.face_id, candidate.cluster_id
    )
