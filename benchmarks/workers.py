"""Workers killed under load on each runner, and what the jobs have done in the end: python -m benchmarks workers."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image

from benchmarks.report import ROOT, Row
from personae import Engine, Settings, open_engine
from personae.core.reference import BUSY
from personae.engine import jobs
from personae.engine.reference import CHANGED
from personae.references import ReferenceId
from personae.types import Box, Event, Job, JobId
from scripts import demo_album
from tests.valkey import Server, UnavailableError

WORKERS = 2
BACKLOG = 6
"""Jobs that wait, at the least, until the last kill."""
LONGEST_PAUSE = 0.6
"""Seconds between the moment when a job is at work and a kill, at the most: longer than an extraction."""
TAKEN_OVER = 30.0
PATIENCE = 300.0
LOOK_EVERY = 0.03
PHOTOS = ("obama", "obama3", "biden", "collins", "hopper", "party1", "table")
THRESHOLD = 0.9
"""So that not all of them are found without a doubt."""


def run() -> list[Row]:
    """Return the rows of this benchmark."""
    kills = int(os.environ.get("BENCH_KILLS", "200"))
    try:
        originals = demo_album.originals()
    except demo_album.Unavailable:
        return []
    photos = {name: originals[name].read_bytes() for name in PHOTOS} | {"grey": _grey()}
    with tempfile.TemporaryDirectory() as place:
        clean = Trial(Path(place, "clean"), "", photos)
        clean.play(0, len(photos))
        rows = _rows("workers that look into the store", kills, _trial(Path(place, "store"), "", photos, kills), clean)
        try:
            server = Server()
        except UnavailableError:
            return rows
        try:
            trial = _trial(Path(place, "redis"), server.url, photos, kills)
        finally:
            server.close()
        return [*rows, *_rows("workers with Redis (RQ's queue)", kills, trial, clean)]


def _grey() -> bytes:
    """Return a picture with nobody on it."""
    found = io.BytesIO()
    Image.new("RGB", (640, 480), (128, 128, 128)).save(found, "PNG")
    return found.getvalue()


def _trial(home: Path, redis_url: str, photos: Mapping[str, bytes], kills: int) -> Trial:
    trial = Trial(home, redis_url, photos)
    trial.play(kills, 0)
    return trial


# --- one home ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Effect:
    """What an extraction has left behind."""

    status: str
    faces: tuple[object, ...]
    """Box, det_score and whether it is the primary one, of each row."""
    told: tuple[object, ...]
    """det_score, box, warning, error and verdict of the reference."""
    version: int
    """Of the template: how often it was made."""
    replaced: int
    """Templates in the history."""
    outcomes: int
    """Events that say that it is done."""


@dataclass
class Trial:
    """A home, its characters, the workers that are killed, and what came of it."""

    home: Path
    redis_url: str
    photos: Mapping[str, bytes]
    queued: dict[ReferenceId, str] = field(default_factory=dict)
    """The photo of each reference."""
    effects: dict[ReferenceId, Effect] = field(default_factory=dict)
    ended: list[Job] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    seconds: float = 0.0
    taken: list[float] = field(default_factory=list)
    """Seconds from the kill to the moment when another worker had the job."""

    def play(self, kills: int, wanted: int) -> None:
        """Queue so many extractions, or as many as keep the workers busy until the last kill; let all come to an end.

        Args:
            kills: how many.
            wanted: extractions, where nobody is killed.
        """
        settings = Settings(home=self.home, redis_url=self.redis_url)
        began = time.perf_counter()
        with open_engine(settings) as engine, _workers(settings) as workers:
            # The workers alone run the jobs.
            engine.parts.queue.attend(lambda: None)
            watch = _Watch(engine)
            self._queue(engine, wanted)
            for number in range(kills):
                watch.wait_for(lambda: self._busy(engine, workers, watch))
                watch.pause(workers.chance.uniform(0.0, LONGEST_PAUSE))
                watch.killed(workers.kill_one())
                if number % 20 == 19:
                    told = f"{number + 1} kills, {len(self.queued)} jobs, {time.perf_counter() - began:.0f} s"
                    print(f"{self.home.name}: {told}", file=sys.stderr, flush=True)
            watch.wait_for(lambda: not watch.seen.queued and not watch.seen.running)
            self.seconds, self.taken = time.perf_counter() - began, watch.taken
            self._look(engine)
        told = f"{len(self.ended)} jobs, {self.seconds:.0f} s, longest wait {max(self.taken, default=0.0):.1f} s"
        print(f"{self.home.name}: {told}", file=sys.stderr, flush=True)

    def _busy(self, engine: Engine, workers: _Workers, watch: _Watch) -> bool:
        """See to it that there is more to do, and say whether all workers are there and one is in mid-job."""
        self._queue(engine, BACKLOG - len(watch.seen.queued))
        return workers.ready() and watch.working()

    def _queue(self, engine: Engine, count: int) -> None:
        names = list(self.photos)
        for _ in range(count):
            name = names[len(self.queued) % len(names)]
            who = f"{name} {len(self.queued)}"
            engine.add_character(who)
            self.queued[engine.set_reference(who, self.photos[name]).id] = name

    def _look(self, engine: Engine) -> None:
        outcomes: dict[object, int] = {}
        for event in _events(engine):
            if event.payload["status"] not in BUSY:
                outcomes[event.payload["reference_id"]] = outcomes.get(event.payload["reference_id"], 0) + 1
        for character in engine.characters():
            (found,) = character.references
            faces = engine.detected_faces(character.name)
            self.effects[found.id] = Effect(
                found.status,
                tuple((_rounded(face.box), round(face.det_score, 3), face.is_primary) for face in faces),
                (found.det_score and round(found.det_score, 3), found.box and _rounded(found.box), found.warning,
                 found.error, found.quality and (found.quality.ok, found.quality.reasons)),
                character.version,
                len(engine.reference_history(character.name)),
                outcomes.get(found.id, 0),
            )  # fmt: skip
        self.ended = jobs.latest(engine.parts, 10**6)
        self.findings = [f"{each.kind}: {each.what}" for each in engine.doctor()]


def _rounded(box: Box) -> tuple[int, ...]:
    return round(box.x), round(box.y), round(box.width), round(box.height)


def _events(engine: Engine) -> Iterator[Event]:
    seq = 0
    while found := engine.outbox.after(seq, 1000, [CHANGED]):
        yield from found
        seq = found[-1].seq


# --- workers and kills ------------------------------------------------------------------------


class _Workers:
    """`personae worker`, several times; one that is killed has a successor."""

    def __init__(self, settings: Settings) -> None:
        self.chance = random.Random(settings.home.name)
        self._logs = settings.home / "workers"
        self._environment = {
            **os.environ,
            "PERSONAE_HOME": os.fspath(settings.home),
            "PERSONAE_REFERENCE_THRESHOLD": str(THRESHOLD),
            "REDIS_URL": settings.redis_url,
        }
        self._started = 0
        self._logs.mkdir(parents=True)
        self._all = [self._start() for _ in range(WORKERS)]

    def ready(self) -> bool:
        """Whether each looks for jobs. Raises RuntimeError for one that has ended by itself."""
        for worker, log in self._all:
            if worker.poll() is not None:
                raise RuntimeError(f"a worker has ended by itself: {log.read_text('utf-8')}")
        return all(log.stat().st_size for _, log in self._all)

    def kill_one(self) -> float:
        """Kill one, start another, and return when it was killed."""
        place = self.chance.randrange(WORKERS)
        worker, _ = self._all[place]
        moment = time.monotonic()
        worker.kill()
        worker.wait()
        self._all[place] = self._start()
        return moment

    def stop(self) -> None:
        """Stop all."""
        for worker, _ in self._all:
            worker.terminate()
        for worker, _ in self._all:
            worker.wait(PATIENCE)

    def _start(self) -> tuple[subprocess.Popen[bytes], Path]:
        self._started += 1
        path = self._logs / f"{self._started}.log"
        command = [sys.executable, "-m", "personae.cli.main", "worker"]
        with path.open("wb") as log:
            return subprocess.Popen(command, cwd=ROOT, env=self._environment, stderr=log), path


@contextmanager
def _workers(settings: Settings) -> Iterator[_Workers]:
    workers = _Workers(settings)
    try:
        yield workers
    finally:
        workers.stop()


@dataclass(frozen=True, slots=True)
class _Seen:
    queued: Sequence[Job]
    running: Sequence[Job]


class _Watch:
    """Looks at the rows all the time, and notes how long a dead worker's job waits for the next one."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._holder: dict[JobId, str] = {}
        self._suspects: dict[str, float] = {}
        """When a worker was first killed after this token had been given; it was the holder's death, or the other's."""
        self.taken: list[float] = []
        self.seen = self.look()

    def look(self) -> _Seen:
        """Look at the rows that are unfinished."""
        found = jobs.unfinished(self._engine.parts)
        self.seen = _Seen(
            [job for job in found if job.state == "queued"], [job for job in found if job.state == "running"]
        )
        for job in self.seen.running:
            token, before = job.token or "", self._holder.get(job.id, "")
            if before != token and before in self._suspects:
                self.taken.append(time.monotonic() - self._suspects[before])
            self._holder[job.id] = token
        return self.seen

    def working(self) -> bool:
        """Whether a worker that lives has just claimed a job, or beats for one."""
        fresh = datetime.now(UTC) + jobs.LEASE - timedelta(seconds=1)
        return any(job.lease_until is not None and job.lease_until > fresh for job in self.seen.running)

    def killed(self, moment: float) -> None:
        """Note that a worker was killed: each job that runs may be its."""
        for job in self.look().running:
            self._suspects.setdefault(job.token or "", moment)

    def pause(self, seconds: float) -> None:
        """Look on for so long."""
        until = time.monotonic() + seconds
        self.wait_for(lambda: time.monotonic() >= until)

    def wait_for(self, happened: Callable[[], bool]) -> None:
        """Look on until something has happened. Raises TimeoutError when it does not."""
        until = time.monotonic() + PATIENCE
        self.look()
        while not happened():
            if time.monotonic() > until:
                raise TimeoutError(f"still waiting: {self.seen.running[:3]} {len(self.seen.queued)} queued")
            time.sleep(LOOK_EVERY)
            self.look()


