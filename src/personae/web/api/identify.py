"""Questions about pictures that are sent and not kept: who is this, are these the same, what faces are here?"""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from personae.engine.identify import Sighting
from personae.web.deps import EngineDep, Reader
from personae.web.errors import responses
from personae.web.models import BoxShape, Probability, Shape
from personae.web.uploads import FirstPicture, Picture, SecondPicture

router = APIRouter(prefix="/api", tags=["identify"], dependencies=[Reader])
UPLOADED = responses(413, 415)


class SuspectShape(Shape):
    """One candidate of a receipt."""

    label: str = Field(description="The person's name, unknown_cluster_N, or unknown_noise_FACEID.")
    person_id: int | None
    score: float
    support: int = Field(description="Faces among the nearest that speak for it.")


class SightingShape(Shape):
    """One face of the picture, and the receipt of the decision on it."""

    box: BoxShape
    det_score: float
    reasons: list[str]
    outcome: str = Field(description="match, review or unknown.")
    who: str | None = Field(description="Label of the best candidate, for match and review.")
    score: float | None
    runner_up: float | None
    margin: float | None
    probability: Probability
    match_threshold: float
    review_threshold: float
    model_id: str
    candidates: list[SuspectShape]


class IdentifyShape(BaseModel):
    """Who is in a picture."""

    faces: list[SightingShape]
    count: int


class ComparisonShape(Shape):
    """A 1:1 comparison of the clearest face of each of two pictures."""

    same: bool
    score: float
    probability: Probability
    threshold: float
    model_id: str
    scores: dict[str, float] = Field(description="By model.")
    boxes: tuple[BoxShape, BoxShape]
    face_counts: tuple[int, int]


class DetectedShape(BaseModel):
    """One face."""

    bounding_box: BoxShape
    confidence: float


class DetectShape(BaseModel):
    """The faces of a picture; their embeddings do not leave the server."""

    faces: list[DetectedShape]
    count: int
    model_id: str


@router.post("/identify", name="who", responses=UPLOADED)
def identify(engine: EngineDep, picture: Picture) -> IdentifyShape:
    """Say who is in a picture: the candidates, with the receipt of each decision; nothing is kept."""
    sightings: list[Sighting] = engine.who(picture)
    return IdentifyShape(faces=[SightingShape.model_validate(each) for each in sightings], count=len(sightings))


@router.post("/verify", name="verify", responses=responses(404, 413, 415))
def verify(engine: EngineDep, first: FirstPicture, second: SecondPicture) -> ComparisonShape:
    """Say whether two pictures show the same person; 404 when one shows no usable face."""
    return ComparisonShape.model_validate(engine.verify(first, second))


@router.post("/detect", name="detect", responses=UPLOADED)
def detect(engine: EngineDep, picture: Picture) -> DetectShape:
    """Find the faces of a picture that can be compared; nothing is kept."""
    found = engine.extract(picture)
    faces = [
        DetectedShape(bounding_box=BoxShape(**face["bounding_box"]), confidence=face["confidence"])
        for face in found["faces"]
    ]
    return DetectShape(faces=faces, count=found["count"], model_id=found["model_id"])
