"""The audit: who decided what and when, each with its receipts, and taking any of it back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response

from personae.engine.facade import Engine
from personae.errors import NotFound
from personae.ports import OperationFilter, PeopleFilter
from personae.types import FaceId, Maker, PersonId
from personae.web.api.ids import LARGEST_ID, OperationNumber
from personae.web.pages.audit_words import KINDS, by_day, names_of, row_of, said_of
from personae.web.pages.deps import PageEngine, PageReader, PageWriter
from personae.web.pages.render import by_htmx, fragment, page, redirect, say
from personae.web.paging import CURSOR_CHARACTERS, Paging

router = APIRouter(prefix="/audit", dependencies=[PageReader])

AT_ONCE = 50
DECISIONS_AT_ONCE = 60
After = Annotated[str | None, Query(max_length=CURSOR_CHARACTERS)]


@dataclass(frozen=True, slots=True)
class Asked:
    """Which operations are asked for; empty: any."""

    kind: str
    maker: str
    person: str
    face: int | None

    @property
    def kept(self) -> dict[str, str]:
        """What is asked for, as an address says it."""
        said = {"kind": self.kind, "maker": self.maker, "person": self.person, "face": str(self.face or "")}
        return {name: value for name, value in said.items() if value}


def asked(
    kind: Annotated[str, Query(max_length=50)] = "",
    maker: Literal["", "human", "source", "machine"] = "",
    person: Annotated[str, Query(max_length=300)] = "",
    face: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None,
) -> Asked:
    """Read which operations are asked for."""
    return Asked(kind, maker, person.strip(), face)


@router.get("", name="audit")
def list_operations(
    request: Request, engine: PageEngine, asked: Annotated[Asked, Depends(asked)], after: After = None
) -> Response:
    """List what was decided, newest first."""
    about = _person(engine, asked.person)
    paging = Paging(AT_ONCE, after)
    start = paging.start(int)
    which = OperationFilter(
        (asked.kind,) if asked.kind else (), (Maker(asked.maker),) if asked.maker else (),
        None if about is None else about[0], None if asked.face is None else FaceId(asked.face),
    )  # fmt: skip
    nobody = bool(asked.person) and about is None
    before = int(start[0]) if start else None
    rows = [] if nobody else engine.browse.operations(before, AT_ONCE + 1, which)
    listed = paging.page(rows, lambda operation: (int(operation.id),), lambda operation: operation)
    more = f"/audit?{urlencode({**asked.kept, 'after': listed.next})}" if listed.next else ""
    return page(
        request, "audit", days=by_day(listed.items), kinds=KINDS, asked=asked, about=about, nobody=nobody, more=more
    )  # fmt: skip


@router.get("/{operation_id}", name="operation")
def show_operation(
    request: Request, engine: PageEngine, operation_id: OperationNumber,
    start: Annotated[int, Query(ge=0, le=LARGEST_ID)] = 0,
) -> Response:  # fmt: skip
    """Show one operation with its decisions."""
    operation = engine.browse.operation(operation_id)
    of = operation if operation.undoes is None else engine.browse.operation(operation.undoes)
    said = engine.browse.decisions(of.id, start, DECISIONS_AT_ONCE + 1)
    names = names_of(engine, said)
    shown = [said_of(each, names) for each in said[:DECISIONS_AT_ONCE]]
    here = {each.face.id: each.face.image_id for each in engine.browse.several([s.face_id for s in shown if s.face_id])}
    behind = start + DECISIONS_AT_ONCE
    more = f"/audit/{operation_id}?start={behind}" if len(said) > DECISIONS_AT_ONCE else ""
    return page(
        request, "operation", row=row_of(operation), of=None if of is operation else row_of(of), said=shown,
        photos=here, more=more, start=start,
    )  # fmt: skip


@router.post("/{operation_id}/undo", name="audit_undo", dependencies=[PageWriter])
def undo(request: Request, engine: PageEngine, operation_id: OperationNumber) -> Response:
    """Take an operation back."""
    undone = engine.undo(operation_id)
    words = "Taken back." if engine.browse.operation(operation_id).undoes is None else "Done again."
    if not by_htmx(request):
        return say(redirect(request, f"/audit/{operation_id}"), words, undone.id)
    return say(fragment(request, "audit_row", row=row_of(engine.browse.operation(operation_id))), words, undone.id)


@router.get("/{operation_id}/row", name="audit_row")
def show_row(request: Request, engine: PageEngine, operation_id: OperationNumber) -> Response:
    """Show one operation as the list has it."""
    return fragment(request, "audit_row", row=row_of(engine.browse.operation(operation_id)))


def _person(engine: Engine, text: str) -> tuple[PersonId, str] | None:
    """Return whom a number (#12, 12) or a part of a name means: of several who have the most faces."""
    wanted = " ".join(text.split())
    number = wanted.removeprefix("#")
    if number.isdecimal() and len(number) < 19:
        try:
            person = engine.browse.person(engine.browse.person_now(int(number)))
        except NotFound:
            return None
        return person.id, person.name
    found = engine.browse.named(PeopleFilter(text=wanted, hidden=None), limit=1) if wanted else []
    return (found[0].id, found[0].name) if found else None
