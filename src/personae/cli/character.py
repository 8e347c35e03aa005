"""Verbs on characters and their references: from add to history; those on likeness have their own file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from personae.cli import likeness
from personae.cli.context import Context, Json, columns, counted, moment, out, printable, show_json
from personae.cli.progress import watching

if TYPE_CHECKING:
    from personae.engine.facade import Engine
    from personae.references import Character, Reference
    from personae.types import Box

app = typer.Typer(help="Characters, and the references that anchor their likeness.", no_args_is_help=True)

Who = Annotated[str, typer.Argument(metavar="CHARACTER", help="A character by name or #number.")]
Wait = Annotated[bool, typer.Option("--wait", help="Run the extraction here instead of leaving it to a runner.")]
LOOK_EVERY = 0.2
"""Seconds between two looks at a reference that another runner has."""
UNDER_WAY = ("pending", "extracting")
MAIN = "(main)"
"""How the label of the main reference is shown."""


@app.command()
def add(
    context: typer.Context, name: Annotated[str, typer.Argument(help="What it is called.")], json: Json = False
) -> None:
    """Make a character."""
    obj: Context = context.obj
    with obj.engine() as engine:
        made = engine.add_character(name)
    if json:
        show_json(_as_json(made))
    else:
        out.print(f"{printable(made.name)} is character #{made.person_id}")


@app.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """List the characters, and how far their references are."""
    obj: Context = context.obj
    with obj.engine() as engine:
        characters = engine.characters()
    if json:
        show_json([_as_json(character) for character in characters])
        return
    table = columns("number", "who", "status", "references")
    for character in characters:
        main = character.main
        status = main.status.value if main else "no source image"
        table.add_row(f"#{character.person_id}", printable(character.name), status, f"{len(character.references):,}")
    out.print(table if characters else "nobody yet: personae character add NAME")


@app.command()
def show(context: typer.Context, who: Who, json: Json = False) -> None:
    """Show a character with each of its references, and what their images are worth."""
    obj: Context = context.obj
    with obj.engine() as engine:
        found = engine.reference_status(who)
    if json:
        show_json({"references": [_reference(each) for each in found.references], **_head(found)})
        return
    out.print(f"{printable(found.name)} (#{found.person_id}): {counted(len(found.references), 'reference')}")
    for reference in found.references:
        _say(reference)


@app.command()
def delete(context: typer.Context, who: Who, json: Json = False) -> None:
    """Remove a character with its references, detected faces, history and source images."""
    obj: Context = context.obj
    with obj.engine() as engine:
        operation = engine.delete_character(who)
    if json:
        show_json(operation)
    else:
        out.print(printable(operation.summary))


@app.command()
def reference(  # noqa: PLR0913 - each is an option
    context: typer.Context,
    who: Who,
    image: Annotated[Path | None, typer.Argument(help="The source image.", show_default="none")] = None,
    *,
    label: Annotated[str, typer.Option(help="Which angle or expression.", show_default="the main one")] = "",
    remove: Annotated[bool, typer.Option("--remove", help="Remove the reference of this label.")] = False,
    wait: Wait = False,
    json: Json = False,
) -> None:
    """Put a source image to a character, in place of the one of this label, and queue its extraction."""
    if remove == (image is not None):
        raise typer.BadParameter("give either an image or --remove")
    obj: Context = context.obj
    with obj.engine() as engine:
        if image is None:
            left = engine.remove_reference(who, label)
            _tell_removed(left, json)
            return
        made = engine.set_reference(who, _bytes(image), label)
        shown = _ended(engine, made.id, not json) if wait else made
    _tell(shown, json)


@app.command()
def status(context: typer.Context, who: Who, json: Json = False) -> None:
    """Show how far a character's main reference is: status, confidence, faces, warning."""
    obj: Context = context.obj
    with obj.engine() as engine:
        found = engine.reference_status(who)
    if json:
        show_json(_head(found))
        return
    out.print(f"{printable(found.name)}: {found.status or 'no source image'}")
    if found.det_score is not None:
        out.print(f"  confidence {found.det_score:.2f}, threshold {found.threshold:.2f}")
    for text in (found.warning, found.error, counted(found.face_count, "face") if found.status else ""):
        if text:
            out.print(f"  {printable(text)}")


@app.command()
def faces(context: typer.Context, who: Who, json: Json = False) -> None:
    """List the faces on a character's source images, with the numbers that select takes."""
    obj: Context = context.obj
    with obj.engine() as engine:
        found = engine.detected_faces(who)
    if json:
        show_json(
            [
                {
                    "id": face.id, "reference_id": face.reference_id, "bounding_box": face.box,
                    "confidence": face.det_score, "is_primary": face.is_primary,
                }
                for face in found
            ]
        )  # fmt: skip
        return
    table = columns("face", "reference", "confidence", "place", "")
    for face in found:
        primary = "primary" if face.is_primary else ""
        table.add_row(str(face.id), str(face.reference_id), f"{face.det_score:.2f}", _place(face.box), primary)
    out.print(table if found else "no faces")


