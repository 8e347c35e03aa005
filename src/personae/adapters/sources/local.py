"""Photos in a folder of this machine, and never outside it."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from personae.adapters.sources.body import HEAD_BYTES, picture
from personae.adapters.sources.content import MAX_IMAGE_BYTES
from personae.errors import SourceError
from personae.records import moment

_DISAMBIGUATED = re.compile(r"(.*\S)\s*\(([^()]+)\)")
LONG_AGO = datetime.min.replace(tzinfo=UTC)
"""Before every change."""
_ROUNDING = timedelta(seconds=2)
"""File systems round the times of their files, some so coarsely."""
# A pipe would be waited for, and a link swapped in behind our back followed.
_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def absolute(place: str | Path) -> Path:
    """Return the absolute path, ~ put in full and links kept.

    Raises:
        SourceError: there is no such user.
    """
    try:
        return Path(os.path.abspath(Path(place).expanduser()))  # noqa: PTH100 - Path.resolve would follow links
    except RuntimeError as error:
        raise SourceError("unreachable", f"{place}: {error}") from error


def legible(name: str) -> str:
    r"""Return a file's name as text that every database stores: bytes that are not UTF-8 become `\xNN`."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def tidy(text: str) -> str:
    """Return text of a source in one line, without characters that cannot be shown; markup is kept as it is."""
    line = " ".join(unicodedata.normalize("NFC", text).split())
    if line.isprintable():
        return line
    return "".join(each for each in line if unicodedata.category(each) not in {"Cc", "Cs"})


def person_name(folder: str) -> tuple[str, str]:
    """Return name and disambiguation from a folder's name: `Ann Lee (actress)`.

    `Ann_Lee` is read as `Ann Lee`: data sets avoid spaces.
    """
    text = os.fsencode(folder).decode("utf-8", "replace")
    text = tidy(text if " " in text else text.replace("_", " "))
    match = _DISAMBIGUATED.fullmatch(text)
    return (match[1], match[2].strip()) if match else (text, "")


def path_of(uri: str) -> Path:
    """Return the path of a file: URI, byte for byte."""
    return Path(os.fsdecode(unquote_to_bytes(urlsplit(uri).path)))


def read_photo(root: Path, uri: str) -> bytes:
    """Return the bytes of a photo that lies in a folder.

    Args:
        root: absolute path of the folder.
        uri: file: URI of the photo.

    Raises:
        SourceError: outside_folder (also through a link), gone, unreadable, not_a_file, too_large or not_an_image.
    """
    path = path_of(uri)
    where = legible(os.path.relpath(path, root))
    if "\0" in where or not lies_within(root, path):
        raise SourceError("outside_folder", f"{where} is not in the source's folder, or a link")
    try:
        status, data = _read(path)
    except FileNotFoundError as error:
        raise SourceError("gone", f"{where} is no longer there") from error
    except OSError as error:
        raise SourceError("unreadable", f"{where}: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):
        raise SourceError("not_a_file", f"{where} is not a file")
    if max(status.st_size, len(data)) > MAX_IMAGE_BYTES:
        raise SourceError("too_large", f"{where} is larger than {MAX_IMAGE_BYTES:,} bytes")
    picture(data[:HEAD_BYTES])
    return data


def _read(path: Path) -> tuple[os.stat_result, bytes]:
    """Return what a path is, and its bytes when it is a file of a size that is taken; one byte more tells of growth."""
    handle = os.open(path, _FLAGS)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_IMAGE_BYTES:
            return status, b""
        with os.fdopen(handle, "rb", closefd=False) as file:
            return status, file.read(MAX_IMAGE_BYTES + 1)
    finally:
        os.close(handle)


def lies_within(root: Path, path: Path) -> bool:
    """Whether a path is in a folder, no link on the way from the folder to it."""
    relative = os.path.relpath(path, root)
    if relative == os.curdir or relative.split(os.sep, 1)[0] == os.pardir:
        return False
    return os.path.realpath(path) == os.path.join(os.path.realpath(root), relative)  # noqa: PTH118 - bytes as they are


def instant(nanoseconds: int) -> datetime:
    """Return the moment of a file's time stamp, whole microseconds."""
    seconds, rest = divmod(nanoseconds, 10**9)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)


def stated(changed: datetime, began: datetime) -> str:
    """Return the time of a change as a record states it: no later than shortly before the walk began.

    What changes behind a walk's back is thus later than all that the walk has stated, and found by the next one. A
    file from the future hides no change.
    """
    return min(changed, began - _ROUNDING).isoformat(timespec="microseconds")


def now() -> datetime:
    """Return the moment, UTC."""
    return datetime.now(UTC)


def parse_moment(text: str) -> datetime:
    """Return the moment that an ISO 8601 text names, UTC where it says no zone; the first of all when it is empty.

    Raises:
        SourceError: it is no such text.
    """
    if not text:
        return LONG_AGO
    found = moment(text)
    if found is None:
        raise SourceError("bad_moment", f"{text[:40]!r} is no ISO 8601 moment")
    return found


def page_of(ids: list[str], number: int, size: int) -> list[str]:
    """Return the ids on a page, numbered from 1.

    Raises:
        SourceError: there is no such page number or size.
    """
    if number < 1 or size < 1:
        raise SourceError("bad_page", f"page {number} of {size} people")
    return ids[(number - 1) * size : number * size]
