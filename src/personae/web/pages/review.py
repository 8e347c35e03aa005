"""The review: who are these? One question after another, each answered with a key press."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from personae.engine.answer import About
from personae.engine.facade import Engine
from personae.engine.questions import Asked
from personae.errors import Conflict, InputError, PersonaeError
from personae.ports import PeopleFilter
from personae.types import Operation
from personae.web.agenda import Standing
from personae.web.api.ids import ClusterNumber, Id
from personae.web.once import OnceRoute
from personae.web.pages.deps import PageEngine, PageReader, PageWriter
from personae.web.pages.render import fragment, page, redirect, say
from personae.web.places import without_places
from personae.web.site import site_of

router = APIRouter(prefix="/review", dependencies=[PageReader], route_class=OnceRoute)

AT_FIRST = 1
"""Questions in the page itself: pictures of others would come in between; the script asks for more at once."""
NAMES = 8
Only = Literal["", "suggested", "groups"]
Faces = Annotated[list[Id], Field(max_length=1000)]


class MoreBody(BaseModel):
    """Which questions are wanted."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=10, ge=1, le=50)
    only: Only = ""
    skip: list[Annotated[str, Field(max_length=40)]] = Field(default=[], max_length=5000)
    groups: list[Id] = Field(default=[], max_length=10, description="Only these groups, whatever the survey says.")


class AnswerBody(BaseModel):
    """What somebody has decided."""

    model_config = ConfigDict(extra="forbid")

    answer: Literal["yes", "no", "hide"]
    cluster_id: Id | None = None
    face_count: int | None = None
    face_ids: Faces = []
    but: Faces = []
    person_id: Id | None = None
    name: str | None = Field(default=None, max_length=1000)


class SaidForm(BaseModel):
    """The same as a form says it."""

    model_config = ConfigDict(extra="forbid")

    cluster_id: Id | None = None
    face_count: int | None = None
    face_id: Faces = []
    but: Faces = []
    yes: Id | None = None
    no: Id | None = None
    name: str = Field(default="", max_length=1000)
    named: str = Field(default="", description="Of the button beside the name.")

    def body(self) -> AnswerBody:
        """Return what it says: who it is, who it is not, or a name."""
        about: dict[str, Any] = {
            "cluster_id": self.cluster_id, "face_count": self.face_count, "face_ids": self.face_id, "but": self.but,
        }  # fmt: skip
        if self.yes is None and self.no is None:
            return AnswerBody(answer="yes", name=self.name, **about)
        return AnswerBody(answer="yes" if self.no is None else "no", person_id=self.yes or self.no, **about)


class SplitBody(BaseModel):
    """Which faces are somebody else."""

    model_config = ConfigDict(extra="forbid")

    cluster_id: Id
    face_ids: Annotated[list[Id], Field(min_length=1, max_length=1000)]


@router.get("", name="review")
def show_review(request: Request, engine: PageEngine, only: Annotated[Only, Query()] = "") -> Response:
    """Show the next question."""
    standing, asked = _next(request, engine, MoreBody(limit=AT_FIRST, only=only))
    return page(request, "review", only=only, **_shown(engine, standing, asked))


@router.post("/questions", name="review_questions")
def more_questions(request: Request, engine: PageEngine, body: MoreBody) -> Response:
    """Return the next questions, for the script to keep ready."""
    if body.groups:
        standing = site_of(request).agendas.of(engine).now(engine)
        asked = engine.ask_about(standing.found, body.groups)
    else:
        standing, asked = _next(request, engine, body)
    return fragment(request, "review_questions", only=body.only, **_shown(engine, standing, asked))


@router.post("/answer", name="review_answer", dependencies=[PageWriter])
def answer(engine: PageEngine, body: AnswerBody) -> Response:
    """Do what was decided; the answer is what was done, or why it could not be, as JSON."""
    try:
        operation = _decide(engine, body)
    except PersonaeError as error:
        return _refused(error)
    return JSONResponse({"operation": int(operation.id), "text": operation.summary})


