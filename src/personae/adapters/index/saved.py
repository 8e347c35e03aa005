"""An index file and the note beside it that says what it is: written atomically, believed only when they agree."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from glob import escape
from pathlib import Path
from typing import BinaryIO

from personae.errors import BackendError

FORMAT = 2
"""1 had no labels."""
LONG_AGO = 3600.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Note:
    """What is known of a saved index file."""

    model_id: str
    dimension: int
    cursor: int
    count: int
    deleted: list[int]
    """Ids that the file still holds but that are forgotten."""
    labels: str
    """People and clusters of the others, by ascending id, packed."""
    library: str
    """Version of the library that wrote it."""
    sha256: str
    format: int = FORMAT


class DistrustError(Exception):
    """The saved files cannot be used; the sentence says why."""


def note_path(file: Path) -> Path:
    """Return where the note of an index file lies."""
    return file.with_name(f"{file.name}.json")


def read_note(file: Path) -> Note | None:
    """Return the note of an index file after checking the file's bytes against it; None when neither is there.

    Raises:
        DistrustError: one is missing, torn or unreadable, or they do not belong together.
    """
    place = note_path(file)
    if not file.exists() and not place.exists():
        return None
    try:
        fields = json.loads(place.read_text("utf-8"))
        note = Note(**fields)
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise DistrustError(f"{Path(str(error.filename)).name} is missing") from error
    except (OSError, ValueError, TypeError) as error:
        raise DistrustError(f"{place.name} cannot be read") from error
    if note.format != FORMAT:
        raise DistrustError(f"{file.name} is of format {note.format}, not {FORMAT}")
    if digest != note.sha256:
        raise DistrustError(f"{file.name} does not match its checksum")
    return note


def holds(file: Path, sha256: str) -> bool:
    """Return whether the note still speaks of this very file; another process may have saved its own."""
    try:
        return file.exists() and bool(json.loads(note_path(file).read_text("utf-8"))["sha256"] == sha256)
    except (OSError, ValueError, TypeError, KeyError):
        return False


def write_note(file: Path, note: Note) -> None:
    """Write the note of an index file that stays as it is.

    Raises:
        BackendError: the disk is full, read-only or failed.
    """
    temporary = _temporary(file)
    try:
        _write_note(file, temporary, note)
        _sweep(file)
    except OSError as error:
        raise BackendError(f"{note_path(file)} cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_saved(file: Path, dump: Callable[[BinaryIO], None], note: Callable[[str], Note]) -> str:
    """Write the index file, then its note; a kill in between leaves a pair that does not agree.

    Args:
        file: the index file.
        dump: writes the index to the open file it is given.
        note: makes the note, given the file's SHA-256.

    Returns:
        The file's SHA-256.

    Raises:
        BackendError: the disk is full, read-only or failed.
    """
    temporary = _temporary(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as opened:
            dump(opened)
        with temporary.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        _put(temporary, file)
        _write_note(file, temporary, note(digest))
        _sweep(file)
    except OSError as error:
        raise BackendError(f"{file} cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            temporary.unlink()
    return digest


def discard(file: Path) -> None:
    """Remove an index file, its note and what an interrupted save left.

    Raises:
        BackendError: the disk is read-only or failed.
    """
    try:
        for path in (note_path(file), file, *_temporaries(file)):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise BackendError(f"{file} cannot be removed: {error.strerror or error}") from error


def _temporary(file: Path) -> Path:
    return file.with_name(f"{file.name}.{secrets.token_hex(4)}.new")


def _write_note(file: Path, temporary: Path, note: Note) -> None:
    temporary.write_text(json.dumps(asdict(note), indent=1), "utf-8")
    _put(temporary, note_path(file))


def _temporaries(file: Path) -> Iterator[Path]:
    return file.parent.glob(f"{escape(file.name)}.*.new")


def _sweep(file: Path) -> None:
    """Remove what saves that were killed long ago left; a fresh one may be another process at work."""
    for path in _temporaries(file):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > LONG_AGO:
                path.unlink()


def _put(temporary: Path, file: Path) -> None:
    """Give `temporary` its name once its bytes are on the disk (law 2)."""
    with temporary.open("rb+") as opened:
        os.fsync(opened.fileno())
    temporary.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
