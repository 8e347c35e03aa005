"""One person: who it is, every face, and putting it right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Request, Response

from personae.engine.browse_people import ListedFace
from personae.engine.facade import Engine
from personae.engine.questions import Question
from personae.engine.review import NOISE_LABEL
from personae.errors import Conflict, InputError, NotFound, PersonaeError
from personae.ports import FaceFilter, FaceOrder, PeopleFilter
from personae.types import FaceId, Operation, Person, PersonId
from personae.web.api.ids import PersonNumber
from personae.web.pages.deps import PageEngine, PageReader, PageWriter
from personae.web.pages.naming import (
    AT_ONCE,
    DECISIONS,
    HALF_SHOWN,
    ChosenForm,
    Name,
    Number,
    Start,
    Text,
    called,
    likely,
    said,
    why,
)
from personae.web.pages.render import by_htmx, fragment, page, redirect, say
from personae.web.places import without_places
from personae.web.site import site_of

router = APIRouter(prefix="/people/{person_id}", dependencies=[PageReader])

QUESTIONS = 12
ORDERS = {"best": "Best", "newest": "Newest", "unsure": "Least sure"}

Order = Literal["best", "newest", "unsure"]
YesNo = Annotated[Literal["yes", "no"], Form()]


@dataclass(frozen=True, slots=True)
class Also:
    """An unknown group, or a face, that may be this person."""

    who: str
    """What the engine calls it."""
    face_id: FaceId | None
    face_count: int
    score: float
    to: str
    """Where it is looked at."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """What could not be done, and the person that it is about."""

    text: str
    other: Person | None = None


@router.get("", name="person")
def show_person(request: Request, engine: PageEngine, person_id: PersonNumber, order: Order = "best") -> Response:
    """Show a person; one that was merged leads to whom it is now."""
    now = engine.browse.person_now(person_id)
    if now != person_id:
        return redirect(request, f"/people/{now}")
    if gone := _nobody(request, engine, person_id):
        return gone
    values = _all(engine, person_id, order)
    return fragment(request, "person_body", **values) if by_htmx(request) else page(request, "person", **values)


@router.get("/faces", name="person_faces")
def show_faces(
    request: Request, engine: PageEngine, person_id: PersonNumber, order: Order = "best", after: Start = None
) -> Response:
    """Show the faces behind one."""
    values = _faces(engine, person_id, order, after)
    if not by_htmx(request):
        return page(request, "person", **_all(engine, person_id, order, after))
    return fragment(request, "person_tiles", person=engine.browse.person(person_id), **values)


@router.get("/also", name="person_also")
def show_questions(request: Request, engine: PageEngine, person_id: PersonNumber) -> Response:
    """Show unknown groups and faces that may be this person."""
    if _nobody(request, engine, person_id):
        return Response("")
    standing = site_of(request).agendas.of(engine).now(engine)
    asked = engine.ask(standing.found, QUESTIONS, person_id=person_id).questions
    waits = standing.pending and standing.found.event < 0
    shown = [also for question in asked for also in _also(question)][:QUESTIONS]
    return fragment(request, "person_also", person=engine.browse.person(person_id), asked=shown, waits=waits)


def _also(question: Question) -> list[Also]:
    """Return a group as one, single faces one by one."""
    group = question.cluster
    if group is not None:
        score = question.candidates[0].score
        return [Also(group.label, group.best_face, group.face_count, score, f"/groups/{group.id}")]
    return [
        Also(f"{NOISE_LABEL}{face.id}", face.id, 1, question.scores[face.id], f"/photos/{face.image_id}")
        for face in question.faces
    ]


@router.get("/decisions", name="person_decisions")
def show_decisions(request: Request, engine: PageEngine, person_id: PersonNumber, before: Start = None) -> Response:
    """Show what humans and sources said of this person."""
    values = _decisions(engine, person_id, before, 50) | {"person": engine.browse.person(person_id)}
    return fragment(request, "decisions_rows", **values) if by_htmx(request) else page(request, "decisions", **values)


@router.post("/rename", name="person_rename", dependencies=[PageWriter])
def rename(request: Request, engine: PageEngine, person_id: PersonNumber, name: Name = "") -> Response:
    """Give the person another name."""
    return _decide(request, engine, person_id, lambda: engine.name(f"#{person_id}", name), name)


@router.post("/hide", name="person_hide", dependencies=[PageWriter])
def hide(request: Request, engine: PageEngine, person_id: PersonNumber) -> Response:
    """Leave the person out where people are listed."""
    return _decide(request, engine, person_id, lambda: engine.hide(f"#{person_id}"))


@router.post("/show", name="person_show", dependencies=[PageWriter])
def show_again(request: Request, engine: PageEngine, person_id: PersonNumber) -> Response:
    """Show the person again where people are listed."""
    return _decide(request, engine, person_id, lambda: engine.show_again(f"#{person_id}"))


@router.post("/reject", name="person_reject", dependencies=[PageWriter])
def reject(request: Request, engine: PageEngine, person_id: PersonNumber, chosen: ChosenForm) -> Response:
    """Say that the ticked faces are not this person."""
    return _decide(request, engine, person_id, lambda: engine.reject_faces(f"#{person_id}", chosen.face))


@router.post("/confirm", name="person_confirm", dependencies=[PageWriter])
def confirm(request: Request, engine: PageEngine, person_id: PersonNumber, chosen: ChosenForm) -> Response:
    """Say that the ticked faces are this person."""
    return _decide(request, engine, person_id, lambda: engine.confirm_faces(f"#{person_id}", chosen.face))


@router.post("/split", name="person_split", dependencies=[PageWriter])
def split(request: Request, engine: PageEngine, person_id: PersonNumber, chosen: ChosenForm) -> Response:
    """Take the ticked faces out: they are somebody else, by name or not."""
    name = chosen.name if chosen.name.split() else None
    return _decide(
        request, engine, person_id, lambda: engine.split(f"#{person_id}", chosen.face, name).operation, chosen.name
    )


@router.post("/undo", name="person_undo", dependencies=[PageWriter])
def undo(request: Request, engine: PageEngine, person_id: PersonNumber, operation: Number) -> Response:
    """Take a decision back."""
    return _decide(request, engine, person_id, lambda: engine.undo(operation), whole=True)


@router.get("/split", name="person_propose_split", dependencies=[PageWriter])
def propose_split(request: Request, engine: PageEngine, person_id: PersonNumber) -> Response:
    """Propose where the person comes apart most easily."""
    person = engine.browse.person(person_id)
    proposal = engine.propose_split(f"#{person_id}")
    values: dict[str, Any] = {
        "base": f"/people/{person_id}",
        "name": person.name,
        "proposal": proposal,
        "shown": HALF_SHOWN,
    }
    return fragment(request, "split_sheet", **values) if by_htmx(request) else page(request, "split", **values)


@router.post("/also", name="person_answer", dependencies=[PageWriter])
def answer(request: Request, engine: PageEngine, person_id: PersonNumber, who: Name, yes: YesNo) -> Response:
    """Say whether an unknown group, or face, is this person."""
    if yes == "yes":
        return _decide(request, engine, person_id, lambda: engine.merge(who, f"#{person_id}"), whole=True)
    return _decide(request, engine, person_id, lambda: engine.reject(who, f"#{person_id}"))


@router.get("/merge", name="person_merge", dependencies=[PageWriter])
def choose_whom(
    request: Request, engine: PageEngine, person_id: PersonNumber, q: Text = "", into: Start = None
) -> Response:
    """Choose whom this person is one with, and see both before."""
    person = engine.browse.person(person_id)
    values: dict[str, Any] = {
        "person": person,
        "q": q,
        "other": None,
        "found": [],
        "faces": {},
        "base": f"/people/{person_id}",
    }
    if into is not None and into != person_id:
        other = engine.browse.person(into)
        values |= {"other": other, "faces": {i: _best(engine, i) for i in (person_id, into)}}
    else:
        alike = [found for found in likely(engine, person.best_face, person_id=person_id) if found.person is not None]
        values["found"] = called(engine, q, person_id) if q.split() else alike
    return fragment(request, "merge_sheet", **values) if by_htmx(request) else page(request, "merge", **values)


@router.post("/merge", name="person_merged", dependencies=[PageWriter])
def merge(request: Request, engine: PageEngine, person_id: PersonNumber, other: Number, keep: Number) -> Response:
    """Make two people one; the one that is kept gives the name."""
    gone = other if keep == person_id else person_id
    try:
        operation = engine.merge(f"#{gone}", f"#{keep}")
    except (Conflict, InputError, NotFound) as error:
        return _refused(request, engine, person_id, error, "")
    return say(redirect(request, f"/people/{keep}"), said(operation), operation.id)


def _decide(
    request: Request, engine: Engine, person_id: int, do: Callable[[], Operation], name: str = "", *,
    whole: bool = False,
) -> Response:  # fmt: skip
    """Do it, and show how the person stands then (`whole`: with the faces), or why it could not be done."""
    try:
        operation = do()
    except (Conflict, InputError, NotFound) as error:
        return _refused(request, engine, person_id, error, name)
    if gone := _nobody(request, engine, person_id):
        return say(gone, said(operation), operation.id)
    if not by_htmx(request):
        return say(redirect(request, f"/people/{person_id}"), said(operation), operation.id)
    if not whole:
        return say(fragment(request, "person_head", **_head(engine, person_id)), said(operation), operation.id)
    return say(_everything(request, _all(engine, person_id, "best")), said(operation), operation.id)


def _nobody(request: Request, engine: Engine, person_id: int) -> Response | None:
    """Lead from somebody who is nobody any more, since the naming was undone, to the group; None: it is somebody."""
    try:
        engine.browse.person(person_id)
    except NotFound:
        group = engine.browse.former_group(person_id)
        return redirect(request, "/people" if group is None else f"/groups/{group}")
    return None


def _refused(request: Request, engine: Engine, person_id: int, error: PersonaeError, name: str) -> Response:
    """Say why not, beside how the person stands now."""
    now = engine.browse.person_now(person_id)
    if gone := None if now != person_id else _nobody(request, engine, person_id):
        return say(gone, "Meanwhile the name was taken back.")
    if now != person_id:
        return say(redirect(request, f"/people/{now}"), f"Meanwhile they were made one: {without_places(str(error))}.")
    wrong = Wrong(without_places(str(error)), _namesake(engine, name, person_id))
    values = _all(engine, person_id, "best") | {"wrong": wrong}
    if by_htmx(request):
        return _everything(request, values)
    return page(request, "person", error.http_status, **values)


def _everything(request: Request, values: dict[str, Any]) -> Response:
    """Return the whole of it, whatever part htmx meant to change."""
    answered = fragment(request, "person_body", **values)
    answered.headers["HX-Retarget"] = "#person"
    answered.headers["HX-Reswap"] = "outerHTML"
    return answered


def _namesake(engine: Engine, name: str, person_id: int) -> Person | None:
    """Return the other person of this name, with whom this one may be one."""
    wanted = " ".join(name.split()).casefold()
    if not wanted:
        return None
    found = engine.browse.named(PeopleFilter(wanted, hidden=None), limit=50)
    return next((each for each in found if each.name.casefold() == wanted and each.id != person_id), None)


def _all(engine: Engine, person_id: int, order: Order, after: int | None = None) -> dict[str, Any]:
    """Return what the whole page shows."""
    return _head(engine, person_id) | _faces(engine, person_id, order, after)


def _head(engine: Engine, person_id: int) -> dict[str, Any]:
    """Return what stands above the faces."""
    stated = engine.browse.stated(person_id)
    references = engine.characters([PersonId(person_id)])
    return {
        "person": engine.browse.person(person_id), "hidden": engine.browse.person_hidden(person_id), "stated": stated,
        "character": references[0] if references else None, "wrong": None,
        **_decisions(engine, person_id, None, DECISIONS),
    }  # fmt: skip


def _faces(engine: Engine, person_id: int, order: Order, after: int | None) -> dict[str, Any]:
    """Return a page of the faces, and the address of the next one."""
    if order == "unsure":
        start = after or 0
        found = engine.browse.least_sure(person_id, start, AT_ONCE + 1)
        following = str(start + AT_ONCE)
    else:
        which = FaceFilter(person_id=PersonId(person_id))
        found = engine.browse.members(which, FaceOrder(order), after, AT_ONCE + 1)
        following = str(found[AT_ONCE - 1].face.id) if len(found) > AT_ONCE else ""
    more = f"/people/{person_id}/faces?order={order}&after={following}" if len(found) > AT_ONCE else ""
    return {
        "faces": found[:AT_ONCE],
        "more": more,
        "order": order,
        "orders": ORDERS,
        "base": f"/people/{person_id}",
        "why": why,
    }


def _decisions(engine: Engine, person_id: int, before: int | None, limit: int) -> dict[str, Any]:
    found = engine.browse.said_of_person(person_id, before, limit + 1)
    shown = found[:limit]
    more = f"/people/{person_id}/decisions?before={shown[-1].id}" if len(found) > limit else ""
    told = [(operation, said(operation)) for operation in shown]
    return {"operations": told, "more_decisions": more, "base": f"/people/{person_id}"}


def _best(engine: Engine, person_id: int) -> list[ListedFace]:
    return engine.browse.members(FaceFilter(person_id=PersonId(person_id)), FaceOrder.BEST, None, 6)
