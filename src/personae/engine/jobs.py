"""Long work as rows (law 8): put into the queue, claimed by one runner at a time, ended once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, is_dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from personae.engine.carry import WAITING
from personae.engine.carry import carry as tell
from personae.engine.kinds import KINDS, Kind, read_options
from personae.engine.parts import Parts
from personae.engine.progress import Progress, Unwatched
from personae.errors import BackendError, Cancelled, Conflict, InputError, PersonaeError
from personae.ports import LEASE_SECONDS, Pulse, Transaction
from personae.types import Job, JobId

LEASE = timedelta(seconds=LEASE_SECONDS)
WRITING_LEASE = timedelta(minutes=10)
"""Lease taken inside the transaction that writes the outcome. Nobody can claim while that is open, but it may be
open for longer than LEASE, and must not end with a lease that has run out already. A kill takes it back."""
NOTED_EVERY = timedelta(seconds=1)
"""How often the row is told of progress, and asked whether to stop."""
ATTEMPTS = 5
"""Runners that may die of a job before it is given up: some may be bad luck, and five are the job's fault."""
RETRIES = 5
"""How often a job is tried again after an error that may pass."""
FIRST_RETRY = timedelta(seconds=2)
"""The wait before the first of them; before each next one it is four times as long: 11 minutes in all."""

Kinds = Mapping[str, Kind]


def submit(parts: Parts, kind: str, payload: Mapping[str, object], kinds: Kinds = KINDS) -> Job:
    """Put a job into the queue.

    Args:
        parts: adapters and rules.
        kind: a key of `kinds`.
        payload: its options; plain values and ids, never embeddings.
        kinds: what can be run.

    Raises:
        InputError: no such kind, or a payload that it does not take.
    """
    if kind not in kinds:
        raise InputError(f"there is no job of kind {kind}; there are: {', '.join(kinds)}")
    kinds[kind].check(parts, read_options(kinds[kind].options, payload))
    with parts.store.write() as tx:
        return tx.jobs.get(tx.jobs.add(kind, payload))


def carry(parts: Parts, job: Job) -> Job:
    """See to a runner for a job; when none can be told of it, its row says so, and `sweep` tells one later."""
    return job if tell(parts, job.id) else show(parts, job.id)


def sweep(parts: Parts, kinds: Kinds = KINDS) -> int:
    """Carry the jobs that could run and that no runner knows of; return how many.

    Those are jobs that came while the queue was away, wait no longer after a failure, or whose runner died.

    Raises:
        BackendError: the queue is still away.
    """
    with parts.store.read() as tx:
        free = tx.jobs.free(list(kinds), parts.clock())
    lost = parts.queue.lacking(free) if free else []
    # They have waited already: the oldest comes to stand before all that were carried.
    for job_id in reversed(lost):
        parts.queue.carry(job_id, first=True)
    if lost:
        with parts.store.write() as tx:
            for job_id in lost:
                if WAITING in tx.jobs.get(job_id).result:
                    tx.jobs.note(job_id, {})
    return len(lost)


def show(parts: Parts, job_id: JobId) -> Job:
    """Return a job. Raises NotFound."""
    with parts.store.read() as tx:
        return tx.jobs.get(job_id)


def latest(parts: Parts, limit: int = 20) -> list[Job]:
    """Return the newest jobs, newest first."""
    with parts.store.read() as tx:
        return tx.jobs.latest(limit)


def told(parts: Parts, found: Sequence[Job]) -> list[Job]:
    """Return jobs as they shall be shown: those that are queued say why they wait while the queue does not answer."""
    now = parts.clock()
    kept_up = [job.state == "queued" and (job.not_before is None or job.not_before <= now) for job in found]
    why = parts.queue.trouble() if any(kept_up) else ""
    return [
        replace(job, result={**job.result, WAITING: why}) if why and waits else job
        for job, waits in zip(found, kept_up, strict=True)
    ]


def unfinished(parts: Parts) -> list[Job]:
    """Return the jobs that are queued or running, oldest first."""
    with parts.store.read() as tx:
        return tx.jobs.unfinished()


