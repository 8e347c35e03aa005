"""Walk through one source: its people, their photos, and what the photos are worth."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from personae.core.quality import Gates
from personae.engine.channel import Cancelled, Channel
from personae.engine.enrich_image import EXPIRED, Examined, Fetched, examine_photos
from personae.errors import InputError, PersonaeError, SourceError
from personae.ports import PeopleSource
from personae.records import ClaimState, ImageRef, PersonRecord, Problem, SourceProgress, SourceSpec

if TYPE_CHECKING:
    from personae.engine.parts import Parts

PEOPLE_IN_HAND = 4
"""People of a source whose photos are being examined while the next ones are fetched."""
FAILURES_IN_A_ROW = 20
"""Photos that could not be fetched, one after another, after which the source is given up for this run."""
FEW_IN_A_ROW = 3
"""The same for a reason that the source's other photos are not likely to escape."""
HOPELESS = frozenset({"busy", "refused_key"})
FOR_GOOD = frozenset({
    "gone", "not_an_image", "too_large", "forbidden_address", "wrong_hash", "outside_folder", "not_a_file", "bad_url",
    EXPIRED,
})  # fmt: skip
"""Reasons that will be the same tomorrow: the photo is not asked for again."""
WEB_PAGE = "html_page"
"""Reason of a photo in whose place a web page came: for good when it comes again while other photos come."""
COMPLETE, WITH_FACES, ERRORS, LIMIT, TOTAL = "complete", "with_faces", "errors", "max_faces", "max_faces_total"
PENDING, OVER_CHANGES = "pending", "over_changes"
"""Names among a walk's statistics."""


class Way(Enum):
    """Which people of a source a walk asks for."""

    ALL = "all"
    REST = "rest"
    """Those behind the last one of a walk that was cut short."""
    CHANGES = "changes"
    """Those that changed since a complete walk."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is to bring from one source."""

    spec: SourceSpec
    before: SourceProgress
    """How far earlier runs came."""
    faces: bool
    gates: Gates
    per_source: int
    """Faces a person that this source may bring."""
    total: int
    """Faces that a person has, from which on no photos of it are fetched."""

    @property
    def way(self) -> Way:
        """Continue what was cut short; after a walk that brought all that there was, ask for what changed; else all."""
        said = self.before.statistics
        if not self._wanted_no_less():
            return Way.ALL
        if self.before.last_id is not None:
            return Way.REST
        # A walk over changes that failed has not moved its mark: the same changes can be asked for again.
        sound = said.get(COMPLETE) and (not said.get(ERRORS) or said.get(OVER_CHANGES))
        return Way.CHANGES if sound and self.before.watermark else Way.ALL

    def _wanted_no_less(self) -> bool:
        """Whether the last walk asked for as many faces as this one wants."""
        said = self.before.statistics
        enough = said.get(LIMIT, 0) >= self.per_source and said.get(TOTAL, 0) >= self.total
        return not self.faces or (bool(said.get(WITH_FACES)) and enough)


@dataclass(frozen=True, slots=True)
class Brought:
    """One person of a source, with the photos that were examined now."""

    spec: SourceSpec
    record: PersonRecord
    photos: tuple[Examined, ...] = ()
    skipped: int = 0
    """Photos that were dealt with before, or are not needed."""
    failed: tuple[str, ...] = ()
    """Why photos could not be fetched this time."""
    again: bool = False
    """Whether the person was brought before, and only photos that had failed are new."""
    pending: int = 0
    """Photos that wait for a second try: more by so many, or fewer."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A source has no more people, or was given up."""

    spec: SourceSpec
    reason: str = ""
    """Empty: the walk is complete."""
    detail: str = ""
    left_out: tuple[Problem, ...] = ()
    """What the source holds that cannot be used."""


