"""Walks through a listing whose sorting has no tie-break: between two pages, records of one moment may change places.

A page that is read again shows other records of the same moment, so a walk page by page may miss some and see others
twice. What it can rely on: the moments themselves stay sorted, so that the place where a moment ends says how many
records come before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from personae.errors import SourceError

QUIET = 12
"""Readings of some pages without anything new before they are taken for complete. Two pages that share one moment hide
a record from all of them with probability 4**-12."""
PASSES = 3
"""Readings of a listing that has fewer places than the server counts, before the walk gives up."""
AFTER_REMOVAL = 2
"""Readings of the whole listing that find nothing missed, which a walk needs when records were removed meanwhile:
others moved up, perhaps over a page's edge."""

Key = tuple[datetime, str]
"""When a record was made, and its id: the order of the walk."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A page as the server cut it."""

    keys: tuple[Key, ...]
    count: int
    """Records in the listing."""


Read = Callable[[int], Listed]
"""Reads a page, numbered from 1. It may keep what it reads: keys are all that the walk needs."""


class FullWalk:
    """Every record of a listing sorted by the moment it was made, earliest first.

    Keys come in order, and a moment's records only once all of them were seen, so that a walk can go on behind any
    key. Records that were missed because others were removed meanwhile come last.

    Args:
        read: reads a page.
        size: records that a page has.
        after: go on behind this key; None: from the start.

    Raises:
        SourceError: incomplete_walk, there are records that the server does not show; wrong_schema, it does not sort.
    """

    def __init__(self, read: Read, size: int, after: Key | None = None) -> None:
        self._read_page = read
        self._size = size
        self._after = after
        self._base: datetime | None = None
        """Records of this moment and before are not looked at."""
        self._offset = 0
        """Place of the first record that is looked at."""
        self._seen: set[str] = set()
        self._waiting: dict[str, Key] = {}
        """Seen, not yet yielded."""
        self._before = 0
        """Records seen that are no longer waiting."""
        self._latest: datetime | None = None
        """The last moment that was seen."""
        self._count = 0
        self._removed = False
        """Whether the listing has become shorter."""

    def __iter__(self) -> Iterator[Key]:
        first = self._first_page()
        yield from self._in_order(first)
        # What is made from now on is not missed: where people are added all the time, a walk would never end.
        latest = self._latest
        quiet, short = 0, False
        while not self._done(quiet):
            if quiet >= (PASSES if short else QUIET):
                there = self._count - self._offset
                raise SourceError("incomplete_walk", f"the server shows {len(self._seen)} of {there} people")
            missed, places = False, (first - 1) * self._size
            for page in self._pages(first):
                places += len(self._read(page).keys)
                missed = missed or any(latest is not None and moment <= latest for moment, _ in self._waiting.values())
                yield from self._release(None)
            quiet, short = 0 if missed else quiet + 1, places < self._count

    def _done(self, quiet: int) -> bool:
        needed = AFTER_REMOVAL if self._removed else 1
        return quiet >= needed and len(self._seen) + self._offset >= self._count

    def _first_page(self) -> int:
        """Return the last page that begins before the moment to go on behind."""
        if self._after is None:
            return 1
        low, high = 0, -(-self._look(1).count // self._size)
        while low < high:
            middle = (low + high + 1) // 2
            keys = self._look(middle).keys
            if keys and keys[0][0] < self._after[0]:
                low = middle
            else:
                high = middle - 1
        if low == 0:
            return 1
        keys = self._look(low).keys
        self._base = keys[0][0] if keys else None
        return low

    def _look(self, page: int) -> Listed:
        listed = self._read_page(page)
        moments = [moment for moment, _ in listed.keys]
        if moments != sorted(moments):
            raise SourceError("wrong_schema", "the server does not sort by the moment of creation")
        if page == 1 and len(listed.keys) < min(self._size, listed.count) and listed.keys:
            # The server's own limit.
            self._size = len(listed.keys)
        self._removed = self._removed or listed.count < self._count
        self._count = listed.count
        return listed

    def _read(self, page: int) -> Listed:
        listed = self._look(page)
        if listed.keys:
            self._latest = max(listed.keys[-1][0], self._latest or listed.keys[-1][0])
        for place, (moment, record) in enumerate(listed.keys):
            if self._base is not None and moment <= self._base:
                self._offset = max(self._offset, (page - 1) * self._size + place + 1)
            elif record not in self._seen:
                self._seen.add(record)
                self._waiting[record] = (moment, record)
        return listed

    def _pages(self, first: int) -> Iterator[int]:
        page = first
        yield page
        while page * self._size < self._count:
            page += 1
            yield page

    def _in_order(self, first: int) -> Iterator[Key]:
        held = first
        previous: datetime | None = None
        for page in self._pages(first):
            keys = self._read(page).keys
            last = page * self._size >= self._count
            bound = None if last or not keys else keys[-1][0]
            moments = [moment for moment, _ in keys]
            place = len(keys) if bound is None else moments.index(bound)
            if place == 0 and bound is not None and bound == previous:
                continue
            self._settle(held, page, bound, (page - 1) * self._size + place)
            yield from self._release(bound)
            held, previous = page, bound

    def _settle(self, held: int, page: int, bound: datetime | None, place: int) -> None:
        """Read the pages again until as many records before `bound` were seen as there are places before it."""
        quiet, below = 0, self._below(bound)
        while quiet < QUIET and below < place - self._offset:
            for again in range(held, page + 1):
                self._read(again)
            known, below = below, self._below(bound)
            quiet = quiet + 1 if below == known else 0

    def _below(self, bound: datetime | None) -> int:
        return self._before + sum(bound is None or moment < bound for moment, _ in self._waiting.values())

    def _release(self, bound: datetime | None) -> Iterator[Key]:
        ready = sorted(key for key in self._waiting.values() if bound is None or key[0] < bound)
        for key in ready:
            del self._waiting[key[1]]
        self._before += len(ready)
        yield from (key for key in ready if self._after is None or key > self._after)


def changes(read: Read, size: int, since: datetime) -> Iterator[Key]:
    """Yield what changed since a moment, from a listing sorted by the moment of change, latest first.

    A record that changes meanwhile comes again, with its new moment.

    Args:
        read: reads a page.
        size: records that a page has.
        since: records that changed before are left out.
    """
    seen: set[Key] = set()
    latest: datetime | None = None
    quiet = 0
    while quiet < QUIET:
        missed, page = False, 0
        while True:
            page += 1
            listed = read(page)
            if page == 1 and listed.keys:
                latest = latest or listed.keys[0][0]
                if len(listed.keys) < min(size, listed.count):
                    size = len(listed.keys)
            fresh = [key for key in listed.keys if key[0] >= since]
            for key in fresh:
                if key not in seen:
                    seen.add(key)
                    missed = missed or (latest is not None and key[0] <= latest)
                    yield key
            if len(fresh) < len(listed.keys) or page * size >= listed.count:
                break
        places = (page - 1) * size + len(fresh)
        quiet = 0 if missed else quiet + 1
        if quiet and len({record for _, record in seen}) >= places:
            return
