"""The command line: one app, its global options, and how errors end."""

from __future__ import annotations

import io
import os
import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from personae.cli import (
    album,
    character,
    enrich,
    evaluate,
    faces,
    hooks,
    identify,
    jobs,
    keys,
    maintain,
    models,
    people,
    projects,
    serve,
    store,
    worker,
)
from personae.cli.context import Context, out
from personae.errors import PersonaeError

PIPE_WIDTH = 1000
"""Columns where no terminal gives a width: a path that a script reads must not be folded."""

app = typer.Typer(
    name="personae",
    help="Knows who is in your pictures. Everything stays on this machine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"personae {version('personae')}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    home: Annotated[
        Path | None, typer.Option(help="Folder of the store, crops, indexes and report.", show_default="per user")
    ] = None,
    version: Annotated[  # noqa: ARG001 - the callback acts on it
        bool, typer.Option("--version", help="Show the version and end.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Take the options that stand before the verb."""
    context.obj = Context(home)


for group in (album, people, identify, evaluate, maintain, serve, store, worker):
    group.register(app)
app.add_typer(faces.app, name="faces")
app.add_typer(enrich.app, name="enrich")
app.add_typer(character.app, name="character")
app.add_typer(jobs.app, name="jobs")
app.add_typer(hooks.app, name="hooks")
app.add_typer(keys.app, name="keys")
app.add_typer(projects.app, name="projects")
app.add_typer(models.app, name="models")
app.add_typer(maintain.config_app, name="config")


def main() -> None:
    """Run the command line and end with its exit code: 0 ok, 2 bad input, 3 unavailable, 130 interrupted."""
    # What a library has to say about a damaged photo is in the refusal's reason.
    warnings.filterwarnings("ignore", module="PIL")
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - for the life of the process
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    if not out.is_terminal:
        out.width = PIPE_WIDTH
    try:
        app()
    except PersonaeError as error:
        typer.secho(f"personae: {error}", err=True, fg="red")
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(0)


if __name__ == "__main__":
    main()
