"""A list of people and photos in a file: CSV or JSONL."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import BinaryIO, Protocol
from urllib.parse import quote

from personae.adapters.sources.local import (
    LONG_AGO,
    absolute,
    instant,
    legible,
    now,
    page_of,
    parse_moment,
    path_of,
    read_photo,
    stated,
    tidy,
)
from personae.adapters.sources.manifest_entry import COLUMNS, BadRowError, Entry, entry, similar, unique
from personae.adapters.sources.manifest_rows import Layout, Row, layout, rows
from personae.adapters.sources.problems import Problems
from personae.core.redact import redact
from personae.errors import SourceError
from personae.records import ImageRef, Page, PersonRecord, Problem, SourceSpec


class ImageClient(Protocol):
    """What fetches photos that lie elsewhere (`PoliteClient`)."""

    def get_image(self, url: str) -> bytes:
        """Return a photo. Raises SourceError."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


@dataclass(slots=True)
class _Known:
    """Where the file speaks of a person."""

    line: int
    name: str
    offsets: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Index:
    """Every person of the file, in the order of their first rows, and which state of the file that is."""

    people: dict[str, _Known]
    how: Layout
    stamp: tuple[int, int]


class ManifestSource:
    """`personae.ports.PeopleSource` of a manifest: a row for each photo, rows of one id are one person.

    The file is read through once for the places of the rows; what they say is read again when it is asked for, so
    memory grows by some hundred bytes a person. Bad rows are left out and listed in `problems`.
    """

    def __init__(self, spec: SourceSpec, client: ImageClient | None = None, now: Callable[[], datetime] = now) -> None:
        self._spec = spec
        self._path = absolute(spec.endpoint)
        self._client = client
        self._now = now
        self._index: _Index | None = None
        self._problems = Problems()

    @property
    def spec(self) -> SourceSpec:
        """See the port."""
        return self._spec

    @property
    def source_name(self) -> str:
        """See the port."""
        return self._spec.name

    @property
    def source_type(self) -> str:
        """See the port."""
        return self._spec.type

    @property
    def rate_limit_delay(self) -> float:
        """See the port; between photos at URLs, which the client keeps. Files are read at once."""
        return self._spec.rate_limit

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What has been left out so far, and why, by line."""
        return self._problems.all()

    def person(self, external_id: str) -> PersonRecord | None:
        """See the port.

        Raises:
            SourceError: the manifest cannot be read.
        """
        return next(self._records(self._look(), [external_id]), None)

    def page(self, number: int, size: int) -> Page:
        """See the port; the first page looks whether the file has changed, the others keep its order.

        Raises:
            SourceError: the manifest cannot be read or has changed, or there is no such page number.
        """
        index = self._look() if number == 1 or self._index is None else self._index
        return Page(tuple(self._records(index, page_of([*index.people], number, size))), len(index.people))

    def people(self, after: str | None = None) -> Iterator[PersonRecord]:
        """See the port; in the order of the file. An `after` that is no longer there begins anew.

        Raises:
            SourceError: the manifest cannot be read.
        """
        index = self._look()
        ids = [*index.people]
        yield from self._records(index, ids[ids.index(after) + 1 :] if after in index.people else ids)

    def changed_since(self, moment: str) -> Iterator[PersonRecord]:
        """See the port; all when the manifest has changed, else those whose photos beside it have.

        Raises:
            SourceError: the manifest cannot be read, or the moment is none.
        """
        since = parse_moment(moment)
        index = self._look()
        for record, changed in self._dated(index, index.people):
            if changed > since:
                yield record

    def image(self, ref: ImageRef) -> bytes:
        """See the port.

        Raises:
            SourceError: expired, wrong_hash, no_client, or why the photo cannot be had.
        """
        if not ref.usable(self._now()):
            raise SourceError("expired", f"{_shown(ref)} could be used until {ref.expires}")
        if not ref.url.startswith("file:"):
            if self._client is None:
                raise SourceError("no_client", f"{_shown(ref)} lies elsewhere, and nothing is there to fetch it")
            data = self._client.get_image(ref.url)
        else:
            data = read_photo(self._path.parent, ref.url)
        if ref.sha256 and hashlib.sha256(data).hexdigest() != ref.sha256:
            raise SourceError("wrong_hash", f"{_shown(ref)} is not the photo whose SHA-256 the manifest gives")
        return data

    def close(self) -> None:
        """Let go of the client's connections."""
        if self._client is not None:
            self._client.close()

    def _look(self) -> _Index:
        """Return the index of the file as it is now."""
        with self._open() as file:
            stamp = _stamp(file)
            if self._index is None or self._index.stamp != stamp:
                self._problems.clear()
                self._index = self._read(file, stamp)
            return self._index

    @contextmanager
    def _open(self) -> Iterator[BinaryIO]:
        if self._path.exists() and not self._path.is_file():
            raise SourceError("unreachable", f"{legible(str(self._path))} is not a file")
        try:
            with self._path.open("rb") as file:
                yield file
        except OSError as error:
            raise SourceError("unreachable", f"{legible(str(self._path))}: {error.strerror}") from error

    def _read(self, file: BinaryIO, stamp: tuple[int, int]) -> _Index:
        how = layout(file, self._path.suffix)
        self._check_columns(how.columns)
        people: dict[str, _Known] = {}
        for row in rows(file, how):
            try:
                _enter(people, row)
            except BadRowError as error:
                self._problems.add(f"line {row.line}", "bad_row", str(error))
                continue
            for each in row.fields.keys() - COLUMNS:
                self._problems.add(f"column {tidy(each)[:40]}", "unknown_column", "this column is not used")
        for each in [each for each, known in people.items() if not known.name]:
            line = people.pop(each).line
            self._problems.add(f"line {line}", "no_name", f"{each} has a name in none of its rows")
        return _Index(self._wanted(people), how, stamp)

    def _check_columns(self, columns: Iterable[str]) -> None:
        columns = [*columns]
        for column in columns:
            meant = None if column in COLUMNS else similar(column)
            if meant:
                raise SourceError("bad_header", f"line 1: the column {column} is not known: did you mean {meant}?")
            if columns.count(column) > 1:
                raise SourceError("bad_header", f"line 1: the column {column} is there twice")
        for column in ("id", "name"):
            if columns and column not in columns:
                raise SourceError("bad_header", f"line 1: there is no column {column}")

    def _wanted(self, people: dict[str, _Known]) -> dict[str, _Known]:
        """Return those people whom the operator has listed; all when none are."""
        if not self._spec.ids:
            return people
        for each in self._spec.ids:
            if each not in people:
                self._problems.add(each, "no_such_person", f"ids names {each}, but no row has that id")
        wanted = {*self._spec.ids}
        return {each: known for each, known in people.items() if each in wanted}

    def _records(self, index: _Index, ids: Iterable[str]) -> Iterator[PersonRecord]:
        """Read what the file says of people; unknown ids are left out."""
        for record, _ in self._dated(index, ids):
            yield record

    def _dated(self, index: _Index, ids: Iterable[str]) -> Iterator[tuple[PersonRecord, datetime]]:
        """Yield people, and when the file or one of their photos beside it changed last."""
        began = self._now()
        with self._open() as file:
            for each in ids:
                if each in index.people:
                    record = self._record(each, [*self._entries(file, index, each)])
                    changed = max([instant(index.stamp[1]), *map(_changed, record.images)])
                    yield replace(record, updated=stated(changed, began)), changed

    def _entries(self, file: BinaryIO, index: _Index, external_id: str) -> Iterator[Entry]:
        for offset in index.people[external_id].offsets:
            row = next(rows(file, index.how, offset), None)
            try:
                found = entry(row.fields) if row and not row.problem else None
            except BadRowError:
                found = None
            if found is None or found.id != external_id:
                raise SourceError("changed", "the manifest was changed while it was read")
            yield found

    def _record(self, external_id: str, entries: list[Entry]) -> PersonRecord:
        name = next(each.name for each in entries if each.name)
        images: dict[str, ImageRef] = {}
        for each in entries:
            if each.image:
                ref = self._ref(each)
                if images.setdefault(ref.id, ref) != ref:
                    said = f"{_shown(ref)} is there twice, with different words; the first are used"
                    self._problems.add(_shown(ref), "image_twice", said)
        return PersonRecord(
            external_id=external_id,
            name=name,
            disambiguation=next((each.disambiguation for each in entries if each.disambiguation), ""),
            aliases=tuple(unique([name, *(alias for each in entries for alias in each.aliases)])[1:]),
            images=tuple(images.values()),
        )

    def _ref(self, found: Entry) -> ImageRef:
        url = found.image if "://" in found.image else (self._path.parent / found.image).as_uri()
        # One photo may show two people, each with a row: it is offered once for each. A key in the address is not
        # part of the name, which is kept and shown, and a new one makes no new photo.
        name = f"{quote(found.id, safe=' ')}/{redact(found.image)}"
        return ImageRef(
            name, url, sha256=found.sha256, licence=found.licence, purpose=found.purpose, expires=found.expires
        )


def _changed(ref: ImageRef) -> datetime:
    """Return when a photo beside the manifest changed last; long ago for any other."""
    if not ref.url.startswith("file:"):
        return LONG_AGO
    try:
        return instant(path_of(ref.url).stat().st_mtime_ns)
    except OSError:
        return LONG_AGO


def _shown(ref: ImageRef) -> str:
    """Return the photo's id without the query of a URL, which may hold a key."""
    return ref.id.partition("?")[0]


def _stamp(file: BinaryIO) -> tuple[int, int]:
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


def _enter(people: dict[str, _Known], row: Row) -> None:
    """Add a row to the index.

    Raises:
        BadRowError: it cannot be used.
    """
    if row.problem:
        raise BadRowError(row.problem)
    found = entry(row.fields)
    known = people.setdefault(found.id, _Known(row.line, found.name))
    if found.name and known.name and found.name.casefold() != known.name.casefold():
        raise BadRowError(f"{found.id} is {known.name} on line {known.line}, but {found.name} here")
    known.name = known.name or found.name
    known.offsets.append(row.offset)
