"""Port of what was learnt: matrices with a note that says what they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from personae.types import Vectors


@dataclass(frozen=True, slots=True)
class Learnt:
    """Matrices under their names, and what is known of them."""

    arrays: Mapping[str, Vectors]
    """float32, of any shape."""
    note: Mapping[str, object]
    """Values of JSON: base model, data digest, metrics, seed; never an embedding."""


class HeadFiles(Protocol):
    """Heads, and how far training has come, by name: letters, digits, dots and hyphens."""

    def save(self, name: str, learnt: Learnt) -> None:
        """Write durably, in place of what had the name; a reader sees the one or the other.

        Raises InputError for another name or kind of array; BackendError when the disk is full or fails, and the
        former stays.
        """
        ...

    def load(self, name: str) -> Learnt:
        """Raises NotFound, or ModelError when the bytes are not those that were saved."""
        ...

    def names(self) -> list[str]:
        """What is there, sorted."""
        ...

    def delete(self, name: str) -> None:
        """Remove; what is not there is ignored. Raises BackendError."""
        ...
