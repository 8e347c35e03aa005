"""From labelled photos to embeddings, without touching the store: of each photo its clearest face."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from personae.core.evaluation import Unused
from personae.engine.analyse import analyse
from personae.engine.ingest import DECODED_SIDE, PICTURES_AT_ONCE
from personae.engine.labels import Labelled
from personae.engine.parts import Parts
from personae.engine.progress import Progress
from personae.errors import ImageError
from personae.types import Digest, Face, FaceRole, ModelId, NewFace, Picture, Reason, Vector

STORED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Photo:
    """A labelled photo whose content is known."""

    labelled: Labelled
    digest: Digest


@dataclass(frozen=True, slots=True)
class Sampled:
    """The clearest face of a photo."""

    digest: Digest
    person: str
    founding: bool
    embeddings: Mapping[ModelId, Vector]
    stored: bool = False
    """Whether they were there already."""


def hash_photos(parts: Parts, labelled: Sequence[Labelled]) -> tuple[list[Photo], list[Unused]]:
    """Return the photos, each content once, and those that cannot be used.

    A photo that was given to two people is not used at all: nobody can say whose it is.
    """
    photos: dict[Digest, Photo] = {}
    unused, disputed = [], set()
    for each in labelled:
        found = _hash(parts, each)
        if isinstance(found, Unused):
            unused.append(found)
            continue
        first = photos.setdefault(found.digest, found)
        if first is found:
            continue
        if first.labelled.person == each.person:
            unused.append(Unused(each.where, "duplicate", f"the photo of {first.labelled.where}"))
        else:
            disputed.add(found.digest)
            unused.append(
                Unused(
                    each.where, "given_to_two_people", f"the photo of {first.labelled.where}, of somebody else there"
                )
            )
    for digest in sorted(disputed):
        unused.append(
            Unused(photos.pop(digest).labelled.where, "given_to_two_people", "given to somebody else further on")
        )
    return list(photos.values()), unused


def sample(parts: Parts, photos: Sequence[Photo], progress: Progress) -> tuple[list[Sampled], list[Unused]]:
    """Return the clearest face of each photo under every enabled model, and the photos that have none.

    Faces that the store has embedded are taken from there; nothing is written.

    Raises:
        ModelError: the models cannot be loaded.
        Cancelled: `progress` was told to stop.
    """
    found: list[Sampled | Unused] = list(_stored(parts, photos))
    known = {each.digest for each in found if isinstance(each, Sampled)}
    fresh = [photo for photo in photos if photo.digest not in known]
    progress.step(len(found), len(photos), "photos")
    with closing(_examined(parts, fresh)) as examined:
        for results in examined:
            found += results
            progress.step(len(found), len(photos), "photos")
    faces = [each for each in found if isinstance(each, Sampled)]
    return faces, [each for each in found if isinstance(each, Unused)]


def _hash(parts: Parts, labelled: Labelled) -> Photo | Unused:
    data = _bytes(parts, labelled.path)
    if isinstance(data, Unused):
        return replace(data, where=labelled.where)
    return Photo(labelled, Digest(hashlib.sha256(data).hexdigest()))


def _bytes(parts: Parts, path: Path) -> bytes | Unused:
    """Return a file's content, or why there is none."""
    limit = parts.rules.max_file_bytes
    try:
        if path.stat().st_size > limit:
            return Unused("", str(Reason.TOO_LARGE), f"larger than {limit} bytes")
        return path.read_bytes()
    except FileNotFoundError:
        return Unused("", "missing", "no such file")
    except OSError as error:
        return Unused("", str(Reason.UNREADABLE), error.strerror or str(error))


# --- from the store ---------------------------------------------------------------------------


def _stored(parts: Parts, photos: Sequence[Photo]) -> Iterator[Sampled]:
    """Yield the faces that are stored with an embedding under every model."""
    for start in range(0, len(photos), STORED_AT_ONCE):
        people = {photo.digest: photo.labelled.person for photo in photos[start : start + STORED_AT_ONCE]}
        for digest, (face, embeddings) in _faces_of(parts, list(people)).items():
            yield Sampled(digest, people[digest], face.role is FaceRole.FOUNDING, embeddings, True)


def _faces_of(parts: Parts, digests: Sequence[Digest]) -> dict[Digest, tuple[Face, dict[ModelId, Vector]]]:
    model_ids = parts.vision().made
    with parts.store.read() as tx:
        images = {image_id: digest for digest, image_id in tx.images.find(digests).items()}
        clearest: dict[Digest, Face] = {}
        for face in tx.faces.of_images(list(images)):
            best = clearest.get(images[face.image_id])
            if face.role is not FaceRole.REFUSED and (best is None or face.quality.score > best.quality.score):
                clearest[images[face.image_id]] = face
        wanted = np.array([face.id for face in clearest.values()], np.int64)
        embeddings = {}
        for model_id in model_ids:
            ids, vectors = tx.faces.embeddings(model_id, wanted)
            embeddings[model_id] = dict(zip(ids.tolist(), vectors, strict=True))
    return {
        digest: (face, {model_id: embeddings[model_id][face.id] for model_id in model_ids})
        for digest, face in clearest.items()
        if all(face.id in embeddings[model_id] for model_id in model_ids)
    }


# --- from the photos --------------------------------------------------------------------------


def _examined(parts: Parts, photos: Sequence[Photo]) -> Generator[list[Sampled | Unused], None, None]:
    """Yield results as the threads bring them."""
    parts.vision()
    with ThreadPoolExecutor(parts.rules.workers) as pool:
        waiting: list[Future[list[Sampled | Unused]]] = [
            pool.submit(_examine, parts, photos[start : start + PICTURES_AT_ONCE])
            for start in range(0, len(photos), PICTURES_AT_ONCE)
        ]
        try:
            for done in as_completed(waiting):
                yield done.result()
        finally:
            # Also when the caller stops: what has not begun shall not begin.
            pool.shutdown(cancel_futures=True)


def _examine(parts: Parts, photos: Sequence[Photo]) -> list[Sampled | Unused]:
    opened = [(photo, _open(parts, photo.labelled)) for photo in photos]
    pictures = [(photo, picture) for photo, picture in opened if isinstance(picture, Picture)]
    found = analyse(parts.vision(), parts.rules.gates, lambda _: b"", [picture for _, picture in pictures])
    faces = [
        _clearest(photo, [analysed.face for analysed in each]) for (photo, _), each in zip(pictures, found, strict=True)
    ]
    return [*faces, *(refusal for _, refusal in opened if isinstance(refusal, Unused))]


def _open(parts: Parts, labelled: Labelled) -> Picture | Unused:
    data = _bytes(parts, labelled.path)
    if isinstance(data, Unused):
        return replace(data, where=labelled.where)
    try:
        return parts.decode(data, DECODED_SIDE)
    except ImageError as error:
        return Unused(labelled.where, error.reason, error.detail)


def _clearest(photo: Photo, faces: Sequence[NewFace]) -> Sampled | Unused:
    usable = [face for face in faces if face.embeddings]
    if not usable:
        reasons = sorted({reason.replace("_", " ") for face in faces for reason in face.reasons})
        detail = f"refused: {', '.join(reasons)}" if reasons else "no face was found"
        return Unused(photo.labelled.where, "no_face", detail)
    best = max(usable, key=lambda face: face.quality.score)
    return Sampled(photo.digest, photo.labelled.person, best.role is FaceRole.FOUNDING, best.embeddings)
