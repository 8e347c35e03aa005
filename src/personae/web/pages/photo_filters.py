"""Which photos a visitor wants to see: read from the address, and written into addresses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from personae.album import reason_words
from personae.engine.facade import Engine
from personae.errors import Conflict, InputError, NotFound, PersonaeError
from personae.ports import PeopleFilter, PhotoFilter
from personae.types import PersonId, Reason
from personae.web.pages.deps import PageEngine

NAMES_SHOWN = 5
Text = Annotated[str, Field(max_length=400)]
SHOWS: dict[str, str] = {
    "": "All photos", "unknown": "Unknown faces", "empty": "No face found", "refused": "Not usable",
}  # fmt: skip
"""What each choice is called."""


class Asked(BaseModel):
    """What stands in the address; empty: it is not asked for."""

    model_config = ConfigDict(frozen=True, str_strip_whitespace=True)

    show: Literal["", "unknown", "empty", "refused"] = ""
    person: Text = ""
    """A name, or the number of a person."""
    folder: Text = ""
    """Key of `personae.engine.photos.Folder`."""
    source: Text = ""
    reason: Text = ""
    since: Text = ""
    """First day, as 2026-05-31, on which the photos were taken, or taken in where nobody knows when that was."""
    until: Text = ""
    """Last day."""

    def query(self, **more: object) -> str:
        """Return it as the end of an address, with its question mark; empty when nothing is asked for."""
        written = urlencode({name: value for name, value in (self.model_dump() | more).items() if value})
        return f"?{written}" if written else ""

    def changed(self, **parts: str) -> str:
        """Return the end of the address that asks for something else in these parts."""
        return self.model_copy(update=parts).query()


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that is asked for, in words, and the address without it."""

    words: str
    without: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for, looked up."""

    asked: Asked
    which: PhotoFilter
    person: str
    """The name of the person that is asked for; what was typed, where nobody is called so."""
    choices: tuple[Choice, ...]
    wrong: str = ""
    """Why what is asked for cannot be: then there is no photo to show."""


async def asked_of(asked: Annotated[Asked, Query()]) -> Asked:
    """Read the address of a page."""
    return asked


AskedDep = Annotated[Asked, Depends(asked_of)]


def wanted_of(engine: PageEngine, asked: AskedDep) -> Wanted:
    """Look up what the address of a page asks for."""
    try:
        return _look_up(engine, asked)
    except PersonaeError as error:
        # What a command would do about it does not help here.
        return Wanted(asked, PhotoFilter(), asked.person, (), wrong=str(error).partition("; `personae")[0])


WantedDep = Annotated[Wanted, Depends(wanted_of)]


def _look_up(engine: Engine, asked: Asked) -> Wanted:
    """Look up each part. Raises NotFound, Conflict, InputError."""
    which = PhotoFilter(
        unknown=asked.show == "unknown", empty=asked.show == "empty", refused=asked.show == "refused",
        source=asked.source,
    )  # fmt: skip
    words: dict[str, str] = {}
    name = ""
    if asked.person:
        person_id, name = _person(engine, asked.person)
        which, words["person"] = replace(which, person_id=person_id), name
    if asked.folder:
        folder = engine.photos.folder(asked.folder)
        which, words["folder"] = replace(which, folder=folder.uri), folder.name
    if asked.source:
        words["source"] = f"from {asked.source}"
    if asked.reason:
        which, words["reason"] = replace(which, reason=_reason(asked.reason)), f"refused: {reason_words(asked.reason)}"
    if asked.since:
        which, words["since"] = replace(which, since=_day(asked.since)), f"since {asked.since}"
    if asked.until:
        which = replace(which, until=_day(asked.until) + timedelta(days=1))
        words["until"] = f"until {asked.until}"
    chosen = tuple(Choice(said, f"/photos{asked.changed(**{part: ''})}") for part, said in words.items())
    return Wanted(asked, which, name, chosen)


def _person(engine: Engine, said: str) -> tuple[PersonId, str]:
    """Return the person of this number or name, or the only one who has it in the name."""
    try:
        found = engine.browse.person_called(f"#{said}" if said.isdecimal() else said)
    except NotFound:
        alike = [] if said.isdecimal() else engine.browse.named(PeopleFilter(said, hidden=None), limit=NAMES_SHOWN + 1)
        if not alike:
            raise
        if len(alike) > 1:
            names = ", ".join(person.name for person in alike[:NAMES_SHOWN])
            more = " and others" if len(alike) > NAMES_SHOWN else ""
            raise Conflict(f"several people have that in their names: {names}{more}") from None
        found = alike[0]
    return found.id, found.name


def _reason(said: str) -> Reason:
    if said not in set(Reason):
        raise InputError(f"nothing is refused for {said!r}")
    return Reason(said)


def _day(said: str) -> datetime:
    """Return the beginning of a day, in UTC. Raises InputError."""
    try:
        day = date.fromisoformat(said)
    except ValueError as error:
        raise InputError(f"{said!r} is no day: write it as 2026-05-31") from error
    if not 1900 <= day.year <= 9000:
        raise InputError(f"no photo is from {said}")
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
