"""One photo: every face with its receipt, and saying who it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from pydantic import BaseModel, Field

from personae.album import reason_words
from personae.engine.facade import Engine
from personae.engine.photos import SeenFace, SeenPhoto
from personae.engine.review import MAX_NAME, NOISE_LABEL
from personae.errors import ModelError, NotFound
from personae.types import DecisionKind, Maker, Operation
from personae.web.api.ids import LARGEST_ID, FaceNumber, ImageNumber
from personae.web.pages.deps import PageEngine, PageReader, PageWriter
from personae.web.pages.photo_filters import Wanted, WantedDep
from personae.web.pages.receipts import Fact, facts, group_words, shown_in, why
from personae.web.pages.render import by_htmx, fragment, page, redirect, say
from personae.web.places import file_name, without_places

router = APIRouter(prefix="/photos", dependencies=[PageReader])

PersonField = Annotated[int, Form(ge=1, le=LARGEST_ID)]


class Naming(BaseModel):
    """Who a face is."""

    name: str = Field(max_length=MAX_NAME * 4)
    person_id: str = Field(default="", max_length=20)
    """Of who was chosen from those proposed; empty: by name."""


@dataclass(frozen=True, slots=True)
class Card:
    """A face of the list beside the photo."""

    seen: SeenFace
    number: int
    """As the photo shows it, and the key that leads to it."""
    why: str
    facts: tuple[Fact, ...]
    group: str
    """The unknown group that it is in, in words; empty: it is somebody's, or in none."""
    settled: bool
    """Whether a person has said who it is."""


@router.get("/{image_id}", name="photo")
def show_photo(request: Request, engine: PageEngine, image_id: ImageNumber, wanted: WantedDep) -> Response:
    """Show one photo, and lead to those beside it in the list that is asked for."""
    if by_htmx(request):
        return _faces(request, engine, image_id, wanted)
    photo, taken_in = engine.photos.one(image_id)
    beside = engine.photos.beside(image_id, wanted.which)
    image = photo.image
    names = [file_name(uri) for uri in image.uris]
    return page(
        request, "photo", photo=photo, cards=cards_of(photo), shown=shown_in(photo), beside=beside,
        query=wanted.asked.query(), taken_in=taken_in, taken=image.taken_at, names=names,
        trouble=reason_words(image.reason) if image.reason else "", detail=without_places(image.detail),
    )  # fmt: skip


@router.get("/{image_id}/faces/{face_id}/likely", name="likely")
def show_likely(
    request: Request, engine: PageEngine, image_id: ImageNumber, face_id: FaceNumber, wanted: WantedDep
) -> Response:
    """Show whom an unknown face may show."""
    seen = _face_of(engine, image_id, face_id)
    try:
        found = engine.likely(face_id) if seen.who is None and not seen.refused else []
    except ModelError:
        # Without the models nothing can be proposed; the name can be given all the same.
        found = []
    return fragment(
        request, "photo_likely", image_id=image_id, face_id=face_id, likely=found, query=wanted.asked.query()
    )


@router.post("/{image_id}/faces/{face_id}/name", name="photo_name", dependencies=[PageWriter])
def name_face(
    request: Request, engine: PageEngine, image_id: ImageNumber, face_id: FaceNumber, wanted: WantedDep,
    said: Annotated[Naming, Form()],
) -> Response:  # fmt: skip
    """Say by name who a face is; who is not known yet is made."""
    _face_of(engine, image_id, face_id)
    if said.person_id.isdecimal():
        done = engine.merge(f"{NOISE_LABEL}{face_id}", f"#{said.person_id}")
    else:
        done = engine.name(f"{NOISE_LABEL}{face_id}", said.name)
    return _said(request, engine, image_id, wanted, done, f"This is {' '.join(said.name.split())}.")


@router.post("/{image_id}/faces/{face_id}/confirm", name="photo_confirm", dependencies=[PageWriter])
def confirm_face(
    request: Request, engine: PageEngine, image_id: ImageNumber, face_id: FaceNumber, wanted: WantedDep,
    person_id: PersonField,
) -> Response:  # fmt: skip
    """Say that a face is a person who is known."""
    _face_of(engine, image_id, face_id)
    who = engine.browse.person(person_id).name
    done = engine.merge(f"{NOISE_LABEL}{face_id}", f"#{person_id}")
    return _said(request, engine, image_id, wanted, done, f"This is {who}.")


@router.post("/{image_id}/faces/{face_id}/reject", name="photo_reject", dependencies=[PageWriter])
def reject_face(
    request: Request, engine: PageEngine, image_id: ImageNumber, face_id: FaceNumber, wanted: WantedDep,
    person_id: PersonField,
) -> Response:  # fmt: skip
    """Say that a face is not this person."""
    _face_of(engine, image_id, face_id)
    who = engine.browse.person(person_id).name
    done = engine.reject(face_id, f"#{person_id}")
    return _said(request, engine, image_id, wanted, done, f"This is not {who}.")


def cards_of(photo: SeenPhoto) -> list[Card]:
    """Return the faces of a photo for its list: those that are used from left to right, then the others."""
    ordered = sorted(photo.faces, key=lambda seen: seen.refused and seen.who is None)
    return [
        Card(
            seen, number, why(seen), tuple(facts(seen)),
            group_words(seen.group) if seen.group is not None and seen.who is None else "",
            seen.tie is not None and seen.tie.maker is Maker.HUMAN and seen.tie.kind is DecisionKind.CONFIRM,
        )
        for number, seen in enumerate(ordered, 1)
    ]  # fmt: skip


def _said(request: Request, engine: Engine, image_id: int, wanted: Wanted, done: Operation, words: str) -> Response:
    """Return the faces as they are now, and say what was done; without scripts, the whole page."""
    if not by_htmx(request):
        return say(redirect(request, f"/photos/{image_id}{wanted.asked.query()}"), words, done.id)
    return say(_faces(request, engine, image_id, wanted), words, done.id)


def _faces(request: Request, engine: Engine, image_id: int, wanted: Wanted) -> Response:
    photo, _ = engine.photos.one(image_id)
    return fragment(
        request, "photo_faces", photo=photo, cards=cards_of(photo), query=wanted.asked.query(), with_boxes=True
    )


def _face_of(engine: Engine, image_id: int, face_id: int) -> SeenFace:
    """Return a face of this photo. Raises NotFound."""
    for seen in engine.photos.one(image_id)[0].faces:
        if seen.face.id == face_id:
            return seen
    raise NotFound(f"photo {image_id} has no face {face_id}")
