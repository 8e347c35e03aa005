"""`personae faces train-matching` and `heads`: learn from what humans said, and say what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from personae.cli.context import Context, Json, columns, out, printable, show_json
from personae.cli.jobs import queue_and_tell
from personae.cli.progress import watching

if TYPE_CHECKING:
    from personae.core.guard import Change
    from personae.engine.train import HeadReport

Loss = Annotated[str | None, typer.Option(help="softmax or triplet.", show_default="softmax")]
Epochs = Annotated[int | None, typer.Option(help="How often every face is looked at.", show_default="the setting")]
Margin = Annotated[float | None, typer.Option(help="How far people are wanted apart.", show_default="the setting")]
BatchSize = Annotated[int | None, typer.Option(help="Faces in one step.", show_default="the setting")]
LearningRate = Annotated[float | None, typer.Option(help="Size of one step.", show_default="the setting")]


def train_matching(  # noqa: PLR0913 - each is an option
    context: typer.Context, *, loss: Loss = None, epochs: Epochs = None, margin: Margin = None,
    batch_size: BatchSize = None, learning_rate: LearningRate = None,
    seed: Annotated[int, typer.Option(help="The same one learns the same.")] = 0,
    queue: Annotated[bool, typer.Option("--queue", help="Put it into the queue of jobs.")] = False, json: Json = False,
) -> None:  # fmt: skip
    """Learn a head from confirmed and rejected faces, and judge it on people and photos that it has not seen."""
    from personae.engine.train import TrainOptions

    given = {"loss": loss, "epochs": epochs, "margin": margin, "batch_size": batch_size,
             "learning_rate": learning_rate, "seed": seed}  # fmt: skip
    obj: Context = context.obj
    with obj.engine() as engine:
        if queue:
            queue_and_tell(
                engine, "faces.train", {name: each for name, each in given.items() if each is not None}, json
            )
            return
        with watching(not json) as progress:
            report = engine.train(TrainOptions(loss, epochs, margin, batch_size, learning_rate, seed), progress)
    if json:
        show_json(report)
    else:
        say_learnt(report)


def heads(context: typer.Context, json: Json = False) -> None:
    """List the heads that were learnt, newest first: whether each may be used, and why."""
    obj: Context = context.obj
    with obj.engine() as engine:
        found = engine.heads()
    if json:
        show_json(found)
        return
    table = columns("head", "when", "base", "faces", "people", "the guard")
    for note in found:
        verdict = "damaged" if "error" in note else "accepts" if note.get("accepted") else "refuses"
        values = (note.get(name, "") for name in ("head", "created_at", "base", "faces", "people"))
        table.add_row(*(printable(str(value)) for value in values), verdict)
    out.print(table if found else "there are no heads")
    for note in found:
        reasons = note.get("reasons")
        for reason in reasons if isinstance(reasons, list) else [note.get("error", "")]:
            out.print(printable(f"{note['head']}: {reason}"))


def say_learnt(report: HeadReport) -> None:
    """Print what a training came to."""
    table = columns("judged by", "before", "after", "change", "searches")
    verdict = report.verdict
    table.add_row("FNIR, never-seen faces", *_figures(verdict.faces))
    table.add_row("FNIR, never-seen people", *_figures(verdict.people))
    table.add_row("strangers let in", *_figures(verdict.strangers))
    out.print(table)
    for reason in report.reasons:
        out.print(printable(reason))
    out.print(
        f"{report.head}, learnt from {report.faces:,} faces of {report.people:,} people: "
        f"{'accepted' if report.accepted else 'refused, and kept with this report'}"
    )


def _figures(change: Change) -> tuple[str, str, str, str]:
    return (
        f"{change.before:.4f}",
        f"{change.after:.4f}",
        f"{change.low:+.4f} to {change.high:+.4f}",
        f"{change.searches:,}",
    )
