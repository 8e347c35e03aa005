"""What anchors a character, as pictures for a page: source images made smaller, and the faces on them cut out."""

from __future__ import annotations

from personae.core.geometry import crop_scale, crop_window, cut, scale_box
from personae.engine.ingest import DECODED_SIDE
from personae.engine.parts import Parts
from personae.engine.reference import find_character
from personae.errors import ImageError, NotFound
from personae.references import DetectedFaceId, ReferenceId
from personae.types import Box, Digest, Picture

FACE_SIDE = 320
"""Longer side of a face that was cut out, at most, pixels."""


def preview(parts: Parts, reference_id: ReferenceId) -> bytes:
    """Return a source image as a JPEG that any browser shows: upright, reduced, without the photo's other data.

    Raises:
        NotFound: there is no such reference, or its image is gone or cannot be read.
        BackendError: the image is damaged.
    """
    with parts.store.read() as tx:
        digest = tx.references.get(reference_id).digest
    return parts.encode(_decoded(parts, digest).pixels)


def primary_face(parts: Parts, reference_id: ReferenceId) -> bytes:
    """Return the face that anchors a reference, a JPEG.

    Raises:
        NotFound: there is no such reference, it has no primary face, or its image is gone or cannot be read.
        BackendError: the image is damaged.
    """
    with parts.store.read() as tx:
        reference = tx.references.get(reference_id)
    if reference.box is None:
        raise NotFound(f"reference {reference_id} has no primary face")
    return _face(parts, reference.digest, reference.box)


def detected_face(parts: Parts, who: str, face_id: DetectedFaceId) -> bytes:
    """Return a face that was found on a source image of a character, a JPEG.

    Raises:
        NotFound: there is no such character, it has no such face, or the image is gone or cannot be read.
        BackendError: the image is damaged.
    """
    with parts.store.read() as tx:
        character = find_character(tx, who)
        face = tx.references.face(face_id)
        reference = tx.references.get(face.reference_id)
    if reference.person_id != character.person_id:
        raise NotFound(f"{character.name} has no detected face {face_id}")
    return _face(parts, reference.digest, face.box)


def past_face(parts: Parts, who: str, digest: Digest, version: int) -> bytes:
    """Return a face that anchored a character before, a JPEG.

    Args:
        parts: adapters and rules.
        who: the character, by name or #number.
        digest: of the source image, as the history has it.
        version: of the template, as the history has it.

    Raises:
        NotFound: the history has no such face, or its image went when the reference was removed.
        BackendError: the image is damaged.
    """
    with parts.store.read() as tx:
        history = tx.references.history(find_character(tx, who).person_id)
    for past in history:
        if (past.digest, past.version) == (digest, version) and past.reference_id is not None:
            return _face(parts, past.digest, past.box)
    raise NotFound("the history has no picture of this face")


def _face(parts: Parts, digest: Digest, box: Box) -> bytes:
    picture = _decoded(parts, digest)
    height, width = picture.pixels.shape[:2]
    window = crop_window(scale_box(box, picture.scale), width, height)
    return parts.encode(cut(picture.pixels, window, crop_scale(window, FACE_SIDE)))


def _decoded(parts: Parts, digest: Digest) -> Picture:
    try:
        return parts.decode(parts.pictures.get(digest), DECODED_SIDE)
    except ImageError as error:
        raise NotFound(f"the source image cannot be shown: {error.detail}") from error