@dataclass(slots=True)
class _InHand:
    """A person whose photos are on their way."""

    record: PersonRecord
    waiting: deque[ImageRef]
    wanted: int
    skipped: int
    again: bool = False
    retried: int = 0
    """Photos that failed the first time."""
    pages: set[str] = field(default_factory=set)
    """Photos in whose place a web page came the first time."""
    photos: list[Examined] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    running: Future[list[Examined]] | None = None

    @property
    def missing(self) -> int:
        """Photos to fetch next. One that failed keeps its place until a later try, so that chance does not choose."""
        return self.wanted - sum(photo.usable for photo in self.photos) - len(self.failed)


def ended(spec: SourceSpec, failure: PersonaeError | None, left_out: Sequence[Problem] = ()) -> Ended:
    """Return the end of a walk, and what put an end to it."""
    if failure is None:
        return Ended(spec, left_out=tuple(left_out))
    reason = failure.reason if isinstance(failure, SourceError) else "bad_entry"
    return Ended(spec, reason, str(failure), tuple(left_out))


class Walk:
    """One source's thread."""

    def __init__(self, parts: Parts, source: PeopleSource, plan: Plan, pool: Executor,
                 out: Channel[Brought | Ended]) -> None:  # fmt: skip
        self._parts = parts
        self._source = source
        self._plan = plan
        self._pool = pool
        self._out = out
        self._in_hand: deque[_InHand] = deque()
        self._again: list[_InHand] = []
        self._taken: set[tuple[str, str]] = set()
        self._failures: Counter[str] = Counter()
        """Photos in a row that could not be fetched, by reason."""
        self._last_failure = ""
        self._came = False
        """Whether a photo came."""
        self._stopped = threading.Event()

    def run(self) -> None:
        """Bring everything; the source's own failure ends its walk, and nobody else's."""
        try:
            failure = self._bring()
        except (SourceError, InputError) as error:
            failure = error
        except Cancelled:
            return
        self._out.put(ended(self._source.spec, failure, self._source.problems))
        self._out.done()

    def _bring(self) -> PersonaeError | None:
        """Bring all that can be had; return what put an end to it. Raises SourceError, InputError."""
        failure: PersonaeError | None = None
        try:
            for record in self._records():
                self._begin(record)
            self._drain()
            for person in self._again:
                self._take_in_hand(person)
        except (SourceError, InputError) as error:
            failure = error
        self._drain()
        return failure

    def stop(self) -> None:
        """Bring nothing more."""
        self._stopped.set()

    # --- people -------------------------------------------------------------------------------

    def _records(self) -> Iterator[PersonRecord]:
        """Yield the people that are to be looked at."""
        before = self._plan.before
        if self._plan.way is Way.CHANGES:
            return self._source.changed_since(before.watermark)
        return self._source.people(before.last_id if self._plan.way is Way.REST else None)

    def _begin(self, record: PersonRecord) -> None:
        if self._stopped.is_set():
            raise Cancelled
        self._take_in_hand(_InHand(record, *self._needed(record)))

    def _take_in_hand(self, person: _InHand) -> None:
        self._fetch(person)
        self._in_hand.append(person)
        while len(self._in_hand) >= PEOPLE_IN_HAND:
            self._finish(self._in_hand.popleft())

    def _drain(self) -> None:
        while self._in_hand:
            self._finish(self._in_hand.popleft())

    def _needed(self, record: PersonRecord) -> tuple[deque[ImageRef], int, int]:
        """Return the photos that may be fetched, how many faces are wanted of them, and how many are passed over."""
        offered = list(
            {ref.id: ref for ref in record.images if (record.external_id, ref.id) not in self._taken}.values()
        )
        if not self._plan.faces or record.deleted or not offered:
            return deque(), 0, 0
        name = self._source.spec.name
        with self._parts.store.read() as tx:
            seen = tx.sources.seen(name, record.external_id, [ref.id for ref in offered])
            person_id = tx.people.by_external_id(name, record.external_id)
            brought = 0
            if person_id is not None:
                claims = tx.sources.claims(person_id=person_id)
                mine = [claim for claim in claims if claim.source == name]
                # Also under the id of a record that has become part of this one.
                seen |= {claim.image_ref for claim in mine}
                brought = len({claim.face_id for claim in mine if claim.face_id is not None})
                accepted = {claim.face_id for claim in claims if claim.state is ClaimState.ACCEPTED}
                if len(accepted) >= self._plan.total:
                    return deque(), 0, len(offered)
        fresh = deque(ref for ref in offered if ref.id not in seen)
        return fresh, max(0, self._plan.per_source - brought), len(offered) - len(fresh)

    # --- photos -------------------------------------------------------------------------------

    def _fetch(self, person: _InHand) -> None:
        """Fetch as many photos as faces are missing, and have them examined."""
        fetched: list[Fetched] = []
        failed: dict[ImageRef, str] = {}
        while person.waiting and len(fetched) + len(failed) < person.missing:
            ref = person.waiting.popleft()
            photo = self._download(ref, person.pages)
            if photo is None:
                failed[ref] = self._last_failure
            else:
                self._taken.add((person.record.external_id, ref.id))
                fetched.append(photo)
        for ref, reason in failed.items():
            person.failed.append(reason)
            if not person.again:
                self._keep_for_later(person, ref, reason)
        if fetched:
            person.running = self._pool.submit(
                examine_photos, self._parts, self._plan.gates, self._source.spec, fetched
            )

    def _download(self, ref: ImageRef, pages: Collection[str]) -> Fetched | None:
        """Return the photo, or why it will never be had; None when it may be had another time."""
        if self._stopped.is_set():
            raise Cancelled
        if not ref.usable(self._parts.clock()):
            return Fetched(ref, reason=EXPIRED)
        try:
            data = self._source.image(ref)
        except SourceError as error:
            again = error.reason == WEB_PAGE and ref.id in pages and self._came
            if error.reason in FOR_GOOD or again:
                return Fetched(ref, reason=error.reason)
            self._last_failure = error.reason
            self._failures[error.reason] += 1
            if self._is_hopeless(error.reason):
                raise
            return None
        self._failures.clear()
        self._came = True
        return Fetched(ref, data)

    def _is_hopeless(self, reason: str) -> bool:
        """Say whether so much has failed that the source is not asked for more."""
        few = reason in HOPELESS and self._failures[reason] >= FEW_IN_A_ROW
        return few or self._failures.total() >= FAILURES_IN_A_ROW

    def _keep_for_later(self, person: _InHand, ref: ImageRef, reason: str) -> None:
        if not self._again or self._again[-1].record is not person.record:
            self._again.append(_InHand(person.record, deque(), 0, 0, again=True))
        self._again[-1].waiting.append(ref)
        self._again[-1].retried += 1
        if reason == WEB_PAGE:
            self._again[-1].pages.add(ref.id)

    def _finish(self, person: _InHand) -> None:
        """Wait for a person's photos, fetch more while faces are missing, and hand the person on."""
        try:
            while person.running is not None:
                person.photos += person.running.result()
                person.running = None
                if person.missing > 0 and person.waiting:
                    self._fetch(person)
        except SourceError:
            # Neither it nor anybody behind it is handed on, so that a later run begins with it.
            self._in_hand.clear()
            raise
        if not person.again:
            self._widen(person)
        self._out.put(Brought(
            self._source.spec, person.record, tuple(person.photos), person.skipped + len(person.waiting),
            tuple(person.failed), person.again, -person.retried if person.again else len(person.failed),
        ))  # fmt: skip

    def _widen(self, person: _InHand) -> None:
        """Let photos that were not needed so far take the place of one that turns out to be of no use."""
        for later in self._again[-2 * PEOPLE_IN_HAND :]:
            if later.record is person.record:
                later.wanted = person.wanted - sum(photo.usable for photo in person.photos)
                later.waiting.extend(person.waiting)
                person.waiting.clear()
