"""Workers that are killed again and again under load: every job takes effect exactly once."""

from __future__ import annotations

import multiprocessing
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

from personae import Settings, open_engine
from personae.engine import jobs
from personae.engine.parts import Parts
from personae.engine.reference import CHANGED
from personae.engine.runner import Runner
from personae.references import ReferenceStatus
from personae.types import Job, JobId
from tests import photos
from tests.valkey import Server, UnavailableError
from tests.work import KINDS, STEPS, read, work

KILLS = int(os.environ.get("PERSONAE_TEST_KILLS", "12"))
WORKERS = 2
JOBS_A_KILL = 3
PRELOADED = ["tests.work", *(f"personae.adapters.{name}" for name in (
    "files", "index.opened", "queue.local", "queue.pulse", "queue.rq", "store.store",
))]  # fmt: skip
PATIENCE = 240
"""Seconds after which a test no longer believes that something will happen."""


@pytest.fixture(scope="module")
def valkey() -> Iterator[Server]:
    try:
        server = Server()
    except UnavailableError as error:
        pytest.skip(str(error))
    yield server
    server.close()


def start(settings: Settings) -> ForkServerProcess:
    """Start a worker; forked from a process that has everything loaded, it is there at once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    child = context.Process(target=work, args=(1, settings), daemon=True)
    child.start()
    return child


def submit(parts: Parts, name: str) -> JobId:
    job = jobs.submit(parts, "work.steps", {"name": name, "pause": 0.03}, KINDS)
    return jobs.carry(parts, job).id if parts.feed is not None else job.id


def wait_for_work(parts: Parts) -> None:
    """Return when a job that was not tried before is at work."""
    until = time.monotonic() + PATIENCE
    while not any(job.lease_until > datetime.now(UTC) + jobs.LEASE - timedelta(seconds=1) for job in running(parts)):  # type: ignore[operator]
        assert time.monotonic() < until
        time.sleep(0.005)


def running(parts: Parts) -> list[Job]:
    with parts.store.read() as tx:
        return tx.jobs.running()


@contextmanager
def real_worker(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """The verb, with the real models."""
    environment = {**os.environ, "PERSONAE_HOME": os.fspath(settings.home), "REDIS_URL": settings.redis_url}
    worker = subprocess.Popen(
        [sys.executable, "-m", "personae.cli.main", "worker"], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        yield worker
    finally:
        worker.terminate()
        worker.wait(PATIENCE)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["store", "redis"])
def test_an_extraction_whose_worker_is_killed_is_done_by_another(
    how: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("valkey").url if how == "redis" else ""
    settings = Settings(home=tmp_path / "home", redis_url=url)
    with open_engine(settings) as engine:
        engine.parts.queue.attend(lambda: None)
        engine.add_character("Ada")
        made = engine.set_reference("Ada", photos.originals()["obama"].read_bytes())
        with real_worker(settings) as first, real_worker(settings) as second:
            wait_until(lambda: engine.reference(made.id).status is ReferenceStatus.EXTRACTING)
            # Which of the two it is nobody knows: both, and a third comes.
            first.kill()
            second.kill()
        (job,) = engine.jobs()
        assert (job.state, job.attempts) == ("running", 1), "killed in mid-extraction"
        with real_worker(settings):
            wait_until(lambda: engine.reference(made.id).status is ReferenceStatus.COMPLETED)
            wait_until(lambda: engine.job(job.id).state == "done")
        assert engine.job(job.id).attempts == 2
        (character,) = engine.characters()
        assert (character.version, len(engine.detected_faces("Ada"))) == (1, 1)
        assert engine.reference_history("Ada") == []
        told = [event.payload["status"] for event in engine.outbox.after(0, 1000, [CHANGED])]
        assert told == ["pending", "extracting", "extracting", "completed"]
        assert engine.doctor() == []


def wait_until(happened: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.005)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["store", "redis"])
def test_every_job_takes_effect_once_however_many_workers_are_killed(
    how: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("valkey").url if how == "redis" else ""
    settings = Settings(home=tmp_path / "home", redis_url=url)
    chance = random.Random(5)
    with open_engine(settings) as engine:
        parts = engine.parts
        names = [f"first{number}" for number in range(JOBS_A_KILL)]
        found = [submit(parts, name) for name in names]
        workers = [start(settings) for _ in range(WORKERS)]
        for kill in range(KILLS):
            for number in range(JOBS_A_KILL):
                names.append(f"{kill}-{number}")
                found.append(submit(parts, names[-1]))
            wait_for_work(parts)
            time.sleep(chance.uniform(0.0, 0.2))
            victim = chance.randrange(WORKERS)
            workers[victim].kill()
            workers[victim].join()
            workers[victim] = start(settings)
        for worker in workers:
            worker.kill()
            worker.join()
        # Half a minute later.
        later = replace(parts, clock=lambda: datetime.now(UTC) + jobs.LEASE + timedelta(seconds=1))
        runner = Runner(later, KINDS)
        runner.start(2)
        until = time.monotonic() + PATIENCE
        while jobs.unfinished(parts):
            assert time.monotonic() < until
            time.sleep(0.1)
        assert runner.stop(60)
        ended = [jobs.show(parts, job_id) for job_id in found]
        assert {job.state for job in ended} == {"done"}
        effects = [read(parts, f"step:{name}:{step}") for name in names for step in range(STEPS)]
        assert effects == [1] * len(effects)
        assert sum(job.attempts - 1 for job in ended) >= KILLS / 5, "the kills have hit jobs"
        assert parts.store.check() == []
