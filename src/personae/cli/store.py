"""Verbs on whole stores: migrate, copy-store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from personae.cli.context import INTERRUPTED, Context, Json, counted, note, out, printable, show_json
from personae.cli.progress import watching

SQLITE = "sqlite:///"


def register(app: typer.Typer) -> None:
    """Add the verbs to the app."""
    app.command()(migrate)
    app.command("copy-store")(copy_store)


def migrate(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say from which version to which.")] = False,
    json: Json = False,
) -> None:
    """Bring the store to the version that this personae needs."""
    from personae.adapters.store.migrate import migrate as bring
    from personae.bootstrap import store_url

    obj: Context = context.obj
    done = bring(store_url(obj.settings()), dry_run)
    if json:
        show_json({"store": done.store, "from": done.before or None, "to": done.after, "dry_run": dry_run})
    elif done.before == done.after:
        out.print(f"{printable(done.store)} is of version {done.after} already")
    else:
        verb = "would be brought" if dry_run else "was brought"
        before = f"version {done.before}" if done.before else "nothing"
        out.print(f"{printable(done.store)} {verb} from {before} to version {done.after}")


def copy_store(
    source: Annotated[str, typer.Argument(metavar="FROM", help="Address of the store: postgresql://..., or a file.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="A new file, or an empty PostgreSQL database.")],
    json: Json = False,
) -> None:
    """Copy a whole store, all projects, into an empty database, and compare the two."""
    from personae.adapters.store.copy import copy_store as copy_all

    try:
        with watching() as progress:
            copy = copy_all(_address(source), _address(target), progress.step)
    except KeyboardInterrupt:
        note("interrupted; what is in the target is no store: drop it before you copy again")
        raise typer.Exit(INTERRUPTED) from None
    if json:
        show_json(copy)
        return
    rows = sum(copy.tables.values())
    filled = sum(count > 0 for count in copy.tables.values())
    out.print(f"copied {counted(rows, 'row')} in {counted(filled, 'table')} from {printable(copy.source)}")
    out.print(f"to {printable(copy.target)}; read again, the two are the same")
    note("files are not copied: crops, references and photos stay in the home folder, which goes with either store")


def _address(given: str) -> str:
    """Return the URL of a store of which perhaps only the file was named."""
    return given if ":/" in given else SQLITE + str(Path(given).expanduser().absolute())
