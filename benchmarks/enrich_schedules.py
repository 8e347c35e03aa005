"""Enrichment under random faults: python -m benchmarks enrich-faults.

Whatever the servers do, and however often it is run again, the end is the same.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from benchmarks.enrich_replay import recorded
from benchmarks.enrich_server import Plan, Servers, served
from benchmarks.enrich_world import LIST, PHOTOS, Left, Opener, engine_on, left_by, make_world, specs, write_manifest
from benchmarks.report import Row
from personae.adapters.sources.limits import Limits, Machine
from personae.engine.enrich import EnrichOptions, EnrichSummary
from personae.engine.parts import Vision

FACTOR = 20.0
"""How much quicker than the real one the client's clock goes, so that its patience costs little time."""
GAP = 0.02
"""Seconds of that clock between two requests."""
LIMITS = Limits(read_seconds=0.3, backoff_seconds=0.2)
MOST_RUNS = 30
QUICK_DISK = Path("/dev/shm")  # noqa: S108 - homes of a benchmark, in memory where there is such a place


NOBODY = Left(frozenset(), frozenset(), frozenset(), frozenset(), frozenset(), 0)
"""Nothing is left behind."""


@dataclass(frozen=True)
class Size:
    """Of the world."""

    people: int
    photos: int


SMALL, WHOLE = Size(100, 500), Size(1000, 5000)


@dataclass
class Outcome:
    """What became of one schedule."""

    seed: int | None
    left: Left
    runs: int = 0
    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    waits: int = 0
    """Answers that asked to wait."""
    too_soon: list[float] = field(default_factory=list)
    most_at_once: int = 0
    least_gap: float = float("inf")
    """Between two requests of one source, by the client's clock."""
    differs: list[str] = field(default_factory=list)
    reasons: int = 0
    """Claims with the same end for another reason."""


class Desk:
    """One world, its servers and its models: runs schedules one after another."""

    def __init__(self, size: Size, servers: Servers, vision: Vision, place: Path) -> None:
        self._servers, self._vision, self._place = servers, vision, place
        manifest = write_manifest(make_world(size.people, size.photos), servers.urls[LIST], place / "list.jsonl")
        self._specs = specs(servers.endpoints, manifest, GAP)

    def run(self, seed: int | None) -> Outcome:
        """Enrich until nothing fails any more, and say what is left behind."""
        home = self._place / f"home{seed}"
        outcome = Outcome(seed, NOBODY)
        started = time.perf_counter()
        try:
            complete = False
            while not complete:
                complete = self._once(home, outcome) or outcome.runs >= MOST_RUNS
            with engine_on(home, self._specs, self._opener(home), self._vision) as engine:
                outcome.left = left_by(engine)
                outcome.differs = [f"doctor: {each.kind} {each.what}" for each in engine.doctor()]
        finally:
            shutil.rmtree(home, ignore_errors=True)
        outcome.seconds = time.perf_counter() - started
        return outcome

    def _once(self, home: Path, outcome: Outcome) -> bool:
        """Enrich once; say whether everything went well."""
        self._servers.begin(Plan(outcome.seed, outcome.runs, FACTOR))
        opener = self._opener(home)
        with engine_on(home, self._specs, opener, self._vision) as engine:
            summary = engine.enrich(EnrichOptions(faces=True))
            complete = clean(summary) and all(row.complete and not row.errors for row in engine.enrich_status())
        outcome.runs += 1
        self._note(outcome, opener)
        return complete

    def _note(self, outcome: Outcome, opener: Opener) -> None:
        logs = self._servers.logs()
        for log in logs.values():
            outcome.faults.update(log.faults)
            outcome.requests += len(log.arrivals)
            outcome.waits += log.asked_to_wait
            outcome.too_soon += log.too_soon
            outcome.most_at_once = max(outcome.most_at_once, log.most_at_once)
        for client in opener.clients.values():
            times = client.request_times
            gaps = [later - sooner for sooner, later in itertools.pairwise(times)]
            outcome.least_gap = min([outcome.least_gap, *gaps])
        # Who runs it again does so when the server may be asked again: it was told when.
        time.sleep(max(0.0, max(log.closed_until for log in logs.values()) - time.monotonic()))

    def _opener(self, home: Path) -> Opener:
        machine = Machine(clock=lambda: time.monotonic() * FACTOR, sleep=lambda seconds: time.sleep(seconds / FACTOR))
        return Opener(home / "sources", LIMITS, machine, self._servers.urls[LIST], {})


