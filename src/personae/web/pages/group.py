"""An unknown group: faces of one person whom nobody has named yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response

from personae.engine.facade import Engine
from personae.errors import Conflict, InputError, NotFound, PersonaeError
from personae.ports import FaceFilter, FaceOrder
from personae.types import ClusterId, Operation, Person
from personae.web.api.ids import LARGEST_ID, ClusterNumber
from personae.web.pages.deps import PageEngine, PageReader, PageWriter
from personae.web.pages.naming import (
    AT_ONCE,
    DECISIONS,
    HALF_SHOWN,
    ChosenForm,
    Name,
    Number,
    Start,
    likely,
    person_of,
    said,
    why,
)
from personae.web.pages.receipts import group_words
from personae.web.pages.render import by_htmx, fragment, page, redirect, say
from personae.web.places import without_places

router = APIRouter(prefix="/groups/{cluster_id}", dependencies=[PageReader])

Picked = Annotated[int | None, Form(ge=1, le=LARGEST_ID)]


@router.get("", name="group")
def show_group(request: Request, engine: PageEngine, cluster_id: ClusterNumber) -> Response:
    """Show a group; one whose faces have all gone tells where they are."""
    values = _all(engine, cluster_id)
    return fragment(request, "group_body", **values) if by_htmx(request) else page(request, "group", **values)


@router.get("/faces", name="group_faces")
def show_faces(request: Request, engine: PageEngine, cluster_id: ClusterNumber, after: Start = None) -> Response:
    """Show the faces behind one."""
    if not by_htmx(request):
        return page(request, "group", **_all(engine, cluster_id, after))
    return fragment(request, "person_tiles", **_faces(engine, cluster_id, after))


@router.get("/likely", name="group_likely", dependencies=[PageWriter])
def show_likely(request: Request, engine: PageEngine, cluster_id: ClusterNumber) -> Response:
    """Show whom the group may be."""
    group = engine.browse.cluster(cluster_id)
    found = likely(engine, group.best_face, cluster_id=cluster_id)
    return fragment(request, "group_likely", group=group, found=found)


@router.post("/name", name="group_name", dependencies=[PageWriter])
def name_group(
    request: Request, engine: PageEngine, cluster_id: ClusterNumber, name: Name = "", person: Picked = None
) -> Response:
    """Say who it is: by name, or the very person who was picked from the proposals."""
    if person is not None:
        return _decide(request, engine, cluster_id, lambda label: engine.merge(label, f"#{person}"))
    return _decide(request, engine, cluster_id, lambda label: engine.name(label, name))


@router.post("/join", name="group_join", dependencies=[PageWriter])
def join(request: Request, engine: PageEngine, cluster_id: ClusterNumber, other: Number, kind: Name) -> Response:
    """Say that it is this person, or one with this other group."""
    into = f"#{other}" if kind == "person" else engine.browse.cluster(other).label
    return _decide(request, engine, cluster_id, lambda label: engine.merge(label, into))


@router.post("/reject", name="group_reject", dependencies=[PageWriter])
def reject(request: Request, engine: PageEngine, cluster_id: ClusterNumber, other: Number) -> Response:
    """Say that it is not this person."""
    return _decide(request, engine, cluster_id, lambda label: engine.reject(label, f"#{other}"))


@router.post("/hide", name="group_hide", dependencies=[PageWriter])
def hide(request: Request, engine: PageEngine, cluster_id: ClusterNumber) -> Response:
    """Leave the group out where people are listed."""
    return _decide(request, engine, cluster_id, engine.hide)


@router.post("/show", name="group_show", dependencies=[PageWriter])
def show_again(request: Request, engine: PageEngine, cluster_id: ClusterNumber) -> Response:
    """Show the group again."""
    return _decide(request, engine, cluster_id, engine.show_again)


@router.post("/split", name="group_split", dependencies=[PageWriter])
def split(request: Request, engine: PageEngine, cluster_id: ClusterNumber, chosen: ChosenForm) -> Response:
    """Take the ticked faces out: they are somebody else, by name or not."""
    name = chosen.name if chosen.name.split() else None
    return _decide(request, engine, cluster_id, lambda label: engine.split(label, chosen.face, name).operation)


@router.post("/undo", name="group_undo", dependencies=[PageWriter])
def undo(request: Request, engine: PageEngine, cluster_id: ClusterNumber, operation: Number) -> Response:
    """Take a decision back."""
    return _decide(request, engine, cluster_id, lambda _: engine.undo(operation), whole=True)


@router.get("/split", name="group_propose_split", dependencies=[PageWriter])
def propose_split(request: Request, engine: PageEngine, cluster_id: ClusterNumber) -> Response:
    """Propose where the group comes apart most easily."""
    group = engine.browse.cluster(cluster_id)
    proposal = engine.propose_split(group.label)
    values: dict[str, Any] = {
        "base": f"/groups/{cluster_id}",
        "name": group_words(group.label),
        "proposal": proposal,
        "shown": HALF_SHOWN,
    }
    return fragment(request, "split_sheet", **values) if by_htmx(request) else page(request, "split", **values)


def _decide(
    request: Request, engine: Engine, cluster_id: int, do: Callable[[str], Operation], *, whole: bool = False
) -> Response:
    """Do it, and show how the group stands then, or whom it has become; `whole`: with its faces."""
    group = engine.browse.cluster(cluster_id)
    try:
        operation = do(group.label)
    except (Conflict, InputError, NotFound) as error:
        return _refused(request, engine, cluster_id, error)
    if not engine.browse.cluster(cluster_id).face_count:
        person = person_of(engine, operation.id)
        to = f"/groups/{cluster_id}" if person is None else f"/people/{person}"
        return say(redirect(request, to), said(operation), operation.id)
    if not by_htmx(request):
        return say(redirect(request, f"/groups/{cluster_id}"), said(operation), operation.id)
    shown = _all(engine, cluster_id) if whole else _head(engine, cluster_id)
    return say(fragment(request, "group_body" if whole else "group_head", **shown), said(operation), operation.id)


def _refused(request: Request, engine: Engine, cluster_id: int, error: PersonaeError) -> Response:
    """Say why not, beside how the group stands now."""
    text = without_places(str(error)).partition("; `personae")[0]
    values = _all(engine, cluster_id) | {"wrong": text.replace("unknown_cluster_", "unknown group ")}
    if not by_htmx(request):
        return page(request, "group", error.http_status, **values)
    answered = fragment(request, "group_body", **values)
    answered.headers["HX-Retarget"] = "#person"
    answered.headers["HX-Reswap"] = "outerHTML"
    return answered


def _all(engine: Engine, cluster_id: int, after: int | None = None) -> dict[str, Any]:
    head = _head(engine, cluster_id)
    if head["group"].face_count:
        return head | _faces(engine, cluster_id, after) | {"gone_to": []}
    return head | _faces(engine, cluster_id, None) | {"gone_to": _gone_to(engine, cluster_id)}


def _head(engine: Engine, cluster_id: int) -> dict[str, Any]:
    group = engine.browse.cluster(cluster_id)
    found = engine.browse.said_of_group(cluster_id, None, DECISIONS)
    return {
        "group": group, "base": f"/groups/{cluster_id}", "name": group_words(group.label),
        "hidden": engine.browse.group_hidden(cluster_id), "wrong": None,
        "operations": [(operation, said(operation)) for operation in found], "more_decisions": "",
    }  # fmt: skip


def _faces(engine: Engine, cluster_id: int, after: int | None) -> dict[str, Any]:
    which = FaceFilter(cluster_id=ClusterId(cluster_id), unknown=True)
    found = engine.browse.members(which, FaceOrder.BEST, after, AT_ONCE + 1)
    shown = found[:AT_ONCE]
    more = f"/groups/{cluster_id}/faces?after={shown[-1].face.id}" if len(found) > AT_ONCE else ""
    return {
        "faces": shown,
        "more": more,
        "order": "",
        "orders": {},
        "base": f"/groups/{cluster_id}",
        "why": why,
        "name": group_words(engine.browse.cluster(cluster_id).label),
    }


def _gone_to(engine: Engine, cluster_id: int) -> list[Person]:
    """Return the people whose the faces of a group are by now."""
    faces = engine.browse.members(FaceFilter(cluster_id=ClusterId(cluster_id)), FaceOrder.BEST, None, 200)
    people = dict.fromkeys(listed.face.person_id for listed in faces if listed.face.person_id is not None)
    return [engine.browse.person(person_id) for person_id in people]
