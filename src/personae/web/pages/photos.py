"""The photos: a grid of them, the newest first, and what to see of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from personae.album import reason_words
from personae.engine.facade import Engine
from personae.engine.photos import Folder, SeenPhoto
from personae.web.api.ids import LARGEST_ID
from personae.web.pages.deps import PageEngine, PageReader
from personae.web.pages.photo_filters import SHOWS, Wanted, WantedDep
from personae.web.pages.receipts import shown_in
from personae.web.pages.render import by_htmx, fragment, page, redirect
from personae.web.places import file_name

router = APIRouter(prefix="/photos", dependencies=[PageReader])

AT_ONCE = 60
NARROWEST, WIDEST = 5, 28
"""Tenths of a tile's width per height; what is beyond is cut."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A photo of the grid."""

    photo: SeenPhoto
    shape: int
    """Width per height, in tenths: the style sheet has a class for each."""
    shown: str
    """Who is in it; empty: nobody."""
    name: str
    """Of its file; empty where it has none."""
    trouble: str
    """Why it could not be used; empty: it could."""


@dataclass(frozen=True, slots=True)
class Options:
    """What there is to choose from."""

    folders: tuple[Folder, ...]
    sources: dict[str, int]
    reasons: tuple[tuple[str, str, int], ...]
    """Each with its words, and how many photos and faces were refused for it."""


@router.get("/choices", name="photo_choices")
def show_choices(request: Request, engine: PageEngine, wanted: WantedDep) -> Response:
    """Show the folders, sources and reasons that photos can be told apart by."""
    if not by_htmx(request):
        return redirect(request, f"/photos{wanted.asked.query(more='true')}")
    return fragment(request, "photo_choices", wanted=wanted, options=_options(engine))


@router.get("", name="photos")
def list_photos(
    request: Request,
    engine: PageEngine,
    wanted: WantedDep,
    before: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None,
    more: Annotated[bool, Query()] = False,
) -> Response:
    """List the photos that are asked for, newest first.

    `before`: those older than one; `more`: with all that can be asked for.
    """
    found = [] if wanted.wrong else engine.photos.listed(wanted.which, before, AT_ONCE + 1)
    tiles = [tile_of(photo) for photo in found[:AT_ONCE]]
    older = f"/photos{wanted.asked.query(before=tiles[-1].photo.image.id)}" if len(found) > AT_ONCE else ""
    shown: dict[str, Any] = {"tiles": tiles, "older": older, "query": wanted.asked.query()}
    if by_htmx(request):
        return fragment(request, "photo_tiles", **shown)
    return page(
        request, "photos", wanted=wanted, before=before, shows=SHOWS, **shown, **_around(engine, wanted, more=more)
    )


def tile_of(photo: SeenPhoto) -> Tile:
    """Return a photo as the grid shows it."""
    image = photo.image
    shape = round(10 * image.width / image.height) if image.width and image.height else 10
    return Tile(
        photo, min(max(shape, NARROWEST), WIDEST), shown_in(photo), file_name(image.uris[0]) if image.uris else "",
        reason_words(image.reason) if image.reason else "",
    )  # fmt: skip


def _around(engine: Engine, wanted: Wanted, *, more: bool) -> dict[str, Any]:
    """Return what stands above the grid; what takes long to count when it is asked for, or in use."""
    asked = wanted.asked
    told = engine.photos.unreadable(reason=wanted.which.reason) if _of_files(wanted) else []
    return {
        "count": 0 if wanted.wrong else engine.photos.count(wanted.which),
        "options": _options(engine) if more or asked.folder or asked.source or asked.reason else None,
        "unreadable": [file_name(uri) for uri in told],
    }


def _of_files(wanted: Wanted) -> bool:
    """Whether files that are no photos here are asked for: of those nothing is known but why."""
    asked = wanted.asked
    more = asked.person, asked.folder, asked.source, asked.since, asked.until
    return asked.show == "refused" and not wanted.wrong and not any(more)


def _options(engine: Engine) -> Options:
    choices = engine.photos.choices()
    return Options(choices.folders, choices.sources, tuple((reason, reason_words(reason), count)
                                                           for reason, count in choices.reasons.items()))  # fmt: skip
