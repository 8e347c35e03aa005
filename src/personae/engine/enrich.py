"""Enrich the people from several sources at once.

    a thread a source -> photos -> examiners -> results -> this thread
    (people, bytes)                (models)               (one transaction a batch, then the settlement)

Sources only bring. What their word is worth is settled when all have come to their end, for all claims together, so
that it does not matter which of them was quicker, or how often the run was cut short.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace

from personae.engine import claims
from personae.engine.channel import Cancelled, Channel
from personae.engine.enrich_walk import COMPLETE, ERRORS, Brought, Ended, Plan, Walk, ended
from personae.engine.enrich_write import Book
from personae.engine.follow import open_indexes
from personae.engine.gallery import VectorCache
from personae.engine.parts import Parts
from personae.engine.progress import NOBODY, Progress
from personae.errors import InputError, SourceError
from personae.ports import PeopleSource, Transaction
from personae.records import SourceProgress, SourceSpec

PEOPLE_AT_ONCE = 32
"""People in one transaction."""
SECONDS_PER_TRANSACTION = 2.0
EXAMPLES = 5
"""Things left out that are told one by one."""
SECONDS_TO_STOP = 10.0
"""How long a source that waits for its server is waited for when the run is given up."""


@dataclass(frozen=True)
class EnrichOptions:
    """What an enrichment is told."""

    sources: tuple[str, ...] = ()
    """Names; empty: all that are enabled."""
    faces: bool = False
    """Whether photos are fetched; else only what sources say of people is kept."""
    save_interval: int = 1000
    """Faces after which the indexes are brought up to date and saved."""
    max_faces_total: int = 20
    """Faces of a person, from wherever, up to which sources may add."""
    source_max_faces: int | None = None
    """Faces a person that a source may bring; None: as sources.yaml says."""
    dry_run: bool = False
    """Whether everything is done but written."""

    def __post_init__(self) -> None:
        for name in ("save_interval", "max_faces_total", "source_max_faces"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} is at least 1, not {value}")


@dataclass(frozen=True, slots=True)
class SourceSummary:
    """What one source brought in this run."""

    source: str
    trust: str
    people: int
    new_people: int
    images_processed: int
    images_skipped: int
    faces_brought: int
    """Faces that passed the quality gates."""
    faces_added: int
    """Those that were accepted, also of earlier runs' faces."""
    quarantined: int
    held: int
    refused: dict[str, int] = field(default_factory=dict)
    """Photos and faces by reason: of the gates, of the trust rule, of the limits."""
    errors: dict[str, int] = field(default_factory=dict)
    """By reason."""
    deleted: int = 0
    """Records that the source has removed, or made one with others; what they brought before stays."""
    left_out: dict[str, int] = field(default_factory=dict)
    """What the source holds that cannot be used, by reason."""
    examples: tuple[str, ...] = ()
    """Some of that, one sentence each."""
    failure: str = ""
    """Why the source was given up, one sentence."""


@dataclass(frozen=True, slots=True)
class EnrichSummary:
    """What an enrichment did."""

    sources: tuple[SourceSummary, ...]
    people: int
    faces_brought: int
    faces_added: int
    dry_run: bool


def enrich(parts: Parts, options: EnrichOptions, progress: Progress = NOBODY) -> EnrichSummary:
    """Bring people, and their faces, from sources.

    A source that fails does not stop the others. A run that was cut short is continued by the next one.

    Args:
        parts: adapters and rules.
        options: which sources, and how much of them.
        progress: is told after every transaction how many people have come.

    Raises:
        InputError: a source is unknown, or not enabled.
        ModelError: the models cannot be loaded.
        BackendError: the store does not take the write; everything acknowledged before stays.
    """
    return _Run(parts, options, progress).run(_chosen(parts, options))


