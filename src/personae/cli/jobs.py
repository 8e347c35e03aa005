"""Verbs on long work: jobs list, show, cancel, run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from personae.cli.context import Context, Json, columns, figure, members, moment, note, out, printable, show_json
from personae.cli.progress import watching

if TYPE_CHECKING:
    from personae.engine.facade import Engine
    from personae.engine.progress import Progress
    from personae.types import Job

LOOK_EVERY = 1.0
"""Seconds between two looks at the table."""
ENDED = ("done", "failed", "cancelled")

app = typer.Typer(help="Long work that runs in the background.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="JOB", help="The job's number.")]


@app.command("list")
def jobs_list(
    context: typer.Context, limit: Annotated[int, typer.Option(help="How many.", min=1)] = 20, json: Json = False
) -> None:
    """List the newest jobs."""
    from personae.engine.jobs import told

    obj: Context = context.obj
    with obj.engine() as engine:
        jobs = told(engine.parts, engine.jobs(limit))
    if json:
        show_json([_as_json(job) for job in jobs])
        return
    table = columns("number", "when", "what", "state", "progress", "")
    for job in jobs:
        when = moment(job.created_at)
        said = str(job.result.get("error") or job.result.get("doing") or job.result.get("waiting") or "")
        table.add_row(str(job.id), when, job.kind, _state(job), _progress(job), printable(said))
    out.print(table if jobs else "there are no jobs")


@app.command("show")
def jobs_show(
    context: typer.Context,
    job_id: Number,
    watch: Annotated[bool, typer.Option("--watch", help="Stay until it has ended.")] = False,
    json: Json = False,
) -> None:
    """Show one job: its state, how far it is, and its result; exit code 1 when it was watched and did not succeed."""
    from personae.engine.jobs import told

    obj: Context = context.obj
    with obj.engine() as engine:
        (job,) = told(engine.parts, [_until_ended(engine, job_id, not json) if watch else engine.job(job_id)])
    _tell(job, json)
    if watch and job.state != "done":
        raise typer.Exit(1)


@app.command("cancel")
def jobs_cancel(context: typer.Context, job_id: Number, json: Json = False) -> None:
    """Stop a job: a queued one at once, a running one at its next step."""
    obj: Context = context.obj
    with obj.engine() as engine:
        job = engine.cancel_job(job_id)
    if json:
        show_json(_as_json(job))
    else:
        out.print(f"job {job.id}: {_state(job)}")


@app.command("run")
def jobs_run(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="End after one job.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Also wait for jobs of other runners, and take over those that died.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Stay, and run what comes.")] = False,
    json: Json = False,
) -> None:
    """Run the queued jobs here, one after another, then end; exit code 1 when one of them failed."""
    obj: Context = context.obj
    ended = []
    with obj.engine() as engine, watching(not json) as progress:
        for job in _work(engine, progress, wait, watch):
            ended.append(job)
            if not json:
                _tell(job, json)
            if once:
                break
        left = len(engine.unfinished_jobs())
    if json:
        show_json({"jobs": [_as_json(job) for job in ended], "left": left})
    elif not ended:
        out.print(f"nothing to run; {left:,} jobs are with another runner" if left else "nothing to run")
    if any(job.state == "failed" for job in ended):
        raise typer.Exit(1)


def queue_and_tell(engine: Engine, kind: str, payload: Mapping[str, object], json: bool) -> None:
    """Put work into the queue instead of doing it, and say how to follow it: what `--queue` does."""
    job = engine.queue(kind, payload)
    if json:
        show_json(_as_json(job))
    else:
        out.print(f"job {job.id} is queued: follow it with `personae jobs show {job.id} --watch`")
        if job.result.get("waiting"):
            note(str(job.result["waiting"]))


def _work(engine: Engine, progress: Progress, wait: bool, watch: bool) -> Iterator[Job]:
    """Yield the jobs run, for as long as was asked for."""
    yield from engine.work(progress)
    while watch or (wait and engine.unfinished_jobs()):
        time.sleep(LOOK_EVERY)
        yield from engine.work(progress)


def _until_ended(engine: Engine, job_id: int, shown: bool) -> Job:
    job = engine.job(job_id)
    with watching(shown) as progress:
        while job.state not in ENDED:
            progress.step(job.done, job.total, str(job.result.get("doing") or _state(job)))
            time.sleep(LOOK_EVERY)
            job = engine.job(job_id)
    return job


def _tell(job: Job, json: bool) -> None:
    if json:
        show_json(_as_json(job))
        return
    out.print(f"job {job.id}, {job.kind}: {_state(job)}{_progress(job, ', ')}")
    for name, value in job.result.items():
        if value not in (None, "", {}, []):
            for line in (
                members(name, value) if isinstance(value, list) else [f"{name.replace('_', ' ')}: {figure(value)}"]
            ):
                out.print(f"  {line}")
    if job.state == "running" and _abandoned(job):
        out.print("  `personae jobs run` takes it over")


def _state(job: Job) -> str:
    if job.state == "queued" and job.not_before is not None:
        return f"queued, tried again at {job.not_before.astimezone():%H:%M:%S}"
    if job.state != "running":
        return job.state
    if _abandoned(job):
        return "running, but its runner has died"
    return "running, asked to stop" if job.cancel else "running"


def _progress(job: Job, before: str = "") -> str:
    return f"{before}{job.done:,} of {job.total:,}" if job.total and job.state != "done" else ""


def _abandoned(job: Job) -> bool:
    from datetime import UTC, datetime

    from personae.engine.jobs import abandoned

    return abandoned(job, datetime.now(UTC))


def _as_json(job: Job) -> dict[str, object]:
    """Return a job without its token, which is its runner's alone."""
    result = {name: value for name, value in job.result.items() if name != "waiting"}
    return {
        "id": job.id, "kind": job.kind, "state": job.state, "done": job.done, "total": job.total,
        "doing": job.result.get("doing", "") if job.state == "running" else "", "attempts": job.attempts,
        "cancel": job.cancel, "abandoned": _abandoned(job), "created_at": job.created_at, "payload": job.payload,
        "failures": job.failures, "not_before": job.not_before if job.state == "queued" else None,
        "waiting": job.result.get("waiting", "") if job.state == "queued" else "",
        "result": {} if job.state == "running" else result,
    }  # fmt: skip
