"""Verbs on models: list, pull, add, check, live, switch, rollback."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from personae.cli.context import Context, Json, columns, counted, note, out, printable, show_json
from personae.cli.jobs import queue_and_tell
from personae.cli.progress import watching

if TYPE_CHECKING:
    from personae.engine.facade import Engine
    from personae.engine.switch import SwitchOptions, SwitchSummary

BY = "command line"
"""Who switches by these verbs."""

app = typer.Typer(
    help="The models: what they are, where they come from, whether they are themselves.", no_args_is_help=True
)

Queue = Annotated[bool, typer.Option("--queue", help="Put it into the queue of jobs.")]
Ids = Annotated[list[str] | None, typer.Argument(metavar="[MODEL]...", help="model_ids.", show_default="those in use")]


@app.command("list")
def list_models(context: typer.Context, json: Json = False) -> None:
    """List the models with their licences and where their weights come from."""
    from personae.loading import open_registry

    obj: Context = context.obj
    registry = open_registry(obj.settings())
    entries = registry.list()
    if json:
        show_json([{**entry.public(), "present": registry.present(entry.id)} for entry in entries])
        return
    table = columns("model", "task", "here", "licence", "origin of the weights")
    for entry in entries:
        table.add_row(entry.id, entry.task, "yes" if registry.present(entry.id) else "no", entry.licence, entry.origin)
    out.print(table)


@app.command()
def pull(context: typer.Context, models: Ids = None, json: Json = False) -> None:
    """Get models from their registries, check them, and keep them."""
    from personae.loading import open_registry, pull_models

    obj: Context = context.obj
    settings = obj.settings()
    registry = open_registry(settings)
    wanted = models or pull_models(settings, registry, note)
    pulled = {model_id: str(registry.pull(model_id, note)) for model_id in wanted}
    if json:
        show_json(pulled)
    else:
        for model_id, path in pulled.items():
            out.print(f"{model_id}: {path}")


@app.command()
def add(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(help="An ONNX file, an InsightFace folder (buffalo_l), or a TOML entry.")],
    model: Annotated[str | None, typer.Option(help="The entry an ONNX file belongs to, such as yunet.")] = None,
    json: Json = False,
) -> None:
    """Add a model of your own."""
    from personae.loading import open_registry

    obj: Context = context.obj
    added = open_registry(obj.settings()).add(source, model)
    if json:
        show_json(added)
    else:
        out.print("added " + ", ".join(added))


@app.command()
def check(context: typer.Context, models: Ids = None, json: Json = False) -> None:
    """Check the files' hashes and run fixed inputs whose outputs are known; of a head every byte."""
    obj: Context = context.obj
    checked = _checked(obj, models)
    if json:
        show_json({"ok": checked})
    else:
        for model_id in checked:
            out.print(f"{model_id}: as it should be")


def _checked(context: Context, models: list[str] | None) -> list[str]:
    """Check these models, or those in use, which before there is a store are those that the settings say."""
    from personae.bootstrap import store_is_there
    from personae.loading import check_models, open_registry, wanted_models

    settings = context.settings()
    if not models and store_is_there(settings):
        with context.engine() as engine:
            cards = engine.parts.models()
            check_models(settings, cards, engine.parts.heads)
        return [card.model_id for card in cards]
    registry = open_registry(settings)
    wanted = list(models or wanted_models(settings, registry))
    for model_id in wanted:
        registry.check(model_id)
    return wanted


@app.command()
def live(context: typer.Context, json: Json = False) -> None:
    """Say what faces are recognised by, and since when."""
    obj: Context = context.obj
    with obj.engine() as engine:
        now = engine.live_model()
    if json:
        show_json(now)
        return
    over = f" over {now.base}" if now.base else ""
    out.print(f"{now.model_id}{over}, " + ("as the settings say" if now.as_set else "whatever the settings say"))
    if now.since:
        out.print(printable(f"since {now.since}, by {now.by}; before: {now.before or 'as the settings say'}"))


@app.command()
def switch(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="An embedder's id, several joined by +, or a head's.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Embed and report, and go on as before.")] = False,
    queue: Queue = False,
    json: Json = False,
) -> None:
    """Embed all faces under another model, say what would change, and go by it from then on; names are kept."""
    from personae.engine.switch import SwitchOptions

    obj: Context = context.obj
    with obj.engine() as engine:
        _switch(engine, SwitchOptions(model, dry_run, BY), queue, json)


@app.command()
def rollback(context: typer.Context, queue: Queue = False, json: Json = False) -> None:
    """Go back to the model before, and by the same verb forward again."""
    obj: Context = context.obj
    with obj.engine() as engine:
        _switch(engine, engine.rollback_options(BY), queue, json)


def _switch(engine: Engine, options: SwitchOptions, queue: bool, json: bool) -> None:
    if queue:
        queue_and_tell(engine, "models.switch", asdict(options), json)
        return
    with watching(not json) as progress:
        summary = engine.switch_model(options, progress)
    if json:
        show_json(summary)
    else:
        _say(summary)


def _say(summary: SwitchSummary) -> None:
    agreed = summary.agreement
    if agreed is not None:
        table = columns("faces tied by", "faces", "taken for the same", "right before", "right after")
        for each in agreed.counts:
            table.add_row(each.by, *(f"{n:,}" for n in (each.faces, each.same, each.right_before, each.right_after)))
        out.print(table)
        for one in agreed.examples:
            was, now = (f"person {who}" if who else "nobody" for who in (one.before, one.after))
            out.print(f"face {one.face_id}, tied to person {one.tied_to} by a {one.by}: was {was}, would be {now}")
    if summary.without_embedding:
        some = ", ".join(map(str, summary.examples_without))
        out.print(f"{counted(summary.without_embedding, 'face')} could not be embedded, among them {some}")
    if summary.references_without:
        out.print(f"{counted(summary.references_without, 'face')} of references could not be embedded")
    done = "from now on" if summary.switched else "tried; nothing changed:"
    out.print(f"{counted(summary.embedded, 'embedding')} made; {done} {summary.after} (before: {summary.before})")
