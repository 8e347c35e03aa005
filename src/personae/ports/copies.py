"""Port of reduced copies of photos."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from personae.types import Digest


class Copies(Protocol):
    """Reduced copies of photos, by the photo's SHA-256 and their size; what is lost is made again."""

    def get(self, photo: Digest, side: int) -> bytes | None:
        """The copy of this size; None when it was not made yet."""
        ...

    def has(self, photo: Digest, side: int) -> bool:
        """Whether `get` gives a copy."""
        ...

    def put(self, photo: Digest, side: int, data: bytes) -> None:
        """Keep a copy, if that can be done: a disk that is full costs nothing but time."""
        ...

    def delete(self, photo: Digest) -> None:
        """Remove the copies of a photo, of every size. Raises BackendError when they stay."""
        ...

    def __iter__(self) -> Iterator[Digest]:
        """The photos of which there are copies, each once."""
        ...
