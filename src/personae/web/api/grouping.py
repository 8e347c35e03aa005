"""Grouping: tie faces to known people, group the others; now, or as a job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from personae.engine.answer import MOST_FACES, About
from personae.engine.cluster import GroupSummary
from personae.engine.facade import Engine
from personae.engine.methods import GroupOptions
from personae.errors import InputError
from personae.web.api.ids import Id
from personae.web.deps import Admin, EngineDep, Reader, Writer
from personae.web.errors import responses
from personae.web.models import GroupShape, JobShape, OperationShape, Probability, Shape
from personae.web.once import OnceRoute
from personae.web.places import FileName

router = APIRouter(prefix="/api", tags=["grouping"], dependencies=[Reader], route_class=OnceRoute)
Queue = Annotated[bool, Query(description="Put it into the queue of jobs instead of doing it now.")]
RAN = responses(409) | {202: {"model": JobShape, "description": "It is in the queue."}}


class AssignBody(BaseModel):
    """How faces are tied to people; null is as the settings say."""

    model_config = ConfigDict(extra="forbid")

    person_threshold: float | None = Field(default=None, ge=-1, le=1)
    max_faces: int | None = Field(default=None, ge=1, le=2**53, description="Unlabelled faces to look at; null: all.")


class ReassignBody(BaseModel):
    """How ties are judged again; null is as the settings say."""

    model_config = ConfigDict(extra="forbid")

    person_threshold: float | None = Field(default=None, ge=-1, le=1)


class ClusterBody(BaseModel):
    """How unknown faces are grouped; null is as the settings say."""

    model_config = ConfigDict(extra="forbid")

    unknown_method: Literal["auto", "linkage", "whispers", "hdbscan", "dbscan", "agglomerative"] | None = None
    unknown_min_size: int | None = Field(default=None, ge=2, le=2**31)
    unknown_eps: float | None = Field(default=None, gt=0, le=2)
    max_faces: int | None = Field(default=None, ge=1, le=2**53, description="Unlabelled faces to look at; null: all.")


class DualBody(ClusterBody):
    """How faces are tied to people, and the others grouped; null is as the settings say."""

    person_threshold: float | None = Field(default=None, ge=-1, le=1)


class BackfillBody(BaseModel):
    """How much is made."""

    model_config = ConfigDict(extra="forbid")

    limit: int | None = Field(default=None, ge=1, le=2**53, description="Embeddings to make at most; null: all.")


class BackfillShape(Shape):
    """What one backfill did, counted in embeddings."""

    embedded: int
    without_crop: int
    left: int


class MapShape(Shape):
    """What one drawing of the map did."""

    faces: int
    model_id: str


class AnswerBody(BaseModel):
    """Who the faces of an unknown group are, or single faces without a name; or who they are not."""

    model_config = ConfigDict(extra="forbid")

    answer: Literal["yes", "no"]
    cluster_id: Id | None = None
    face_count: int | None = Field(default=None, description="Of the group when it was shown; with more it is refused.")
    face_ids: list[Id] = Field(default=[], max_length=MOST_FACES, description="Instead of a group.")
    but: list[Id] = Field(default=[], max_length=MOST_FACES, description="Those among them who are somebody else.")
    person_id: Id | None = None
    name: str | None = Field(default=None, max_length=1000, description="To a yes, instead of a person.")


class SuggestionShape(Shape):
    """One question: is this unknown group, or face, this person?"""

    who: str
    face_count: int
    face_id: int
    person_id: int
    person: str
    score: float
    runner_up: float | None
    runner_up_person: str | None
    margin: float | None
    probability: Probability
    review_threshold: float
    match_threshold: float
    model_id: str
    photo: FileName = Field(description="Name of the photo that shows the face.")


@router.post("/faces/cluster/dual", name="cluster_dual", dependencies=[Writer], responses=RAN)
def cluster_dual(engine: EngineDep, response: Response, body: DualBody, queue: Queue = False) -> GroupShape | JobShape:
    """Tie faces to the people whom they match, then group the rest."""
    return _run(engine, response, engine.cluster_dual, body, queue)


@router.post("/faces/cluster", name="cluster", dependencies=[Writer], responses=RAN)
def cluster(engine: EngineDep, response: Response, body: ClusterBody, queue: Queue = False) -> GroupShape | JobShape:
    """Group the faces of unknown people."""
    return _run(engine, response, engine.cluster, body, queue)


@router.post("/faces/assign", name="assign", dependencies=[Writer], responses=RAN)
def assign(engine: EngineDep, response: Response, body: AssignBody, queue: Queue = False) -> GroupShape | JobShape:
    """Tie unlabelled faces to the people whom they match."""
    return _run(engine, response, engine.assign, body, queue)


@router.post("/faces/reassign", name="reassign", dependencies=[Writer], responses=RAN)
def reassign(engine: EngineDep, response: Response, body: ReassignBody, queue: Queue = False) -> GroupShape | JobShape:
    """Judge again whom the machine has tied to people; with FACE_TRAINING_ENABLED it learns first, as a job."""
    if engine.parts.rules.trains:
        return _queue(engine, response, "faces.reassign_smart", body)
    return _run(engine, response, engine.reassign, body, queue)


@router.post("/faces/reassign/smart", name="reassign_smart", dependencies=[Admin], status_code=202,
             responses=responses(409))  # fmt: skip
def reassign_smart(engine: EngineDep, response: Response, body: ReassignBody) -> JobShape:
    """Learn from new labels, go by the head that the guard accepts, then judge ties again: as a job."""
    return _queue(engine, response, "faces.reassign_smart", body)


@router.post("/faces/backfill", name="backfill", dependencies=[Writer], responses=RAN)
def backfill(
    engine: EngineDep, response: Response, body: BackfillBody, queue: Queue = False
) -> BackfillShape | JobShape:
    """Make the embeddings that faces lack under an enabled model."""
    if queue:
        return _queue(engine, response, "faces.backfill", body)
    return BackfillShape.model_validate(engine.backfill(body.limit))


@router.post("/faces/map", name="map", dependencies=[Writer], responses=RAN)
def draw_map(engine: EngineDep, response: Response, queue: Queue = False) -> MapShape | JobShape:
    """Lay out all faces in two dimensions, those that are alike beside one another, for the page that shows them."""
    if queue:
        response.status_code = 202
        return JobShape.of(engine.queue("map"), engine.parts.clock())
    return MapShape.model_validate(engine.draw_map())


@router.delete("/faces/map", name="forget_map", status_code=204, response_class=Response, dependencies=[Writer])
def forget_map(engine: EngineDep) -> None:
    """Remove the map."""
    engine.forget_map()


@router.post("/group", name="group", dependencies=[Writer], responses=responses(409))
def group(engine: EngineDep) -> GroupShape:
    """Recognise known people, and group the unknown faces that have come since; nothing is done when none has."""
    return _shape(engine.group())


@router.get("/review", name="review")
def review(
    engine: EngineDep,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    skip: Annotated[list[str] | None, Query(max_length=1000, description="Labels that are left out for now.")] = None,
) -> list[SuggestionShape]:
    """List whom to ask a human about, best first."""
    return [SuggestionShape.model_validate(each) for each in engine.suggestions(limit, skip or ())]


@router.post("/review", name="answer", dependencies=[Writer], responses=responses(404, 409))
def answer(engine: EngineDep, body: AnswerBody) -> OperationShape:
    """Say who the faces are, or who they are not, some of them excepted: one decision for all."""
    about = About(body.cluster_id, tuple(body.face_ids), tuple(body.but), body.face_count)
    if body.answer == "yes":
        return OperationShape.of(engine.answer_yes(about, body.person_id, body.name))
    if body.person_id is None or body.name is not None:
        raise InputError("say who it is not: person_id")
    return OperationShape.of(engine.answer_no(about, body.person_id))


def _run(
    engine: Engine, response: Response, verb: Callable[[GroupOptions], GroupSummary], body: BaseModel, queue: bool
) -> GroupShape | JobShape:
    """Run one of the engine's verbs that group, now or as the job of its name."""
    if queue:
        return _queue(engine, response, f"faces.{verb.__name__}", body)
    return _shape(verb(GroupOptions(**body.model_dump())))


def _queue(engine: Engine, response: Response, kind: str, body: BaseModel) -> JobShape:
    response.status_code = 202
    return JobShape.of(engine.queue(kind, body.model_dump(exclude_none=True)), engine.parts.clock())


def _shape(summary: GroupSummary) -> GroupShape:
    return GroupShape.model_validate(summary)
