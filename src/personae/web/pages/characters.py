"""The page of all characters: cards with their status, adding one, and those that look like one another."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, File, Form, Query, Request, Response, UploadFile

from personae.engine.facade import Engine
from personae.errors import PersonaeError
from personae.references import Character
from personae.web.api.ids import LARGEST_ID, CharacterNumber
from personae.web.pages.character_views import ATTENTION, BUSY, CharacterCard, card_of
from personae.web.pages.deps import PageEngine, PageReader, PageWriter
from personae.web.pages.render import page, redirect, say
from personae.web.places import without_places
from personae.web.uploads import read_picture

router = APIRouter(prefix="/characters", dependencies=[PageReader], include_in_schema=False)
CARDS = 60
PAIRS = 100
Which = Literal["all", "attention", "ready", "none"]


@router.get("")
def show_characters(
    request: Request, engine: PageEngine,
    find: Annotated[str, Query(max_length=300)] = "",
    which: Which = "all",
    after: Annotated[int, Query(ge=0, le=LARGEST_ID)] = 0,
) -> Response:  # fmt: skip
    """Show the characters, oldest first."""
    every = [card_of(each) for each in engine.characters()]
    named = [card for card in every if find.casefold() in card.name.casefold()]
    counts = {kind: sum(_is(card, kind) for card in named) for kind in ("all", "attention", "ready", "none")}
    rows = [card for card in named if _is(card, which) and card.id > after]
    shown = rows[:CARDS]
    return page(
        request, "characters", cards=shown, counts=counts, which=which, find=find, total=len(every),
        busy=any(card.status in BUSY for card in shown), next=shown[-1].id if len(rows) > CARDS else None,
    )  # fmt: skip


@router.post("", dependencies=[PageWriter])
def add_character(
    request: Request,
    engine: PageEngine,
    name: Annotated[str, Form(max_length=1000)],
    picture: Annotated[UploadFile | None, File()] = None,
) -> Response:
    """Make a character, at once with a source image where one is sent."""
    data = read_picture(engine, picture) if picture is not None and picture.filename else b""
    made = engine.add_character(name)
    words = f"{made.name} is a character now."
    if data:
        try:
            engine.set_reference(f"#{made.person_id}", data)
        except PersonaeError as error:
            words = f"{made.name} is a character now. The picture cannot be used: {without_places(str(error))}"
    return say(redirect(request, f"/characters/{made.person_id}"), words, _making(engine, made))


@router.get("/duplicates")
def show_duplicates(
    request: Request,
    engine: PageEngine,
    threshold: Annotated[float | None, Query(ge=-1, le=1)] = None,
    first: Annotated[int, Query(ge=0, le=LARGEST_ID)] = 0,
) -> Response:
    """Show the pairs of characters that look like one another, best first."""
    found = engine.duplicate_characters(threshold)
    shown = found.pairs[first : first + PAIRS]
    ids = {each for pair in shown for each in (pair.first_id, pair.second_id)}
    cards = {card.id: card for card in map(card_of, engine.characters(sorted(ids)))}
    more = first + PAIRS if len(found.pairs) > first + PAIRS else None
    return page(request, "duplicates", found=found, pairs=shown, cards=cards, next=more)


@router.post("/{character_id}/merge", dependencies=[PageWriter])
def merge_characters(
    request: Request,
    engine: PageEngine,
    character_id: CharacterNumber,
    into: Annotated[int, Form(ge=1, le=LARGEST_ID)],
) -> Response:
    """Make two characters one: the references of this one belong to the other."""
    gone, kept = engine.reference_status(f"#{character_id}"), engine.reference_status(f"#{into}")
    operation = engine.merge(f"#{gone.person_id}", f"#{kept.person_id}")
    words = f"{gone.name} and {kept.name} are one now: {kept.name}."
    return say(redirect(request, "/characters/duplicates"), words, operation.id)


def _is(card: CharacterCard, which: str) -> bool:
    if which == "attention":
        return card.status in ATTENTION - {"none"}
    if which == "ready":
        return card.face is not None
    return which in {"all", card.status}


def _making(engine: Engine, made: Character) -> int | None:
    """Return the operation that made a character: the first that speaks of it."""
    operations = engine.browse.said_of_person(made.person_id)
    return operations[-1].id if operations else None
