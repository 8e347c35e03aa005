"""Pictures and sequences held against a character, as parts of its page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Query, Request, Response, UploadFile

from personae.core.continuity import Continuity
from personae.engine.facade import Engine
from personae.errors import InputError, PersonaeError
from personae.references import LikenessCheck
from personae.web.api.ids import LARGEST_ID, CharacterNumber
from personae.web.pages.character_views import check_views
from personae.web.pages.character_words import check_words
from personae.web.pages.continuity_plot import HEIGHT, LEFT, WIDTH, draw
from personae.web.pages.deps import PageEngine, PageReader, PageWriter
from personae.web.pages.render import by_htmx, fragment, page, say
from personae.web.places import without_places
from personae.web.uploads import holds_video, kept_pictures, kept_video, read_picture

router = APIRouter(prefix="/characters", dependencies=[PageReader], include_in_schema=False)
CHECKS = 24
SPELLS = 200
ROWS = 1000
Files = Annotated[list[UploadFile], File()]
_NUMBER = re.compile(r"(\d+)")


@router.get("/{character_id}/likeness")
def show_checks(
    request: Request,
    engine: PageEngine,
    character_id: CharacterNumber,
    before: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None,
) -> Response:
    """Show the checks against a character, newest first."""
    shown = latest_checks(engine, character_id, before)
    name = engine.reference_status(f"#{character_id}").name
    if by_htmx(request) and before is None:
        return fragment(request, "character_checks", character_id=character_id, name=name, **shown)
    return page(request, "character_checks_page", character_id=character_id, name=name, **shown)


@router.post("/{character_id}/likeness", dependencies=[PageWriter])
def check_likeness(request: Request, engine: PageEngine, character_id: CharacterNumber, pictures: Files) -> Response:
    """Hold pictures against a character; what is no picture is named, and the others are looked at."""
    who = f"#{engine.reference_status(f'#{character_id}').person_id}"
    good, refused = _pictures(engine, pictures)
    made = engine.check_likeness(who, good) if good else []
    shown = latest_checks(engine, character_id, most=max(CHECKS, len(made)))
    values: dict[str, Any] = {
        "character_id": character_id,
        "name": engine.reference_status(who).name,
        **shown,
        "refused": refused,
    }
    if not by_htmx(request):
        return page(request, "character_checks_page", **values)
    return say(fragment(request, "character_checks", **values), _told(made, refused))


@router.post("/{character_id}/continuity", dependencies=[PageWriter])
def check_continuity(
    request: Request,
    engine: PageEngine,
    character_id: CharacterNumber,
    frames: Files,
    every: Annotated[int, Form(ge=1, le=1_000_000)] = 1,
) -> Response:
    """Hold a sequence of frames, or a video, against a character; nothing is kept."""
    found, names = _continuity(engine, f"#{character_id}", frames, every)
    values: dict[str, Any] = {
        "character_id": found.person_id, "found": found, "plot": draw(found), "width": WIDTH, "height": HEIGHT,
        "left": LEFT, "names": names, "drops": found.drops[:SPELLS], "rows": found.frames[:ROWS],
        "reasons": {frame.number: check_words(frame.reasons) for frame in found.frames},
        "video": any(frame.seconds is not None for frame in found.frames),
    }  # fmt: skip
    if by_htmx(request):
        return fragment(request, "character_continuity", **values)
    return page(request, "character_continuity_page", **values)


def latest_checks(engine: Engine, character_id: int, before: int | None = None, most: int = CHECKS) -> dict[str, Any]:
    """Return what the strip of checks shows: the checks before one, and where the next begin."""
    rows = engine.likeness_checks(f"#{character_id}", most + 1, before)
    shown = rows[:most]
    return {
        "checks": check_views(engine, shown), "refused": [], "next_checks": shown[-1].id if len(rows) > most else None,
        "words": {check.id: check_words(check.reasons) for check in shown},
    }  # fmt: skip


def _pictures(engine: Engine, sent: Sequence[UploadFile]) -> tuple[list[bytes], list[tuple[str, str]]]:
    """Return the pictures, and what cannot be used with its reason."""
    good, refused = [], []
    for file in sent:
        try:
            good.append(read_picture(engine, file))
        except PersonaeError as error:
            refused.append((file.filename or "a file without a name", without_places(str(error))))
    return good, refused


def _told(made: Sequence[LikenessCheck], refused: Sequence[tuple[str, str]]) -> str:
    passed = sum(check.passed for check in made)
    words = f"{passed} of {len(made)} pass."
    return f"{words} {len(refused)} could not be used." if refused else words


def _continuity(engine: Engine, who: str, sent: Sequence[UploadFile], every: int) -> tuple[Continuity, list[str]]:
    """Return what was measured, and the name of each frame by its number."""
    character = f"#{engine.reference_status(who).person_id}"
    given = [file for file in sent if file.filename]
    if not given:
        raise InputError("choose the frames, or one video")
    if len(given) == 1 and holds_video(given[0]):
        with kept_video(given[0]) as path:
            return engine.continuity(character, path, every), []
    ordered = sorted(given, key=lambda file: _counted(file.filename or ""))
    with kept_pictures(engine, ordered) as paths:
        return engine.continuity(character, paths, every), [file.filename or "" for file in ordered]


def _counted(name: str) -> list[tuple[int, str]]:
    """Return what a file's name is ordered by: frame_2 comes before frame_10."""
    parts = _NUMBER.split(name.lower())
    return [(int(part), "") if at % 2 else (0, part) for at, part in enumerate(parts)]
