"""Threads that run jobs, push what was lost, and tell receivers of events, for as long as their process likes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from personae.engine import jobs
from personae.engine.hooks import Courier
from personae.engine.jobs import Kinds
from personae.engine.kinds import KINDS
from personae.engine.parts import Parts
from personae.engine.progress import Unwatched
from personae.errors import BackendError, Conflict
from personae.types import Job

LOOK_EVERY = 1.0
"""Seconds between two looks at the table; a ring of the queue is heard at once."""
SWEEP_EVERY = 3.0
"""Seconds between two searches for jobs that the queue has lost."""

Told = Callable[[Job], None]

_log = logging.getLogger(__name__)


class Runner:
    """Runs the jobs of one project in threads of this process: of a server, or of `personae worker`.

    Args:
        parts: adapters and rules. With a `feed` the threads run what it brings; without, the oldest of the table.
        kinds: what can be run.
        told: is given each job as it has ended here.
    """

    def __init__(self, parts: Parts, kinds: Kinds = KINDS, told: Told = lambda _job: None) -> None:
        self._parts, self._kinds, self._told = parts, kinds, told
        self._stop, self._bell, self._sweep = threading.Event(), threading.Event(), threading.Event()
        self._workers: list[threading.Thread] = []
        self._keeper: threading.Thread | None = None
        self._courier = Courier(parts)

    def start(self, threads: int = 1) -> None:
        """Begin. With no threads other processes run the jobs, and only what the queue has lost is pushed.

        Args:
            threads: jobs that may run at once; those that rewrite the grouping run one at a time all the same.
        """
        self._stop.clear()
        self._parts.queue.attend(self._bell.set)
        self._workers = [self._begin(self._work) for _ in range(threads)]
        self._keeper = self._begin(self._keep)
        self._courier.start()

    def stop(self, patience: float = 10.0) -> bool:
        """Give the jobs back to the queue at their next step, and end.

        Args:
            patience: seconds to wait. A job that makes no step for longer is left to its lease.

        Returns:
            Whether everything has ended.
        """
        self._parts.queue.attend(None)
        for event in (self._stop, self._bell, self._sweep):
            event.set()
        self._courier.stop(0)
        until = time.monotonic() + patience
        threads = [*self._workers, *([self._keeper] if self._keeper else [])]
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        self._workers, self._keeper = [], None
        told = self._courier.stop(max(0.0, until - time.monotonic()))
        return told and not any(thread.is_alive() for thread in threads)

    @property
    def alive(self) -> int:
        """How many threads run jobs."""
        return sum(worker.is_alive() for worker in self._workers)

    def _begin(self, target: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=target, name=f"personae-{target.__name__.strip('_')}", daemon=True)
        thread.start()
        return thread

    # --- a worker -------------------------------------------------------------------------------

    def _work(self) -> None:
        trouble = ""
        while not self._stop.is_set():
            try:
                self._run_one()
                trouble = ""
            except SystemExit:
                return
            except (BackendError, Conflict) as error:
                # Said once, however long it lasts.
                if str(error) != trouble:
                    _log.warning("%s", error)
                trouble = str(error)
                self._stop.wait(LOOK_EVERY)

    def _run_one(self) -> None:
        """Run a job, or wait a moment for one."""
        feed = self._parts.feed
        job_id = None if feed is None else feed.take(LOOK_EVERY)
        if feed is not None and job_id is None:
            return
        job = jobs.run_next(self._parts, self._kinds, self._parts.pulse, _Until(self._stop), job_id)
        if job is not None:
            self._told(job)
            self._sweep.set()
        elif feed is None:
            self._bell.wait(LOOK_EVERY)
            self._bell.clear()

    # --- the keeper -----------------------------------------------------------------------------

    def _keep(self) -> None:
        """Push what the queue has lost, and put a new thread in the place of one that a bug has ended."""
        while not self._stop.is_set():
            try:
                jobs.sweep(self._parts, self._kinds)
            except (BackendError, Conflict) as error:
                _log.info("%s", error)
            self._sweep.wait(SWEEP_EVERY)
            self._sweep.clear()
            self._courier.revive()
            self._workers = [
                worker if worker.is_alive() or self._stop.is_set() else self._begin(self._work)
                for worker in self._workers
            ]


class _Until(Unwatched):
    """Ends a job's work, as Ctrl-C would, when the runner is to stop: the job goes back to the queue."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def step(self, done: int, total: int, doing: str = "") -> None:  # noqa: ARG002 - however far it is
        """Stop, or go on."""
        if self._stop.is_set():
            raise SystemExit
