"""The start page: bring photos, see them come in, and see what was found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Path, Request, Response, UploadFile

from personae.album import reason_words
from personae.engine.facade import Engine
from personae.engine.found import Found, found
from personae.errors import InputError
from personae.types import Job
from personae.web.deps import SiteDep
from personae.web.pages.deps import PageAdmin, PageEngine, PageReader, PageWriter
from personae.web.pages.job_words import Line
from personae.web.pages.jobs import in_words
from personae.web.pages.render import by_htmx, fragment, page, redirect, say
from personae.web.places import without_places
from personae.web.site import Site
from personae.web.uploads import KINDS, take_in

router = APIRouter(dependencies=[PageReader])

GROUP = "faces.group"
GROUPING = frozenset({GROUP, "faces.cluster_dual", "images.organise"})
"""Jobs after which nothing is left to group."""
FORM_BYTES = 4096
"""What a form adds to the file that it carries, and more."""
PATH_CHARACTERS = 4096


@router.get("/", name="start")
def start(request: Request, site: SiteDep, engine: PageEngine) -> Response:
    """Show where photos are brought, what goes on, and what was found."""
    return _page(request, site, engine)


@router.get("/found", name="found")
def show_found(request: Request, engine: PageEngine) -> Response:
    """Show what was found, for the page to put in place of what it shows."""
    return fragment(request, "found", **_found(engine))


@router.get("/upload/known/{digest}", name="known", dependencies=[PageWriter])
def is_known(engine: PageEngine, digest: Annotated[str, Path(pattern="^[0-9a-f]{64}$")]) -> dict[str, bool]:
    """Say whether a photo of this SHA-256 is here already, so that it need not be sent."""
    image = engine.browse.image_of(digest)
    return {"known": image is not None and image.reason is None}


@router.post("/upload", name="upload", dependencies=[PageWriter])
def upload(
    request: Request, site: SiteDep, engine: PageEngine, pictures: Annotated[list[UploadFile], File()]
) -> Response:
    """Take in the photos of a form, where no script sends them one by one."""
    refused: list[tuple[str, str]] = []
    for picture in pictures:
        try:
            take_in(engine, picture)
        except InputError as error:
            refused.append((picture.filename or "a file without a name", without_places(str(error))))
    if len(refused) < len(pictures):
        group_soon(engine)
    if not refused:
        return say(redirect(request, "/"), f"{len(pictures):,} photos are taken in.")
    return _page(request, site, engine, 422, refused=refused)


@router.post("/group", name="group", dependencies=[PageWriter])
def group(request: Request, engine: PageEngine) -> Response:
    """Have the new faces grouped, when those photos are in that somebody has brought."""
    job = group_soon(engine)
    if by_htmx(request):
        return Response(status_code=204, headers={"X-Job": str(job.id)})
    return say(redirect(request, "/"), "The faces are being grouped.")


@router.post("/folder", name="folder", dependencies=[PageAdmin])
def take_folder(
    request: Request, site: SiteDep, engine: PageEngine, path: Annotated[str, Form(max_length=PATH_CHARACTERS)] = ""
) -> Response:
    """Take in a folder of the server's machine, as a job."""
    wanted = path.strip()
    error = _begin_folder(engine, wanted)
    if by_htmx(request):
        answer = fragment(request, "start_folder", folder=wanted if error else "", error=error)
        return answer if error else say(answer, "The folder is being taken in.")
    if error:
        return _page(request, site, engine, 422, folder=wanted, error=error)
    return say(redirect(request, "/"), "The folder is being taken in.")


def _begin_folder(engine: Engine, wanted: str) -> str:
    """Queue the folder; return why it cannot be, one sentence."""
    if not wanted:
        return "Say which folder: its whole path."
    try:
        engine.queue("images.organise", {"paths": [wanted]})
    except InputError as error:
        # The visitor has just written where it is: it is no secret here.
        return str(error)
    return ""


def group_soon(engine: Engine) -> Job:
    """Return the job that will group what has come; one that has not begun yet will do."""
    waiting = [job for job in engine.unfinished_jobs() if job.kind == GROUP and job.state == "queued"]
    return waiting[0] if waiting else engine.queue(GROUP)


def _page(request: Request, site: Site, engine: Engine, status: int = 200, **more: object) -> Response:
    values = {
        "jobs": in_words(site, engine, engine.unfinished_jobs()), "kinds": KINDS, "refused": [], "folder": "",
        "error": "", "most_bytes": most_bytes(site, engine),
    }  # fmt: skip
    return page(request, "start", status, **{**_found(engine), **values, **more})


def most_bytes(site: Site, engine: Engine) -> int:
    """Return how large a photo may be that is sent."""
    return min(engine.parts.rules.max_file_bytes, site.settings.max_upload_bytes - FORM_BYTES)


def _found(engine: Engine) -> dict[str, Any]:
    seen = found(engine.parts)
    grouping = any(job.kind in GROUPING for job in engine.unfinished_jobs())
    return {"found": seen, "refusals": _refusals(seen), "grouping": grouping}


def _refusals(seen: Found) -> list[Line]:
    """Return what could not be used, by reason."""
    return [
        Line(count, reason_words(reason), f"/photos?show=refused&reason={reason}")
        for reason, count in _sorted(seen.refused_files)
    ]


def _sorted(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
