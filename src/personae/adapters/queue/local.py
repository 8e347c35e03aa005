"""Runners on this machine: a process in the background that works off the queue, then ends."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from personae.errors import BackendError
from personae.types import JobId

COMMAND = (sys.executable, "-m", "personae.cli.main", "jobs", "run")
LOG_BYTES = 2**20
"""A log that has grown larger is begun anew."""


@dataclass
class LocalQueue:
    """`personae.ports.JobQueue` that rings the runners of this process, or starts one of its own for each job.

    Of several runners one works and the others end at once: it finds their jobs when it comes to them.
    """

    environment: Mapping[str, str]
    """The settings as environment variables; a command line would show passwords to everybody."""
    log: Path
    """What the runners print is appended to this file."""
    command: tuple[str, ...] = field(default=COMMAND)
    _ring: Callable[[], None] | None = field(default=None, init=False)

    def carry(self, job_id: JobId, *, first: bool = False) -> None:  # noqa: ARG002 - runners look into the table
        """See the port."""
        if self._ring is not None:
            self._ring()
            return
        try:
            with self._open_log() as log:
                runner = subprocess.Popen(
                    self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    env={**os.environ, **self.environment}, start_new_session=True,
                )  # fmt: skip
        except OSError as error:
            raise BackendError(f"no runner can be started: {error.strerror}; start one: personae jobs run") from error
        # Whoever stays (a server, a notebook) must not collect dead children.
        threading.Thread(target=runner.wait, daemon=True).start()

    def lacking(self, job_ids: Sequence[JobId]) -> list[JobId]:  # noqa: ARG002 - likewise
        """See the port."""
        return []

    def attend(self, ring: Callable[[], None] | None) -> None:
        """See the port."""
        self._ring = ring

    def trouble(self) -> str:
        """See the port."""
        return ""

    def _open_log(self) -> IO[bytes]:
        grown = self.log.exists() and self.log.stat().st_size > LOG_BYTES
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | (os.O_TRUNC if grown else 0)
        return os.fdopen(os.open(self.log, flags, 0o600), "ab")
