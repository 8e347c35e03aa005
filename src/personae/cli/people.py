"""Verbs on people: people, show, name, merge, reject, hide, show-again, undo, history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from personae.cli.context import Context, Json, columns, counted, moment, out, place, printable, show_json
from personae.core.probability import in_100

if TYPE_CHECKING:
    from personae.types import Operation

ALIASES_SHOWN = 20

Who = Annotated[str, typer.Argument(help="A person by name or #number, or unknown_cluster_N (or just N).")]


def register(app: typer.Typer) -> None:
    """Add the verbs to the app."""
    for command in (people, show, name, merge, reject, hide, undo, history):
        app.command()(command)
    app.command("show-again")(show_again)


def people(context: typer.Context, json: Json = False) -> None:
    """List the people and the unknown groups."""
    obj: Context = context.obj
    with obj.engine() as engine:
        known, clusters = engine.people()
    if json:
        show_json({"people": known, "clusters": clusters})
        return
    table = columns("number", "who", "faces")
    for person in known:
        table.add_row(f"#{person.id}", printable(person.name), f"{person.face_count:,}")
    for cluster in clusters:
        table.add_row("", cluster.label, f"{cluster.face_count:,}")
    out.print(table if known or clusters else "nobody yet: personae organise FOLDER")


def show(context: typer.Context, who: Who, json: Json = False) -> None:
    """Show one person or unknown group, with every face and where it comes from."""
    obj: Context = context.obj
    with obj.engine() as engine:
        shown = engine.show(who)
    if json:
        show_json(shown)
        return
    out.print(f"{printable(shown.title)}: {counted(len(shown.faces), 'face')}")
    if shown.aliases:
        more = len(shown.aliases) - ALIASES_SHOWN
        listed = ", ".join(printable(alias) for alias in shown.aliases[:ALIASES_SHOWN])
        out.print(f"also: {listed}" + (f", and {more:,} more" if more > 0 else ""))
    table = columns("face", "quality", "tied by", "score", "in 100", "needed", "photo")
    for face in shown.faces:
        tied_by = f"{face.made_by} {printable(face.source)}: {face.reason}" if face.source else face.made_by
        score, needed = ("" if number is None else f"{number:.3f}" for number in (face.score, face.threshold))
        sure = "" if face.probability is None else str(in_100(face.probability))
        table.add_row(str(face.face_id), f"{face.quality:.2f}", tied_by, score, sure, needed, place(face.photo))
    out.print(table)


def name(
    context: typer.Context,
    who: Annotated[str, typer.Argument(help="unknown_cluster_N (or N), unknown_noise_FACEID, or a person to rename.")],
    new_name: Annotated[
        str, typer.Argument(metavar="NAME", help="The name; an existing person's adds to that person.")
    ],
    json: Json = False,
) -> None:
    """Give a name: an unknown group becomes a person, a person is renamed."""
    obj: Context = context.obj
    with obj.engine() as engine:
        tell(engine.name(who, new_name), json)


def merge(
    context: typer.Context,
    who: Annotated[str, typer.Argument(help="The person, unknown group or unknown face whose faces move.")],
    into: Annotated[str, typer.Argument(help="The person or unknown group that stays.")],
    json: Json = False,
) -> None:
    """Make two one: people, unknown groups, or an unknown group and the person that it is."""
    obj: Context = context.obj
    with obj.engine() as engine:
        tell(engine.merge(who, into), json)


def reject(
    context: typer.Context,
    face: Annotated[
        str, typer.Argument(help="The face's number, as `show` and the report give it, or unknown_cluster_N.")
    ],
    who: Annotated[str | None, typer.Argument(help="Who it is not.", show_default="whoever it is tied to")] = None,
    json: Json = False,
) -> None:
    """Say that a face, or no face of an unknown group, is this person; it is never proposed again."""
    from personae.engine.review import number_of

    obj: Context = context.obj
    with obj.engine() as engine:
        tell(engine.reject(number_of(face) if face.isdecimal() else face, who), json)


def hide(context: typer.Context, who: Who, json: Json = False) -> None:
    """Leave a person, or an unknown group, out where the pages list people; they are recognised as ever."""
    obj: Context = context.obj
    with obj.engine() as engine:
        tell(engine.hide(who), json)


def show_again(context: typer.Context, who: Who, json: Json = False) -> None:
    """Show a person, or an unknown group, that was hidden."""
    obj: Context = context.obj
    with obj.engine() as engine:
        tell(engine.show_again(who), json)


def undo(
    context: typer.Context,
    operation: Annotated[
        int | None, typer.Argument(help="Number of the operation.", show_default="the latest of a human")
    ] = None,
    json: Json = False,
) -> None:
    """Take a decision back; undoing an undo does it again."""
    obj: Context = context.obj
    with obj.engine() as engine:
        tell(engine.undo(operation), json)


def history(
    context: typer.Context,
    limit: Annotated[int, typer.Option(help="How many.", min=1)] = 20,
    json: Json = False,
) -> None:
    """List the latest decisions, with the numbers that undo takes."""
    obj: Context = context.obj
    with obj.engine() as engine:
        operations = engine.history(limit)
    if json:
        show_json(operations)
        return
    table = columns("number", "when", "by", "what", "")
    for operation in operations:
        when = moment(operation.created_at)
        undone = "undone" if operation.undone else ""
        table.add_row(str(operation.id), when, operation.maker.value, printable(operation.summary), undone)
    out.print(table if operations else "nothing has been decided yet")


def tell(operation: Operation, json: bool) -> None:
    """Print what was decided, and how to take it back."""
    if json:
        show_json(operation)
    else:
        out.print(f"{printable(operation.summary)} (undo with: personae undo {operation.id})")
