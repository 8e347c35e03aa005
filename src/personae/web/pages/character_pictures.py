"""The pictures on the pages of characters: source images made smaller, and the faces cut out of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from personae.web.api.ids import LARGEST_ID, CharacterNumber, Id, ReferenceNumber
from personae.web.pages.character_views import own_reference
from personae.web.pages.deps import PageEngine, PageReader

router = APIRouter(prefix="/characters", dependencies=[PageReader], include_in_schema=False)
FOREVER = {"Cache-Control": "private, max-age=604800, immutable"}
"""Their addresses, in the templates, change with what they show."""
Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]
Version = Annotated[int, Path(ge=0, le=LARGEST_ID)]


@router.get("/{character_id}/references/{reference_id}/preview")
def show_preview(engine: PageEngine, character_id: CharacterNumber, reference_id: ReferenceNumber) -> Response:
    """Return a source image, reduced."""
    return _jpeg(engine.reference_preview(own_reference(engine, character_id, reference_id).id))


@router.get("/{character_id}/references/{reference_id}/face")
def show_face(engine: PageEngine, character_id: CharacterNumber, reference_id: ReferenceNumber) -> Response:
    """Return the face that anchors a reference."""
    return _jpeg(engine.reference_face(own_reference(engine, character_id, reference_id).id))


@router.get("/{character_id}/faces/{face_id}")
def show_detected_face(engine: PageEngine, character_id: CharacterNumber, face_id: Id) -> Response:
    """Return a face that was found on a source image."""
    return _jpeg(engine.detected_face(f"#{character_id}", face_id))


@router.get("/{character_id}/past/{digest}/{version}")
def show_past_face(engine: PageEngine, character_id: CharacterNumber, digest: Digest, version: Version) -> Response:
    """Return a face that anchored a character before."""
    return _jpeg(engine.past_face(f"#{character_id}", digest, version))


@router.get("/checked/{digest}")
def show_checked(engine: PageEngine, digest: Digest) -> Response:
    """Return the small copy of a picture that was held against a character."""
    return _jpeg(engine.checked_picture(digest))


def _jpeg(data: bytes) -> Response:
    return Response(data, media_type="image/jpeg", headers=FOREVER)
