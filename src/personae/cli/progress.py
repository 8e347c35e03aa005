"""How far long work is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich import progress as rich
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeRemainingColumn

from personae.cli.context import err, note, printable

if TYPE_CHECKING:
    from personae.engine.progress import Progress
    from personae.ports import Transaction


@contextmanager
def watching(wanted: bool = True) -> Iterator[Progress]:
    """Yield what shows the progress of the work in the block; with `wanted` False, nothing is shown."""
    if not wanted:
        yield Silence()
    elif not err.is_terminal:
        yield Lines()
    else:
        columns = (
            SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
            TimeRemainingColumn(),
        )  # fmt: skip
        with rich.Progress(*columns, console=err, transient=True) as shown:
            yield Bar(shown)


class Silence:
    """`Progress` that shows nothing."""

    def step(self, done: int, total: int, doing: str = "") -> None:
        """Go on."""

    def hold(self, tx: Transaction) -> None:
        """Go on: the work is this process's own."""


class Bar(Silence):
    """`Progress` as a bar on a terminal."""

    def __init__(self, shown: rich.Progress) -> None:
        self._shown = shown
        self._task = shown.add_task("starting", total=None)

    def step(self, done: int, total: int, doing: str = "") -> None:
        """Move the bar."""
        self._shown.update(self._task, completed=done, total=total or None, description=printable(doing or "working"))


class Lines(Silence):
    """`Progress` for a log: one line for each part of the work, and for each tenth of it."""

    def __init__(self) -> None:
        self._said: tuple[str, int] | None = None

    def step(self, done: int, total: int, doing: str = "") -> None:
        """Print a line when there is something to say."""
        # What has but one part says all by its name.
        here = (doing, 10 * done // total if total > 1 else 0)
        if here != self._said:
            self._said = here
            note(f"  {printable(doing or 'working')}" + (f": {done:,} of {total:,}" if total > 1 else ""))
