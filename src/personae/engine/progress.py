"""How long work tells how far it has come, and is told to stop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from personae.ports import Transaction


class Progress(Protocol):
    """What long work reports to; `Unwatched` where nobody looks."""

    def step(self, done: int, total: int, doing: str = "") -> None:
        """Say how far it is, and what is going on; cheap, but not inside a write transaction.

        Not after the last write either: what is written cannot be stopped any more.

        Args:
            done: units of work that are behind, of any kind.
            total: units in all; 0 where nobody knows.
            doing: a word or two for a person.

        Raises:
            Cancelled: the work shall stop.
            Conflict: another runner has taken it over.
        """
        ...

    def hold(self, tx: Transaction) -> None:
        """Make sure, inside the transaction that writes the outcome, that the work is still ours to do.

        Raises:
            Conflict: another runner has taken it over, and will write the outcome.
            Cancelled: somebody asked it to stop.
        """
        ...


class Resumable(Progress, Protocol):
    """`Progress` of work that can go on where another runner was stopped."""

    @property
    def checkpoint(self) -> Mapping[str, object]:
        """What was kept last; empty: it begins."""
        ...

    def keep(self, tx: Transaction, checkpoint: Mapping[str, object]) -> None:
        """Note how far it is, in the transaction that writes a part of the outcome; ids and counts, never embeddings.

        Raises:
            Conflict: another runner has taken it over.
            Cancelled: somebody asked it to stop.
        """
        ...


class Unwatched:
    """Nobody looks, and nobody else does the same work."""

    def step(self, done: int, total: int, doing: str = "") -> None:
        """Go on."""

    def hold(self, tx: Transaction) -> None:
        """Go on."""


NOBODY = Unwatched()
