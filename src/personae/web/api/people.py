"""People: who is known, what is said of them, and putting it right."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from personae.engine.facade import Engine
from personae.web.api.ids import Id, PersonNumber
from personae.web.deps import EngineDep, Reader, Writer
from personae.web.errors import responses
from personae.web.models import (
    FaceShape,
    NameBody,
    OperationShape,
    PersonShape,
    Shape,
    SplitBody,
    SplitProposalShape,
    SplitShape,
)
from personae.web.once import OnceRoute
from personae.web.paging import Page, PagingDep

router = APIRouter(prefix="/api/people", tags=["people"], dependencies=[Reader], route_class=OnceRoute)
MISSING = responses(404)
CHANGED = responses(404, 409)


class PersonBody(BaseModel):
    """A person to make."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=1000)
    kind: Literal["real", "character"] = "real"


class MergeBody(BaseModel):
    """Whom a person is one with."""

    model_config = ConfigDict(extra="forbid")

    into: Id = Field(description="The person that stays.")


class FacesBody(BaseModel):
    """Which faces a decision is about."""

    model_config = ConfigDict(extra="forbid")

    face_ids: list[Id] = Field(min_length=1, max_length=100_000)


class RecordShape(Shape):
    """What is stated of a person; what nobody states is null or empty."""

    external_id: str
    name: str
    disambiguation: str
    aliases: list[str]
    gender: str | None = Field(description="As the source states it; never inferred.")
    country: str
    birth_date: str
    death_date: str
    ethnicity: str = Field(description="As the source states it; never inferred.")
    height_cm: int | None
    eye_color: str
    hair_color: str
    career_start: int | None
    career_end: int | None
    external_ids: dict[str, str]
    urls: list[tuple[str, str]] = Field(description="(url, site).")


class StatedShape(Shape):
    """What sources say of a person."""

    together: RecordShape = Field(description="Of each field what the oldest source that fills it says.")
    by_source: dict[str, RecordShape]


@router.get("", name="list")
def list_people(
    engine: EngineDep, paging: PagingDep, kind: Literal["real", "character"] | None = None
) -> Page[PersonShape]:
    """List the people, oldest first."""
    start = paging.start(int)
    rows = engine.browse.people(int(start[0]) if start else 0, paging.limit + 1, kind)
    return paging.page(rows, lambda person: (int(person.id),), PersonShape.model_validate)


@router.post("", name="create", status_code=201, dependencies=[Writer], responses=responses(409))
def create_person(engine: EngineDep, body: PersonBody) -> PersonShape:
    """Make a person, of whom there is no face yet."""
    return PersonShape.model_validate(engine.add_person(body.name, body.kind))


@router.get("/{person_id}", name="show", responses=MISSING)
def show_person(engine: EngineDep, person_id: PersonNumber) -> PersonShape:
    """Show one person; its faces are at /api/faces?person_id=."""
    return PersonShape.model_validate(engine.browse.person(person_id))


@router.get("/{person_id}/faces", name="faces", responses=MISSING)
def faces_of_person(engine: EngineDep, person_id: PersonNumber) -> list[FaceShape]:
    """List the faces of a person, best first, each with its receipt; at most 1,000 of them."""
    shown = engine.show(_reference(engine, person_id))
    return [FaceShape.of(face) for face in engine.browse.several([face.face_id for face in shown.faces[:1000]])]


@router.get("/{person_id}/record", name="record", responses=MISSING)
def record_of_person(engine: EngineDep, person_id: PersonNumber) -> StatedShape:
    """Show what sources say of a person, together and each for itself."""
    return StatedShape.model_validate(engine.browse.stated(person_id))


@router.patch("/{person_id}", name="rename", dependencies=[Writer], responses=CHANGED)
def rename_person(engine: EngineDep, person_id: PersonNumber, body: NameBody) -> OperationShape:
    """Give a person another name."""
    return OperationShape.of(engine.name(_reference(engine, person_id), body.name))


@router.post("/{person_id}/merge", name="merge", dependencies=[Writer], responses=CHANGED)
def merge_person(engine: EngineDep, person_id: PersonNumber, body: MergeBody) -> OperationShape:
    """Make two people one; all faces of this one belong to the other."""
    return OperationShape.of(engine.merge(_reference(engine, person_id), f"#{body.into}"))


@router.post("/{person_id}/hide", name="hide", dependencies=[Writer], responses=CHANGED)
def hide_person(engine: EngineDep, person_id: PersonNumber) -> OperationShape:
    """Leave a person out where the pages list people; it is recognised as ever."""
    return OperationShape.of(engine.hide(_reference(engine, person_id)))


@router.post("/{person_id}/show", name="show_again", dependencies=[Writer], responses=CHANGED)
def show_person_again(engine: EngineDep, person_id: PersonNumber) -> OperationShape:
    """Show a person that was hidden."""
    return OperationShape.of(engine.show_again(_reference(engine, person_id)))


@router.post("/{person_id}/faces/confirm", name="confirm_faces", dependencies=[Writer], responses=CHANGED)
def confirm_faces_of_person(engine: EngineDep, person_id: PersonNumber, body: FacesBody) -> OperationShape:
    """Say that faces are the person whom they are tied to; no machine takes them away again."""
    return OperationShape.of(engine.confirm_faces(_reference(engine, person_id), body.face_ids))


@router.post("/{person_id}/faces/reject", name="reject_faces", dependencies=[Writer], responses=CHANGED)
def reject_faces_of_person(engine: EngineDep, person_id: PersonNumber, body: FacesBody) -> OperationShape:
    """Say that faces are not the person whom they are tied to; they are never proposed as that person again."""
    return OperationShape.of(engine.reject_faces(_reference(engine, person_id), body.face_ids))


@router.get("/{person_id}/split", name="propose_split", responses=CHANGED)
def propose_split_of_person(engine: EngineDep, person_id: PersonNumber) -> SplitProposalShape:
    """Propose how to split a person in two; nothing is written."""
    return SplitProposalShape.model_validate(engine.propose_split(_reference(engine, person_id)))


@router.post("/{person_id}/split", name="split", dependencies=[Writer], responses=CHANGED)
def split_person(engine: EngineDep, person_id: PersonNumber, body: SplitBody) -> SplitShape:
    """Take faces out of a person; they are never proposed as that person again."""
    return SplitShape.model_validate(engine.split(_reference(engine, person_id), body.face_ids, body.name))


def _reference(engine: Engine, person_id: int) -> str:
    """Return how the engine's verbs call a person. Raises NotFound."""
    return f"#{engine.browse.person(person_id).id}"
