"""Kinds of jobs that tests run, and a program that runs them: `python -m tests.work THREADS`."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from personae import Settings, open_engine
from personae.engine.kinds import Kind
from personae.engine.parts import Parts
from personae.engine.progress import Progress, Resumable
from personae.engine.runner import Runner
from personae.errors import BackendError, InputError

STEPS = 6


@dataclass(frozen=True)
class Options:
    """What the test kinds take."""

    name: str = ""
    hang_at: int = -1
    """Step at which the first runner hangs until it is killed."""
    failures: int = 0
    pause: float = 0.0
    """Seconds that a step takes."""


def read(parts: Parts, key: str) -> int:
    """Return a number that jobs have left."""
    with parts.store.read() as tx:
        return int(str(tx.settings.get(key) or 0))


def leave(parts: Parts, key: str, value: int) -> None:
    """Leave a number."""
    with parts.store.write() as tx:
        tx.settings.set(key, value)


def once(parts: Parts, options: Options, progress: Progress) -> None:
    """Take effect, once for each time it is done."""
    progress.step(0, 1, "working")
    with parts.store.write() as tx:
        key = f"done:{options.name}"
        tx.settings.set(key, int(str(tx.settings.get(key) or 0)) + 1)
        progress.hold(tx)


def steps(parts: Parts, options: Options, progress: Resumable) -> None:
    """Take effect step by step, and go on where another runner was killed."""
    begun = int(str(progress.checkpoint.get("step", 0)))
    for step in range(begun, STEPS):
        progress.step(step, STEPS, f"step {step}")
        if step == options.hang_at and not read(parts, f"hung:{options.name}"):
            leave(parts, f"hung:{options.name}", 1)
            time.sleep(120)
        time.sleep(options.pause)
        with parts.store.write() as tx:
            key = f"step:{options.name}:{step}"
            tx.settings.set(key, int(str(tx.settings.get(key) or 0)) + 1)
            progress.keep(tx, {"step": step + 1})


def until_told(parts: Parts, options: Options, progress: Progress) -> None:
    """Work until it is cancelled, or `go:NAME` is set; then take effect."""
    for step in range(6000):
        progress.step(step, 6000, "waiting")
        leave(parts, f"began:{options.name}", 1)
        if read(parts, f"go:{options.name}"):
            break
        time.sleep(0.02)
    once(parts, options, progress)


def alone(parts: Parts, options: Options, progress: Progress) -> None:
    """Take effect, and fail where another job of the kind is at work."""
    if read(parts, "inside"):
        raise InputError("another one is at work")
    leave(parts, "inside", 1)
    time.sleep(0.01)
    leave(parts, "inside", 0)
    once(parts, options, progress)


def failing(parts: Parts, options: Options, progress: Progress) -> None:
    """Fail so many times in a way that passes."""
    key = f"failed:{options.name}"
    if (failed := read(parts, key)) < options.failures:
        leave(parts, key, failed + 1)
        raise BackendError(f"away for the {failed + 1}. time")
    once(parts, options, progress)


def broken(parts: Parts, options: Options, progress: Progress) -> None:
    """Have a bug."""
    raise ZeroDivisionError


KINDS = {
    "work.once": Kind(Options, once, alone=False),
    "work.steps": Kind(Options, steps, alone=False),
    "work.until_told": Kind(Options, until_told, alone=False),
    "work.alone": Kind(Options, alone),
    "work.failing": Kind(Options, failing, alone=False),
    "work.broken": Kind(Options, broken, alone=False),
}


def work(threads: int, settings: Settings, ready: Callable[[], None] = lambda: None) -> None:
    """Run jobs until SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with open_engine(settings) as engine:
        runner = Runner(engine.parts, KINDS)
        runner.start(threads)
        ready()
        stop.wait()
        runner.stop()


def _say_ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


if __name__ == "__main__":
    work(int(sys.argv[1]), Settings(), _say_ready)
