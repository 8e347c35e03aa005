"""Write the table of endpoints into docs/api.md, from the routers themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fastapi.routing import APIRoute

from personae.web import health
from personae.web.api import ROUTERS
from personae.web.deps import Admin, Reader, Writer

PAGE = Path(__file__).parents[1] / "docs" / "api.md"
BEGIN, END = "<!-- endpoints -->\n", "<!-- /endpoints -->\n"
ROLES = ((Admin, "admin"), (Writer, "write"), (Reader, "read"))

COMMANDS: dict[str, tuple[str, ...]] = {
    "organise": ("POST /api/images/organise",),
    "ingest": ("POST /api/images/ingest", "POST /api/images"),
    "report": ("GET /api/report",),
    "stats": ("GET /api/stats",),
    "people": ("GET /api/people", "GET /api/clusters"),
    "show": (
        "GET /api/people/{person_id}", "GET /api/people/{person_id}/faces", "GET /api/clusters/{cluster_id}",
        "GET /api/clusters/{cluster_id}/faces", "GET /api/faces/{face_id}",
    ),
    "name": (
        "POST /api/clusters/{cluster_id}/name", "PATCH /api/people/{person_id}", "POST /api/faces/{face_id}/confirm",
    ),
    "merge": (
        "POST /api/people/{person_id}/merge", "POST /api/clusters/{cluster_id}/merge",
        "POST /api/faces/{face_id}/merge",
    ),
    "reject": ("POST /api/faces/{face_id}/reject", "POST /api/clusters/{cluster_id}/reject"),
    "hide": ("POST /api/people/{person_id}/hide", "POST /api/clusters/{cluster_id}/hide"),
    "show-again": ("POST /api/people/{person_id}/show", "POST /api/clusters/{cluster_id}/show"),
    "undo": ("POST /api/decisions/undo", "POST /api/decisions/{operation_id}/undo"),
    "history": ("GET /api/decisions",),
    "who": ("POST /api/identify",),
    "verify": ("POST /api/verify",),
    "extract": ("POST /api/detect",),
    "evaluate": ("POST /api/evaluations",),
    "calibrate": (
        "POST /api/calibration", "DELETE /api/calibration", "POST /api/calibration/undo", "GET /api/probability",
        "POST /api/probability", "DELETE /api/probability",
    ),
    "doctor": ("GET /api/doctor", "POST /api/doctor/fix"),
    "faces backfill": ("POST /api/faces/backfill",),
    "faces stats": ("GET /api/stats",),
    "faces cluster": ("POST /api/faces/cluster",),
    "faces assign": ("POST /api/faces/assign",),
    "faces cluster-dual": ("POST /api/faces/cluster/dual",),
    "faces reassign": ("POST /api/faces/reassign", "POST /api/faces/reassign/smart"),
    "faces train-matching": ("POST /api/faces/train",),
    "faces heads": ("GET /api/heads",),
    "faces review": ("GET /api/review", "POST /api/review"),
    "faces split": (
        "POST /api/people/{person_id}/split", "GET /api/people/{person_id}/split",
        "POST /api/clusters/{cluster_id}/split", "GET /api/clusters/{cluster_id}/split",
    ),
    "faces confirm": ("POST /api/people/{person_id}/faces/confirm",),
    "faces reject": ("POST /api/people/{person_id}/faces/reject",),
    "faces map": ("POST /api/faces/map", "DELETE /api/faces/map"),
    "faces merge": ("POST /api/clusters/{cluster_id}/merge", "POST /api/faces/{face_id}/merge"),
    "enrich": ("POST /api/enrich",),
    "enrich status": ("GET /api/enrich/status",),
    "enrich sources": ("GET /api/enrich/sources",),
    "enrich quarantine": ("GET /api/enrich/quarantine",),
    "enrich revoke": ("POST /api/enrich/sources/{source}/revoke",),
    "character add": ("POST /api/characters",),
    "character list": ("GET /api/characters",),
    "character show": ("GET /api/characters/{character_id}",),
    "character delete": ("DELETE /api/characters/{character_id}",),
    "character reference": (
        "POST /api/characters/{character_id}/references",
        "DELETE /api/characters/{character_id}/references/{reference_id}",
    ),
    "character status": ("GET /api/characters/{character_id}/embedding-status",),
    "character faces": ("GET /api/characters/{character_id}/detected-faces",),
    "character select": ("POST /api/characters/{character_id}/select-face",),
    "character extract": (
        "POST /api/characters/{character_id}/extract-embedding",
        "POST /api/characters/{character_id}/references/{reference_id}/extract",
    ),
    "character history": ("GET /api/characters/{character_id}/history",),
    "character likeness": ("POST /api/characters/{character_id}/likeness",),
    "character checks": ("GET /api/characters/{character_id}/likeness",),
    "character duplicates": ("GET /api/characters/duplicates",),
    "character continuity": ("POST /api/characters/{character_id}/continuity",),
    "jobs list": ("GET /api/jobs",),
    "jobs show": ("GET /api/jobs/{job_id}",),
    "jobs cancel": ("POST /api/jobs/{job_id}/cancel",),
    "hooks add": ("POST /api/hooks",),
    "hooks list": ("GET /api/hooks",),
    "hooks remove": ("DELETE /api/hooks/{hook_id}",),
    "hooks resume": ("POST /api/hooks/{hook_id}/resume",),
    "hooks deliver": ("POST /api/hooks/deliver",),
    "projects list": ("GET /api/projects",),
    "projects create": ("POST /api/projects",),
    "projects rename": ("PATCH /api/projects/{project}",),
    "projects delete": ("DELETE /api/projects/{project}",),
    "models list": ("GET /api/models",),
    "models switch": ("POST /api/models/switch",),
    "models rollback": ("POST /api/models/rollback",),
    "models live": ("GET /api/models/live",),
    "models check": ("POST /api/models/check",),
    "config show": ("GET /api/settings",),
    "config set": ("PUT /api/settings/{name}",),
    "config unset": ("DELETE /api/settings/{name}",),
}  # fmt: skip
"""The endpoints that do what a command does."""

NOT_OVER_HTTP: dict[str, str] = {
    "serve": "it is the server",
    "worker": "a process of its own, beside the server",
    "jobs run": "a process of its own; the server runs jobs itself",
    "migrate": "no server may have the store open meanwhile",
    "copy-store": "no server may have the stores open meanwhile",
    "keys create": "who has a key shall not make others; that takes the machine itself",
    "keys list": "as `keys create`",
    "keys revoke": "as `keys create`",
    "keys password": "as `keys create`",
    "models pull": "it fetches programs' data from elsewhere; that takes the machine itself",
    "models add": "as `models pull`",
}
"""Commands that the API does not have, and why."""

MORE: dict[str, str] = {
    "GET /health": "for whoever watches the server",
    "GET /ready": "for whoever watches the server",
    "GET /metrics": "for whoever watches the server",
    "GET /api/projects/{project}": "part of `projects list`",
    "POST /api/people": "a command names somebody who is seen",
    "GET /api/people/{person_id}/record": "what sources say is part of the report",
    "GET /api/images": "files are there for a command",
    "GET /api/images/{image_id}": "files are there for a command",
    "GET /api/images/{image_id}/faces": "files are there for a command",
    "GET /api/images/{image_id}/thumbnail": "files are there for a command",
    "GET /api/images/{image_id}/preview": "likewise",
    "GET /api/faces": "`show` lists faces by person or group",
    "GET /api/faces/{face_id}/crop": "files are there for a command",
    "GET /api/faces/{face_id}/alike": "`who` searches by file",
    "POST /api/group": "part of `organise`",
    "GET /api/decisions/{operation_id}": "the decisions of one operation",
    "GET /api/decisions/{operation_id}/decisions": "the decisions of one operation",
    "POST /api/jobs": "what `--queue` of a command does, for any kind",
    "GET /api/characters/{character_id}/references": "part of `character show`",
    "GET /api/characters/{character_id}/references/{reference_id}": "part of `character show`",
    "GET /api/characters/{character_id}/references/{reference_id}/image": "files are there for a command",
    "GET /api/events": "commands are over before anything happens",
}
"""Endpoints that no command has, and why."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint, as the docs show it."""

    call: str
    role: str
    """What a key must be allowed; empty: no key is asked for."""
    says: str
    """The first sentence of its description."""


