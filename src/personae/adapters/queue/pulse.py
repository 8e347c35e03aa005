"""A process that beats for a runner: the leases of its jobs live as long as the runner does.

A thread would not do. A library that computes for long without letting go of Python's lock (HDBSCAN does) stops
every other thread of its process, and a runner that is only busy would pass for dead.

The process is `python -m personae.adapters.queue.pulse`. It is told store and jobs on its standard input, where no
other user can read a password, and ends when that is closed: by the runner, or by the runner's death. One process
serves all jobs of a runner, one after another or at once: to start one takes longer than many a job.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import IO, Any

from personae.errors import BackendError, Conflict, NotFound
from personae.ports import BEAT_SECONDS, LEASE_SECONDS
from personae.types import JobId

_INPUT = 0
"""Read without Python's buffers: `select` does not see what is in them."""


@dataclass
class ProcessPulse:
    """`personae.ports.Pulse` as a process beside the runner. Threads may share it."""

    url: str
    """The store's address, and the project in it."""
    project: str
    every: float = BEAT_SECONDS
    _child: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    @contextmanager
    def __call__(self, job_id: JobId, token: str) -> Iterator[None]:
        """See the port."""
        self._say({"job_id": job_id, "token": token})
        try:
            yield
        finally:
            self._say({"job_id": job_id}, start=False)

    def close(self) -> None:
        """See the port."""
        with self._lock:
            child, self._child = self._child, None
        if child is not None:
            # It may be waiting for the store, and nobody must wait for it.
            child.kill()
            with child:
                pass

    def _say(self, what: dict[str, object], *, start: bool = True) -> None:
        """Tell the process, and first start it where there is none, or none any more."""
        line = json.dumps(what).encode() + b"\n"
        with self._lock:
            if self._child is not None and _tell(self._child, line):
                return
            if self._child is not None:
                self._child.kill()
                with self._child:
                    pass
                self._child = None
            if start:
                self._child = self._started()
                _tell(self._child, line)

    def _started(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "personae.adapters.queue.pulse"]
        try:
            # In a session of its own: Ctrl-C is the runner's to answer.
            child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True, bufsize=0
            )
        except OSError as error:
            raise BackendError(f"no process can be started beside the runner: {error.strerror}") from error
        _tell(child, json.dumps({"url": self.url, "project": self.project, "every": self.every}).encode() + b"\n")
        return child


def _tell(child: subprocess.Popen[bytes], line: bytes) -> bool:
    """Write a line to the process; False when it is dead."""
    pipe: IO[bytes] | None = child.stdin
    if pipe is None or child.poll() is not None:
        return False
    try:
        pipe.write(line)
    except OSError:
        return False
    return True


# --- the process --------------------------------------------------------------------------------


@dataclass
class _Held:
    """The jobs that are beaten for, and what was read of the next line."""

    jobs: dict[int, tuple[str, float]] = field(default_factory=dict)
    """Token, and when to beat next, by job."""
    rest: bytes = b""

    def hear(self, data: bytes, every: float) -> None:
        """Take in what the runner says."""
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            told = json.loads(line)
            if "token" in told:
                self.jobs[told["job_id"]] = told["token"], time.monotonic() + every
            else:
                self.jobs.pop(told["job_id"], None)

    def wait(self) -> float | None:
        """Seconds until the next beat; None: there is nothing to beat for."""
        due = min((due for _, due in self.jobs.values()), default=None)
        return None if due is None else max(0.0, due - time.monotonic())


def _beat() -> None:
    """Beat until the standard input is closed."""
    first, _, rest = _line()
    if not first:
        return
    told = json.loads(first)
    held, store = _Held(), None
    held.hear(rest, told["every"])
    while True:
        if select.select([_INPUT], [], [], held.wait())[0]:
            data = os.read(_INPUT, 65536)
            if not data:
                return
            held.hear(data, told["every"])
            continue
        # Short jobs have ended before this is needed.
        store = store or _open(told)
        for job_id, (token, due) in list(held.jobs.items()):
            if due > time.monotonic():
                continue
            if store is not None and not _extend(store, JobId(job_id), token):
                del held.jobs[job_id]
            else:
                held.jobs[job_id] = token, time.monotonic() + told["every"]


def _line() -> tuple[bytes, bytes, bytes]:
    """Return the first line, and what came after it."""
    data = b""
    while b"\n" not in data:
        more = os.read(_INPUT, 65536)
        if not more:
            return b"", b"", b""
        data += more
    return data.partition(b"\n")


def _open(told: dict[str, Any]) -> Any:
    from personae.adapters.store.store import SqlStore  # noqa: PLC0415

    try:
        return SqlStore.open(told["url"], told["project"], lambda: datetime.now(UTC))
    except BackendError:
        return None  # it is away for now: there are beats to spare


def _extend(store: Any, job_id: JobId, token: str) -> bool:
    """Extend the lease of a job; False when it is no longer ours."""
    try:
        with store.write() as tx:
            tx.jobs.heartbeat(job_id, token, datetime.now(UTC) + timedelta(seconds=LEASE_SECONDS))
    except BackendError:
        pass  # the store is busy, or away for now: there are beats to spare
    except (Conflict, NotFound):
        return False
    return True


if __name__ == "__main__":
    _beat()
