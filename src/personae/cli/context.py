"""What every command has: the settings, and an engine opened when it is first needed."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from personae.engine.facade import Engine
    from personae.ports import House
    from personae.settings import Settings

INTERRUPTED = 130
"""Exit code of a command that Ctrl-C ended."""
MEMBERS_SHOWN = 20
"""Members of a list in a summary that are printed."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

out = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, markup=False, emoji=False)


class Context:
    """The options that stand before the verb."""

    def __init__(self, home: Path | None) -> None:
        self._home = home

    def settings(self, **overrides: Any) -> Settings:
        """Return the settings with the command line's on top. Raises InputError."""
        from personae.bootstrap import load_settings

        given = {name: value for name, value in overrides.items() if value is not None}
        if self._home is not None:
            given["home"] = self._home
        return load_settings(**given)

    @contextmanager
    def engine(self, **overrides: Any) -> Iterator[Engine]:
        """Open the engine for one command, and close it."""
        from personae.bootstrap import open_engine

        with open_engine(self.settings(**overrides), notify=note) as engine:
            before = signal.signal(signal.SIGINT, _interrupt)
            try:
                yield engine
            except KeyboardInterrupt:
                note("interrupted; what was acknowledged is kept: run the same command again to go on")
                raise typer.Exit(INTERRUPTED) from None
            finally:
                signal.signal(signal.SIGINT, before)

    @contextmanager
    def house(self) -> Iterator[House]:
        """Open what belongs to the whole database for one command, and close it."""
        from personae.bootstrap import open_house

        with closing(open_house(self.settings())) as house:
            yield house


def _interrupt(*_: object) -> None:
    """Stop in order at the first Ctrl-C, and at once at the second: whatever is acknowledged is safe either way."""
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    note("\nstopping as soon as what is in hand is done; press Ctrl-C again to stop at once")
    raise KeyboardInterrupt


def note(text: str) -> None:
    """Tell the person at the terminal something beside the result."""
    err.print(text, soft_wrap=True)


def moment(when: datetime) -> str:
    """Return a time as the person at the terminal reads it: theirs, to the minute."""
    return when.astimezone().strftime("%Y-%m-%d %H:%M")


def columns(*headings: str, title: str | None = None) -> Table:
    """Return a table without lines, whose cells are folded and never cut."""
    table = Table(title=title, box=None)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def show_json(value: object) -> None:
    """Print one JSON document."""
    sys.stdout.write(json.dumps(value, default=_plain, ensure_ascii=False, indent=2) + "\n")


def printable(text: str) -> str:
    """Return text that any terminal can show: undecodable bytes and control characters escaped."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in text
    )


def counted(number: int, what: str) -> str:
    """Return "1 face" or "2 faces"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def figure(value: object) -> str:
    """Return a value of a summary as text; of a list the number of its members."""
    if isinstance(value, list | tuple):
        return f"{len(value):,}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3f}" if isinstance(value, float) else printable(str(value))


def members(name: str, value: object, limit: int = MEMBERS_SHOWN) -> Iterator[str]:
    """Yield a line for each of the first members of a list in a summary; none for what is no list."""
    for member in value[:limit] if isinstance(value, list | tuple) else ():
        said = ", ".join(f"{k} {figure(v)}" for k, v in member.items()) if isinstance(member, dict) else member
        yield f"{name.replace('_', ' ')}: {printable(str(said))}"


def place(uri: str) -> str:
    """Return the file of a URI, as one can type it; any other address as it is."""
    from personae.engine.walk import path_of

    if not uri:
        return "(no longer there)"
    return printable(str(path_of(uri)) if uri.startswith("file:") else uri)


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return printable(str(value))
    raise TypeError(f"no JSON for {type(value).__name__}")
