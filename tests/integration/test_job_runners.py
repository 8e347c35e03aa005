"""Real runners in processes of their own: killed in the middle, busy without letting go, in the background."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from personae import Settings, open_engine
from personae.adapters.queue.local import LOG_BYTES, LocalQueue
from personae.cli.main import app
from personae.engine import jobs
from personae.engine.parts import Parts
from personae.errors import BackendError, PersonaeError
from personae.types import JobId
from tests.integration.test_jobs import COUNT, effects, submit
from tests.photos import originals

RUNNER = """
import ctypes, sys, time
from personae import open_engine
from personae.adapters.queue.pulse import ProcessPulse
from personae.engine import jobs
from tests.integration.test_jobs import effects, kinds, take_effect

def before_writing(parts, options, progress):
    progress.step(1, 2, "computing")
    print("ready", flush=True)
    time.sleep(60)

def while_writing(parts, options, progress):
    with parts.store.write() as tx:
        tx.settings.set("effects", 77)
        progress.hold(tx)
        print("ready", flush=True)
        time.sleep(60)

def after_writing(parts, options, progress):
    take_effect(parts, options, progress)
    print("ready", flush=True)
    time.sleep(60)

def busy(parts, options, progress):
    print("ready", flush=True)
    ctypes.PyDLL(None).sleep(60)  # does not let go of Python's lock

with open_engine() as engine:
    parts = engine.parts
    pulse = ProcessPulse(parts.pulse.url, parts.pulse.project, every=0.1)
    jobs.run_next(parts, kinds(globals()[sys.argv[1]]), pulse)
"""
PATIENCE = 60
"""Seconds after which a test no longer believes that something will happen."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of this process and of its runners."""
    monkeypatch.setenv("PERSONAE_HOME", os.fspath(tmp_path / "home"))
    return tmp_path / "home"


