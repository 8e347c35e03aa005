"""See to a runner for what was put into the queue."""

from __future__ import annotations

from personae.engine.parts import Parts
from personae.errors import BackendError
from personae.types import JobId

WAITING = "waiting"
"""In the row of a queued job: why no runner has been told of it."""


def carry(parts: Parts, job_id: JobId) -> bool:
    """Tell a runner of a job; when none can be told, its row says why, and it is told later."""
    try:
        parts.queue.carry(job_id)
    except BackendError as error:
        with parts.store.write() as tx:
            tx.jobs.note(job_id, {WAITING: str(error)})
        return False
    return True
