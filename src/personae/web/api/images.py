"""Images: take pictures in, and look at what was taken in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Query, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from personae.ports import FaceFilter
from personae.types import ImageId
from personae.web.api.faces import FOREVER, JPEG
from personae.web.api.ids import ImageNumber
from personae.web.deps import Admin, EngineDep, Reader, Writer
from personae.web.errors import responses
from personae.web.models import FaceShape, ImageShape, JobShape
from personae.web.paging import Page, PagingDep
from personae.web.uploads import KINDS, take_in

router = APIRouter(prefix="/api/images", tags=["images"], dependencies=[Reader])
FACES_SHOWN = 1000
"""Faces of one image that are listed with it."""


class PathsBody(BaseModel):
    """Where pictures are."""

    model_config = ConfigDict(extra="forbid")

    paths: list[str] = Field(
        min_length=1, max_length=1000, description="Folders, files or globs of the server's machine."
    )


class TakenIn(BaseModel):
    """A picture that was sent."""

    new: bool = Field(description="False: it was known already.")
    image: ImageShape
    faces: list[FaceShape]


@router.get("", name="list")
def list_images(
    engine: EngineDep,
    paging: PagingDep,
    refused: Annotated[bool | None, Query(description="Only those that could not be used, or that could.")] = None,
) -> Page[ImageShape]:
    """List the images, oldest first."""
    start = paging.start(int)
    rows = engine.browse.images(int(start[0]) if start else 0, paging.limit + 1, refused)
    return paging.page(rows, lambda image: (int(image.id),), ImageShape.of)


@router.post("", name="upload", status_code=201, dependencies=[Writer], responses=responses(413, 415))
def upload_image(
    engine: EngineDep, response: Response, picture: Annotated[UploadFile, File(description=f"A picture: {KINDS}.")]
) -> TakenIn:
    """Take in one picture that is sent, and keep it; 200 when it was known already."""
    image, new = take_in(engine, picture)
    response.status_code = 201 if new else 200
    listed = engine.browse.faces(0, FACES_SHOWN, FaceFilter(image_id=image.id))
    return TakenIn(new=new, image=ImageShape.of(image), faces=[FaceShape.of(face) for face in listed])


@router.post("/ingest", name="ingest", status_code=202, dependencies=[Admin])
def ingest(engine: EngineDep, body: PathsBody) -> JobShape:
    """Take in pictures that lie on the server's machine, as a job; what is known is skipped."""
    return JobShape.of(engine.queue("images.ingest", body.model_dump()), engine.parts.clock())


@router.post("/organise", name="organise", status_code=202, dependencies=[Admin])
def organise(engine: EngineDep, body: PathsBody) -> JobShape:
    """Take in pictures that lie on the server's machine and group the faces, as a job."""
    return JobShape.of(engine.queue("images.organise", body.model_dump()), engine.parts.clock())


@router.get("/{image_id}", name="show", responses=responses(404))
def show_image(engine: EngineDep, image_id: ImageNumber) -> ImageShape:
    """Show one image; its faces are at /api/faces?image_id=."""
    return ImageShape.of(engine.browse.image(image_id))


@router.get("/{image_id}/faces", name="faces", responses=responses(404))
def faces_of_image(engine: EngineDep, image_id: ImageNumber) -> list[FaceShape]:
    """List the faces of an image with their receipts; at most 1,000 of them."""
    which = FaceFilter(image_id=ImageId(engine.browse.image(image_id).id))
    return [FaceShape.of(face) for face in engine.browse.faces(0, FACES_SHOWN, which)]


@router.get("/{image_id}/thumbnail", name="thumbnail", responses=responses(404) | JPEG, response_class=Response)
def thumbnail_of_image(engine: EngineDep, image_id: ImageNumber) -> Response:
    """Return a reduced, upright copy of a photo, without the photo's other data."""
    return Response(engine.browse.thumbnail(image_id), media_type="image/jpeg", headers=FOREVER)


@router.get("/{image_id}/preview", name="preview", responses=responses(404) | JPEG, response_class=Response)
def preview_of_image(engine: EngineDep, image_id: ImageNumber) -> Response:
    """Return an upright copy of a photo that fills a screen, without the photo's other data."""
    return Response(engine.photos.preview(image_id), media_type="image/jpeg", headers=FOREVER)
