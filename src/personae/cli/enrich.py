"""Verbs on sources of people: enrich, and what it has brought."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from personae.cli.context import Context, Json, columns, note, out, printable, show_json
from personae.cli.progress import watching
from personae.errors import BackendError

if TYPE_CHECKING:
    from personae.engine.enrich import EnrichSummary
    from personae.engine.enrich_look import SourceStatus, WaitingFace

LISTED = 100

app = typer.Typer(
    help="Bring people and their faces from sources, each trusted as it deserves.", invoke_without_command=True
)


@app.callback()
def enrich(  # noqa: PLR0913 - each is an option
    context: typer.Context,
    *,
    sources: Annotated[
        str | None, typer.Option(help="Names from sources.yaml, with commas.", show_default="all that are enabled")
    ] = None,
    enable_faces: Annotated[
        bool, typer.Option("--enable-faces", help="Fetch photos too, and keep the faces that are accepted.")
    ] = False,
    save_interval: Annotated[int, typer.Option(help="Faces after which the indexes are saved.", min=1)] = 1000,
    max_faces_total: Annotated[int, typer.Option(help="Faces of a person up to which sources may add.", min=1)] = 20,
    source_max_faces: Annotated[
        int | None, typer.Option(help="Faces a person that a source may bring.", min=1, show_default="sources.yaml")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do everything but write.")] = False,
    json: Json = False,
) -> None:
    """Bring people from sources, with their faces if wanted; a run that was cut short is continued."""
    if context.invoked_subcommand is not None:
        return
    from personae.engine.enrich import EnrichOptions

    names = tuple(name.strip() for name in (sources or "").split(",") if name.strip())
    options = EnrichOptions(names, enable_faces, save_interval, max_faces_total, source_max_faces, dry_run)
    obj: Context = context.obj
    with obj.engine() as engine, watching(not json) as progress:
        summary = engine.enrich(options, progress)
    if json:
        show_json(summary)
    else:
        _say(summary)
    if summary.sources and all(row.failure for row in summary.sources):
        raise typer.Exit(BackendError.exit_code)


@app.command()
def status(context: typer.Context, json: Json = False) -> None:
    """Show what each source has brought, and where the next run continues."""
    obj: Context = context.obj
    with obj.engine() as engine:
        rows = engine.enrich_status()
    if json:
        show_json(rows)
        return
    table = columns("source", "people", "accepted", "quarantined", "held", "refused", "errors", "next run")
    for row in rows:
        table.add_row(
            printable(row.source), f"{row.people:,}", f"{row.accepted:,}", f"{row.quarantined:,}", f"{row.held:,}",
            _reasons(row.refused), _reasons(row.errors), _next(row),
        )  # fmt: skip
    out.print(table if rows else "no source is known")


@app.command()
def sources(context: typer.Context, json: Json = False) -> None:
    """List the sources of sources.yaml; their keys are not shown."""
    obj: Context = context.obj
    with obj.engine() as engine:
        specs = engine.sources()
    if json:
        show_json([
            {"name": spec.name, "type": spec.type, "enabled": spec.enabled, "trust_level": spec.trust,
             "max_faces": spec.max_faces, "rate_limit": spec.rate_limit, "purpose": spec.purpose,
             "legal_basis": spec.legal_basis, "line": spec.line}
            for spec in specs
        ])  # fmt: skip
        return
    table = columns("source", "type", "enabled", "trust", "faces a person", "purpose", "legal basis")
    for spec in specs:
        table.add_row(
            printable(spec.name), spec.type, "yes" if spec.enabled else "no", spec.trust.value, str(spec.max_faces),
            printable(spec.purpose), printable(spec.legal_basis),
        )  # fmt: skip
    out.print(table if specs else "sources.yaml lists no source, or is not there")


@app.command()
def quarantine(
    context: typer.Context,
    limit: Annotated[int, typer.Option(help="How many.", min=1)] = LISTED,
    json: Json = False,
) -> None:
    """List the faces that wait for somebody to vouch for them, and those held as nearer to another person."""
    obj: Context = context.obj
    with obj.engine() as engine:
        faces = engine.quarantine(limit)
    if json:
        show_json(faces)
        return
    table = columns("face", "source", "said to be", "score", "needed", "nearer to", "score", "photo")
    for face in faces:
        table.add_row(*_cells(face))
    out.print(table if faces else "nobody waits")


@app.command()
def revoke(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="Name of the source.", metavar="SOURCE")],
    json: Json = False,
) -> None:
    """Take back everything that a source has brought; it can be undone."""
    obj: Context = context.obj
    with obj.engine() as engine:
        operation = engine.revoke_source(source)
    if json:
        show_json(operation)
    else:
        out.print(f"{printable(operation.summary)} (undo with: personae undo {operation.id})")


def _say(summary: EnrichSummary) -> None:
    table = columns(
        "source", "trust", "people", "photos", "skipped", "faces", "accepted", "waiting", "refused", "errors"
    )
    for row in summary.sources:
        table.add_row(
            printable(row.source), row.trust, f"{row.people:,}", f"{row.images_processed:,}",
            f"{row.images_skipped:,}", f"{row.faces_brought:,}", f"{row.faces_added:,}",
            f"{row.quarantined + row.held:,}", _reasons(row.refused), _reasons(row.errors),
        )  # fmt: skip
        if row.failure:
            note(f"  {printable(row.source)} was given up: {printable(row.failure)}")
        if row.left_out:
            note(f"  {printable(row.source)} left out: {_reasons(row.left_out)}")
        for example in row.examples:
            note(f"    {printable(example)}")
    out.print(table)
    if summary.dry_run:
        out.print("Nothing was written.")


def _reasons(counts: dict[str, int]) -> str:
    return ", ".join(f"{printable(reason)} {n:,}" for reason, n in sorted(counts.items()))


def _next(row: SourceStatus) -> str:
    if row.revoked:
        return "revoked"
    if not row.enabled:
        return "not enabled"
    if row.last_id is not None:
        return f"after {printable(row.last_id)}"
    return "what has changed" if row.complete else "from the beginning"


def _cells(face: WaitingFace) -> tuple[str, ...]:
    def number(score: float | None) -> str:
        return "" if score is None else f"{score:.3f}"

    return (
        str(face.face_id), printable(face.source), printable(face.person), number(face.score), number(face.threshold),
        printable(face.other or ""), number(face.other_score), printable(face.url),
    )  # fmt: skip