def clean(summary: EnrichSummary) -> bool:
    """Whether every source came to its end and nothing failed."""
    return not any(row.failure or row.errors for row in summary.sources)


@contextmanager
def desk(size: Size) -> Iterator[Desk]:
    """Open a desk, with homes in memory."""
    vision = recorded(make_world(size.people, size.photos))
    root = QUICK_DISK if QUICK_DISK.is_dir() else None
    with served(size.people, size.photos) as servers, tempfile.TemporaryDirectory(dir=root) as place:
        yield Desk(size, servers, vision, Path(place))


def truth(size: Size) -> Outcome:
    """Return what one clean run leaves behind."""
    with desk(size) as opened:
        return opened.run(None)


def compare(size: Size, wanted: Left, seeds: Sequence[int]) -> list[Outcome]:
    """Run schedules and hold each end against the truth; of equal ones nothing but the figures is kept."""
    outcomes = []
    with desk(size) as opened:
        for seed in seeds:
            outcome = opened.run(seed)
            outcome.differs += outcome.left.differences(wanted)
            outcome.reasons = len(outcome.left.reasons - wanted.reasons)
            outcome.left = NOBODY
            told = f"schedule {seed}: {outcome.runs} runs, {outcome.seconds:.0f} s, {len(outcome.differs)} differences"
            print("\n  ".join([told, *outcome.differs[:20]]), file=sys.stderr, flush=True)
            outcomes.append(outcome)
    return outcomes


def run_all(size: Size, schedules: int, at_once: int) -> tuple[Outcome, list[Outcome]]:
    """Return the clean run, and the outcome of every schedule, so many processes at once."""
    wanted = truth(size)
    hands = [range(start, schedules, at_once) for start in range(at_once)]
    with ProcessPoolExecutor(at_once, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(compare, size, wanted.left, seeds) for seeds in hands if len(seeds)]
        outcomes = [outcome for future in futures for outcome in future.result()]
    return wanted, sorted(outcomes, key=lambda each: each.seed or 0)


def run() -> list[Row]:
    """Return the rows of this benchmark: many schedules of a small world, and some of the whole one.

    BENCH_SCHEDULES and BENCH_FULL_SCHEDULES say how many; one of the whole world takes minutes.
    """
    if not PHOTOS.is_dir():
        return []
    wanted = [(SMALL, int(os.environ.get("BENCH_SCHEDULES", "100"))),
              (WHOLE, int(os.environ.get("BENCH_FULL_SCHEDULES", "3")))]  # fmt: skip
    return [row for size, schedules in wanted if schedules for row in _rows(size, schedules)]


def _rows(size: Size, schedules: int) -> Iterator[Row]:
    """Measure, and say it."""
    started = time.perf_counter()
    wanted, outcomes = run_all(size, schedules, int(os.environ.get("BENCH_AT_ONCE", "2")))
    minutes = (time.perf_counter() - started) / 60
    faults = sum((outcome.faults for outcome in outcomes), Counter[str]())
    failed = sum(faults.values()) - faults[""]
    different = [str(outcome.seed) for outcome in outcomes if outcome.differs]
    what = f"3 sources, {size.people:,} people, {size.photos:,} photos"
    yield Row(
        f"{what}: ends equal to a clean run's, of {schedules} random fault schedules",
        "all",
        f"{schedules - len(different)} of {schedules}"
        + (f"; not: {', '.join(different)}" if different else "")
        + f" ({failed:,} faults of {len(faults) - 1} kinds in {sum(faults.values()):,} requests, "
        f"{sum(outcome.runs for outcome in outcomes):,} runs, {minutes:.0f} minutes)",
        not different,
    )
    soon = [seconds for outcome in outcomes for seconds in outcome.too_soon]
    waits = sum(outcome.waits for outcome in outcomes)
    yield Row("the same: requests before the moment that a Retry-After named", "none",
              f"{len(soon)} after {waits:,} answers that named one", not soon)  # fmt: skip
    least = min(outcome.least_gap for outcome in outcomes)
    most = max(outcome.most_at_once for outcome in outcomes)
    gap = f"{GAP * 1000:.0f} ms"
    yield Row("the same: least gap between two requests of a source, by the client's clock", f"at least {gap}",
              f"{least * 1000:.1f} ms", least >= GAP)  # fmt: skip
    yield Row("the same: most requests of a source in flight", "1", str(most), most == 1)
    yield Row("the same: faces let in, by the clean run", "", f"{len(wanted.left.accepted):,} "
              f"of {len(wanted.left.claims):,} photos claimed ({wanted.seconds:.0f} s)")  # fmt: skip
