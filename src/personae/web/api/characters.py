"""Characters and their references: the source images that anchor a likeness."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field

from personae.engine.facade import Engine
from personae.engine.reference import CharacterStatus
from personae.errors import NotFound
from personae.references import Character, Reference
from personae.web.api.faces import FOREVER
from personae.web.api.ids import CharacterNumber, Id, ReferenceNumber
from personae.web.deps import EngineDep, Reader, SiteDep, Writer
from personae.web.errors import responses
from personae.web.models import BoxShape, OperationShape, Shape
from personae.web.paging import Page, PagingDep
from personae.web.places import Sentence
from personae.web.uploads import Picture

router = APIRouter(prefix="/api/characters", tags=["characters"], dependencies=[Reader])
CHANGED = responses(404, 409)
Label = Annotated[str, Form(max_length=300, description="Which angle or expression; empty: the main one.")]
PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/*": {}}, "description": "The picture as it was sent."}
}


class CharacterBody(BaseModel):
    """A character to make."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=1000)


class SelectBody(BaseModel):
    """Which detected face anchors the reference."""

    model_config = ConfigDict(extra="forbid")

    face_id: Id


class ImageQualityShape(Shape):
    """What a source image is worth as a reference."""

    ok: bool
    reasons: list[str]
    measures: dict[str, float]


class ReferenceShape(Shape):
    """One source image that anchors a character, and what came of it."""

    id: int
    character_id: int
    label: str = Field(description="Which angle or expression; empty: the main one.")
    digest: str = Field(description="SHA-256 of the source image.")
    status: str = Field(description="pending, extracting, completed, failed, low_confidence or multi_face_pending.")
    confidence: float | None = Field(description="Of the primary face, 0 to 1.")
    bounding_box: BoxShape | None
    face_count: int
    extracted_at: datetime | None
    error: Sentence
    warning: str
    quality: ImageQualityShape | None = Field(description="null: it was not looked at yet.")
    generation: int = Field(description="Counts the source images that were put here.")

    @classmethod
    def of(cls, reference: Reference) -> ReferenceShape:
        """Show a reference."""
        return cls(
            id=reference.id, character_id=reference.person_id, label=reference.label, digest=reference.digest,
            status=reference.status, confidence=reference.det_score,
            bounding_box=None if reference.box is None else BoxShape.model_validate(reference.box),
            face_count=reference.face_count, extracted_at=reference.extracted_at, error=reference.error,
            warning=reference.warning, generation=reference.generation,
            quality=None if reference.quality is None else ImageQualityShape.model_validate(reference.quality),
        )  # fmt: skip


class CharacterShape(BaseModel):
    """A character with its references, the main one first."""

    id: int
    name: str
    version: int = Field(description="Of its template; scores made under another version are stale.")
    references: list[ReferenceShape]

    @classmethod
    def of(cls, character: Character) -> CharacterShape:
        """Show a character."""
        shown = [ReferenceShape.of(reference) for reference in character.references]
        return cls(id=character.person_id, name=character.name, version=character.version, references=shown)


class StatusShape(BaseModel):
    """How far a character's references are; the first fields are those of the main one."""

    character_id: int
    status: str | None = Field(description="null: there is no source image yet.")
    confidence: float | None
    face_count: int
    warning: str
    error: Sentence
    threshold: float = Field(description="A primary face under it is low_confidence.")
    version: int
    references: list[ReferenceShape]

    @classmethod
    def of(cls, found: CharacterStatus) -> StatusShape:
        """Show a status."""
        return cls(
            character_id=found.person_id, status=found.status, confidence=found.det_score,
            face_count=found.face_count, warning=found.warning, error=found.error, threshold=found.threshold,
            version=found.version, references=[ReferenceShape.of(reference) for reference in found.references],
        )  # fmt: skip


class ExtractionShape(BaseModel):
    """An extraction in the queue."""

    job_id: int
    status: str


class DetectedFaceShape(BaseModel):
    """A face found on a source image."""

    id: int
    reference_id: int
    bounding_box: BoxShape
    confidence: float
    is_primary: bool


class PastShape(Shape):
    """What anchored a character before."""

    reference_id: int | None = Field(description="null: the reference was removed.")
    label: str
    digest: str
    model_ids: list[str]
    confidence: float
    bounding_box: BoxShape
    replaced_at: datetime
    version: int


@router.get("/{character_id}/embedding-status", name="status", response_model=StatusShape, responses=responses(404))
async def embedding_status(site: SiteDep, engine: EngineDep, character_id: CharacterNumber) -> Response:
    """Show how far the references of a character are."""

    def read() -> StatusShape:
        return StatusShape.of(engine.reference_status(f"#{character_id}"))

    return await site.remembered.answer(engine, ("embedding-status", int(character_id)), read)


@router.get("", name="list")
def list_characters(engine: EngineDep, paging: PagingDep) -> Page[CharacterShape]:
    """List the characters with their references, oldest first."""
    start = paging.start(int)
    behind = int(start[0]) if start else 0
    rows = [each for each in engine.characters() if each.person_id > behind]
    return paging.page(rows, lambda character: (int(character.person_id),), CharacterShape.of)


@router.post("", name="create", status_code=201, dependencies=[Writer], responses=responses(409))
def create_character(engine: EngineDep, body: CharacterBody) -> CharacterShape:
    """Make a character, who has no source image yet."""
    return CharacterShape.of(engine.add_character(body.name))


