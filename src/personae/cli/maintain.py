"""Verbs of upkeep: doctor, config show."""

from __future__ import annotations

from typing import Annotated

import typer

from personae.cli.context import Context, Json, columns, out, printable, show_json

WIDE = 140
"""Columns of a terminal from which on the meaning of the settings has room beside them."""

config_app = typer.Typer(help="Settings.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the verbs to the app."""
    app.command()(doctor)


def doctor(
    context: typer.Context,
    fix: Annotated[bool, typer.Option("--fix", help="Put right what can be put right.")] = False,
    json: Json = False,
) -> None:
    """Compare store, files and indexes, and name each difference; exit code 1 when some remain."""
    obj: Context = context.obj
    with obj.engine() as engine:
        differences = engine.doctor(fix)
    # A photo that the user put away is worth saying, but nothing is wrong with what is kept of it.
    remaining = [each for each in differences if not each.fixed and each.kind != "photo_gone"]
    if json:
        show_json({"differences": differences, "remaining": len(remaining)})
    elif not differences:
        out.print("all well")
    else:
        for difference in differences:
            state = (
                "fixed"
                if difference.fixed
                else "doctor --fix can put it right"
                if difference.fixable
                else "look into it"
            )
            out.print(f"{difference.kind}: {printable(difference.what)} ({state})")
    if remaining:
        raise typer.Exit(1)


@config_app.command("show")
def config_show(context: typer.Context, json: Json = False) -> None:
    """Show every setting, its value, and the environment variable that sets it."""
    from personae.settings import config_file, describe

    obj: Context = context.obj
    rows = describe(obj.settings())
    if json:
        show_json({"file": config_file(), "settings": rows})
        return
    explained = out.width >= WIDE
    table = columns("setting", "value", "environment", *(["meaning"] if explained else []))
    table.columns[2].no_wrap = True
    for row in rows:
        value = ", ".join(row["value"]) if isinstance(row["value"], tuple) else str(row["value"])
        meaning = [row["description"]] if explained else []
        table.add_row(row["name"], printable(value), row["environment"], *meaning)
    out.print(table)
    file = config_file()
    out.print(f"file: {file}{'' if file.is_file() else ' (not there)'}")