def endpoints() -> Iterator[Endpoint]:
    """Yield every endpoint of the server, in the order of the routers."""
    for router in (*ROUTERS, health.router):
        for route in router.routes:
            if isinstance(route, APIRoute):
                role = next((name for needed, name in ROLES if needed in route.dependencies), "")
                for method in sorted(route.methods or ()):
                    yield Endpoint(f"{method} {route.path}", role, route.description.partition("\n")[0])


def table() -> str:
    """Return the table of endpoints."""
    done_by: dict[str, list[str]] = {}
    for command, calls in COMMANDS.items():
        for call in calls:
            done_by.setdefault(call, []).append(f"`{command}`")
    rows = ["| call | role | what it does | command |", "| --- | --- | --- | --- |"]
    rows += [
        f"| `{each.call}` | {each.role or 'none'} | {each.says} | {', '.join(done_by.get(each.call, []))} |"
        for each in endpoints()
    ]
    return "\n".join(rows) + "\n"


def without() -> str:
    """Return the table of commands that the API does not have."""
    rows = ["| command | why |", "| --- | --- |"]
    return "\n".join(rows + [f"| `{command}` | {why} |" for command, why in NOT_OVER_HTTP.items()]) + "\n"


def page(text: str) -> str:
    """Return the page with its tables as they should be."""
    parts = (table(), without())
    made = iter(parts)
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    return pattern.sub(lambda _: f"{BEGIN}\n{next(made)}\n{END}", text)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
