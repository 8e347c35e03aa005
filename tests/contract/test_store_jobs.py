"""Jobs as rows, on every store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from personae.adapters.store.store import SqlStore
from personae.errors import Conflict, InputError, NotFound
from personae.ports import Transaction
from personae.types import Job, JobId

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
KINDS = ["group"]


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def claim(tx: Transaction, now: datetime = NOW, job_id: JobId | None = None) -> tuple[Job, str]:
    """Claim a job and return it with its token."""
    job = tx.jobs.claim(KINDS, now, 30, job_id)
    assert job is not None
    assert job.token
    return job, job.token


def test_a_job_runs(store: SqlStore) -> None:
    with store.write() as tx:
        first, second, other = tx.jobs.add("group", {"ids": [1, 2]}), tx.jobs.add("group", {}), tx.jobs.add("x", {})
        job, token = claim(tx)
        assert (job.id, job.state, job.attempts, job.payload) == (first, "running", 1, {"ids": [1, 2]})
        assert job.lease_until == after(30)
        assert [found.id for found in tx.jobs.unfinished()] == [first, second, other]
        assert tx.jobs.heartbeat(first, token, after(60)) is False
        tx.jobs.advance(first, token, 5, 10, "reading")
        at = tx.jobs.get(first)
        assert (at.done, at.total, at.result, at.lease_until) == (5, 10, {"doing": "reading"}, after(60))
        tx.jobs.finish(first, token, "done", {"groups": 6})
        ended = tx.jobs.get(first)
        assert (ended.state, ended.result, ended.done, ended.total) == ("done", {"groups": 6}, 5, 10)
        assert (ended.token, ended.lease_until) == (None, None)
        assert [found.id for found in tx.jobs.latest()] == [other, second, first]
        assert [found.id for found in tx.jobs.latest(1)] == [other]
        assert [found.id for found in tx.jobs.unfinished()] == [second, other]
        with pytest.raises(NotFound):
            tx.jobs.get(JobId(10**6))


def test_a_claim_takes_the_oldest_of_its_kinds_or_the_one_asked_for(store: SqlStore) -> None:
    with store.write() as tx:
        ids = [tx.jobs.add(kind, {}) for kind in ("x", "group", "group", "y")]
        assert tx.jobs.claim([], NOW, 30) is None
        assert tx.jobs.claim(KINDS, NOW, 30, ids[0]) is None
        assert claim(tx, job_id=ids[2])[0].id == ids[2]
        assert tx.jobs.claim(KINDS, NOW, 30, ids[2]) is None
        assert claim(tx)[0].id == ids[1]
        assert tx.jobs.claim(KINDS, NOW, 30) is None
        found = tx.jobs.claim(["y", "x"], NOW, 30)
        assert found is not None
        assert found.id == ids[0]


def test_a_queued_job_is_cancelled_at_once_and_a_running_one_is_asked(store: SqlStore) -> None:
    with store.write() as tx:
        running, queued = tx.jobs.add("group", {}), tx.jobs.add("group", {})
        _, token = claim(tx)
        tx.jobs.cancel(running)
        tx.jobs.cancel(running)
        assert (tx.jobs.get(running).state, tx.jobs.get(running).cancel) == ("running", True)
        assert tx.jobs.heartbeat(running, token, after(60)) is True
        tx.jobs.finish(running, token, "cancelled", {})
        tx.jobs.cancel(queued)
        assert tx.jobs.get(queued).state == "cancelled"
        assert tx.jobs.claim(KINDS, after(1000), 30) is None
        for ended in (running, queued):
            with pytest.raises(Conflict, match="has ended"):
                tx.jobs.cancel(ended)
        with pytest.raises(NotFound):
            tx.jobs.cancel(JobId(10**6))


def test_a_released_job_is_as_if_it_had_not_been_tried(store: SqlStore) -> None:
    with store.write() as tx:
        job_id = tx.jobs.add("group", {})
        _, token = claim(tx)
        tx.jobs.release(job_id, token)
        job = tx.jobs.get(job_id)
        assert (job.state, job.attempts, job.token, job.lease_until) == ("queued", 0, None, None)
        assert claim(tx)[0].attempts == 1


def test_a_dead_runners_job_is_taken_over_and_the_late_one_refused(store: SqlStore) -> None:
    with store.write() as tx:
        job_id = tx.jobs.add("group", {})
        _, late = claim(tx)
        assert tx.jobs.claim(KINDS, after(29), 30) is None
        job, heir = claim(tx, after(30))
        assert (job.id, job.attempts) == (job_id, 2)
        assert heir != late
        with pytest.raises(Conflict):
            tx.jobs.heartbeat(job_id, late, NOW)
        with pytest.raises(Conflict):
            tx.jobs.advance(job_id, late, 1, 2)
        with pytest.raises(Conflict):
            tx.jobs.release(job_id, late)
        with pytest.raises(Conflict):
            tx.jobs.finish(job_id, late, "done", {})
        with pytest.raises(InputError):
            tx.jobs.finish(job_id, heir, "queued", {})
        tx.jobs.finish(job_id, heir, "done", {})
        with pytest.raises(Conflict):
            tx.jobs.finish(job_id, heir, "done", {})


def test_a_payload_is_json(store: SqlStore) -> None:
    for wrong in ({"a": float("nan")}, {"a": object()}):
        with pytest.raises(InputError), store.write() as tx:
            tx.jobs.add("group", wrong)


def test_projects_have_jobs_of_their_own(store: SqlStore, store_url: str) -> None:
    other = SqlStore.open(store_url, "other", store._clock)
    with store.write() as tx:
        job_id = tx.jobs.add("group", {})
    with other.write() as tx:
        assert tx.jobs.latest() == tx.jobs.unfinished() == []
        assert tx.jobs.claim(KINDS, NOW, 30) is None
        with pytest.raises(NotFound):
            tx.jobs.cancel(job_id)
    other.close()
