"""The people who are known, and the groups of whom nobody has named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from personae.engine.facade import Engine
from personae.ports import Key, PeopleFilter, PeopleOrder
from personae.references import Reference
from personae.types import Cluster, Person
from personae.web.pages.deps import PageEngine, PageReader
from personae.web.pages.naming import Text, called
from personae.web.pages.render import by_htmx, fragment, page
from personae.web.paging import CURSOR_CHARACTERS, cursor, read_cursor

router = APIRouter(prefix="/people", dependencies=[PageReader])

AT_ONCE = 60
ORDERS = {PeopleOrder.FACES: "Most faces", PeopleOrder.NAME: "Name", PeopleOrder.NEWEST: "Newest"}

After = Annotated[str | None, Query(max_length=CURSOR_CHARACTERS)]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is listed."""

    text: str
    order: PeopleOrder
    hidden: bool

    def query(self, **more: object) -> str:
        """Return it as the end of an address; what is None is left out."""
        order = "" if self.order is PeopleOrder.FACES else self.order.value
        values = {"q": self.text, "order": order, "hidden": "yes" if self.hidden else ""}
        given = {name: value for name, value in (values | more).items() if value not in ("", None)}
        return f"?{urlencode(given)}" if given else ""


@router.get("", name="people")
def list_people(
    request: Request, engine: PageEngine, q: Text = "", order: PeopleOrder = PeopleOrder.FACES, hidden: str = "",
    after: After = None,
) -> Response:  # fmt: skip
    """List the people in an order; `after`: those behind one."""
    asked = Asked(q, order, hidden == "yes")
    people, more = _people(engine, asked, after)
    values: dict[str, Any] = {"asked": asked, "orders": ORDERS, "people": people, "more": more, "after": after}
    values["references"] = _references(engine, people)
    if by_htmx(request) and after is not None:
        return fragment(request, "people_cards", **values)
    groups, more_groups = ([], "") if q.split() or after else _groups(engine, asked, None)
    values |= {"groups": groups, "more_groups": more_groups}
    return page(request, "people", **values, any_hidden=asked.hidden or engine.browse.any_hidden())


@router.get("/unknown", name="unknown_groups")
def list_groups(request: Request, engine: PageEngine, hidden: str = "", after: After = None) -> Response:
    """List the unknown groups, largest first."""
    asked = Asked("", PeopleOrder.FACES, hidden == "yes")
    groups, more = _groups(engine, asked, after)
    values: dict[str, Any] = {"asked": asked, "groups": groups, "more_groups": more}
    if by_htmx(request):
        return fragment(request, "group_cards", **values)
    return page(request, "unknown", **values)


@router.get("/names", name="people_names")
def names(engine: PageEngine, q: Text = "") -> list[dict[str, object]]:
    """Return those whose names somebody may be typing."""
    return [
        {"id": found.person.id, "name": found.title, "faces": found.face_count, "face": found.best_face}
        for found in called(engine, q)
        if found.person is not None
    ]


def _people(engine: Engine, asked: Asked, after: str | None) -> tuple[list[Person], str]:
    """Return a page of people, and the address of the next one."""
    kinds = {PeopleOrder.NAME: str, PeopleOrder.FACES: int, PeopleOrder.NEWEST: int}
    start = None if after is None else read_cursor(after, kinds[asked.order], int)
    which = PeopleFilter(asked.text, hidden=asked.hidden)
    found = engine.browse.named(which, asked.order, None if start is None else (start[0], int(start[1])), AT_ONCE + 1)
    shown = found[:AT_ONCE]
    if len(found) == len(shown):
        return shown, ""
    last = shown[-1]
    key: dict[PeopleOrder, Key] = {
        PeopleOrder.NAME: last.name, PeopleOrder.FACES: last.face_count, PeopleOrder.NEWEST: int(last.id),
    }  # fmt: skip
    return shown, f"/people{asked.query(after=cursor(key[asked.order], int(last.id)))}"


def _groups(engine: Engine, asked: Asked, after: str | None) -> tuple[list[Cluster], str]:
    """Return a page of unknown groups, and the address of the next one."""
    start = None if after is None else read_cursor(after, int, int)
    found = engine.browse.groups(None if start is None else (int(start[0]), int(start[1])), AT_ONCE + 1, asked.hidden)
    shown = found[:AT_ONCE]
    if len(found) == len(shown):
        return shown, ""
    last = shown[-1]
    return shown, f"/people/unknown{asked.query(after=cursor(last.face_count, int(last.id)))}"


def _references(engine: Engine, people: Sequence[Person]) -> dict[int, Reference]:
    """Return the main references of those who are characters and have one."""
    wanted = [person.id for person in people if person.kind == "character"]
    found = engine.characters(wanted) if wanted else []
    return {int(character.person_id): character.references[0] for character in found if character.references}