def cancel(parts: Parts, job_id: JobId) -> Job:
    """Stop a job: a queued one at once, a running one at its next step.

    Raises:
        NotFound: there is no such job.
        Conflict: it has ended.
    """
    with parts.store.write() as tx:
        tx.jobs.cancel(job_id)
        job = tx.jobs.get(job_id)
        if abandoned(job, parts.clock()):
            job = _end_unrun(tx, _claim_again(tx, parts, job))
        return job


def abandoned(job: Job, now: datetime) -> bool:
    """Whether its runner has died."""
    return job.state == "running" and job.lease_until is not None and job.lease_until <= now


def work(
    parts: Parts, kinds: Kinds = KINDS, pulse: Pulse | None = None, watcher: Progress | None = None
) -> Iterator[Job]:
    """Run what is queued, one job after another, and yield each as it has ended."""
    while (job := run_next(parts, kinds, pulse, watcher)) is not None:
        yield job


def run_next(
    parts: Parts,
    kinds: Kinds = KINDS,
    pulse: Pulse | None = None,
    watcher: Progress | None = None,
    job_id: JobId | None = None,
) -> Job | None:
    """Claim a job and run it.

    What goes wrong with the job is in its row; what is raised here is the runner's own trouble.

    Args:
        parts: adapters and rules.
        kinds: what can be run; others' jobs are left alone.
        pulse: keeps the lease alive while this process lives; None: the job's own steps do, and no more.
        watcher: is told of every step as well.
        job_id: this job or none; None: the oldest.

    Returns:
        The job as it is then: done, failed, cancelled, queued to be tried again, or, if it was lost to another
        runner, as that one has it. None when there is nothing to do, or what there is has to wait for another job.
    """
    job = _claim(parts, kinds, job_id)
    if job is None:
        return None
    kind = kinds[job.kind]
    held = HeldJob(parts, job, watcher or Unwatched(), WRITING_LEASE if kind.alone else LEASE)
    state, result = _outcome(held, kind, (pulse or _no_pulse)(job.id, held.token))
    return held.end(state, result)


class HeldJob:
    """`Resumable` progress of a job that this runner holds."""

    def __init__(self, parts: Parts, job: Job, watcher: Progress, writing_lease: timedelta = WRITING_LEASE) -> None:
        self.parts = parts
        self.job = job
        self.token = job.token or ""
        self._checkpoint: Mapping[str, object] = job.checkpoint or {}
        self._watcher = watcher
        self._writing_lease = writing_lease
        self._at = (job.done, job.total, "")
        self._noted: datetime | None = None
        self._noted_doing = ""

    def step(self, done: int, total: int, doing: str = "") -> None:
        """Tell the row, now and then, and stop when it says so."""
        self._at = (done, total, doing)
        self._watcher.step(done, total, doing)
        now = self.parts.clock()
        if self._noted is not None and doing == self._noted_doing and now - self._noted < NOTED_EVERY:
            return
        try:
            with self.parts.store.write() as tx:
                stop = tx.jobs.heartbeat(self.job.id, self.token, now + LEASE)
                tx.jobs.advance(self.job.id, self.token, *self._at)
        except BackendError:
            # A store that is busy now need not end an hour's work; the write of the outcome will tell.
            return
        self._noted, self._noted_doing = now, doing
        self._stop_if(stop)

    def hold(self, tx: Transaction) -> None:
        """Refuse to write what another runner will write, or nobody wants."""
        self._stop_if(tx.jobs.heartbeat(self.job.id, self.token, self.parts.clock() + self._writing_lease))

    @property
    def checkpoint(self) -> Mapping[str, object]:
        """What was kept last."""
        return self._checkpoint

    def keep(self, tx: Transaction, checkpoint: Mapping[str, object]) -> None:
        """Note how far it is, unless another runner goes on with it, or nobody wants it."""
        self._stop_if(tx.jobs.heartbeat(self.job.id, self.token, self.parts.clock() + LEASE))
        tx.jobs.keep(self.job.id, self.token, checkpoint)
        self._checkpoint = checkpoint

    def end(self, state: str, result: Mapping[str, object]) -> Job:
        """Record how it ended, unless it is no longer ours; return the row."""
        with self.parts.store.write() as tx:
            if self._ours(tx):
                tx.jobs.advance(self.job.id, self.token, *self._at)
                if state == "queued" and not tx.jobs.get(self.job.id).cancel:
                    tx.jobs.retry(self.job.id, self.token, self.parts.clock() + _retry_after(self.job), result)
                else:
                    tx.jobs.finish(self.job.id, self.token, "cancelled" if state == "queued" else state, result)
            return tx.jobs.get(self.job.id)

    def release(self) -> None:
        """Give it back to the queue, unless it is no longer ours."""
        with self.parts.store.write() as tx:
            if self._ours(tx):
                tx.jobs.release(self.job.id, self.token)

    def _ours(self, tx: Transaction) -> bool:
        return tx.jobs.get(self.job.id).token == self.token

    def _stop_if(self, stop: bool) -> None:
        if stop:
            raise Cancelled(f"job {self.job.id} was cancelled")


