"""Verbs on faces: backfill, stats, map, grouping, split, confirm, reject, merge; others have own files."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from personae.cli.context import Context, Json, columns, counted, figure, members, out, place, printable, show_json
from personae.cli.jobs import queue_and_tell
from personae.cli.people import Who, merge, tell
from personae.cli.progress import watching
from personae.cli.review import review
from personae.cli.train import heads, say_learnt, train_matching

if TYPE_CHECKING:
    from personae.engine.backfill import BackfillSummary
    from personae.engine.cluster import GroupSummary
    from personae.engine.facade import Engine
    from personae.engine.map import MapSummary
    from personae.engine.methods import GroupOptions
    from personae.engine.progress import Progress
    from personae.engine.splitting import SplitProposal

app = typer.Typer(help="Recognise people, group unknown faces, and put right what came out.", no_args_is_help=True)

Queue = Annotated[bool, typer.Option("--queue", help="Put it into the queue of jobs instead of doing it now.")]
Threshold = Annotated[
    float | None, typer.Option(help="Score from which a face is tied to a person.", show_default="the setting")
]
Method = Annotated[
    str | None,
    typer.Option(help="auto, linkage, whispers, hdbscan, dbscan, agglomerative.", show_default="the setting"),
]
MinSize = Annotated[int | None, typer.Option(help="Faces of the smallest unknown group.", show_default="the setting")]
Eps = Annotated[
    float | None, typer.Option(help="Cosine distance, for dbscan and agglomerative.", show_default="the setting")
]
MaxFaces = Annotated[int | None, typer.Option(help="Unlabelled faces to look at.", show_default="all")]


@app.command()
def backfill(
    context: typer.Context,
    limit: Annotated[int | None, typer.Option(help="Embeddings to make at most.", show_default="all")] = None,
    queue: Queue = False,
    json: Json = False,
) -> None:
    """Make the embeddings that faces lack under an enabled model."""
    obj: Context = context.obj
    with obj.engine() as engine:
        if queue:
            queue_and_tell(engine, "faces.backfill", {} if limit is None else {"limit": limit}, json)
            return
        with watching(not json) as progress:
            summary = engine.backfill(limit, progress)
    _tell(summary, json)


@app.command()
def stats(context: typer.Context, json: Json = False) -> None:
    """Show the faces in numbers: of known people, in unknown groups, in no group."""
    obj: Context = context.obj
    with obj.engine() as engine:
        numbers = engine.stats()
    counts: dict[str, object] = {
        "faces": numbers.faces, "founding": numbers.founding, "supporting": numbers.supporting,
        "refused_faces": numbers.refused_faces, "people": numbers.people, "named_faces": numbers.named_faces,
        "unknown_clusters": numbers.clusters, "clustered_faces": numbers.clustered_faces,
        "single_faces": numbers.single_faces,
    }  # fmt: skip
    if json:
        show_json({**counts, "embeddings": numbers.embeddings})
    else:
        _say({**counts, **{f"embeddings {model_id}": count for model_id, count in numbers.embeddings.items()}})


@app.command()
def cluster(  # noqa: PLR0913 - each is an option
    context: typer.Context, *, unknown_method: Method = None, unknown_min_size: MinSize = None,
    unknown_eps: Eps = None, max_faces: MaxFaces = None, queue: Queue = False, json: Json = False,
) -> None:  # fmt: skip
    """Group the faces of unknown people."""
    given = {"unknown_method": unknown_method, "unknown_min_size": unknown_min_size, "unknown_eps": unknown_eps,
             "max_faces": max_faces}  # fmt: skip
    _group(context, lambda engine: engine.cluster, given, queue, json)


@app.command()
def assign(
    context: typer.Context, person_threshold: Threshold = None, max_faces: MaxFaces = None, queue: Queue = False,
    json: Json = False,
) -> None:  # fmt: skip
    """Tie unlabelled faces to the people whom they match."""
    given = {"person_threshold": person_threshold, "max_faces": max_faces}
    _group(context, lambda engine: engine.assign, given, queue, json)


@app.command("cluster-dual")
def cluster_dual(  # noqa: PLR0913 - each is an option
    context: typer.Context, *, person_threshold: Threshold = None, unknown_method: Method = None,
    unknown_min_size: MinSize = None, unknown_eps: Eps = None, max_faces: MaxFaces = None, queue: Queue = False,
    json: Json = False,
) -> None:  # fmt: skip
    """Tie faces to the people whom they match, then group the rest."""
    given = {"person_threshold": person_threshold, "unknown_method": unknown_method,
             "unknown_min_size": unknown_min_size, "unknown_eps": unknown_eps, "max_faces": max_faces}  # fmt: skip
    _group(context, lambda engine: engine.cluster_dual, given, queue, json)


@app.command()
def reassign(
    context: typer.Context, person_threshold: Threshold = None,
    smart: Annotated[bool | None, typer.Option(
        "--smart/--no-smart", help="Learn from new labels first.", show_default="as training_enabled says"
    )] = None,
    queue: Queue = False, json: Json = False,
) -> None:  # fmt: skip
    """Judge again whom the machine has tied to people: some faces come, some go; what humans said stays."""
    obj: Context = context.obj
    given = {"person_threshold": person_threshold}
    if obj.settings().training_enabled if smart is None else smart:
        _reassign_smart(obj, given, queue, json)
    else:
        _group(context, lambda engine: engine.reassign, given, queue, json)


app.command("train-matching")(train_matching)
app.command("heads")(heads)
app.command("review")(review)


@app.command()
def split(
    context: typer.Context,
    who: Who,
    faces: Annotated[
        list[int] | None, typer.Argument(metavar="FACE", help="Faces to take out.", show_default="propose some")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Who they are.", show_default="nobody known")] = None,
    json: Json = False,
) -> None:
    """Take faces out of an unknown group or a person; without faces, propose which."""
    obj: Context = context.obj
    with obj.engine() as engine:
        if not faces:
            _say_proposal(engine.propose_split(who), who, json)
            return
        done = engine.split(who, faces, name)
    if json:
        show_json(done)
    else:
        out.print(f"{printable(done.operation.summary)} (undo with: personae undo {done.operation.id})")


Faces = Annotated[list[int], typer.Argument(metavar="FACE", help="Faces that are tied to WHO.")]


@app.command()
def confirm(
    context: typer.Context,
    who: Annotated[str, typer.Argument(help="A person by name or #number.")],
    faces: Faces,
    json: Json = False,
) -> None:
    """Say that these faces are the person whom they are tied to; no machine takes them away again."""
    obj: Context = context.obj
    with obj.engine() as engine:
        tell(engine.confirm_faces(who, faces), json)


@app.command()
def reject(
    context: typer.Context,
    who: Annotated[str, typer.Argument(help="A person by name or #number.")],
    faces: Faces,
    json: Json = False,
) -> None:
    """Say that these faces are not the person whom they are tied to; they are never proposed as that person again."""
    obj: Context = context.obj
    with obj.engine() as engine:
        tell(engine.reject_faces(who, faces), json)


app.command("merge")(merge)


@app.command("map")
def draw_map(
    context: typer.Context,
    forget: Annotated[bool, typer.Option("--forget", help="Remove the map instead.")] = False,
    queue: Queue = False,
    json: Json = False,
) -> None:
    """Lay out all faces in two dimensions, those that are alike beside one another, for the page that shows them."""
    obj: Context = context.obj
    with obj.engine() as engine:
        if forget:
            engine.forget_map()
            show_json({"faces": 0}) if json else out.print("there is no map any more")
            return
        if queue:
            queue_and_tell(engine, "map", {}, json)
            return
        with watching(not json) as progress:
            summary = engine.draw_map(progress)
    _tell(summary, json)


def _group(
    context: typer.Context,
    verb: Callable[[Engine], Callable[[GroupOptions, Progress], GroupSummary]],
    given: dict[str, Any],
    queue: bool,
    json: bool,
) -> None:
    """Run one of the engine's verbs that group, now or as the job of its name, and say what it did."""
    from personae.engine.methods import GroupOptions

    options = {option: value for option, value in given.items() if value is not None}
    obj: Context = context.obj
    with obj.engine() as engine:
        run = verb(engine)
        if queue:
            queue_and_tell(engine, f"faces.{run.__name__}", options, json)
            return
        with watching(not json) as progress:
            summary = run(GroupOptions(**options), progress)
    _tell(summary, json)