def start_runner(where: str) -> subprocess.Popen[str]:
    """Start a runner, and return when it is where it shall be killed."""
    root = os.fspath(Path(__file__).parents[2])
    child = subprocess.Popen([sys.executable, "-c", RUNNER, where], cwd=root, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def kill(child: subprocess.Popen[str]) -> None:
    child.kill()
    child.communicate()


def in_a_while(parts: Parts, seconds: float = 30) -> Parts:
    """The same parts, on a clock that is ahead."""
    return replace(parts, clock=lambda: datetime.now(UTC) + timedelta(seconds=seconds))


def wait_for(happened: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize("where", ["before_writing", "while_writing"])
def test_a_killed_runners_job_is_taken_over(home: Path, where: str) -> None:
    with open_engine(Settings()) as engine:
        job_id = submit(engine.parts)
        kill(start_runner(where))
        assert jobs.run_next(engine.parts, COUNT) is None, "its lease has not run out"
        assert jobs.show(engine.parts, job_id).state == "running"
        assert effects(engine.parts) == 0
        job = jobs.run_next(in_a_while(engine.parts), COUNT)
        assert job is not None
        assert (job.id, job.state, job.attempts) == (job_id, "done", 2)
        assert effects(engine.parts) == 1
        assert engine.parts.store.check() == []


def test_a_runner_killed_after_its_write_is_taken_over_as_well(home: Path) -> None:
    with open_engine(Settings()) as engine:
        job_id = submit(engine.parts)
        kill(start_runner("after_writing"))
        assert effects(engine.parts) == 1
        job = jobs.run_next(in_a_while(engine.parts, jobs.WRITING_LEASE.total_seconds()), COUNT)
        assert job is not None
        assert (job.id, job.state, job.attempts) == (job_id, "done", 2)


def test_a_busy_runner_keeps_its_lease_and_a_dead_one_does_not(home: Path) -> None:
    with open_engine(Settings()) as engine:
        job_id = submit(engine.parts)

        def lease() -> datetime:
            until = jobs.show(engine.parts, job_id).lease_until
            assert until is not None
            return until

        child = start_runner("busy")
        for _ in range(3):
            before = lease()
            wait_for(lambda: lease() > before)  # noqa: B023 - called at once
        kill(child)

        def still() -> bool:
            before = lease()
            time.sleep(1)
            return lease() == before

        wait_for(still)


def test_a_queued_job_runs_in_the_background(home: Path) -> None:
    with open_engine(Settings()) as engine:
        queued = [engine.queue("faces.cluster_dual", {"max_faces": 5}).id for _ in range(2)]
    shown = [_personae("jobs", "show", str(job_id), "--watch", "--json") for job_id in queued]
    for job_id, done in zip(queued, shown, strict=True):
        job = json.loads(done.stdout)
        assert done.returncode == 0, done.stdout + done.stderr
        assert (job["id"], job["state"], job["payload"]) == (job_id, "done", {"max_faces": 5})
    listed = json.loads(_personae("jobs", "list", "--json").stdout)
    assert [job["id"] for job in listed] == queued[::-1]
    assert not any("token" in job for job in listed)
    log = home / "jobs.log"
    wait_for(lambda: log.read_text("utf-8").count("done") == 2)
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_clustering_that_is_cancelled_has_written_nothing(home: Path) -> None:
    class Canceller:
        def step(self, done: int, total: int, doing: str = "") -> None:
            engine.cancel_job(job_id)

        def hold(self, tx: object) -> None:
            pytest.fail("the job is the runner's to hold")

    with open_engine(Settings()) as engine:
        engine.ingest([originals()[name] for name in ("obama", "obama2", "biden")])
        with engine.parts.store.read() as tx:
            before = tx.events.last()
        job_id = jobs.submit(engine.parts, "faces.cluster_dual", {"unknown_min_size": 2}).id
        assert [job.state for job in engine.work(Canceller())] == ["cancelled"]
        with engine.parts.store.read() as tx:
            assert tx.events.last() == before
            assert tx.decisions.operations() == []
        again = jobs.submit(engine.parts, "faces.cluster_dual", {"unknown_min_size": 2}).id
        assert [(job.id, job.state) for job in engine.work()] == [(again, "done")]
        assert engine.job(again).result["total_processed"] == 3


def test_the_verbs_on_jobs(home: Path) -> None:
    with open_engine(Settings()) as engine:
        first, second = (jobs.submit(engine.parts, "faces.cluster_dual", {}).id for _ in range(2))
    assert f"job {second}: cancelled" in _personae("jobs", "cancel", str(second)).stdout
    again = _personae("jobs", "cancel", str(second))
    assert (again.returncode, "has ended" in again.stderr) == (2, True)
    assert _personae("jobs", "show", str(second)).returncode == 0
    assert _personae("jobs", "show", str(second), "--watch").returncode == 1
    ran = _personae("jobs", "run", "--once")
    assert (ran.returncode, f"job {first}, faces.cluster_dual: done" in ran.stdout) == (0, True), ran.stderr
    assert "nothing to run" in _personae("jobs", "run", "--wait").stdout
    assert json.loads(_personae("jobs", "run", "--json").stdout) == {"jobs": [], "left": 0}
    missing = _personae("jobs", "show", "99")
    assert (missing.returncode, "no job 99" in missing.stderr) == (2, True)


def test_a_failed_job_is_told(home: Path) -> None:
    with open_engine(Settings()) as engine, engine.parts.store.write() as tx:
        job_id = tx.jobs.add("faces.cluster_dual", {"gone": 1})
    ran = _personae("jobs", "run")
    assert ran.returncode == 1
    assert "there is no option gone" in ran.stdout
    assert "gone" in _personae("jobs", "list").stdout
    assert json.loads(_personae("jobs", "show", str(job_id), "--json").stdout)["state"] == "failed"


def test_a_runner_that_waits_takes_a_dead_ones_job_over(home: Path) -> None:
    with open_engine(Settings()) as engine:
        job_id = jobs.submit(engine.parts, "faces.cluster_dual", {}).id
        with engine.parts.store.write() as tx:
            assert tx.jobs.claim(["faces.cluster_dual"], datetime.now(UTC), 5) is not None
        held = _personae("jobs", "run")
        assert "1 jobs are with another runner" in held.stdout
        waited = json.loads(_personae("jobs", "run", "--wait", "--json").stdout)
        assert [(job["id"], job["state"], job["attempts"]) for job in waited["jobs"]] == [(job_id, "done", 2)]


def test_a_log_that_has_grown_is_begun_anew(tmp_path: Path) -> None:
    log = tmp_path / "jobs.log"
    queue = LocalQueue({"SAID": "hello"}, log, (sys.executable, "-c", "import os; print(os.environ['SAID'])"))
    queue.carry(JobId(1))
    wait_for(lambda: log.read_text("utf-8") == "hello\n")
    queue.carry(JobId(2))
    wait_for(lambda: log.read_text("utf-8") == "hello\n" * 2)
    log.write_bytes(b"x" * (LOG_BYTES + 1))
    queue.carry(JobId(3))
    wait_for(lambda: log.read_text("utf-8") == "hello\n")


def test_a_runner_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="jobs run"):
        LocalQueue({}, tmp_path / "jobs.log", ("/nowhere/at/all",)).carry(JobId(1))
    with pytest.raises(BackendError):
        LocalQueue({}, tmp_path / "nowhere" / "jobs.log").carry(JobId(1))


def test_where_runners_are_there_they_are_rung_and_none_is_started(tmp_path: Path) -> None:
    rung: list[int] = []
    queue = LocalQueue({}, tmp_path / "jobs.log", ("/nowhere/at/all",))
    queue.attend(lambda: rung.append(1))
    queue.carry(JobId(1))
    assert (rung, queue.lacking([JobId(1)]), queue.trouble()) == ([1], [], "")
    queue.attend(None)
    with pytest.raises(BackendError):
        queue.carry(JobId(1))


@dataclass(frozen=True)
class Done:
    """What a command printed, and how it ended."""

    returncode: int
    stdout: str
    stderr: str


def _personae(*arguments: str) -> Done:
    """Run a command in this process: its own processes are what is tried here."""
    done = CliRunner().invoke(app, arguments)
    if isinstance(done.exception, PersonaeError):
        return Done(done.exception.exit_code, done.stdout, str(done.exception))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return Done(done.exit_code, done.stdout, done.stderr)