# --- the page ---------------------------------------------------------------------------------


def _rows(who: str, kills: int, trial: Trial, clean: Trial) -> list[Row]:
    wanted = {photo: clean.effects[reference] for reference, photo in clean.queued.items()}
    different = [ref for ref, photo in trial.queued.items() if trial.effects.get(ref) != wanted[photo]]
    undone = [job for job in trial.ended if job.state != "done"]
    hits = sum(job.attempts - 1 for job in trial.ended)
    for ref in different[:10]:
        print(f"{trial.queued[ref]}: {trial.effects.get(ref)}, clean: {wanted[trial.queued[ref]]}", file=sys.stderr)
    for job in undone[:10]:
        print(job, file=sys.stderr)
    total = len(trial.queued)
    what = f"{who}: {kills} kills (SIGKILL) while {total:,} references are extracted"
    longest = max(trial.taken, default=0.0)
    return [
        Row(f"{what}: jobs that are done", "all", f"{len(trial.ended) - len(undone):,} of {len(trial.ended):,}, "
            f"{hits} of the kills in mid-job; {trial.seconds:.0f} s", not undone and len(trial.ended) == total),
        Row("the same: references with the status, the faces and the number of effects of a clean run", "all",
            f"{total - len(different):,} of {total:,}", not different),
        Row("the same: from the kill to the next worker that has the job", f"at most {TAKEN_OVER:.0f} s",
            f"longest {longest:.1f} s of {len(trial.taken)}", longest <= TAKEN_OVER),
        Row("the same: what `doctor` finds at the end", "nothing", f"{len(trial.findings)} findings",
            not trial.findings),
    ]  # fmt: skip