def _reassign_smart(obj: Context, given: dict[str, Any], queue: bool, json: bool) -> None:
    """Learn, then judge again, and say what came of both."""
    from personae.engine.methods import GroupOptions

    options = {option: value for option, value in given.items() if value is not None}
    with obj.engine() as engine:
        if queue:
            queue_and_tell(engine, "faces.reassign_smart", options, json)
            return
        with watching(not json) as progress:
            done = engine.reassign_smart(GroupOptions(**options), progress)
    if json:
        show_json(done)
        return
    if done.head:
        say_learnt(done.head)
    else:
        out.print(printable(f"nothing was learnt: {done.why}"))
    if done.switched:
        out.print(f"faces are recognised by {done.switched} from now on (undo with: personae models rollback)")
    _tell(done.grouping, json)


def _tell(summary: GroupSummary | BackfillSummary | MapSummary, json: bool) -> None:
    if json:
        show_json(summary)
    else:
        _say(asdict(summary))


def _say(values: dict[str, object]) -> None:
    """Print a summary: a row for each value, of a list the number of its members, which follow below."""
    table = columns("what", "")
    for name, value in values.items():
        if value is not None:
            table.add_row(name.replace("_", " "), figure(value))
    out.print(table)
    for name, value in values.items():
        for line in members(name, value):
            out.print(line)


def _say_proposal(proposal: SplitProposal, who: str, json: bool) -> None:
    if json:
        show_json(proposal)
        return
    out.print(
        f"{printable(proposal.who)}: faces of the two halves are {proposal.across:.3f} alike, faces of one half "
        f"{proposal.within:.3f}; groups {proposal.cluster_threshold:.3f} alike are taken for one person. "
        f"This {'looks like one person' if proposal.across >= proposal.cluster_threshold else 'may be two people'}."
    )
    for title, faces in (("take out", proposal.take_out), ("leave", proposal.leave)):
        table = columns("face", "photo", title=f"{title}: {counted(len(faces), 'face')}")
        for face in faces:
            table.add_row(str(face.face_id), place(face.photo))
        out.print(table)
    numbers = " ".join(str(face.face_id) for face in proposal.take_out)
    out.print(f"If these are two people: personae faces split {printable(shlex.quote(who))} {numbers}")
