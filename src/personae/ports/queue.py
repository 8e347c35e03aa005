"""Ports of long work: who brings a job to a runner, and who says that its runner lives."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from personae.types import JobId

LEASE_SECONDS = 30.0
"""How long a job belongs to its runner after a sign of life. A dead runner's job waits this long; a runner that
lives may miss two beats, as when another process is writing to the store."""
BEAT_SECONDS = LEASE_SECONDS / 3


class JobQueue(Protocol):
    """Carries the number of a job to a runner; all else is in the job's row (law 8)."""

    def carry(self, job_id: JobId) -> None:
        """See to it that a runner looks for this job soon. Raises BackendError when none can be had."""
        ...


class Pulse(Protocol):
    """Extends the lease of a job while its runner's process lives, whatever that process is busy with."""

    def __call__(self, job_id: JobId, token: str) -> AbstractContextManager[None]:
        """Beat until the block is left, or the process is dead."""
        ...