@router.post("/split", name="review_split", dependencies=[PageWriter])
def split(engine: PageEngine, body: SplitBody) -> Response:
    """Take faces out of a group; the answer names the group that they are now."""
    try:
        done = engine.split(engine.browse.cluster(body.cluster_id).label, body.face_ids)
        _, cluster_id = engine.browse.home_of(done.face_ids[0])
    except PersonaeError as error:
        return _refused(error)
    return JSONResponse(
        {"operation": int(done.operation.id), "text": done.operation.summary, "group": cluster_id, "left": done.left}
    )


@router.post("/say", name="review_say", dependencies=[PageWriter])
def say_it(request: Request, engine: PageEngine, said: Annotated[SaidForm, Form()]) -> Response:
    """Take the answer of a form, where no script runs; the next question follows."""
    try:
        operation = _decide(engine, said.body())
    except (InputError, Conflict) as error:
        return say(redirect(request, "/review"), without_places(str(error)))
    return say(redirect(request, "/review"), operation.summary, int(operation.id))


@router.get("/names", name="review_names")
def names(request: Request, engine: PageEngine, q: Annotated[str, Query(max_length=1000)] = "") -> Response:
    """List who is called something like this, those of most faces first."""
    found = engine.browse.named(PeopleFilter(text=" ".join(q.split())), limit=NAMES)
    return fragment(request, "review_names", people=found)


@router.get("/groups/{cluster_id}/alike", name="review_alike")
def alike(request: Request, engine: PageEngine, cluster_id: ClusterNumber) -> Response:
    """List the groups that are most like one."""
    return fragment(request, "review_alike", found=engine.alike_groups(cluster_id))


@router.get("/groups/{cluster_id}/parts", name="review_parts")
def parts_of_group(engine: PageEngine, cluster_id: ClusterNumber) -> Response:
    """Say where a group comes apart most easily, as JSON: the faces to take out."""
    try:
        proposed = engine.propose_split(engine.browse.cluster(cluster_id).label)
    except PersonaeError as error:
        return _refused(error)
    sure = proposed.across < proposed.cluster_threshold
    return JSONResponse({"face_ids": [int(face.face_id) for face in proposed.take_out], "sure": sure})


@router.post("/again", name="review_again", dependencies=[PageWriter])
def again(request: Request, engine: PageEngine) -> Response:
    """Let the machine go by what it has been taught: a job ties the faces that are sure by now."""
    job = engine.queue("faces.assign")
    return say(redirect(request, f"/jobs/{job.id}"), "personae looks at the other faces again")


def _next(request: Request, engine: Engine, wanted: MoreBody) -> tuple[Standing, Asked]:
    standing = site_of(request).agendas.of(engine).now(engine)
    return standing, engine.ask(standing.found, wanted.limit, wanted.skip, wanted.only)


def _shown(engine: Engine, standing: Standing, asked: Asked) -> dict[str, Any]:
    found = standing.found
    return {
        "questions": asked.questions,
        "left": asked.left,
        "suggested": asked.suggested,
        "pending": standing.pending,
        "trouble": standing.trouble,
        "rough": found.event < 0,
        "review": found.review,
        "match": found.match,
        "model_id": found.model_id,
        "known": bool(found.items) or bool(engine.browse.named(limit=1)),
    }


def _decide(engine: Engine, body: AnswerBody) -> Operation:
    if body.answer == "hide":
        if body.cluster_id is None:
            raise InputError("only a group can be hidden here")
        return engine.hide(engine.browse.cluster(body.cluster_id).label)
    about = About(body.cluster_id, tuple(body.face_ids), tuple(body.but), body.face_count)
    if body.answer == "yes":
        return engine.answer_yes(about, body.person_id, body.name)
    if body.person_id is None:
        raise InputError("say who it is not")
    return engine.answer_no(about, body.person_id)


def _refused(error: PersonaeError) -> JSONResponse:
    """Return why not, in the shape of the API: the script asks, not a person."""
    said = {"error": type(error).__name__, "detail": without_places(str(error))}
    return JSONResponse(said, error.http_status)