@router.get("/{character_id}", name="show", responses=responses(404))
def show_character(engine: EngineDep, character_id: CharacterNumber) -> CharacterShape:
    """Show one character with its references."""
    found = engine.reference_status(f"#{character_id}")
    shown = [ReferenceShape.of(reference) for reference in found.references]
    return CharacterShape(id=found.person_id, name=found.name, version=found.version, references=shown)


@router.delete("/{character_id}", name="delete", dependencies=[Writer], responses=CHANGED)
def delete_character(engine: EngineDep, character_id: CharacterNumber) -> OperationShape:
    """Remove a character with all that anchors it: source images, faces, history, checks."""
    return OperationShape.of(engine.delete_character(f"#{character_id}"))


@router.post("/{character_id}/references", name="upload", status_code=202, dependencies=[Writer],
             responses=responses(404, 409, 413, 415))  # fmt: skip
def upload_reference(
    engine: EngineDep, character_id: CharacterNumber, picture: Picture, label: Label = ""
) -> ReferenceShape:
    """Put a source image, in place of the one of the same label; its faces are looked for in the background."""
    return ReferenceShape.of(engine.set_reference(f"#{character_id}", picture, label))


@router.get("/{character_id}/references", name="references", responses=responses(404))
def list_references(engine: EngineDep, character_id: CharacterNumber) -> list[ReferenceShape]:
    """List the references of a character, the main one first."""
    return [ReferenceShape.of(each) for each in engine.reference_status(f"#{character_id}").references]


@router.get("/{character_id}/references/{reference_id}", name="reference", responses=responses(404))
def show_reference(engine: EngineDep, character_id: CharacterNumber, reference_id: ReferenceNumber) -> ReferenceShape:
    """Show one reference of a character."""
    return ReferenceShape.of(_reference(engine, character_id, reference_id))


@router.get("/{character_id}/references/{reference_id}/image", name="image", responses=responses(404) | PICTURE,
            response_class=Response)  # fmt: skip
def image_of_reference(engine: EngineDep, character_id: CharacterNumber, reference_id: ReferenceNumber) -> Response:
    """Return a source image as it was sent."""
    data = engine.reference_image(_reference(engine, character_id, reference_id).id)
    return Response(data, media_type=f"image/{engine.parts.sniff(data[:512]) or 'jpeg'}", headers=FOREVER)


@router.delete("/{character_id}/references/{reference_id}", name="remove", dependencies=[Writer], responses=CHANGED)
def remove_reference(engine: EngineDep, character_id: CharacterNumber, reference_id: ReferenceNumber) -> CharacterShape:
    """Remove one reference of a character; what it had found goes to the history."""
    reference = _reference(engine, character_id, reference_id)
    return CharacterShape.of(engine.remove_reference(f"#{character_id}", reference.label))


@router.post("/{character_id}/references/{reference_id}/extract", name="extract_reference", status_code=202,
             dependencies=[Writer], responses=CHANGED)  # fmt: skip
def extract_reference(
    engine: EngineDep, character_id: CharacterNumber, reference_id: ReferenceNumber
) -> ExtractionShape:
    """Look for the faces of one source image again, as a job; 409 while that is under way."""
    job_id = engine.extract_reference(_reference(engine, character_id, reference_id).id)
    return ExtractionShape(job_id=job_id, status=engine.reference(reference_id).status)


@router.post("/{character_id}/extract-embedding", name="extract", status_code=202, dependencies=[Writer],
             responses=responses(400, 404, 409))  # fmt: skip
def extract_embedding(engine: EngineDep, character_id: CharacterNumber) -> ExtractionShape:
    """Look for the faces of the source image again, as a job; 400 without one, 409 while that is under way."""
    if engine.reference_status(f"#{character_id}").status is None:
        raise HTTPException(400, "the character has no source image: give it one first")
    job_id = engine.extract_character(f"#{character_id}")
    return ExtractionShape(job_id=job_id, status=str(engine.reference_status(f"#{character_id}").status))


@router.get("/{character_id}/detected-faces", name="detected_faces", responses=responses(404))
def detected_faces(engine: EngineDep, character_id: CharacterNumber) -> list[DetectedFaceShape]:
    """List the faces found on the source images of a character."""
    return [
        DetectedFaceShape(
            id=face.id, reference_id=face.reference_id, bounding_box=BoxShape.model_validate(face.box),
            confidence=face.det_score, is_primary=face.is_primary,
        )
        for face in engine.detected_faces(f"#{character_id}")
    ]  # fmt: skip


@router.post("/{character_id}/select-face", name="select_face", dependencies=[Writer], responses=CHANGED)
def select_face(engine: EngineDep, character_id: CharacterNumber, body: SelectBody) -> ReferenceShape:
    """Make a detected face the one that anchors its reference; 404 for a face of another character."""
    return ReferenceShape.of(engine.select_face(f"#{character_id}", body.face_id))


@router.get("/{character_id}/history", name="history", responses=responses(404))
def history(engine: EngineDep, character_id: CharacterNumber) -> list[PastShape]:
    """List what anchored a character before, latest first."""
    return [
        PastShape(
            reference_id=past.reference_id, label=past.label, digest=past.digest, model_ids=list(past.model_ids),
            confidence=past.det_score, bounding_box=BoxShape.model_validate(past.box), replaced_at=past.replaced_at,
            version=past.version,
        )
        for past in engine.reference_history(f"#{character_id}")
    ]  # fmt: skip


def _reference(engine: Engine, character_id: int, reference_id: int) -> Reference:
    """Return a reference of this character. Raises NotFound."""
    found = engine.reference_status(f"#{character_id}")
    for reference in found.references:
        if reference.id == reference_id:
            return reference
    raise NotFound(f"{found.name} has no reference {reference_id}")
