"""Port of small files named by their content."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from personae.types import Digest


class Files(Protocol):
    """Small files named by their content (face crops)."""

    def put(self, data: bytes) -> Digest:
        """Store durably and return the SHA-256; storing the same bytes twice is one file."""
        ...

    def get(self, digest: Digest) -> bytes:
        """Raises NotFound; BackendError when the bytes no longer match their name."""
        ...

    def path(self, digest: Digest) -> Path:
        """Return where a human can open it, whether or not it is there. Raises NotFound for what is no digest."""
        ...

    def delete(self, digest: Digest) -> None: ...

    def leftovers(self) -> list[str]:
        """Names of temporary files that an interrupted `put` left behind."""
        ...

    def sweep(self) -> None:
        """Remove the leftovers; not while another process may be putting."""
        ...

    def __contains__(self, digest: Digest) -> bool: ...

    def __iter__(self) -> Iterator[Digest]: ...
