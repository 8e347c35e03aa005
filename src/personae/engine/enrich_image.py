"""One photo that a source offers: which face is kept, and why not."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from personae.core.quality import Gates
from personae.engine.analyse import Analysed, embed_all, examine
from personae.engine.ingest import DECODED_SIDE
from personae.errors import ImageError
from personae.records import ImageRef, SourceSpec, Trust
from personae.types import Detection, Digest, FaceRole, NewImage, Picture, Reason

if TYPE_CHECKING:
    from personae.engine.parts import Parts

NO_FACE = "no_face"
SEVERAL_FACES = "several_faces"
WRONG_SHA256 = "wrong_sha256"
EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A photo as it came from the source, or why it did not."""

    ref: ImageRef
    data: bytes = b""
    reason: str = ""
    """Why there are no bytes."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What one photo is worth: a face to be kept, or the reason why none is."""

    ref: ImageRef
    reason: str = ""
    """Empty: `face` is there."""
    also: tuple[str, ...] = ()
    """Every reason that the gates gave, for each face they refused."""
    image: NewImage | None = None
    """The photo, without its faces."""
    face: Analysed | None = None

    @property
    def usable(self) -> bool:
        """Whether a face is kept."""
        return self.face is not None


@dataclass(frozen=True, slots=True)
class _Choice:
    """A face that passed, before it is embedded."""

    detection: Detection
    analysed: Analysed
    picture: Picture


def examine_photos(parts: Parts, gates: Gates, spec: SourceSpec, fetched: Sequence[Fetched]) -> list[Examined]:
    """Find the face to keep in each photo of one person.

    Several faces in a photo of a trusted source that prefers single ones refuse the photo: nobody says which it is.
    Otherwise the largest of those that pass the gates is taken. Faces of bystanders are neither embedded nor kept.

    Args:
        parts: decoder, models and limits.
        gates: what a face must be.
        spec: the source's trust, and whether it prefers single faces.
        fetched: the photos; the embedders run once over the faces of all of them.

    Returns:
        One answer a photo, in the same order; what cannot be read is refused with its reason.
    """
    found = [_choose(parts, gates, spec, photo) for photo in fetched]
    chosen = [choice for _, choice in found if choice is not None]
    places = [(choice.picture.pixels, choice.detection.landmarks) for choice in chosen]
    embedded = iter(embed_all(parts.vision(), places))
    results = []
    for examined, choice in found:
        if choice is None:
            results.append(examined)
        else:
            face = replace(choice.analysed.face, embeddings=next(embedded))
            results.append(replace(examined, face=replace(choice.analysed, face=face)))
    return results


def _choose(parts: Parts, gates: Gates, spec: SourceSpec, photo: Fetched) -> tuple[Examined, _Choice | None]:
    """Decode, detect and judge one photo; the face to keep comes without embeddings."""
    refused = _unusable(parts, photo)
    if refused:
        return Examined(photo.ref, refused), None
    try:
        picture = parts.decode(photo.data, DECODED_SIDE)
    except ImageError as error:
        return Examined(photo.ref, str(error.reason)), None
    vision = parts.vision()
    found = [examine(picture, each, gates, parts.encode) for each in vision.detector.detect(picture.pixels)]
    if len(found) > 1 and spec.trust is Trust.HIGH and spec.prefer_single_face:
        return Examined(photo.ref, SEVERAL_FACES), None
    passing = [each for each in found if each[1].face.role is not FaceRole.REFUSED]
    reasons = tuple(str(reason) for _, each in found if each.face.role is FaceRole.REFUSED
                    for reason in each.face.reasons)  # fmt: skip
    if not passing:
        return Examined(photo.ref, _main_reason(found), reasons), None
    detection, analysed = max(passing, key=lambda each: _area(each[1]))
    image = NewImage(
        Digest(hashlib.sha256(photo.data).hexdigest()), len(photo.data), picture.width, picture.height,
        picture.format, vision.detector.model_id, gates.name, taken_at=picture.taken_at,
    )  # fmt: skip
    return Examined(photo.ref, "", reasons, image), _Choice(detection, analysed, picture)


def _unusable(parts: Parts, photo: Fetched) -> str:
    """Return why the bytes cannot be used, as far as that shows unread; empty when they can."""
    if photo.reason:
        return photo.reason
    if len(photo.data) > parts.rules.max_file_bytes:
        return Reason.TOO_LARGE.value
    if photo.ref.sha256 and hashlib.sha256(photo.data).hexdigest() != photo.ref.sha256.lower():
        return WRONG_SHA256
    return ""


def _main_reason(found: Sequence[tuple[Detection, Analysed]]) -> str:
    """Return why the largest face was refused."""
    if not found:
        return NO_FACE
    return str(max((each for _, each in found), key=_area).face.reasons[0])


def _area(analysed: Analysed) -> float:
    return analysed.face.box.width * analysed.face.box.height
