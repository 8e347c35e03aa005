"""A folder with a folder for each person."""

from __future__ import annotations

import bisect
import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from personae.adapters.sources.content import PHOTOS
from personae.adapters.sources.local import (
    absolute,
    instant,
    legible,
    now,
    page_of,
    parse_moment,
    person_name,
    read_photo,
    stated,
)
from personae.adapters.sources.problems import Problems
from personae.adapters.vision.decode import sniff
from personae.errors import SourceError
from personae.records import ImageRef, Page, PersonRecord, Problem, SourceSpec

_PICTURES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".svg", ".heic", ".heif",
     ".avif"}
)  # fmt: skip
"""A file so named is offered even when it turns out to be no photo, so that it is accounted for."""
_MACHINE_MADE = frozenset({"lost+found", "@eadir", "#recycle", "$recycle.bin", "__macosx", "system volume information"})
"""Folders that systems put beside the user's own, in small letters."""


class FolderSource:
    """`personae.ports.PeopleSource` of a folder: each folder in it is a person, every photo below is of them.

    The folder's name is the person's external id, a photo's path within the source its id. Hidden files are left
    out. Links are not followed, so nothing outside the folder is ever read.
    """

    def __init__(self, spec: SourceSpec, now: Callable[[], datetime] = now) -> None:
        self._spec = spec
        self._now = now
        self._root = absolute(spec.endpoint)
        self._walk: dict[str, str] | None = None
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
        """See the port; nobody is asked."""
        return 0.0

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What has been left out so far, and why."""
        return self._problems.all()

    def person(self, external_id: str) -> PersonRecord | None:
        """See the port.

        Raises:
            SourceError: the folder cannot be read.
        """
        known = self._folders()
        return next((record for record, _ in self._records(known, [external_id] if external_id in known else [])), None)

    def page(self, number: int, size: int) -> Page:
        """See the port; the first page lists the folder anew, the others keep its order.

        Raises:
            SourceError: the folder cannot be read, or there is no such page number.
        """
        if number == 1 or self._walk is None:
            self._walk = self._folders()
        known = self._walk
        wanted = page_of(list(known), number, size)
        return Page(tuple(record for record, _ in self._records(known, wanted)), len(known))

    def people(self, after: str | None = None) -> Iterator[PersonRecord]:
        """See the port; in the order of their ids, so that it also continues behind a folder that is gone.

        Raises:
            SourceError: the folder cannot be read.
        """
        known = self._folders()
        ids = list(known)
        for record, _ in self._records(known, ids[0 if after is None else bisect.bisect_right(ids, after) :]):
            yield record

    def changed_since(self, moment: str) -> Iterator[PersonRecord]:
        """See the port; by the times of the photos and of the folders they are in.

        Raises:
            SourceError: the folder cannot be read, or the moment is none.
        """
        since = parse_moment(moment)
        known = self._folders()
        for record, changed in self._records(known, known):
            if changed > since:
                yield record

    def image(self, ref: ImageRef) -> bytes:
        """See the port."""
        return read_photo(self._root, ref.url)

    def close(self) -> None:
        """Nothing is held open."""

    def _folders(self) -> dict[str, str]:
        """List the people: external id and name of the folder, in the order of the ids."""
        try:
            with os.scandir(self._root) as entries:
                names = [each.name for each in entries if self._is_person(each)]
        except OSError as error:
            raise SourceError("unreachable", f"{legible(str(self._root))}: {error.strerror}") from error
        known = {legible(name): name for name in sorted(names)}
        self._note_look_alikes(known)
        if not self._spec.ids:
            return dict(sorted(known.items()))
        for each in self._spec.ids:
            if each not in known:
                self._problems.add(each, "no_such_person", f"ids names {each}, but there is no such folder")
        return {each: known[each] for each in sorted(self._spec.ids) if each in known}

    def _is_person(self, entry: os.DirEntry[str]) -> bool:
        if _left_out(entry.name):
            return False
        if entry.is_symlink():
            self._note_link(entry.name)
            return False
        if entry.is_dir(follow_symlinks=False):
            return True
        if Path(entry.name).suffix.lower() in _PICTURES:
            self._problems.add(legible(entry.name), "no_person", "the photo lies in no person's folder")
        return False

    def _note_look_alikes(self, known: dict[str, str]) -> None:
        seen: dict[str, str] = {}
        for each in known:
            alike = unicodedata.normalize("NFC", each).casefold()
            if alike in seen:
                said = f"{each} and {seen[alike]} are two people here, although their folders have the same letters"
                self._problems.add(each, "look_alike", said)
            seen.setdefault(alike, each)

    def _note_link(self, place: str) -> None:
        self._problems.add(legible(place), "link", "links are not followed: put the photos themselves here")

    def _records(self, known: Mapping[str, str], ids: Iterable[str]) -> Iterator[tuple[PersonRecord, datetime]]:
        """Yield people, and when anything of them changed last."""
        began = self._now()
        for external_id in ids:
            name, disambiguation = person_name(known[external_id])
            images, nanoseconds = self._photos(known[external_id])
            changed = instant(nanoseconds)
            record = PersonRecord(
                external_id=external_id,
                name=name or external_id,
                disambiguation=disambiguation,
                images=tuple(sorted(images, key=lambda ref: ref.id)),
                updated=stated(changed, began),
            )
            yield record, changed

    def _photos(self, folder: str) -> tuple[list[ImageRef], int]:
        """Find the photos of a person, and when anything of them changed last (nanoseconds)."""
        found: list[ImageRef] = []
        changed = 0
        waiting = [folder]
        while waiting:
            place = waiting.pop()
            try:
                changed = max(changed, (self._root / place).stat().st_mtime_ns)
                with os.scandir(self._root / place) as entries:
                    inside = [each for each in entries if not _left_out(each.name)]
            except OSError as error:
                self._problems.add(legible(place), "unreadable", f"{legible(place)}: {error.strerror}")
                continue
            for entry in inside:
                path = f"{place}/{entry.name}"
                if entry.is_symlink():
                    self._note_link(path)
                elif entry.is_dir(follow_symlinks=False):
                    waiting.append(path)
                elif entry.is_file(follow_symlinks=False):
                    changed = max(changed, self._offer(path, found))
        return found, changed

    def _offer(self, path: str, found: list[ImageRef]) -> int:
        """Add a file to `found` when it may be a photo; return its time stamp, 0 when it is none."""
        place = self._root / path
        try:
            if place.suffix.lower() not in _PICTURES and not _is_photo(place):
                return 0
            stamp = place.stat().st_mtime_ns
        except OSError as error:
            self._problems.add(legible(path), "unreadable", f"{legible(path)}: {error.strerror}")
            return 0
        found.append(ImageRef(legible(path), place.as_uri()))
        return stamp


def _left_out(name: str) -> bool:
    return name.startswith(".") or name.lower() in _MACHINE_MADE


def _is_photo(path: Path) -> bool:
    """Whether the content is a photo's, for a file whose name does not say so."""
    with path.open("rb") as file:
        return sniff(file.read(512)) in PHOTOS
