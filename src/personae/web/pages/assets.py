"""Style sheet, scripts and icons: files of the package, under an address that changes when any of them does."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from personae.errors import NotFound

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
"""Content type of a file, by the end of its name; others are not served."""
FOREVER = "public, max-age=31536000, immutable"

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, as it is sent."""

    kind: str
    plain: bytes
    zipped: bytes


@cache
def assets() -> dict[str, Asset]:
    """Return the files by name; read once."""
    found = {}
    for file in sorted(files("personae.web").joinpath("static").iterdir(), key=lambda file: file.name):
        kind = TYPES.get(file.name[file.name.rfind(".") :])
        if kind is not None:
            plain = file.read_bytes()
            found[file.name] = Asset(kind, plain, gzip.compress(plain, 9, mtime=0))
    return found


@cache
def version() -> str:
    """Return a digest of all the files: a script imports those beside it, so they change together."""
    digest = hashlib.sha256()
    for name, asset in assets().items():
        digest.update(name.encode() + b"\0" + asset.plain + b"\0")
    return digest.hexdigest()[:16]


def address(name: str) -> str:
    """Return where a file is. Raises NotFound for a name that is none: a mistake of the template."""
    if name not in assets():
        raise NotFound(f"there is no file {name} among those of the pages")
    return f"/static/{version()}/{name}"


@router.get("/static/{digest}/{name}", name="asset", include_in_schema=False)
async def show_asset(request: Request, digest: str, name: Annotated[str, Path(max_length=100)]) -> Response:
    """Return a file; one of another version is told to be asked for again."""
    asset = assets().get(name)
    if asset is None:
        raise NotFound(f"there is no file {name}")
    headers = {"Cache-Control": FOREVER if digest == version() else "no-cache", "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.zipped, media_type=asset.kind, headers=headers | {"Content-Encoding": "gzip"})
    return Response(asset.plain, media_type=asset.kind, headers=headers)
