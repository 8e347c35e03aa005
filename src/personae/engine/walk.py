"""From what the user names (folders, files, globs) to files that may be pictures."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from personae.errors import InputError
from personae.types import FileStamp, Reason

PICTURE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".svg", ".heic", ".heif",
     ".avif"}
)  # fmt: skip
"""A file so named is accounted for even when it is no picture; any other file only if its content is one."""

NEVER = FileStamp(-1, -1)
"""The stamp of what could not be read: it equals no file's, so a later run tries again."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file met on the walk, or (reason set) a place that could not be entered."""

    path: Path
    stamp: FileStamp = NEVER
    reason: Reason | None = None
    detail: str = ""

    @property
    def uri(self) -> str:
        """Its file: URI, exact for any name."""
        return self.path.as_uri()


def path_of(uri: str) -> Path:
    """Return the path of a file: URI, byte for byte."""
    return Path(os.fsdecode(unquote_to_bytes(urlsplit(uri).path)))


def user_path(path: str | Path) -> Path:
    """Return the path with ~ and ~user put in full. Raises InputError when there is no such user."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise InputError(f"{path}: {error}") from error


def expand(paths: Sequence[str | Path]) -> list[Path]:
    """Return absolute paths of what is named, globs expanded.

    Raises:
        InputError: a path does not exist, or a pattern matches nothing.
    """
    places: list[Path] = []
    for path in paths:
        place = user_path(path)
        if os.path.lexists(place):
            places.append(Path(os.path.abspath(place)))  # noqa: PTH100 - Path.resolve would follow links
            continue
        matches = sorted(glob.glob(str(place), recursive=True))  # noqa: PTH207 - absolute patterns
        if not matches:
            raise InputError(f"{place}: no such file or folder")
        places += [Path(os.path.abspath(match)) for match in matches]  # noqa: PTH100
    return places


def walk(paths: Sequence[Path], leave_out: Path | None = None) -> Iterator[Found]:
    """Yield the files under `paths`, folders in order of their names; links are followed, no folder twice.

    Args:
        paths: absolute files and folders.
        leave_out: a folder that exists and is not entered, by whatever name it is met (personae's own).
    """
    seen = {_identity(leave_out.stat())} if leave_out else set()
    waiting = list(reversed(paths))
    while waiting:
        place = waiting.pop()
        try:
            status = place.stat()
            is_folder = stat.S_ISDIR(status.st_mode)
            if is_folder and _identity(status) in seen:
                continue
            children = sorted(place.iterdir(), reverse=True) if is_folder else []
        except OSError as error:
            yield Found(place, reason=Reason.UNREADABLE, detail=error.strerror or str(error))
            continue
        if is_folder:
            seen.add(_identity(status))
            waiting += children
        elif stat.S_ISREG(status.st_mode):
            yield Found(place, FileStamp(status.st_size, status.st_mtime_ns))


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
