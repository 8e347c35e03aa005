"""The page of a character: its source images, which face counts, what came before; and what is done to them."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Query, Request, Response, UploadFile
from fastapi.responses import HTMLResponse

from personae.engine.facade import Engine
from personae.references import ReferenceStatus
from personae.web.api.ids import LARGEST_ID, CharacterNumber, ReferenceNumber
from personae.web.pages.character_checks import latest_checks
from personae.web.pages.character_views import (
    PAST_SHOWN,
    CharacterView,
    character_view,
    on_picture,
    own_reference,
    replaced,
)
from personae.web.pages.deps import PageEngine, PageReader, PageWriter
from personae.web.pages.render import Back, by_htmx, fragment, page, redirect, say
from personae.web.uploads import read_picture

router = APIRouter(prefix="/characters", dependencies=[PageReader], include_in_schema=False)
DISMISSED = "dismissed"
"""Cookie with the warnings that were seen."""
WARNINGS = 60
WARNINGS_SECONDS = 365 * 24 * 3600


@router.get("/{character_id}")
def show_character(request: Request, engine: PageEngine, character_id: CharacterNumber) -> Response:
    """Show a character."""
    shown = character_view(engine, character_id)
    values = latest_checks(engine, character_id) | _anchors(request, shown)
    return page(request, "character", **values)


@router.get("/{character_id}/references")
def show_references(
    request: Request,
    engine: PageEngine,
    character_id: CharacterNumber,
    seen: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """Show the references of a character as they are now: a part of its page; `seen`: what it shows already."""
    if not by_htmx(request):
        return redirect(request, f"/characters/{character_id}")
    values = _anchors(request, character_view(engine, character_id))
    # Nothing moves under whoever reads it while there is nothing new.
    return Response(status_code=204) if seen == values["stamp"] else fragment(request, "character_anchors", **values)


@router.post("/{character_id}/references", dependencies=[PageWriter])
def put_reference(
    request: Request,
    engine: PageEngine,
    character_id: CharacterNumber,
    picture: Annotated[UploadFile, File()],
    label: Annotated[str, Form(max_length=300)] = "",
) -> Response:
    """Put a source image, in place of the one of the same label."""
    who = f"#{character_id}"
    before = {each.label for each in engine.reference_status(who).references}
    made = engine.set_reference(who, read_picture(engine, picture), label)
    words = "The picture is replaced; the one before is in the history." if made.label in before else "Picture taken."
    return _done(request, engine, character_id, words)


@router.post("/{character_id}/select-face", dependencies=[PageWriter])
def select_face(
    request: Request,
    engine: PageEngine,
    character_id: CharacterNumber,
    face_id: Annotated[int, Form(ge=1, le=LARGEST_ID)],
) -> Response:
    """Make a detected face the one that anchors its reference."""
    who = f"#{character_id}"
    back = _chosen_before(engine, character_id, face_id)
    chosen = engine.select_face(who, face_id)
    counted = enumerate(on_picture(engine.detected_faces(who), chosen.id), 1)
    number = next((number for number, face in counted if face.id == face_id), 0)
    return _done(request, engine, character_id, f"Face {number} is the reference now.", back)


@router.post("/{character_id}/references/{reference_id}/extract", dependencies=[PageWriter])
def extract_reference(
    request: Request, engine: PageEngine, character_id: CharacterNumber, reference_id: ReferenceNumber
) -> Response:
    """Look for the faces of a source image again."""
    engine.extract_reference(own_reference(engine, character_id, reference_id).id)
    return _done(request, engine, character_id, "The faces are looked for again.")


@router.post("/{character_id}/references/{reference_id}/remove", dependencies=[PageWriter])
def remove_reference(
    request: Request, engine: PageEngine, character_id: CharacterNumber, reference_id: ReferenceNumber
) -> Response:
    """Remove a reference with its pictures."""
    reference = own_reference(engine, character_id, reference_id)
    engine.remove_reference(f"#{character_id}", reference.label)
    return _done(request, engine, character_id, f"The reference {reference.label or 'without a label'} is removed.")


@router.post("/{character_id}/references/{reference_id}/dismiss")
def dismiss_warning(
    request: Request, engine: PageEngine, character_id: CharacterNumber, reference_id: ReferenceNumber
) -> Response:
    """Show the warning of a reference no more to this browser, until another face or picture takes its place."""
    shown = character_view(engine, character_id)
    versions = [each.version for each in shown.references if each.reference.id == reference_id]
    answer = HTMLResponse("") if by_htmx(request) else redirect(request, f"/characters/{character_id}")
    kept = [*dismissed(request), *versions][-WARNINGS:]
    answer.set_cookie(DISMISSED, ".".join(kept), max_age=WARNINGS_SECONDS, samesite="lax", httponly=True)
    return answer


@router.post("/{character_id}/delete", dependencies=[PageWriter])
def delete_character(request: Request, engine: PageEngine, character_id: CharacterNumber) -> Response:
    """Remove a character with all that anchors it."""
    found = engine.reference_status(f"#{character_id}")
    operation = engine.delete_character(f"#{character_id}")
    words = f"{found.name} is deleted. Undo brings the name back, without its pictures."
    return say(redirect(request, "/characters"), words, operation.id)


@router.get("/{character_id}/history")
def show_history(
    request: Request,
    engine: PageEngine,
    character_id: CharacterNumber,
    first: Annotated[int, Query(ge=0, le=LARGEST_ID)] = 0,
) -> Response:
    """Show what anchored a character before, latest first."""
    found = engine.reference_status(f"#{character_id}")
    past = replaced(engine, found)
    more = first + PAST_SHOWN if len(past) > first + PAST_SHOWN else None
    return page(
        request, "character_history", character_id=found.person_id, name=found.name, next=more,
        past=past[first : first + PAST_SHOWN],
    )  # fmt: skip


def _chosen_before(engine: Engine, character_id: int, face_id: int) -> Back | None:
    """Return the form that chooses the face that counts as yet; None: none was chosen, or it is this one."""
    faces = engine.detected_faces(f"#{character_id}")
    wanted = next((face for face in faces if face.id == face_id), None)
    if wanted is None or engine.reference(wanted.reference_id).status is ReferenceStatus.MULTI_FACE_PENDING:
        return None
    for face in faces:
        if face.reference_id == wanted.reference_id and face.is_primary and face.id != face_id:
            return Back(f"/characters/{character_id}/select-face", {"face_id": str(face.id)}, "#anchors")
    return None


def _done(request: Request, engine: Engine, character_id: int, words: str, back: Back | None = None) -> Response:
    """Return the references as they are now; without scripts, the whole page."""
    if not by_htmx(request):
        return say(redirect(request, f"/characters/{character_id}"), words)
    values = _anchors(request, character_view(engine, character_id))
    return say(fragment(request, "character_anchors", **values), words, back=back)


def _anchors(request: Request, shown: CharacterView) -> dict[str, Any]:
    """Return what the part of the page with the references is given."""
    seen = dismissed(request)
    stamp = hashlib.sha256(repr((shown, seen)).encode("utf-8", "replace")).hexdigest()[:16]
    return {"character": shown, "dismissed": seen, "stamp": stamp}


def dismissed(request: Request) -> list[str]:
    """Return the versions of references whose warning this browser need not show."""
    return [each for each in request.cookies.get(DISMISSED, "").split(".") if each]
