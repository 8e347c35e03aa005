"""Verbs on one or two pictures: who, verify, extract."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from personae.cli.context import Context, Json, columns, out, printable, show_json
from personae.core.probability import in_100
from personae.errors import PersonaeError

if TYPE_CHECKING:
    from personae.engine.identify import Sighting

Photo = Annotated[Path, typer.Argument(metavar="PHOTO", help="An image file.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to the app."""
    for command in (who, verify, extract):
        app.command()(command)


def who(context: typer.Context, photo: Photo, json: Json = False) -> None:
    """Say who is in a photo: the candidates, with the receipt of each decision."""
    obj: Context = context.obj
    with obj.engine() as engine:
        sightings = engine.who(photo)
    if json:
        show_json({"faces": sightings, "count": len(sightings)})
        return
    if not sightings:
        out.print("no face that can be compared")
    for number, sighting in enumerate(sightings, 1):
        _say_sighting(number, sighting)


def verify(
    context: typer.Context,
    first: Annotated[Path, typer.Argument(metavar="A", help="An image file.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another.")],
    json: Json = False,
) -> None:
    """Say whether two photos show the same person."""
    obj: Context = context.obj
    with obj.engine() as engine:
        comparison = engine.verify(first, second)
    if json:
        show_json(comparison)
        return
    answer = "the same person" if comparison.same else "different people"
    same = "" if comparison.probability is None else f", one person {in_100(comparison.probability)} times in 100"
    out.print(
        f"{answer}: score {comparison.score:.3f}{same}, threshold {comparison.threshold:.3f}, {comparison.model_id}"
    )
    for model_id, score in comparison.scores.items():
        out.print(f"  {model_id} {score:.3f}")


def extract(
    context: typer.Context,
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="An image file.")],
    model: Annotated[str | None, typer.Option(help="Embedder.", show_default="the first enabled")] = None,
) -> None:
    """Print the faces of an image as JSON: {faces: [{bounding_box, confidence, embedding}], count}, or {error}."""
    obj: Context = context.obj
    try:
        with obj.engine() as engine:
            show_json(engine.extract(image, model))
    except PersonaeError as error:
        show_json({"error": str(error)})
        raise typer.Exit(error.exit_code) from error


def _say_sighting(number: int, sighting: Sighting) -> None:
    box = sighting.box
    out.print(
        f"face {number} at {box.x:.0f},{box.y:.0f} ({box.width:.0f} x {box.height:.0f}): "
        f"{sighting.outcome.value} {printable(sighting.who or '')}".rstrip(),
    )
    if sighting.reasons:
        out.print("  " + ", ".join(reason.replace("_", " ") for reason in sighting.reasons))
    table = columns("candidate", "score", "faces")
    for candidate in sighting.candidates:
        table.add_row(printable(candidate.label), f"{candidate.score:.3f}", str(candidate.support))
    if sighting.candidates:
        margin = "" if sighting.margin is None else f", {sighting.margin:.3f} ahead of the runner-up"
        out.print(
            f"  match from {sighting.match_threshold:.3f}, review from {sighting.review_threshold:.3f}{margin}, "
            f"model {sighting.model_id}",
        )
        if sighting.probability is not None:
            out.print(f"  such a score is right {in_100(sighting.probability)} times in 100")
        out.print(table)