@app.command()
def select(
    context: typer.Context,
    who: Who,
    face: Annotated[int, typer.Argument(help="Number of a detected face.")],
    json: Json = False,
) -> None:
    """Choose the face that anchors a reference."""
    obj: Context = context.obj
    with obj.engine() as engine:
        chosen = engine.select_face(who, face)
    _tell(chosen, json)


@app.command()
def extract(
    context: typer.Context,
    who: Who,
    label: Annotated[str | None, typer.Option(help="Which reference.", show_default="the main one")] = None,
    wait: Wait = False,
    json: Json = False,
) -> None:
    """Look for the faces of a source image again."""
    obj: Context = context.obj
    with obj.engine() as engine:
        job_id = engine.extract_character(who, label)
        if wait:
            _tell(_ended(engine, int(str(engine.job(job_id).payload["reference_id"])), not json), json)
        elif json:
            show_json({"job_id": job_id, "status": "pending"})
        else:
            out.print(f"job {job_id} is queued: follow it with `personae jobs show {job_id} --watch`")


@app.command()
def history(context: typer.Context, who: Who, json: Json = False) -> None:
    """List what anchored a character before."""
    obj: Context = context.obj
    with obj.engine() as engine:
        entries = engine.reference_history(who)
    if json:
        show_json(
            [
                {
                    "reference_id": entry.reference_id, "label": entry.label, "image": entry.digest,
                    "model_ids": entry.model_ids, "confidence": entry.det_score, "bounding_box": entry.box,
                    "version": entry.version, "replaced_at": entry.replaced_at,
                }
                for entry in entries
            ]
        )  # fmt: skip
        return
    table = columns("replaced", "reference", "confidence", "place", "version")
    for entry in entries:
        when = moment(entry.replaced_at)
        label = printable(entry.label) or MAIN
        table.add_row(when, label, f"{entry.det_score:.2f}", _place(entry.box), str(entry.version))
    out.print(table if entries else "nothing was replaced yet")


def _bytes(image: Path) -> bytes:
    from personae.errors import InputError

    try:
        return image.expanduser().read_bytes()
    except OSError as error:
        raise InputError(f"{printable(str(image))}: {error.strerror}") from error


def _ended(engine: Engine, reference_id: int, shown: bool) -> Reference:
    """Run queued jobs until the extraction has ended, here or with a runner that was quicker."""
    with watching(shown) as progress:
        while True:
            found = engine.reference(reference_id)
            if found.status.value not in UNDER_WAY or found.error:
                return found
            if next(engine.work(progress), None) is None:
                time.sleep(LOOK_EVERY)


def _tell(shown: Reference, json: bool) -> None:
    if json:
        show_json(_reference(shown))
    else:
        _say(shown)


def _tell_removed(left: Character, json: bool) -> None:
    if json:
        show_json(_as_json(left))
    else:
        out.print(f"{printable(left.name)} has {counted(len(left.references), 'reference')} left")


def _say(reference: Reference) -> None:
    confidence = "" if reference.det_score is None else f", confidence {reference.det_score:.2f}"
    label = printable(reference.label) or MAIN
    faces = counted(reference.face_count, "face")
    out.print(f"reference {reference.id} {label}: {reference.status.value}, {faces}{confidence}")
    for text in (reference.warning, reference.error):
        if text:
            out.print(f"  {printable(text)}")
    if reference.quality and reference.quality.reasons:
        reasons = ", ".join(reason.replace("_", " ") for reason in reference.quality.reasons)
        out.print(f"  image: {'usable' if reference.quality.ok else 'not good enough'}: {printable(reasons)}")


def _place(box: Box) -> str:
    return f"{box.x:.0f},{box.y:.0f} ({box.width:.0f} x {box.height:.0f})"


def _head(found: Any) -> dict[str, object]:
    """Return the status of a character as JSON."""
    return {
        "id": found.person_id, "name": found.name, "status": found.status, "confidence": found.det_score,
        "face_count": found.face_count, "warning": found.warning, "error": found.error, "threshold": found.threshold,
        "version": found.version,
    }  # fmt: skip


def _as_json(character: Character) -> dict[str, object]:
    references = [_reference(each) for each in character.references]
    return {
        "id": character.person_id, "name": character.name, "version": character.version, "references": references,
    }  # fmt: skip


def _reference(reference: Reference) -> dict[str, object]:
    quality = reference.quality
    return {
        "id": reference.id, "character_id": reference.person_id, "label": reference.label, "image": reference.digest,
        "status": reference.status, "confidence": reference.det_score, "bounding_box": reference.box,
        "face_count": reference.face_count, "extracted_at": reference.extracted_at, "error": reference.error,
        "warning": reference.warning, "generation": reference.generation,
        "quality": quality and {"ok": quality.ok, "reasons": quality.reasons, "measures": dict(quality.measures)},
    }  # fmt: skip


likeness.add_to(app)
