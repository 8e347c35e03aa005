"""Verbs on models: list, pull, add, check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from personae.cli.context import Context, Json, columns, note, out, show_json

app = typer.Typer(
    help="The models: what they are, where they come from, whether they are themselves.", no_args_is_help=True
)

Ids = Annotated[list[str] | None, typer.Argument(metavar="[MODEL]...", help="model_ids.", show_default="those in use")]


@app.command("list")
def list_models(context: typer.Context, json: Json = False) -> None:
    """List the models with their licences and where their weights come from."""
    from personae.bootstrap import open_registry

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
    from personae.bootstrap import open_registry, pull_models

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
    from personae.bootstrap import open_registry

    obj: Context = context.obj
    added = open_registry(obj.settings()).add(source, model)
    if json:
        show_json(added)
    else:
        out.print("added " + ", ".join(added))


@app.command()
def check(context: typer.Context, models: Ids = None, json: Json = False) -> None:
    """Check the files' hashes and run fixed inputs whose outputs are known."""
    from personae.bootstrap import open_registry, wanted_models

    obj: Context = context.obj
    settings = obj.settings()
    registry = open_registry(settings)
    checked = list(models or wanted_models(settings, registry))
    for model_id in checked:
        registry.check(model_id)
    if json:
        show_json({"ok": checked})
    else:
        for model_id in checked:
            out.print(f"{model_id}: as it should be")
