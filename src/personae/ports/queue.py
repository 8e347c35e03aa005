"""Ports of long work: who brings a job to a runner, and who says that its runner lives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from personae.types import JobId

LEASE_SECONDS = 20.0
"""How long a job belongs to its runner after a sign of life. A dead runner's job waits this long, and up to three
seconds more until it is looked for; a runner that lives may miss two beats, as when another process is writing to the
store."""
BEAT_SECONDS = LEASE_SECONDS / 3


class JobQueue(Protocol):
    """Carries the number of a job to a runner; all else is in the job's row (law 8)."""

    def carry(self, job_id: JobId, *, first: bool = False) -> None:
        """See to it that a runner looks for this job soon; `first`: before those that were carried until now.

        Raises BackendError when none can be had.
        """
        ...

    def lacking(self, job_ids: Sequence[JobId]) -> list[JobId]:
        """Return those that were not carried, or were lost on the way; none where runners look for themselves.

        Raises BackendError when that cannot be known now.
        """
        ...

    def attend(self, ring: Callable[[], None] | None) -> None:
        """Start no runners from now on: those that are there are rung when there is a job; None: they are gone."""
        ...

    def trouble(self) -> str:
        """Say why nothing can be carried now; empty: all is well."""
        ...


class JobFeed(Protocol):
    """The other end of a queue that lies outside the store."""

    def take(self, seconds: float) -> JobId | None:
        """Wait for a job to come; None: none has. Raises BackendError when the queue does not answer."""
        ...


class Pulse(Protocol):
    """Extends the lease of a job while its runner's process lives, whatever that process is busy with."""

    def __call__(self, job_id: JobId, token: str) -> AbstractContextManager[None]:
        """Beat until the block is left, or the process is dead."""
        ...

    def close(self) -> None:
        """Let go of what beats."""
        ...
