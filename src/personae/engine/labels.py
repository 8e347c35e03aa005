"""Read who is on which photo: a folder for each person, or a CSV."""

from __future__ import annotations

import csv
import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from personae.core.evaluation import Unused
from personae.engine.ingest import HEAD_BYTES
from personae.engine.walk import PICTURE_SUFFIXES, user_path, walk
from personae.errors import InputError

Sniff = Callable[[bytes], str | None]
COLUMNS = ("path", "person")


@dataclass(frozen=True, slots=True)
class Labelled:
    """A photo and the one person who is on it."""

    path: Path
    person: str
    where: str
    """Line of the CSV, or the file within the folder."""


def read_labels(place: str | Path, sniff: Sniff, leave_out: Path | None = None) -> tuple[list[Labelled], list[Unused]]:
    """Return the labelled photos, and what could not be understood.

    Args:
        place: a folder that has a folder for each person, called after the person; or a CSV with the columns path
            (relative to the CSV) and person.
        sniff: first bytes of a file -> the picture format they show, or None.
        leave_out: a folder that is not entered.

    Raises:
        InputError: there is neither folder nor CSV, or the CSV lacks a column or is no CSV.
    """
    chosen = user_path(place)
    if not chosen.exists():
        raise InputError(f"{chosen}: no such file or folder")
    found = list(_folders(chosen.absolute(), sniff, leave_out) if chosen.is_dir() else _rows(chosen.absolute()))
    labelled = [each for each in found if isinstance(each, Labelled)]
    return labelled, [each for each in found if isinstance(each, Unused)]


# --- a folder for each person -----------------------------------------------------------------


def _folders(place: Path, sniff: Sniff, leave_out: Path | None) -> Iterator[Labelled | Unused]:
    for found in walk([place], leave_out):
        within = found.path.relative_to(place)
        where = _shown(os.fspath(within))
        if found.reason is not None:
            yield Unused(where, str(found.reason), found.detail)
        elif not _concerns_us(found.path, sniff):
            continue
        elif len(within.parts) == 1:
            yield Unused(where, "no_person", "it lies in nobody's folder")
        else:
            yield _labelled(found.path, within.parts[0], where)


def _concerns_us(path: Path, sniff: Sniff) -> bool:
    """Whether a file is named as a picture, or is one by its first bytes; one that cannot be read is told of later."""
    if path.suffix.lower() in PICTURE_SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            return sniff(file.read(HEAD_BYTES)) is not None
    except OSError:
        return True


# --- CSV --------------------------------------------------------------------------------------


def _rows(place: Path) -> Iterator[Labelled | Unused]:
    try:
        with place.open(encoding="utf-8-sig", newline="") as file:
            yield from _read_rows(file, place)
    except UnicodeDecodeError as error:
        raise InputError(f"{place}: neither a folder nor a CSV in UTF-8") from error
    except OSError as error:
        raise InputError(f"{place}: {error.strerror or error}") from error


def _read_rows(lines: Iterable[str], place: Path) -> Iterator[Labelled | Unused]:
    reader = csv.DictReader(lines, strict=True)
    try:
        lacking = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
        if lacking:
            raise InputError(f"{place}: the first line names no column {' and '.join(lacking)}")
        for row in reader:
            path, person = ((row[column] or "").strip() for column in COLUMNS)
            where = f"line {reader.line_num}"
            if not path or "\0" in path:
                yield Unused(where, "no_path", "it names no file")
            else:
                yield _labelled(place.parent / path, person, where)
    except csv.Error as error:
        raise InputError(f"{place}: line {reader.reader.line_num}: {error}") from error


def _labelled(path: Path, person: str, where: str) -> Labelled | Unused:
    name = unicodedata.normalize("NFC", person).strip()
    return Labelled(path, name, where) if name else Unused(where, "no_name", "it names nobody")


def _shown(text: str) -> str:
    """Return a file name as text that can be written anywhere."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
