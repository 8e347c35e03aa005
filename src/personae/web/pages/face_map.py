"""The map: all faces in two dimensions, drawn in the browser from places that a job has found."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass

import numpy as np
from fastapi import APIRouter, Request, Response

from personae.engine.facade import Engine
from personae.engine.map import KIND, FaceMap
from personae.errors import NotFound
from personae.types import Job
from personae.web.api.ids import FaceNumber
from personae.web.deps import SiteDep
from personae.web.pages.deps import PageEngine, PageReader, PageWriter
from personae.web.pages.jobs import in_words
from personae.web.pages.receipts import group_words
from personae.web.pages.render import fragment, page, redirect, say

router = APIRouter(prefix="/map", dependencies=[PageReader])

BINARY = "application/octet-stream"
LISTED = 30
"""People and groups of the list beside the map, and of the page before its script runs."""
ZIPPED = 5
"""Level of compression: higher ones take longer than they save."""


@dataclass(frozen=True, slots=True)
class Legend:
    """A person or unknown group of the list."""

    name: str
    to: str
    faces: int
    unknown: str = ""
    """What an unknown group is called."""


@router.get("", name="map")
def show_map(request: Request, site: SiteDep, engine: PageEngine) -> Response:
    """Show the map, or how to have it drawn."""
    state = engine.map_state()
    return page(
        request, "map", state=state, jobs=in_words(site, engine, _drawing(engine)),
        legend=_legend(engine) if state.kept else [],
    )  # fmt: skip


@router.post("/draw", name="map_draw", dependencies=[PageWriter])
def draw(request: Request, engine: PageEngine) -> Response:
    """Have the map drawn, as a job; one that is under way already is enough."""
    if not _drawing(engine):
        engine.queue(KIND)
    return say(redirect(request, "/map"), "The map is being laid out.")


@router.get("/points", name="map_points")
def points(request: Request, engine: PageEngine) -> Response:
    """Return every face with its place and whose it is; see `packed`."""
    seq = engine.outbox.last()
    state = engine.map_state()
    if state.kept is None:
        raise NotFound("there is no map yet: draw it")
    tag = f'"{state.kept.digest[:20]}-{seq}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match", "").removeprefix("W/") == tag:
        return Response(status_code=304, headers=headers)
    data = packed(engine.map())
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(gzip.compress(data, ZIPPED, mtime=0), media_type=BINARY,
                        headers={**headers, "Content-Encoding": "gzip"})  # fmt: skip
    return Response(data, media_type=BINARY, headers=headers)


@router.get("/faces/{face_id}", name="map_face")
def show_face(request: Request, engine: PageEngine, face_id: FaceNumber) -> Response:
    """Lead to the photo of a face."""
    image_id = engine.browse.face(face_id).face.image_id
    return redirect(request, f"/photos/{image_id}#face-{face_id}")


@router.get("/job", name="map_job")
def show_job(request: Request, site: SiteDep, engine: PageEngine) -> Response:
    """Show how far the drawing is, as the page has it."""
    return fragment(request, "map_job", state=engine.map_state(), jobs=in_words(site, engine, _drawing(engine)))


def packed(drawn: FaceMap) -> bytes:
    """Return a map as the page reads it.

    Little-endian: uint32 length of the header; the header, JSON {"count", "people", "clusters"} with the names by id,
    filled up with spaces to a multiple of four; then for each face, ids rising, in columns: uint32 how much its id is
    more than the one before, uint16 from the left and uint16 from the top, int32 the person's id, or the unknown
    group's with a minus, 0 where it is neither's.
    """
    names = {"count": len(drawn.face_ids), "people": drawn.people,
             "clusters": {i: group_words(label) for i, label in drawn.clusters.items()}}  # fmt: skip
    header = json.dumps(names, ensure_ascii=False, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 4)
    steps = np.diff(drawn.face_ids, prepend=0).astype("<u4")
    return b"".join([
        np.array(len(header), "<u4").tobytes(), header, steps.tobytes(), drawn.places.astype("<u2").tobytes(),
        _groups(drawn).astype("<i4").tobytes(),
    ])  # fmt: skip


def _groups(drawn: FaceMap) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    groups: np.ndarray[tuple[int], np.dtype[np.int64]] = np.where(
        drawn.person_ids >= 0, drawn.person_ids, np.where(drawn.cluster_ids >= 0, -drawn.cluster_ids, 0)
    )
    return groups


def _legend(engine: Engine) -> list[Legend]:
    """Return who has the most faces; the page's script lists those in view in its place."""
    people = [
        Legend(person.name, f"/people/{person.id}", person.face_count)
        for person in engine.browse.named(limit=LISTED) if person.face_count
    ]  # fmt: skip
    groups = [
        Legend("", f"/groups/{group.id}", group.face_count, group_words(group.label))
        for group in engine.browse.groups(limit=LISTED)
    ]
    return sorted(people + groups, key=lambda each: -each.faces)[:LISTED]


def _drawing(engine: Engine) -> list[Job]:
    """Return the drawing that has not ended, if there is one."""
    return [job for job in engine.unfinished_jobs() if job.kind == KIND][:1]
