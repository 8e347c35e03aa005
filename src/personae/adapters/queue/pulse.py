"""A process that beats for a runner: the lease of its job lives as long as the runner does.

A thread would not do. A library that computes for long without letting go of Python's lock (HDBSCAN does) stops
every other thread of its process, and a runner that is only busy would pass for dead.

The process is `python -m personae.adapters.queue.pulse`. It is told store and job on its standard input, where no
other user can read a password, and ends when that is closed: by the runner, or by the runner's death.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from personae.errors import BackendError, Conflict, NotFound
from personae.ports import BEAT_SECONDS, LEASE_SECONDS
from personae.types import JobId

_INPUT = 0
"""Read without Python's buffers: `select` does not see what is in them."""


@dataclass(frozen=True)
class ProcessPulse:
    """`personae.ports.Pulse` as a process beside the runner."""

    url: str
    """The store's address, and the project in it."""
    project: str
    every: float = BEAT_SECONDS

    @contextmanager
    def __call__(self, job_id: JobId, token: str) -> Iterator[None]:
        """See the port."""
        told = {"url": self.url, "project": self.project, "job_id": job_id, "token": token, "every": self.every}
        command = [sys.executable, "-m", "personae.adapters.queue.pulse"]
        try:
            # In a session of its own: Ctrl-C is the runner's to answer.
            child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)
        except OSError as error:
            raise BackendError(f"no process can be started beside the runner: {error.strerror}") from error
        with child:
            try:
                if child.stdin is not None:
                    child.stdin.write(json.dumps(told).encode() + b"\n")
                    child.stdin.flush()
                yield
            finally:
                # It may be waiting for the store, and the job must not wait for it.
                child.kill()


def _beat() -> None:
    """Beat until the standard input is closed, or the job is no longer ours."""
    line = os.read(_INPUT, 65536)
    if not line:
        return
    told = json.loads(line)
    if _closed(told["every"]):
        return
    # Short jobs end before this is needed.
    from personae.adapters.store.store import SqlStore  # noqa: PLC0415

    job_id, token = JobId(told["job_id"]), str(told["token"])
    store = SqlStore.open(told["url"], told["project"], lambda: datetime.now(UTC))
    while True:
        try:
            with store.write() as tx:
                tx.jobs.heartbeat(job_id, token, datetime.now(UTC) + timedelta(seconds=LEASE_SECONDS))
        except BackendError:
            pass  # the store is busy, or away for now: there are beats to spare
        except (Conflict, NotFound):
            return
        if _closed(told["every"]):
            return


def _closed(seconds: float) -> bool:
    """Wait so long for the standard input to be closed."""
    return bool(select.select([_INPUT], [], [], seconds)[0])


if __name__ == "__main__":
    _beat()
