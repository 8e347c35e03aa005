"""Verbs on a collection: organise, ingest, report, stats."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from personae.cli.context import Context, Json, columns, err, note, out, printable, show_json

if TYPE_CHECKING:
    from personae.engine.cluster import GroupSummary
    from personae.engine.ingest import IngestSummary
    from personae.engine.ingest import Progress as IngestProgress
    from personae.types import Cluster, Person

Paths = Annotated[list[Path], typer.Argument(help="Folders, files or globs.", metavar="PATH...")]
Profile = Annotated[str | None, typer.Option(help="Quality gates: album or enrich.", show_default="album")]
Workers = Annotated[int | None, typer.Option(help="Inference threads.", min=1, show_default="all cores")]


def register(app: typer.Typer) -> None:
    """Add the verbs to the app."""
    for command in (organise, ingest, report, stats):
        app.command()(command)


def organise(context: typer.Context, paths: Paths, profile: Profile = None, workers: Workers = None,
             json: Json = False) -> None:  # fmt: skip
    """Take pictures in, group the faces, and write the report: the main job."""
    obj: Context = context.obj
    with obj.engine(profile=profile, workers=workers) as engine, _progress(not json) as show:
        done = engine.organise(paths, show)
        people, clusters = engine.people()
    if json:
        show_json({"ingest": done.ingest, "grouping": done.grouping, "report": done.report,
                   "people": people, "clusters": clusters})  # fmt: skip
        return
    _say_ingest(done.ingest)
    _say_people(people, clusters, done.grouping)
    out.print(f"\nReport: {done.report}")


def ingest(context: typer.Context, paths: Paths, profile: Profile = None, workers: Workers = None,
           json: Json = False) -> None:  # fmt: skip
    """Take pictures in: find, detect, judge, embed and store; what is known is skipped."""
    obj: Context = context.obj
    with obj.engine(profile=profile, workers=workers) as engine, _progress(not json) as show:
        taken = engine.ingest(paths, show)
    if json:
        show_json(taken)
    else:
        _say_ingest(taken)


def report(
    context: typer.Context,
    to: Annotated[Path | None, typer.Option(help="File to write.", show_default="report.html in the home")] = None,
    json: Json = False,
) -> None:
    """Write the report: one HTML page that needs nothing else."""
    obj: Context = context.obj
    with obj.engine() as engine:
        page = engine.report(to)
    if json:
        show_json({"report": page})
    else:
        out.print(f"Report: {page}")


def stats(context: typer.Context, json: Json = False) -> None:
    """Show the collection in numbers, and what each quality gate did."""
    obj: Context = context.obj
    with obj.engine() as engine:
        numbers = engine.stats()
    if json:
        show_json(numbers)
        return
    table = columns("what", "count")
    for what, count in (
        ("photos", numbers.images), ("files", numbers.files), ("faces", numbers.faces),
        ("  good enough to found a group", numbers.founding), ("  kept, matched only", numbers.supporting),
        ("  refused", numbers.refused_faces), ("people", numbers.people), ("  their faces", numbers.named_faces),
        ("unknown groups", numbers.clusters), ("  their faces", numbers.clustered_faces),
        ("faces in no group", numbers.single_faces),
        *((f"embeddings {model_id}", count) for model_id, count in numbers.embeddings.items()),
        *((f"refused files: {reason}", count) for reason, count in numbers.refused_files.items()),
    ):  # fmt: skip
        table.add_row(what, f"{count:,}")
    out.print(table)
    gates = columns("gate", "value", "what it does", "faces", title=f"gates of profile {numbers.profile}")
    for gate in numbers.gates:
        gates.add_row(gate.gate, gate.value, gate.effect, f"{gate.count:,}")
    out.print(gates)
    if numbers.gate_sets > 1:
        out.print(
            f"Photos were judged by {numbers.gate_sets} sets of gates; these are the latest, the counts are of all."
        )


@contextmanager
def _progress(wanted: bool) -> Iterator[Callable[[IngestProgress], None]]:
    """Show a bar on a terminal; elsewhere a line now and then."""
    if not wanted:
        yield lambda _: None
        return
    if not err.is_terminal:
        yield _Lines()
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("looking for pictures", total=None)

        def show(progress: IngestProgress) -> None:
            total = progress.total if progress.walked else None
            bar.update(task, total=total, completed=progress.done, description=f"{progress.faces:,} faces in")

        yield show


class _Lines:
    """Progress for a log: one line per tenth of the album."""

    def __init__(self) -> None:
        self._tenths = -1

    def __call__(self, progress: IngestProgress) -> None:
        tenths = 10 * progress.done // max(1, progress.total)
        if progress.walked and tenths > self._tenths:
            self._tenths = tenths
            note(f"  {progress.done:,} of {progress.total:,} files, {progress.faces:,} faces")


def _say_ingest(taken: IngestSummary) -> None:
    out.print(
        f"{taken.files:,} files: {taken.images:,} new photos, {taken.known:,} known, {taken.ignored:,} not pictures. "
        f"{taken.faces:,} new faces, {taken.refused_faces:,} refused."
    )
    for reason, count in sorted(taken.refused_files.items()):
        out.print(f"  {count:,} refused: {reason.replace('_', ' ')}")


def _say_people(people: list[Person], clusters: list[Cluster], grouped: GroupSummary) -> None:
    out.print(
        f"{len(people):,} people known, {len(clusters):,} unknown groups; {grouped.assigned_to_people:,} faces "
        f"recognised, {grouped.single:,} in no group."
    )
    table = columns("who", "faces")
    for row in people:
        table.add_row(printable(row.name), f"{row.face_count:,}")
    for cluster in clusters[:20]:
        table.add_row(cluster.label, f"{cluster.face_count:,}")
    if len(clusters) > 20:
        table.add_row(f"and {len(clusters) - 20:,} more groups", "")
    out.print(table)
    if clusters and not people:
        out.print(f'Whom you know, give a name: personae name {clusters[0].label} "Ann"')
