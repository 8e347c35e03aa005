"""Faces: what was found, whose they are, and saying otherwise."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from personae.engine.review import NOISE_LABEL
from personae.ports import FaceFilter
from personae.types import ClusterId, FaceRole, ImageId, PersonId
from personae.web.api.ids import LARGEST_ID, FaceNumber, Id
from personae.web.deps import EngineDep, Reader, Writer
from personae.web.errors import responses
from personae.web.models import FaceShape, OperationShape, Shape
from personae.web.once import OnceRoute
from personae.web.paging import Page, PagingDep

router = APIRouter(prefix="/api/faces", tags=["faces"], dependencies=[Reader], route_class=OnceRoute)
CHANGED = responses(404, 409)
JPEG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {}}, "description": "A JPEG."}}
FOREVER = {"Cache-Control": "private, max-age=86400"}

Number = Annotated[int | None, Query(ge=1, le=LARGEST_ID)]


class FaceQuery(BaseModel):
    """Which faces are listed; everything that is asked for must hold."""

    role: Annotated[Literal["founding", "supporting", "refused"] | None, Query()] = None
    image_id: Number = None
    person_id: Number = None
    cluster_id: Number = None
    unknown: Annotated[bool, Query(description="Only faces that have no person.")] = False
    unclustered: Annotated[bool, Query(description="Only faces in no unknown group.")] = False

    def filter(self) -> FaceFilter:
        """Return it as the store takes it."""
        return FaceFilter(
            (FaceRole(self.role),) if self.role else (),
            None if self.image_id is None else ImageId(self.image_id),
            None if self.person_id is None else PersonId(self.person_id),
            None if self.cluster_id is None else ClusterId(self.cluster_id), self.unknown, self.unclustered,
        )  # fmt: skip


class ConfirmBody(BaseModel):
    """Who a face is: a person that is known, or one by name, who is made when there is none."""

    model_config = ConfigDict(extra="forbid")

    person_id: Id | None = None
    name: str | None = Field(default=None, max_length=1000)

    @model_validator(mode="after")
    def _one(self) -> ConfirmBody:
        if (self.person_id is None) == (self.name is None):
            raise ValueError("say either person_id or name")
        return self


class RejectBody(BaseModel):
    """Who a face is not."""

    model_config = ConfigDict(extra="forbid")

    person_id: Id | None = Field(default=None, description="The person; null: the one it is tied to.")


class JoinBody(BaseModel):
    """A face that is the same unknown person."""

    model_config = ConfigDict(extra="forbid")

    face_id: Id


class AlikeShape(Shape):
    """A face that was found."""

    score: float = Field(description="Cosine, of the models together.")
    face: FaceShape


@router.get("", name="list")
def list_faces(engine: EngineDep, paging: PagingDep, query: Annotated[FaceQuery, Query()]) -> Page[FaceShape]:
    """List faces with their receipts, oldest first."""
    start = paging.start(int)
    rows = engine.browse.faces(int(start[0]) if start else 0, paging.limit + 1, query.filter())
    return paging.page(rows, lambda listed: (int(listed.face.id),), FaceShape.of)


@router.get("/{face_id}", name="show", responses=responses(404))
def show_face(engine: EngineDep, face_id: FaceNumber) -> FaceShape:
    """Show one face with its receipt."""
    return FaceShape.of(engine.browse.face(face_id))


@router.get("/{face_id}/crop", name="crop", responses=responses(404) | JPEG, response_class=Response)
def crop_of_face(engine: EngineDep, face_id: FaceNumber) -> Response:
    """Return the picture of a face."""
    return Response(engine.browse.crop(face_id), media_type="image/jpeg", headers=FOREVER)


@router.get("/{face_id}/alike", name="alike", responses=responses(404))
def alike_faces(
    engine: EngineDep, face_id: FaceNumber, limit: Annotated[int, Query(ge=1, le=200)] = 20
) -> list[AlikeShape]:
    """Search the faces most like this one, best first."""
    found = {alike.face_id: alike.score for alike in engine.alike(face_id, limit)}
    rows = engine.browse.several(list(found))
    return [AlikeShape(score=found[listed.face.id], face=FaceShape.of(listed)) for listed in rows]


@router.post("/{face_id}/confirm", name="confirm", dependencies=[Writer], responses=CHANGED)
def confirm_face(engine: EngineDep, face_id: FaceNumber, body: ConfirmBody) -> OperationShape:
    """Say who a face is, whatever the machine thought."""
    face = f"{NOISE_LABEL}{face_id}"
    if body.name is not None:
        return OperationShape.of(engine.name(face, body.name))
    return OperationShape.of(engine.merge(face, f"#{body.person_id}"))


@router.post("/{face_id}/reject", name="reject", dependencies=[Writer], responses=CHANGED)
def reject_face(engine: EngineDep, face_id: FaceNumber, body: RejectBody) -> OperationShape:
    """Say that a face is not this person; it is never proposed again."""
    return OperationShape.of(engine.reject(face_id, None if body.person_id is None else f"#{body.person_id}"))


@router.post("/{face_id}/merge", name="merge", dependencies=[Writer], responses=CHANGED)
def join_faces(engine: EngineDep, face_id: FaceNumber, body: JoinBody) -> OperationShape:
    """Say that two faces that nobody has named are one person."""
    return OperationShape.of(engine.merge(f"{NOISE_LABEL}{face_id}", f"{NOISE_LABEL}{body.face_id}"))