def _chosen(parts: Parts, options: EnrichOptions) -> list[SourceSpec]:
    """Return the sources that were asked for. Raises InputError."""
    known = {spec.name: spec for spec in parts.sources()}
    if not options.sources:
        found = [spec for spec in known.values() if spec.enabled]
        if not found:
            raise InputError("no source is enabled: `personae enrich sources` lists what sources.yaml has")
        return found
    missing = [name for name in options.sources if name not in known]
    if missing:
        raise InputError(f"there is no source {', '.join(missing)}; there are: {', '.join(known) or 'none'}")
    off = [name for name in options.sources if not known[name].enabled]
    if off:
        raise InputError(f"not enabled in sources.yaml: {', '.join(off)}")
    return [known[name] for name in dict.fromkeys(options.sources)]


class _Rehearsed(Exception):  # noqa: N818 - nothing is wrong
    """Rolls back what a dry run wrote."""


class _Run:
    """One enrichment: its threads, and what they have brought."""

    def __init__(self, parts: Parts, options: EnrichOptions, progress: Progress) -> None:
        self._parts = parts
        self._options = options
        self._progress = progress
        self._error: BaseException | None = None
        self._unsaved = 0

    def run(self, specs: Sequence[SourceSpec]) -> EnrichSummary:
        limits = {spec.name: self._options.source_max_faces or spec.max_faces for spec in self._parts.sources()}
        book = Book(self._parts, dry=self._options.dry_run)
        plans = [plan for plan in self._plans(specs, limits) if book.open(plan)]
        self._bring(plans, book)
        self._settle(book, claims.Limits(self._options.max_faces_total, limits))
        self._save(0, last=True)
        self._tidy(plans, book)
        return self._summary(specs, book)

    # --- bring --------------------------------------------------------------------------------

    def _plans(self, specs: Sequence[SourceSpec], limits: dict[str, int]) -> list[Plan]:
        with self._parts.store.read() as tx:
            before = {spec.name: tx.sources.progress(spec.name) for spec in specs}
        return [
            Plan(spec, before[spec.name] or SourceProgress(None, "", 0, 0), self._options.faces,
                 self._parts.rules.enrich_gates, limits[spec.name], self._options.max_faces_total)
            for spec in specs
        ]  # fmt: skip

    def _bring(self, plans: Sequence[Plan], book: Book) -> None:
        """Let all sources walk, and write what they bring."""
        results: Channel[Brought | Ended] = Channel(2 * PEOPLE_AT_ONCE, producers=len(plans))
        with ExitStack() as stack:
            pool = stack.enter_context(ThreadPoolExecutor(self._parts.rules.workers, "examine"))
            walks = []
            for plan in plans:
                source = self._open(plan, book)
                if source is None:
                    results.done()
                else:
                    stack.callback(source.close)
                    walks.append(Walk(self._parts, source, plan, pool, results))
            threads = [threading.Thread(target=self._guard, args=(walk, results), daemon=True) for walk in walks]
            for thread in threads:
                thread.start()
            try:
                self._write(results, book)
            except Cancelled:
                pass  # the walk that failed has left its error
            finally:
                results.cancel()
                for walk in walks:
                    walk.stop()
                pool.shutdown(wait=False, cancel_futures=True)
                until = time.monotonic() + SECONDS_TO_STOP
                for thread in threads:
                    thread.join(max(0.0, until - time.monotonic()))
        if self._error is not None:
            raise self._error

    def _open(self, plan: Plan, book: Book) -> PeopleSource | None:
        """Open a source; one that cannot be opened is given up, and the others go on."""
        try:
            return self._parts.open_source(plan.spec)
        except (SourceError, InputError) as error:
            book.write([ended(plan.spec, error)])
            return None

    def _guard(self, walk: Walk, results: Channel[Brought | Ended]) -> None:
        """Run one walk; a failure that is not the source's own is the run's."""
        try:
            walk.run()
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread, where it is raised
            self._error = self._error or error
            results.cancel()

    def _write(self, results: Channel[Brought | Ended], book: Book) -> None:
        people = 0
        while batch := results.take(PEOPLE_AT_ONCE, SECONDS_PER_TRANSACTION):
            faces = book.write(batch)
            people += sum(isinstance(item, Brought) and not item.again for item in batch)
            self._progress.step(people, 0, "people")
            self._save(faces)

    def _save(self, faces: int, *, last: bool = False) -> None:
        """Bring the indexes up to date when enough has come, and at the end."""
        self._unsaved += faces
        if not self._options.dry_run and self._unsaved and (last or self._unsaved >= self._options.save_interval):
            open_indexes(self._parts)
            self._unsaved = 0

    # --- settle -------------------------------------------------------------------------------

    def _settle(self, book: Book, limits: claims.Limits) -> None:
        """Settle what is open; all in one transaction, since each claim is held against the others.

        A dry run writes all that it brought into the same transaction, and takes it back.
        """
        if self._options.faces:
            self._progress.step(0, 0, "settling")
        with suppress(_Rehearsed), self._parts.store.write() as tx:
            if self._options.dry_run:
                book.rehearse(tx)
            if self._options.faces:
                settled = claims.settle_claims(tx, self._seen(), limits)
                claims.write_settled(tx, settled, final=self._complete(tx, book))
                book.settled(claims.count(settled))
                tx.events.emit("enrich.settled", {"accepted": sum(c["faces_added"] for c in book.outcome.values())})
            if self._options.dry_run:
                raise _Rehearsed

    def _seen(self) -> Parts:
        """Return the parts that settle; what a dry run reads is soon gone, and must not be kept in memory as read."""
        return replace(self._parts, vectors=VectorCache()) if self._options.dry_run else self._parts

    def _complete(self, tx: Transaction, book: Book) -> bool:
        """Whether every source has come to its end, and nothing of it failed."""
        said = [tx.sources.progress(spec.name) for spec in self._parts.sources() if spec.enabled]
        whole = all(each.statistics.get(COMPLETE) and not each.statistics.get(ERRORS) for each in said if each)
        return whole and not book.failures

    def _tidy(self, plans: Sequence[Plan], book: Book) -> None:
        """Remove photos that were kept for a run that is cut short: of a complete walk none is asked for again."""
        for plan in plans:
            if not self._options.dry_run and plan.spec.name not in book.failures:
                self._parts.forget_photos(plan.spec.name)

    # --- tell ---------------------------------------------------------------------------------

    def _summary(self, specs: Sequence[SourceSpec], book: Book) -> EnrichSummary:
        rows = tuple(_row(spec, book) for spec in specs)
        return EnrichSummary(
            rows, sum(row.people for row in rows), sum(row.faces_brought for row in rows),
            sum(row.faces_added for row in rows), self._options.dry_run,
        )  # fmt: skip


def _row(spec: SourceSpec, book: Book) -> SourceSummary:
    counts, outcome = book.counts[spec.name], book.outcome.get(spec.name, Counter())

    def by_reason(numbers: Counter[str], prefix: str) -> Counter[str]:
        return Counter({name.removeprefix(prefix): n for name, n in numbers.items() if name.startswith(prefix)})

    return SourceSummary(
        source=spec.name,
        trust=spec.trust.value,
        people=counts["people"],
        new_people=counts["new_people"],
        images_processed=counts["images_processed"],
        images_skipped=counts["images_skipped"],
        faces_brought=counts["faces_brought"],
        faces_added=outcome["faces_added"],
        quarantined=sum(by_reason(outcome, "quarantined:").values()),
        held=sum(by_reason(outcome, "held:").values()),
        refused=dict(by_reason(counts, "refused:") + by_reason(outcome, "refused:")),
        errors=dict(by_reason(counts, "error:")),
        deleted=counts["deleted"],
        left_out=dict(by_reason(counts, "left_out:")),
        examples=tuple(f"{problem.place}: {problem.detail}" for problem in book.left_out.get(spec.name, ())[:EXAMPLES]),
        failure=book.failures.get(spec.name, ""),
    )
