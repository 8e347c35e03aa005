"""The verb worker: run jobs and tell receivers of events, until told to stop."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from personae.cli.context import Context, note, printable

if TYPE_CHECKING:
    from personae.types import Job


NICENESS = 10
"""A worker steps back for whoever waits at a screen, the server first of all; alone it has the whole processor."""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("worker")(worker)


def worker(
    context: typer.Context,
    redis: Annotated[
        str | None, typer.Option(help="Address of the Redis that carries the jobs.", show_default="redis_url")
    ] = None,
    threads: Annotated[int, typer.Option(help="Jobs that may run at once.", min=1, max=64)] = 1,
) -> None:
    """Run jobs, and tell receivers of events, until SIGTERM or Ctrl-C; what is not done then goes back to the queue."""
    from personae.engine.runner import Runner

    obj: Context = context.obj
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    with obj.engine(redis_url=redis) as engine:
        stop = threading.Event()
        runner = Runner(engine.parts, told=_tell)
        before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
        trouble = engine.parts.queue.trouble()
        note(trouble or "waiting for jobs; press Ctrl-C to end")
        try:
            runner.start(threads)
            stop.wait()
            note("stopping as soon as what is in hand has been given back")
        finally:
            ended = runner.stop()
            for number, handler in before.items():
                signal.signal(number, handler)
    if not ended:
        note("a job could not be stopped: it is taken over when its lease has run out")


def _tell(job: Job) -> None:
    said = str(job.result.get("error", ""))
    note(f"job {job.id}, {job.kind}: {job.state}{': ' if said else ''}{printable(said)}")
