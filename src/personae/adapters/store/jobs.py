"""Jobs as rows (law 8): a lease says until when, a token says who."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from personae.adapters.store.schema import UNFINISHED, jobs
from personae.adapters.store.scope import Scope
from personae.errors import Conflict, InputError, NotFound
from personae.types import Job, JobId

_ENDS = frozenset({"done", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class SqlJobs:
    """`personae.ports.JobTable` in SQL."""

    scope: Scope

    def add(self, kind: str, payload: Mapping[str, object]) -> JobId:
        """See the port."""
        row = {
            "project_id": self.scope.project_id,
            "kind": kind,
            "payload": dict(payload),
            "state": "queued",
            "done": 0,
            "total": 0,
            "attempts": 0,
            "cancel": False,
            "result": {},
            "created_at": self.scope.clock(),
        }
        return JobId(self.scope.connection.execute(sa.insert(jobs).returning(jobs.c.id), row).scalar_one())

    def get(self, job_id: JobId) -> Job:
        """See the port."""
        row = self.scope.connection.execute(self._mine().where(jobs.c.id == job_id)).first()
        if row is None:
            raise NotFound(f"there is no job {job_id}")
        return to_job(row)

    def claim(
        self, kinds: Sequence[str], now: datetime, lease_seconds: float, job_id: JobId | None = None
    ) -> Job | None:
        """See the port; the writer's lock keeps two claimers apart."""
        free = self._free(kinds, now)
        wanted = free if job_id is None else free.where(jobs.c.id == job_id)
        row = self.scope.connection.execute(wanted.limit(1)).first()
        if row is None:
            return None
        self._update(
            jobs.c.id == row.id,
            state="running",
            token=secrets.token_hex(16),
            attempts=row.attempts + 1,
            lease_until=now + timedelta(seconds=lease_seconds),
            not_before=None,
            result={},
        )
        return self.get(JobId(row.id))

    def free(self, kinds: Sequence[str], now: datetime, limit: int = 1000) -> list[JobId]:
        """See the port."""
        return [JobId(row.id) for row in self.scope.connection.execute(self._free(kinds, now).limit(limit))]

    def heartbeat(self, job_id: JobId, token: str, until: datetime) -> bool:
        """See the port."""
        self._update(self._held(job_id, token), lease_until=until)
        return self.get(job_id).cancel

    def advance(self, job_id: JobId, token: str, done: int, total: int, doing: str = "") -> None:
        """See the port."""
        self._update(self._held(job_id, token), done=done, total=total, result={"doing": doing})

    def finish(self, job_id: JobId, token: str, state: str, result: Mapping[str, object]) -> None:
        """See the port."""
        if state not in _ENDS:
            raise InputError(f"a job ends as done, failed or cancelled, not {state}")
        self._update(self._held(job_id, token), state=state, result=dict(result), token=None, lease_until=None)

    def release(self, job_id: JobId, token: str) -> None:
        """See the port."""
        self._update(
            self._held(job_id, token), state="queued", attempts=jobs.c.attempts - 1, token=None, lease_until=None
        )

    def retry(self, job_id: JobId, token: str, not_before: datetime, result: Mapping[str, object]) -> None:
        """See the port."""
        self._update(
            self._held(job_id, token), state="queued", failures=jobs.c.failures + 1, not_before=not_before,
            result=dict(result), token=None, lease_until=None,
        )  # fmt: skip

    def keep(self, job_id: JobId, token: str, checkpoint: Mapping[str, object]) -> None:
        """See the port."""
        self._update(self._held(job_id, token), checkpoint=dict(checkpoint))

    def note(self, job_id: JobId, result: Mapping[str, object]) -> None:
        """See the port."""
        self._update(sa.and_(jobs.c.id == job_id, jobs.c.state == "queued"), result=dict(result))

    def cancel(self, job_id: JobId) -> None:
        """See the port."""
        job = self.get(job_id)
        if job.state in _ENDS:
            raise Conflict(f"job {job_id} has ended: it is {job.state}")
        self._update(jobs.c.id == job_id, cancel=True, state="cancelled" if job.state == "queued" else job.state)

    def latest(self, limit: int = 20) -> list[Job]:
        """See the port; newest first."""
        rows = self.scope.connection.execute(self._mine().order_by(jobs.c.id.desc()).limit(limit))
        return [to_job(row) for row in rows]

    def unfinished(self) -> list[Job]:
        """See the port."""
        rows = self.scope.connection.execute(self._mine().where(UNFINISHED).order_by(jobs.c.id))
        return [to_job(row) for row in rows]

    def running(self) -> list[Job]:
        """See the port."""
        query = self._mine().where(UNFINISHED, jobs.c.state == "running").order_by(jobs.c.id)
        return [to_job(row) for row in self.scope.connection.execute(query)]

    def _free(self, kinds: Sequence[str], now: datetime) -> sa.Select[Any]:
        """Rows that can be claimed, oldest first."""
        queued = sa.and_(jobs.c.state == "queued", sa.or_(jobs.c.not_before.is_(None), jobs.c.not_before <= now))
        abandoned = sa.and_(jobs.c.state == "running", jobs.c.lease_until <= now)
        return self._mine().where(UNFINISHED, jobs.c.kind.in_(kinds), sa.or_(queued, abandoned)).order_by(jobs.c.id)

    def counts(self) -> dict[str, int]:
        """See the port."""
        query = sa.select(jobs.c.state, sa.func.count()).where(jobs.c.project_id == self.scope.project_id)
        return {state: number for state, number in self.scope.connection.execute(query.group_by(jobs.c.state))}  # noqa: C416

    def _held(self, job_id: JobId, token: str) -> sa.ColumnElement[bool]:
        job = self.get(job_id)
        if job.state != "running" or job.token != token:
            raise Conflict(f"job {job_id} was taken over by another runner, or has ended")
        return jobs.c.id == job_id

    def _update(self, condition: sa.ColumnElement[bool], **values: Any) -> None:
        mine = jobs.c.project_id == self.scope.project_id
        self.scope.connection.execute(sa.update(jobs).where(mine, condition).values(**values))

    def _mine(self) -> sa.Select[Any]:
        return sa.select(jobs).where(jobs.c.project_id == self.scope.project_id)


def to_job(row: Any) -> Job:
    """Return the job of a row of all columns."""
    return Job(
        JobId(row.id), row.kind, row.payload, row.state, row.done, row.total, row.attempts, row.token,
        row.lease_until, row.cancel, row.result, row.created_at, row.failures, row.not_before, row.checkpoint,
    )  # fmt: skip
