"""Verbs of upkeep: doctor, config show, set, unset."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from personae.cli.context import Context, Json, columns, note, out, printable, show_json

if TYPE_CHECKING:
    from personae.preferences import InForce

WIDE = 140
"""Columns of a terminal from which on the meaning of the settings has room beside them."""

config_app = typer.Typer(help="Settings.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of the setting.")]
Value = Annotated[str, typer.Argument(help="What it is to be.")]
Studio = Annotated[
    bool, typer.Option("--studio", help="For all projects that have no value of their own, not for this one.")
]


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
    """Show every setting, its value, where it comes from, and the environment variable that sets it."""
    from personae.settings import config_file

    obj: Context = context.obj
    rows = _rows(obj)
    if json:
        show_json({"file": config_file(), "settings": rows})
        return
    explained = out.width >= WIDE
    table = columns("setting", "value", "from", "environment", *(["meaning"] if explained else []))
    table.columns[3].no_wrap = True
    for row in rows:
        value = ", ".join(row["value"]) if isinstance(row["value"], tuple) else str(row["value"])
        meaning = [row["description"]] if explained else []
        table.add_row(row["name"], printable(value), _origin(row), row["environment"], *meaning)
    out.print(table)
    file = config_file()
    out.print(f"file: {file}{'' if file.is_file() else ' (not there)'}")


@config_app.command("set")
def config_set(context: typer.Context, name: Name, value: Value, studio: Studio = False, json: Json = False) -> None:
    """Change a setting from now on, for this project; running servers and workers go by it at once."""
    obj: Context = context.obj
    with obj.engine() as engine:
        _tell(engine.set_setting(name, value, _user(), studio), json)


@config_app.command("unset")
def config_unset(context: typer.Context, name: Name, studio: Studio = False, json: Json = False) -> None:
    """Take back what `config set` has set."""
    obj: Context = context.obj
    with obj.engine() as engine:
        _tell(engine.unset_setting(name, studio), json)


def _tell(now: InForce, json: bool) -> None:
    if json:
        show_json(now)
    else:
        out.print(f"{now.name} is {printable(str(now.value))} ({_origin(asdict(now))})")


def _rows(context: Context) -> list[dict[str, Any]]:
    """Return every setting; what was changed in the store as it says, if there is one and it answers."""
    from personae.bootstrap import store_is_there
    from personae.errors import BackendError
    from personae.settings import describe, origin

    settings = context.settings()
    rows = {
        row["name"]: {**row, "source": origin(settings, row["name"]), "set_by": None, "set_at": None}
        for row in describe(settings)
    }
    if store_is_there(settings):
        try:
            with context.engine() as engine:
                for now in engine.settings():
                    rows[now.name].update(asdict(now))
        except BackendError as error:
            note(f"what was changed with `config set` is not known: {error}")
    return list(rows.values())


def _origin(row: Mapping[str, Any]) -> str:
    if row["set_by"] is None:
        return str(row["source"])
    return f"{row['source']}, by {printable(row['set_by'])} {row['set_at'].astimezone():%Y-%m-%d %H:%M}"


def _user() -> str:
    """Return who is at the terminal."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "this machine"
