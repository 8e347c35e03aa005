"""Who is this? A photo is looked at and not kept, unless somebody asks for it."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, Request, Response, UploadFile
from pydantic import BaseModel, Field

from personae.album import reason_words
from personae.core.geometry import overlap
from personae.engine.identify import Looked, Sighting, Suspect
from personae.engine.photos import Photos
from personae.engine.review import MAX_NAME, NOISE_LABEL
from personae.errors import Conflict, ImageError
from personae.types import Box, Outcome
from personae.web.api.ids import LARGEST_ID
from personae.web.pages.deps import PageEngine, PageReader, PageWriter, page_engine
from personae.web.pages.receipts import group_words, listed
from personae.web.pages.render import by_htmx, fragment, page, redirect, say
from personae.web.uploads import KINDS, read_picture

router = APIRouter(prefix="/who", dependencies=[PageReader])

SAME_PLACE = 0.5
"""How far two boxes overlap that are of one face."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody whom a face may show."""

    suspect: Suspect
    title: str
    to: str
    """The page of the person or group; empty: it is a single face."""


@dataclass(frozen=True, slots=True)
class Found:
    """A face of the photo, with what is to be said of it."""

    number: int
    sighting: Sighting
    crop: str
    """A data: URI; likewise `Answer.copy`: nothing lies on the server to be fetched."""
    title: str
    why: str
    candidates: tuple[Candidate, ...]

    @property
    def best(self) -> tuple[Candidate, ...]:
        """Those who come into question; where nobody does, the two most alike."""
        review = self.sighting.review_threshold
        return tuple(each for each in self.candidates if each.suspect.score >= review) or self.candidates[:2]

    @property
    def to(self) -> str:
        """The page of who it is; empty: that is not known."""
        return self.candidates[0].to if self.sighting.outcome is Outcome.MATCH else ""

    @property
    def label(self) -> str:
        """What is written at its box: the name of a person, else its number."""
        known = self.sighting.outcome is not Outcome.UNKNOWN and self.candidates[0].suspect.person_id is not None
        return self.title if known else str(self.number)

    @property
    def outcome(self) -> str:
        """Which class its box has."""
        return {Outcome.MATCH: "named", Outcome.REVIEW: "perhaps", Outcome.UNKNOWN: "unknown"}[self.sighting.outcome]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was seen in a photo."""

    width: int
    height: int
    copy: str
    faces: tuple[Found, ...]
    refused: tuple[tuple[Box, str], ...]
    known: int | None
    """The photo of the collection that has the same bytes."""


class Place(BaseModel):
    """Which face somebody speaks of, and who it is."""

    x: float
    y: float
    width: float = Field(gt=0)
    height: float = Field(gt=0)
    name: str = Field(default="", max_length=MAX_NAME * 4)
    person_id: int | None = Field(default=None, ge=1, le=LARGEST_ID)


@router.get("", name="who_page", dependencies=[Depends(page_engine)])
def ask(request: Request) -> Response:
    """Show where a photo is dropped."""
    return page(request, "who", kinds=KINDS, answer=None, wrong="")


@router.post("", name="who_look")
def look(request: Request, engine: PageEngine, picture: Annotated[UploadFile, File()]) -> Response:
    """Look at a photo; nothing of it is kept."""
    data = read_picture(engine, picture)
    answer, wrong = None, ""
    try:
        image = engine.browse.image_of(hashlib.sha256(data).hexdigest())
        answer = answer_of(engine.look(data), None if image is None or image.reason else image.id)
    except ImageError as error:
        wrong = error.detail
    if by_htmx(request):
        return fragment(request, "who_answer", answer=answer, wrong=wrong)
    return page(request, "who", kinds=KINDS, answer=answer, wrong=wrong)


@router.post("/keep", name="who_keep", dependencies=[PageWriter])
def keep(
    request: Request, engine: PageEngine, picture: Annotated[UploadFile, File()], said: Annotated[Place, Form()]
) -> Response:
    """Take the photo in, and say who a face of it is."""
    image, _ = engine.take_in(read_picture(engine, picture))
    face_id = face_at(engine.photos, image.id, Box(said.x, said.y, said.width, said.height))
    label = f"{NOISE_LABEL}{face_id}"
    done = engine.name(label, said.name) if said.person_id is None else engine.merge(label, f"#{said.person_id}")
    words = f"The photo is taken in. {done.summary.partition(' into ')[2] or said.name} is in it."
    return say(redirect(request, f"/photos/{image.id}#face-{face_id}"), words, done.id)


def answer_of(looked: Looked, known: int | None) -> Answer:
    """Return what was seen as the page shows it."""
    faces = tuple(
        Found(
            number, sighting, _data(crop), _title(sighting), _why(sighting), tuple(map(_candidate, sighting.candidates))
        )
        for number, (sighting, crop) in enumerate(looked.faces, 1)
    )
    refused = tuple((box, listed([reason_words(reason) for reason in reasons])) for box, reasons in looked.refused)
    return Answer(looked.width, looked.height, _data(looked.copy), faces, refused, known)


def face_at(photos: Photos, image_id: int, place: Box) -> int:
    """Return the face of a photo that lies there. Raises Conflict when none does."""
    faces = photos.one(image_id)[0].faces
    best = max(faces, key=lambda seen: overlap(seen.face.box, place), default=None)
    if best is None or overlap(best.face.box, place) < SAME_PLACE:
        raise Conflict("the photo is taken in, but that face was not found in it again: name it on the photo's page")
    return best.face.id


def _title(sighting: Sighting) -> str:
    if sighting.who is None or not sighting.candidates:
        return "Nobody who is known"
    best = _candidate(sighting.candidates[0]).title
    return best if sighting.outcome is Outcome.MATCH else f"Perhaps {best}"


def _why(sighting: Sighting) -> str:
    """Return in words how the answer came about."""
    if sighting.score is None:
        return "There are no faces yet to compare it with."
    said = f"The most alike scores {sighting.score:.2f}"
    if sighting.outcome is Outcome.MATCH:
        said += f", and {sighting.match_threshold:.2f} is enough"
    elif sighting.outcome is Outcome.REVIEW:
        said += f": more than {sighting.review_threshold:.2f}, and {sighting.match_threshold:.2f} would be sure"
    else:
        said += f"; below {sighting.review_threshold:.2f} it is somebody else"
    return said + (f". The next scores {sighting.runner_up:.2f}." if sighting.runner_up is not None else ".")


def _candidate(suspect: Suspect) -> Candidate:
    if suspect.person_id is not None:
        return Candidate(suspect, suspect.label, f"/people/{suspect.person_id}")
    if suspect.cluster_id is not None:
        return Candidate(suspect, group_words(suspect.label), f"/groups/{suspect.cluster_id}")
    return Candidate(suspect, "A face that nobody has named", "")


def _data(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')}"
