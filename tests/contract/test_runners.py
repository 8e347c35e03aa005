"""What every runner does: threads that look into the store, and workers whose jobs Redis carries."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from personae import Settings, open_engine
from personae.engine import jobs
from personae.engine.parts import Parts
from personae.engine.runner import SWEEP_EVERY, Runner
from personae.errors import InputError
from personae.ports import BEAT_SECONDS, LEASE_SECONDS
from personae.types import Job, JobId
from tests.valkey import Server, UnavailableError
from tests.work import KINDS, STEPS, leave, read

PATIENCE = 60
"""Seconds after which a test no longer believes that something will happen."""


class Clock:
    """The time, and as much later as it is told."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture(scope="module")
def valkey() -> Iterator[Server]:
    """A server that speaks Redis."""
    try:
        server = Server()
    except UnavailableError as error:
        pytest.skip(str(error))
    yield server
    server.close()


@pytest.fixture(params=["threads", "redis"])
def carried(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Server | None:
    """How jobs come to runners: this process's and its children's; None: they look into the store."""
    if request.param == "threads":
        return None
    server: Server = request.getfixturevalue("valkey")
    monkeypatch.setenv("REDIS_URL", server.url)
    return server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def parts(carried: Server | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Iterator[Parts]:
    monkeypatch.setenv("PERSONAE_HOME", os.fspath(tmp_path / "home"))
    with open_engine(Settings()) as engine:
        yield replace(engine.parts, clock=clock)


def submit(parts: Parts, kind: str, **payload: object) -> JobId:
    """Queue a job, and tell no runner that knows nothing of the kinds of the tests."""
    job = jobs.submit(parts, kind, payload, KINDS)
    return jobs.carry(parts, job).id if parts.feed is not None else job.id


def wait_for(happened: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.02)


def ended(parts: Parts, job_id: JobId) -> Job:
    """Wait until a job has ended."""
    wait_for(lambda: jobs.show(parts, job_id).state in ("done", "failed", "cancelled"))
    return jobs.show(parts, job_id)


@contextmanager
def running(parts: Parts, threads: int = 1) -> Iterator[Runner]:
    """A runner in this process."""
    runner = Runner(parts, KINDS)
    runner.start(threads)
    try:
        yield runner
    finally:
        assert runner.stop(PATIENCE)


@contextmanager
def workers(count: int, threads: int = 1) -> Iterator[list[subprocess.Popen[str]]]:
    """Runners in processes of their own."""
    root = os.fspath(Path(__file__).parents[2])
    command = [sys.executable, "-m", "tests.work", str(threads)]
    found = [subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    try:
        for child in found:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
        yield found
    finally:
        for child in found:
            child.terminate()
        for child in found:
            child.communicate(timeout=PATIENCE)


def test_a_job_runs_and_tells_its_result(parts: Parts) -> None:
    before = submit(parts, "work.once", name="before")
    with running(parts):
        after = submit(parts, "work.once", name="after")
        for job_id in (before, after):
            job = ended(parts, job_id)
            assert (job.state, job.attempts, job.done, job.total) == ("done", 1, 0, 1)
            assert (job.token, job.lease_until, job.result) == (None, None, {"result": None})
    assert read(parts, "done:before") == read(parts, "done:after") == 1


def test_progress_is_told_and_a_running_job_is_cancelled(parts: Parts) -> None:
    job_id = submit(parts, "work.until_told", name="a")
    with running(parts):
        wait_for(lambda: jobs.show(parts, job_id).done > 0)
        job = jobs.show(parts, job_id)
        assert (job.state, job.total, job.result) == ("running", 6000, {"doing": "waiting"})
        assert jobs.cancel(parts, job_id).state == "running"
        assert ended(parts, job_id).state == "cancelled"
    assert read(parts, "done:a") == 0


def test_a_queued_job_that_is_cancelled_never_runs(parts: Parts) -> None:
    gone, there = submit(parts, "work.once", name="gone"), submit(parts, "work.once", name="there")
    jobs.cancel(parts, gone)
    with running(parts):
        assert ended(parts, there).state == "done"
    assert jobs.show(parts, gone).state == "cancelled"
    assert (read(parts, "done:gone"), read(parts, "done:there")) == (0, 1)


def test_a_failure_that_may_pass_is_tried_again_later_and_later(parts: Parts, clock: Clock) -> None:
    job_id = submit(parts, "work.failing", name="a", failures=2)
    with running(parts):
        for failures, seconds in ((1, 2), (2, 8)):
            wait_for(lambda: jobs.show(parts, job_id).failures == failures)  # noqa: B023 - called at once
            job = jobs.show(parts, job_id)
            assert (job.state, job.result) == ("queued", {"error": f"away for the {failures}. time"})
            assert job.not_before is not None
            assert timedelta(0) < job.not_before - datetime.now(UTC) - clock.ahead < timedelta(seconds=seconds)
            clock.ahead += timedelta(seconds=seconds)
        job = ended(parts, job_id)
    assert (job.state, job.attempts, job.failures, job.not_before) == ("done", 3, 2, None)
    assert read(parts, "done:a") == 1


def test_a_failure_that_does_not_pass_ends_the_job(parts: Parts, clock: Clock) -> None:
    job_id = submit(parts, "work.failing", name="a", failures=100)
    for failures in range(1, jobs.RETRIES + 1):
        job = jobs.run_next(parts, KINDS)
        assert job is not None
        assert (job.state, job.failures) == ("queued", failures)
        assert jobs.run_next(parts, KINDS) is None
        clock.ahead += timedelta(hours=1)
    job = jobs.run_next(parts, KINDS)
    assert job is not None
    assert (job.id, job.state, job.result) == (job_id, "failed", {"error": "away for the 6. time"})


def test_a_job_that_waits_to_be_tried_again_can_be_cancelled(parts: Parts, clock: Clock) -> None:
    job_id = submit(parts, "work.failing", name="a", failures=1)
    assert jobs.run_next(parts, KINDS) is not None
    assert jobs.cancel(parts, job_id).state == "cancelled"
    clock.ahead += timedelta(hours=1)
    assert jobs.run_next(parts, KINDS) is None


def test_a_runner_that_stops_gives_its_job_back(parts: Parts) -> None:
    job_id = submit(parts, "work.until_told", name="a")
    with running(parts):
        wait_for(lambda: read(parts, "began:a") == 1)
    job = jobs.show(parts, job_id)
    assert (job.state, job.attempts, job.token) == ("queued", 0, None)
    leave(parts, "go:a", 1)
    with running(parts):
        assert ended(parts, job_id).state == "done"
    assert read(parts, "done:a") == 1


def test_a_killed_workers_job_goes_on_where_it_was(parts: Parts, clock: Clock) -> None:
    job_id = submit(parts, "work.steps", name="a", hang_at=3)
    with workers(1) as children:
        wait_for(lambda: read(parts, "hung:a") == 1)
        children[0].kill()
    assert jobs.show(parts, job_id).checkpoint == {"step": 3}
    clock.ahead = jobs.LEASE + timedelta(seconds=1)
    with running(parts):
        job = ended(parts, job_id)
    assert (job.state, job.attempts) == ("done", 2)
    assert [read(parts, f"step:a:{step}") for step in range(STEPS)] == [1] * STEPS


@pytest.mark.slow
def test_a_killed_workers_job_is_taken_over_by_another_process(parts: Parts) -> None:
    job_id = submit(parts, "work.steps", name="a", hang_at=1)
    with workers(1) as children:
        wait_for(lambda: read(parts, "hung:a") == 1)
        with workers(1):
            children[0].kill()
            job = ended(parts, job_id)
    assert (job.state, job.attempts) == ("done", 2)
    assert [read(parts, f"step:a:{step}") for step in range(STEPS)] == [1] * STEPS


def test_a_late_runner_is_refused(parts: Parts) -> None:
    job_id = submit(parts, "work.until_told", name="a")
    with running(parts):
        wait_for(lambda: read(parts, "began:a") == 1)
        late = jobs.show(parts, job_id).token
        later = replace(parts, clock=lambda: datetime.now(UTC) + timedelta(seconds=45))
        with later.store.write() as tx:
            heir = tx.jobs.claim(["work.until_told"], later.clock(), 30, job_id)
        assert heir is not None
        assert heir.token not in (None, late)
        leave(parts, "go:a", 1)
    job = jobs.show(parts, job_id)
    assert (job.state, job.token, job.attempts) == ("running", heir.token, 2)
    assert read(parts, "done:a") == 0, "the late one has written nothing"


@pytest.mark.slow
def test_many_workers_do_each_job_once(parts: Parts) -> None:
    names = [f"job{number}" for number in range(40)]
    with workers(3, threads=2):
        found = [submit(parts, "work.once", name=name) for name in names]
        ran = [ended(parts, job_id) for job_id in found]
    assert {(job.state, job.attempts) for job in ran} == {("done", 1)}
    assert [read(parts, f"done:{name}") for name in names] == [1] * len(names)


@pytest.mark.slow
def test_what_must_be_alone_is_alone_and_what_need_not_runs_beside_it(parts: Parts) -> None:
    slow = submit(parts, "work.until_told", name="slow")
    found = [submit(parts, "work.alone", name=str(number)) for number in range(8)]
    with workers(2, threads=3):
        ran = [ended(parts, job_id) for job_id in found]
        assert jobs.show(parts, slow).state == "running"
        leave(parts, "go:slow", 1)
        assert ended(parts, slow).state == "done"
    assert {(job.state, str(job.result.get("error"))) for job in ran} == {("done", "None")}


def test_a_thread_that_a_bug_has_ended_is_replaced(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    broken, next_one = submit(parts, "work.broken"), submit(parts, "work.once", name="next")
    with running(parts):
        assert ended(parts, next_one).state == "done"
    assert "ZeroDivisionError" in str(jobs.show(parts, broken).result["error"])


def test_jobs_wait_while_redis_is_down_and_are_carried_when_it_is_back(
    valkey: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERSONAE_HOME", os.fspath(tmp_path / "home"))
    with open_engine(Settings(redis_url=valkey.url)) as engine:
        parts = engine.parts
        assert parts.queue.trouble() == ""
        with running(parts):
            valkey.stop()
            assert "Redis on 127.0.0.1 does not answer" in parts.queue.trouble()
            waiting = [submit(parts, "work.once", name=str(number)) for number in range(3)]
            for job_id in waiting:
                job = jobs.show(parts, job_id)
                assert job.state == "queued"
                assert "carried when it is back" in str(job.result["waiting"])
            valkey.start()
            assert [ended(parts, job_id).state for job_id in waiting] == ["done"] * 3
        assert [read(parts, f"done:{number}") for number in range(3)] == [1] * 3


def test_jobs_that_redis_has_lost_are_carried_again(
    valkey: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERSONAE_HOME", os.fspath(tmp_path / "home"))
    with open_engine(Settings(redis_url=valkey.url)) as engine:
        parts = engine.parts
        lost = [submit(parts, "work.once", name=str(number)) for number in range(3)]
        assert jobs.sweep(parts, KINDS) == 0
        valkey.empty()
        assert jobs.sweep(parts, KINDS) == 3
        with running(parts):
            assert [ended(parts, job_id).state for job_id in lost] == ["done"] * 3


def test_what_redis_has_lost_comes_before_what_came_later(valkey: Server, tmp_path: Path) -> None:
    with open_engine(Settings(redis_url=valkey.url, home=tmp_path)) as engine:
        parts, feed = engine.parts, engine.parts.feed
        assert feed is not None
        lost = [submit(parts, "work.once", name=str(number)) for number in range(3)]
        valkey.empty()
        later = submit(parts, "work.once", name="later")
        assert jobs.sweep(parts, KINDS) == 3
        assert [feed.take(1) for _ in range(5)] == [*lost, later, None]


def test_what_is_carried_already_says_that_it_waits_while_redis_is_down(valkey: Server, tmp_path: Path) -> None:
    with open_engine(Settings(redis_url=valkey.url, home=tmp_path)) as engine:
        parts = engine.parts
        waits, ends = submit(parts, "work.once", name="waits"), submit(parts, "work.once", name="ends")
        jobs.cancel(parts, ends)
        assert [job.result for job in jobs.told(parts, jobs.latest(parts))] == [{}, {}]
        valkey.stop()
        try:
            ended_one, waiting_one = jobs.told(parts, jobs.latest(parts))
        finally:
            valkey.start()
        assert (ended_one.id, ended_one.result) == (ends, {})
        assert (waiting_one.id, "does not answer" in str(waiting_one.result["waiting"])) == (waits, True)


def test_a_dead_runners_job_is_taken_over_within_half_a_minute() -> None:
    assert LEASE_SECONDS + SWEEP_EVERY < 29, "and a second is left for the next runner to begin"
    assert BEAT_SECONDS * 3 <= LEASE_SECONDS, "a runner that lives may miss two"


def test_projects_and_stores_that_share_a_redis_keep_apart(valkey: Server, tmp_path: Path) -> None:
    settings = [
        Settings(redis_url=valkey.url, home=tmp_path / "a"),
        Settings(redis_url=valkey.url, home=tmp_path / "a", project="other"),
        Settings(redis_url=valkey.url, home=tmp_path / "b"),
    ]
    for each in settings:
        with open_engine(each) as engine:
            submit(engine.parts, "work.once", name="mine")
    for each in settings:
        with open_engine(each) as engine:
            assert engine.parts.feed is not None
            assert engine.parts.feed.take(1) is not None
            assert engine.parts.feed.take(1) is None


def test_an_address_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="address of Redis"):
        open_engine(Settings(redis_url="not an address", home=tmp_path))
