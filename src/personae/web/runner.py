"""Runs the jobs of a server's projects in threads of its process."""

from __future__ import annotations

import threading

from personae.engine.facade import Engine
from personae.engine.runner import Runner

PATIENCE = 10.0
"""Seconds that jobs have to come to their next step when the server stops."""


class JobThreads:
    """One runner for each project that is open.

    Args:
        threads: jobs of one project that may run at once; 0: other processes run them.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._lock = threading.Lock()
        self._waiting: list[Engine] = []
        self._runners: list[tuple[Engine, Runner]] = []
        self._started = False

    def add(self, engine: Engine) -> None:
        """Run this engine's jobs too, from `start` on."""
        with self._lock:
            if self._started:
                self._begin(engine)
            else:
                self._waiting.append(engine)

    def remove(self, engine: Engine, patience: float = PATIENCE) -> None:
        """Run this engine's jobs no more."""
        with self._lock:
            ended = [runner for each, runner in self._runners if each is engine]
            self._runners = [(each, runner) for each, runner in self._runners if each is not engine]
            self._waiting = [each for each in self._waiting if each is not engine]
        for runner in ended:
            runner.stop(patience)

    def start(self) -> None:
        """Begin."""
        with self._lock:
            self._started = True
            while self._waiting:
                self._begin(self._waiting.pop())

    def stop(self, patience: float = PATIENCE) -> None:
        """Give the running jobs back to the queue at their next step; one that makes none is left to its lease."""
        with self._lock:
            self._started = False
            runners, self._runners = [runner for _, runner in self._runners], []
        # All are told at once, so that together they take no longer than the slowest.
        stopping = [threading.Thread(target=runner.stop, args=(patience,)) for runner in runners]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join()

    def _begin(self, engine: Engine) -> None:
        runner = Runner(engine.parts)
        runner.start(self.threads)
        self._runners.append((engine, runner))
