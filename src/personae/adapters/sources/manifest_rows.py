"""Rows of a manifest, CSV or JSONL, read one by one from any byte on."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from personae.errors import SourceError

MAX_ROW = 4 * 2**20
"""Bytes of one row; a longer one is a quote that was never closed, or no row at all."""

_DELIMITERS = ",;\t"


@dataclass(frozen=True, slots=True)
class Row:
    """What one row says, as it stands there."""

    line: int
    offset: int
    """Byte at which it begins."""
    fields: Mapping[str, object]
    problem: str = ""
    """Why it cannot be used; empty: it can be read."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the rows of a manifest are written."""

    start: int
    """Byte at which they begin."""
    line: int
    """Line before the first of them."""
    columns: tuple[str, ...] = ()
    """Of a CSV; empty: JSONL."""
    delimiter: str = ","


class _TooLong(Exception):  # noqa: N818 - it never leaves this module
    """A row is longer than any row should be."""


class _Lines:
    """The lines of a file, counted, and which of them belong to the row at hand."""

    def __init__(self, file: BinaryIO, offset: int, line: int) -> None:
        self._file = file
        self._seek(offset, line)
        self.begin()

    def begin(self) -> None:
        """Let a row begin with the next line."""
        self.start, self.line = self._offset, self._line + 1
        self._after_first: tuple[int, int] | None = None

    def give_up(self) -> None:
        """Go back to the line after the first one of this row."""
        self._seek(*(self._after_first or (self._offset, self._line)))

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        raw = self._file.readline(MAX_ROW)
        if not raw:
            raise StopIteration
        self._count(raw)
        if self._offset - self.start >= MAX_ROW:
            self._finish(raw)
            raise _TooLong
        return raw.decode("utf-8", "surrogateescape")

    def _count(self, raw: bytes) -> None:
        self._offset += len(raw)
        self._line += raw.endswith(b"\n")
        if self._after_first is None:
            self._after_first = self._offset, self._line

    def _finish(self, raw: bytes) -> None:
        """Read on to the end of a line that is too long to be kept."""
        first = self._after_first == (self._offset, self._line)
        while raw and not raw.endswith(b"\n"):
            raw = self._file.readline(MAX_ROW)
            self._offset += len(raw)
            self._line += raw.endswith(b"\n")
        if first:
            self._after_first = self._offset, self._line

    def _seek(self, offset: int, line: int) -> None:
        self._offset, self._line = offset, line
        self._file.seek(offset)


def layout(file: BinaryIO, suffix: str) -> Layout:
    """Find out how a manifest is written: by its name, else by its first character.

    Args:
        file: open at any place.
        suffix: of its name, like `.csv`.

    Raises:
        SourceError: bad_header; it has no header that could be read.
    """
    file.seek(0)
    mark = b"\xef\xbb\xbf"
    start = len(mark) if file.read(len(mark)) == mark else 0
    file.seek(start)
    first = file.readline(MAX_ROW)
    if suffix.lower() in {".jsonl", ".ndjson"} or (suffix.lower() != ".csv" and first.lstrip().startswith(b"{")):
        return Layout(start, 0)
    try:
        header = first.decode("utf-8")
        delimiter = max(_DELIMITERS, key=header.count)
        columns = next(csv.reader([header], delimiter=delimiter, strict=True), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceError("bad_header", "line 1 is no CSV header in UTF-8") from error
    names = tuple(column.strip().lower() for column in columns)
    if not any(names):
        raise SourceError("bad_header", "line 1 is no CSV header: it should name the columns, id and name among them")
    return Layout(start + len(first), 1, names, delimiter)


def rows(file: BinaryIO, how: Layout, offset: int | None = None) -> Iterator[Row]:
    """Yield the rows, those that cannot be read with their problem.

    Args:
        file: of the manifest.
        how: it is written.
        offset: byte of the row to begin with; None: the first one. Lines are counted only from the first one.
    """
    lines = _Lines(file, how.start if offset is None else offset, how.line)
    return _csv_rows(lines, how) if how.columns else _json_rows(lines)


def _csv_rows(lines: _Lines, how: Layout) -> Iterator[Row]:
    # The limit is one for the whole process, and by default too low for people of many aliases.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_ROW))
    while True:
        reader = csv.reader(lines, delimiter=how.delimiter, strict=True)
        try:
            while True:
                lines.begin()
                cells = next(reader, None)
                if cells is None:
                    return
                if any(cells):
                    yield _csv_row(lines, how.columns, cells)
        except _TooLong:
            problem = "it is longer than any row should be: is a quote not closed?"
        except csv.Error as error:
            problem = f"it is no CSV: {error}"
        yield Row(lines.line, lines.start, {}, problem)
        lines.give_up()


def _csv_row(lines: _Lines, columns: Sequence[str], cells: list[str]) -> Row:
    if len(cells) != len(columns):
        return Row(lines.line, lines.start, {}, f"it has {len(cells)} cells, but the header has {len(columns)}")
    return _legible(Row(lines.line, lines.start, dict(zip(columns, cells, strict=True))))


def _json_rows(lines: _Lines) -> Iterator[Row]:
    while True:
        lines.begin()
        try:
            text = next(lines, None)
        except _TooLong:
            yield Row(lines.line, lines.start, {}, "it is longer than any row should be")
            continue
        if text is None:
            return
        if text.strip():
            yield _legible(_json_row(lines, text))


def _json_row(lines: _Lines, text: str) -> Row:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return Row(lines.line, lines.start, {}, "it is no JSON")
    if not isinstance(fields, dict):
        return Row(lines.line, lines.start, {}, "it is no JSON object")
    return Row(lines.line, lines.start, fields)


def _legible(row: Row) -> Row:
    """Return the row, with a problem when it holds what is no UTF-8."""
    for value in row.fields.values():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and not _is_utf8(text):
                return Row(row.line, row.offset, {}, "it is not UTF-8")
    return row


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
