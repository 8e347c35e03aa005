"""Likeness: pictures, sequences and other characters held against a character's references."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, File, Query, UploadFile
from pydantic import Field

from personae.web.api.ids import CharacterNumber
from personae.web.deps import EngineDep, Reader, Writer
from personae.web.errors import responses
from personae.web.models import BoxShape, Shape
from personae.web.paging import Page, PagingDep
from personae.web.uploads import Pictures, holds_video, kept_pictures, kept_video

router = APIRouter(prefix="/api/characters", tags=["likeness"], dependencies=[Reader])
CHANGED = responses(404, 409)


class CheckShape(Shape):
    """A picture held against a character."""

    id: int
    person_id: int
    digest: str = Field(description="SHA-256 of the picture.")
    score: float | None = Field(description="Cosine; null: there is no face.")
    threshold: float
    passed: bool
    box: BoxShape | None = Field(description="The face that was used.")
    reasons: list[str]
    model_id: str
    version: int = Field(description="Of the template that it was held against.")
    stale: bool = Field(description="Whether the reference has changed since.")
    made_at: datetime


class LookAlikesShape(Shape):
    """Two characters that look like one another."""

    first_id: int
    first: str
    second_id: int
    second: str
    score: float


class DuplicatesShape(Shape):
    """All characters compared with each other."""

    characters: int = Field(description="Those that could be compared.")
    threshold: float
    model_id: str
    pairs: list[LookAlikesShape]


class FrameShape(Shape):
    """One frame held against the character."""

    number: int
    name: str
    seconds: float | None
    score: float | None
    box: BoxShape | None
    reasons: list[str]
    drop: str | None = Field(description="below_threshold or below_median: it stands out; null: it does not.")


class SpellShape(Shape):
    """Frames one after another that stand out for one reason."""

    first: int
    last: int
    frames: int
    drop: str
    lowest: float
    lowest_frame: int
    seconds: float | None


class ContinuityShape(Shape):
    """A sequence held against a character, frame by frame."""

    person_id: int
    name: str
    model_id: str
    threshold: float
    version: int
    median: float | None
    floor: float | None
    frames: list[FrameShape]
    drops: list[SpellShape]
    scored: int


@router.get("/duplicates", name="duplicates")
def duplicate_characters(
    engine: EngineDep,
    threshold: Annotated[float | None, Query(ge=-1, le=1, description="Cosine; left out: the models' own.")] = None,
) -> DuplicatesShape:
    """List the pairs of characters that look like one another, best first; at most 1,000."""
    return DuplicatesShape.model_validate(engine.duplicate_characters(threshold))


@router.post("/{character_id}/likeness", name="check", dependencies=[Writer],
             responses=responses(404, 409, 413, 415))  # fmt: skip
def check_likeness(engine: EngineDep, character_id: CharacterNumber, pictures: Pictures) -> list[CheckShape]:
    """Hold pictures against a character, and keep what came of each; one that is broken has its reason."""
    return [CheckShape.model_validate(each) for each in engine.check_likeness(f"#{character_id}", pictures)]


@router.get("/{character_id}/likeness", name="checks", responses=responses(404))
def likeness_checks(engine: EngineDep, character_id: CharacterNumber, paging: PagingDep) -> Page[CheckShape]:
    """List the checks against a character, newest first."""
    start = paging.start(int)
    rows = engine.likeness_checks(f"#{character_id}", paging.limit + 1, int(start[0]) if start else None)
    return paging.page(rows, lambda check: (check.id,), CheckShape.model_validate)


@router.post("/{character_id}/continuity", name="continuity", dependencies=[Writer],
             responses=responses(404, 409, 413, 415))  # fmt: skip
def continuity(
    engine: EngineDep,
    character_id: CharacterNumber,
    frames: Annotated[list[UploadFile], File(description="Pictures in their order, or one video.")],
    every: Annotated[int, Query(ge=1, le=1_000_000, description="One of so many frames is looked at.")] = 1,
) -> ContinuityShape:
    """Hold a sequence of frames, or a video, against a character; nothing is kept."""
    who = f"#{engine.reference_status(f'#{character_id}').person_id}"
    if len(frames) == 1 and holds_video(frames[0]):
        with kept_video(frames[0]) as path:
            return ContinuityShape.model_validate(engine.continuity(who, path, every))
    with kept_pictures(engine, frames) as paths:
        shown = ContinuityShape.model_validate(engine.continuity(who, paths, every))
    for frame in shown.frames:
        frame.name = frames[frame.number].filename or ""
    return shown
