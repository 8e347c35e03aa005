"""Jobs from queue to end: progress, cancel, failure, take-over, and runners that come too late."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from personae import Settings, open_engine
from personae.engine import jobs
from personae.engine.kinds import KINDS, Kind
from personae.engine.parts import Parts
from personae.engine.progress import Progress
from personae.errors import Cancelled, Conflict, InputError, NotFound
from personae.ports import LEASE_SECONDS
from personae.types import Job, JobId

Run = Callable[[Parts, "Options", Progress], object]


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Options:
    text: str = ""
    share: float | None = None


@dataclass(frozen=True)
class Summary:
    effects: int
    place: Path | None = None
    rate: object = None


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def parts(store_url: str, tmp_path: Path, clock: Clock) -> Iterator[Parts]:
    with open_engine(Settings(home=tmp_path / "home", database_url=store_url)) as engine:
        yield replace(engine.parts, clock=clock)


@pytest.fixture
def other(store_url: str, tmp_path: Path, clock: Clock) -> Iterator[Parts]:
    """The same project as another process sees it."""
    with open_engine(Settings(home=tmp_path / "home", database_url=store_url)) as engine:
        yield replace(engine.parts, clock=clock)


def take_effect(parts: Parts, options: Options, progress: Progress) -> Summary:
    """Count up in the store, as work does that writes its outcome in one transaction."""
    progress.step(1, 2, "counting")
    with parts.store.write() as tx:
        count = effects(parts) + 1
        tx.settings.set("effects", count)
        progress.hold(tx)
    return Summary(count, Path("place"), np.float32(0.5))


def effects(parts: Parts) -> int:
    with parts.store.read() as tx:
        return int(str(tx.settings.get("effects") or 0))


def kinds(run: Run) -> dict[str, Kind]:
    return {"test": Kind(Options, run)}


COUNT = kinds(take_effect)


def submit(parts: Parts) -> JobId:
    return jobs.submit(parts, "test", {"text": "a"}, COUNT).id


def run(parts: Parts, run: Run = take_effect) -> Job:
    job = jobs.run_next(parts, kinds(run))
    assert job is not None
    return job


def test_a_job_is_done_once_and_tells_its_result(parts: Parts) -> None:
    job_id = submit(parts)
    assert [job.id for job in jobs.unfinished(parts)] == [job_id]
    job = run(parts)
    assert (job.id, job.state, job.attempts, job.done, job.total) == (job_id, "done", 1, 1, 2)
    assert job.result == {"effects": 1, "place": "place", "rate": 0.5}
    assert jobs.run_next(parts, COUNT) is None
    assert effects(parts) == 1
    assert jobs.unfinished(parts) == []
    assert [found.id for found in jobs.latest(parts)] == [job_id]


def test_options_reach_the_work(parts: Parts) -> None:
    seen: list[Options] = []
    job_id = jobs.submit(parts, "test", {"text": "é", "share": 1}, COUNT).id
    job = run(parts, lambda _parts, options, _progress: seen.append(options))
    assert (job.id, job.state, job.result) == (job_id, "done", {"result": None})
    assert seen == [Options("é", 1)]


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("faces.paint", {}),
        ("faces.cluster_dual", {"nonsense": 1}),
        ("faces.cluster_dual", {"max_faces": "all"}),
        ("faces.cluster_dual", {"max_faces": 1.5}),
        ("faces.cluster_dual", {"person_threshold": True}),
        ("faces.cluster_dual", {"unknown_method": "magic"}),
        ("faces.cluster", {"max_faces": 0}),
        ("faces.assign", {"person_threshold": 1.5}),
        ("faces.reassign", {"person_threshold": float("nan")}),
        ("faces.backfill", {"limit": [1]}),
        ("faces.backfill", {"limit": 0}),
    ],
)
def test_what_cannot_run_is_not_queued(parts: Parts, kind: str, payload: dict[str, object]) -> None:
    with pytest.raises(InputError):
        jobs.submit(parts, kind, payload)
    assert jobs.latest(parts) == []


def test_there_is_a_kind_for_every_long_verb() -> None:
    assert set(KINDS) >= {f"faces.{verb}" for verb in ("cluster_dual", "cluster", "assign", "reassign", "backfill")}


def test_progress_is_noted_now_and_then(parts: Parts, other: Parts, clock: Clock) -> None:
    seen = []

    def work(parts: Parts, options: Options, progress: Progress) -> None:
        for done, seconds in enumerate((0, 0.5, 0.6, 0.1)):
            clock.move(seconds)
            progress.step(done, 9, "reading")
            job = jobs.show(other, job_id)
            seen.append((job.done, job.total, job.result, job.lease_until))
        progress.step(4, 9, "writing")
        seen.append(jobs.show(other, job_id).done)

    job_id, start = submit(parts), clock.now
    job = run(parts, work)
    first = (0, 9, {"doing": "reading"}, start + jobs.LEASE)
    third = (2, 9, {"doing": "reading"}, start + timedelta(seconds=1.1) + jobs.LEASE)
    assert seen == [first, first, third, third, 4]
    assert (job.state, job.done, job.total) == ("done", 4, 9)


def test_a_queued_job_that_is_cancelled_never_runs(parts: Parts) -> None:
    job_id = submit(parts)
    assert jobs.cancel(parts, job_id).state == "cancelled"
    assert jobs.run_next(parts, COUNT) is None
    with pytest.raises(Conflict, match="has ended"):
        jobs.cancel(parts, job_id)
    with pytest.raises(NotFound):
        jobs.cancel(parts, JobId(99))


def test_a_running_job_stops_at_its_next_step(parts: Parts, other: Parts, clock: Clock) -> None:
    def work(parts: Parts, options: Options, progress: Progress) -> Summary:
        progress.step(0, 2)
        assert jobs.cancel(other, job_id).state == "running"
        clock.move(1)
        return take_effect(parts, options, progress)

    job_id = submit(parts)
    job = run(parts, work)
    assert (job.state, job.result, job.cancel, job.token) == ("cancelled", {}, True, None)
    assert effects(parts) == 0


def test_a_job_cancelled_before_its_last_write_writes_nothing(parts: Parts, other: Parts) -> None:
    def work(parts: Parts, options: Options, progress: Progress) -> Summary:
        progress.step(1, 2, "counting")
        jobs.cancel(other, job_id)
        return take_effect(parts, options, progress)

    job_id = submit(parts)
    assert run(parts, work).state == "cancelled"
    assert effects(parts) == 0


def test_what_goes_wrong_is_in_the_row(parts: Parts) -> None:
    def work(parts: Parts, options: Options, progress: Progress) -> None:
        with parts.store.write() as tx:
            tx.settings.set("effects", 5)
            raise InputError("no such method: nonsense")

    submit(parts)
    job = run(parts, work)
    assert (job.state, job.result, job.token) == ("failed", {"error": "no such method: nonsense"}, None)
    assert effects(parts) == 0
    assert jobs.run_next(parts, COUNT) is None


def test_a_bug_is_in_the_row_and_in_the_log(parts: Parts) -> None:
    def work(parts: Parts, options: Options, progress: Progress) -> None:
        raise ValueError([0.25] * 512)

    job_id = submit(parts)
    with pytest.raises(ValueError, match=r"0\.25"):
        run(parts, work)
    job = jobs.show(parts, job_id)
    assert job.state == "failed"
    assert "ValueError" in str(job.result["error"])
    assert "0.25" not in str(job.result)


def test_an_interrupted_runner_gives_its_job_back(parts: Parts) -> None:
    def work(parts: Parts, options: Options, progress: Progress) -> None:
        raise KeyboardInterrupt

    job_id = submit(parts)
    with pytest.raises(KeyboardInterrupt):
        run(parts, work)
    job = jobs.show(parts, job_id)
    assert (job.state, job.attempts) == ("queued", 0)
    assert run(parts).state == "done"


def test_a_payload_of_an_older_version_fails_in_words(parts: Parts) -> None:
    with parts.store.write() as tx:
        tx.jobs.add("test", {"gone": 1})
    job = run(parts)
    assert job.state == "failed"
    assert "gone" in str(job.result["error"])


def test_a_late_runner_writes_nothing(parts: Parts, other: Parts, clock: Clock) -> None:
    heirs: list[Job] = []

    def late(parts: Parts, options: Options, progress: Progress) -> Summary:
        clock.move(LEASE_SECONDS - 1)
        assert jobs.run_next(other, COUNT) is None
        clock.move(1)
        heirs.append(run(other))
        with parts.store.write() as tx:
            tx.settings.set("effects", 77)
            progress.hold(tx)
        return Summary(77)

    job_id = submit(parts)
    job = run(parts, late)
    assert effects(parts) == 1
    assert [(heir.id, heir.state, heir.attempts) for heir in heirs] == [(job_id, "done", 2)]
    assert job == heirs[0] == jobs.show(parts, job_id)


def test_a_late_runner_stops_at_its_next_step(parts: Parts, other: Parts, clock: Clock) -> None:
    def late(parts: Parts, options: Options, progress: Progress) -> None:
        clock.move(LEASE_SECONDS + 1)
        with other.store.write() as tx:
            assert tx.jobs.claim(["test"], clock(), LEASE_SECONDS) is not None
        progress.step(1, 2)
        pytest.fail("the late runner goes on")

    submit(parts)
    job = run(parts, late)
    assert (job.state, job.attempts) == ("running", 2)


def test_the_last_write_may_take_longer_than_a_lease(parts: Parts, other: Parts, clock: Clock) -> None:
    def slow(parts: Parts, options: Options, progress: Progress) -> Summary:
        with parts.store.write() as tx:
            tx.settings.set("effects", 1)
            progress.hold(tx)
            clock.move(300)
        assert jobs.run_next(other, COUNT) is None
        return Summary(1)

    submit(parts)
    job = run(parts, slow)
    assert (job.state, job.attempts) == ("done", 1)


def test_a_job_that_kills_its_runners_is_given_up(parts: Parts, clock: Clock) -> None:
    job_id = submit(parts)
    for _ in range(jobs.ATTEMPTS):
        with parts.store.write() as tx:
            assert tx.jobs.claim(["test"], clock(), 30) is not None
        clock.move(30)
        assert jobs.abandoned(jobs.show(parts, job_id), clock())
    following = submit(parts)
    assert run(parts).id == following
    job = jobs.show(parts, job_id)
    assert (job.state, job.token) == ("failed", None)
    assert f"died {jobs.ATTEMPTS} times" in str(job.result["error"])
    assert effects(parts) == 1


def test_an_abandoned_job_is_cancelled_at_once(parts: Parts, clock: Clock) -> None:
    asked, unasked = submit(parts), submit(parts)
    with parts.store.write() as tx:
        for _ in range(2):
            tx.jobs.claim(["test"], clock(), 30)
        tx.jobs.cancel(asked)
    clock.move(30)
    assert jobs.run_next(parts, COUNT, job_id=asked) is None
    assert jobs.show(parts, asked).state == "cancelled"
    assert jobs.cancel(parts, unasked).state == "cancelled"
    assert effects(parts) == 0


def test_one_job_at_a_time_and_each_once(parts: Parts, other: Parts) -> None:
    running = threading.Semaphore(1)
    ran: list[int] = []

    def alone(parts: Parts, options: Options, progress: Progress) -> Summary:
        assert running.acquire(blocking=False)
        try:
            return take_effect(parts, options, progress)
        finally:
            running.release()

    def runner(parts: Parts) -> None:
        while jobs.unfinished(parts):
            ran.extend(job.id for job in jobs.work(parts, kinds(alone)))

    queued = [submit(parts) for _ in range(8)]
    threads = [threading.Thread(target=runner, args=(which,)) for which in (parts, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ran == queued
    assert effects(parts) == len(queued)
    assert {job.state for job in jobs.latest(parts)} == {"done"}


def test_who_watches_is_told_too(parts: Parts) -> None:
    told: list[tuple[int, int, str]] = []

    class Watcher:
        def step(self, done: int, total: int, doing: str = "") -> None:
            told.append((done, total, doing))
            raise Cancelled("enough")

        def hold(self, tx: object) -> None:
            pytest.fail("the job is the runner's to hold")

    submit(parts)
    assert [job.state for job in jobs.work(parts, COUNT, watcher=Watcher())] == ["cancelled"]
    assert told == [(1, 2, "counting")]