def _outcome(held: HeldJob, kind: Kind, beating: AbstractContextManager[None]) -> tuple[str, dict[str, object]]:
    """Run a job and return how it ended, and what its row shall say."""
    try:
        with beating:
            options = read_options(kind.options, held.job.payload)
            return "done", as_json(kind.run(held.parts, options, held))
    except Cancelled:
        return "cancelled", {}
    except BackendError as error:
        return "queued" if held.job.failures < RETRIES else "failed", {"error": str(error)}
    except PersonaeError as error:
        return "failed", {"error": str(error)}
    except (KeyboardInterrupt, SystemExit):
        held.release()
        raise
    except BaseException as error:
        held.end("failed", {"error": f"it broke off with {type(error).__name__}; the runner's log says where"})
        raise


def _retry_after(job: Job) -> timedelta:
    return FIRST_RETRY * 4.0**job.failures


def as_json(summary: object) -> dict[str, object]:
    """Return a summary as its row keeps it."""
    values = asdict(summary) if is_dataclass(summary) and not isinstance(summary, type) else {"result": summary}
    plain: dict[str, object] = json.loads(json.dumps(values, default=_plain))
    return plain


def _plain(value: Any) -> object:
    return value.item() if isinstance(value, np.generic) else str(value)


# --- claiming ---------------------------------------------------------------------------------


def _claim(parts: Parts, kinds: Kinds, job_id: JobId | None) -> Job | None:
    """Take a job that can be run; those that cannot be are ended on the way."""
    with parts.store.read() as tx:
        if not tx.jobs.free(list(kinds), parts.clock(), 1):
            return None  # and nobody who writes is kept waiting by a runner that only looks
    with parts.store.write() as tx:
        now = parts.clock()
        wanted = _open_kinds(tx, kinds, now)
        while (job := tx.jobs.claim(wanted, now, LEASE_SECONDS, job_id)) is not None:
            if not job.cancel and job.attempts - job.failures <= ATTEMPTS:
                return job
            _end_unrun(tx, job)
    return None


def _open_kinds(tx: Transaction, kinds: Kinds, now: datetime) -> list[str]:
    """Return the kinds that may be begun now: of those that are alone, one runs at a time."""
    # Each rewrites the grouping, and shall see what those before it have done.
    taken = any(
        (job.kind not in kinds or kinds[job.kind].alone) and not abandoned(job, now) for job in tx.jobs.running()
    )
    return [name for name, kind in kinds.items() if not (taken and kind.alone)]


def _claim_again(tx: Transaction, parts: Parts, job: Job) -> Job:
    claimed = tx.jobs.claim([job.kind], parts.clock(), LEASE_SECONDS, job.id)
    if claimed is None:
        raise Conflict(f"job {job.id} was taken over by another runner, or has ended")
    return claimed


def _end_unrun(tx: Transaction, job: Job) -> Job:
    """End a claimed job that was cancelled, or that too many runners have died of."""
    if job.cancel:
        tx.jobs.finish(job.id, job.token or "", "cancelled", {})
    else:
        error = f"its runner died {ATTEMPTS} times before it was done; the last log says more, or memory ran out"
        tx.jobs.finish(job.id, job.token or "", "failed", {"error": error})
    return tx.jobs.get(job.id)


def _no_pulse(_job_id: JobId, _token: str) -> AbstractContextManager[None]:
    return nullcontext()
