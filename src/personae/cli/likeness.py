"""Verbs on the likeness of characters: likeness, checks, duplicates, continuity."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from personae.cli.context import Context, Json, columns, counted, moment, out, printable, show_json
from personae.cli.progress import watching

if TYPE_CHECKING:
    from personae.core.continuity import Continuity
    from personae.references import LikenessCheck

DROPS_SHOWN = 20

Who = Annotated[str, typer.Argument(metavar="CHARACTER", help="A character by name or #number.")]


def add_to(app: typer.Typer) -> None:
    """Add the verbs to the app of `personae character`."""
    for command in (likeness, checks, duplicates, continuity):
        app.command()(command)


def likeness(
    context: typer.Context,
    character: Who,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Image files.")],
    json: Json = False,
) -> None:
    """Hold images against a character's reference, and keep what came of each."""
    obj: Context = context.obj
    with obj.engine() as engine, watching(not json and len(images) > 1) as progress:
        made = engine.check_likeness(character, images, progress)
    if json:
        show_json([{"file": image, **asdict(check)} for image, check in zip(images, made, strict=True)])
        return
    table = columns("image", "likeness", "score", "face at", "why")
    for image, check in zip(images, made, strict=True):
        table.add_row(printable(str(image)), *_row(check))
    out.print(table)
    passed = sum(check.passed for check in made)
    out.print(f"{passed:,} of {counted(len(made), 'image')} passed, from {made[0].threshold:.3f}, {made[0].model_id}")


def checks(
    context: typer.Context,
    character: Who,
    limit: Annotated[int, typer.Option(help="How many.", min=1)] = 50,
    before: Annotated[int | None, typer.Option(help="Only those with a lower number.")] = None,
    json: Json = False,
) -> None:
    """List the images that were held against a character; stale are those whose reference has changed since."""
    obj: Context = context.obj
    with obj.engine() as engine:
        made = engine.likeness_checks(character, limit, before)
    if json:
        show_json(made)
        return
    table = columns("number", "when", "image", "likeness", "score", "face at", "why", "")
    for check in made:
        when = moment(check.made_at)
        table.add_row(str(check.id), when, check.digest[:12], *_row(check), "stale" if check.stale else "")
    out.print(table if made else "nothing has been checked yet")


def duplicates(
    context: typer.Context,
    threshold: Annotated[
        float | None, typer.Option(help="Score from which a pair is listed.", show_default="that of `likeness`")
    ] = None,
    limit: Annotated[int, typer.Option(help="How many pairs.", min=1)] = 100,
    json: Json = False,
) -> None:
    """List the pairs of characters that look like one another, best first."""
    obj: Context = context.obj
    with obj.engine() as engine:
        found = engine.duplicate_characters(threshold, limit)
    if json:
        show_json(found)
        return
    table = columns("score", "number", "character", "number", "character")
    for pair in found.pairs:
        table.add_row(
            f"{pair.score:.3f}", f"#{pair.first_id}", printable(pair.first), f"#{pair.second_id}",
            printable(pair.second),
        )  # fmt: skip
    compared = counted(found.characters, "character")
    out.print(f"{compared} compared, {counted(len(found.pairs), 'pair')} from {found.threshold:.3f}, {found.model_id}")
    if found.pairs:
        out.print(table)


def continuity(
    context: typer.Context,
    character: Who,
    frames: Annotated[
        list[Path],
        typer.Argument(metavar="FRAMES...", help="Image files in their order, a folder of them, or a video."),
    ],
    every: Annotated[int, typer.Option(help="Look at one of so many frames.", min=1)] = 1,
    to: Annotated[Path | None, typer.Option(help="Draw it to a .png, .svg or .html file.")] = None,
    json: Json = False,
) -> None:
    """Hold a sequence of frames, or a video, against a character, and mark where the likeness drops."""
    obj: Context = context.obj
    with obj.engine() as engine, watching(not json) as progress:
        found = engine.continuity(character, frames, every, to, progress)
    if json:
        show_json(found)
        return
    _say_continuity(found)
    if to:
        out.print(f"Drawn: {to}")


def _row(check: LikenessCheck) -> tuple[str, str, str, str]:
    """Return the verdict, the score, the face and the reasons of a check."""
    score = "" if check.score is None else f"{check.score:.3f}"
    box = check.box
    face = "" if box is None else f"{box.x:.0f},{box.y:.0f} ({box.width:.0f} x {box.height:.0f})"
    reasons = ", ".join(reason.replace("_", " ") for reason in check.reasons)
    return "passed" if check.passed else "failed", score, face, reasons


def _say_continuity(found: Continuity) -> None:
    out.print(
        f"{counted(len(found.frames), 'frame')} looked at, {found.scored:,} with a face that could be compared; "
        f"threshold {found.threshold:.3f}, {found.model_id}"
    )
    if found.median is not None and found.floor is not None:
        out.print(f"median {found.median:.3f}, usual down to {found.floor:.3f}")
    table = columns("frames", "seconds", "lowest", "at frame", "why")
    for spell in found.drops[:DROPS_SHOWN]:
        frames = str(spell.first) if spell.first == spell.last else f"{spell.first} to {spell.last}"
        seconds = "" if spell.seconds is None else f"{spell.seconds:.2f}"
        why = spell.drop.replace("_", " ")
        table.add_row(frames, seconds, f"{spell.lowest:.3f}", str(spell.lowest_frame), why)
    out.print(table if found.drops else "no drops")
    if len(found.drops) > DROPS_SHOWN:
        out.print(f"and {len(found.drops) - DROPS_SHOWN:,} more; --json lists all")
