"""Reduced copies of photos in a folder."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from personae.errors import BackendError
from personae.types import Digest

_NAME = re.compile(r"([0-9a-f]{64})-\d+\.jpg(\.[0-9a-f]{8}\.new)?")


class FolderCopies:
    """`personae.ports.Copies` in a folder: ab/abcdef...-480.jpg.

    Each is written under another name and renamed. It is not flushed to the disk: after a loss of power a copy may have
    no bytes, and is made again.

    Args:
        root: the folder; made when the first copy is.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def get(self, photo: Digest, side: int) -> bytes | None:
        """See the port."""
        with suppress(OSError):
            return self._path(photo, side).read_bytes() or None
        return None

    def has(self, photo: Digest, side: int) -> bool:
        """See the port."""
        with suppress(OSError):
            return self._path(photo, side).stat().st_size > 0
        return False

    def put(self, photo: Digest, side: int, data: bytes) -> None:
        """See the port."""
        path = self._path(photo, side)
        attempt = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            attempt.write_bytes(data)
            attempt.replace(path)
        except OSError:
            # The picture is shown all the same, and made again next time.
            with suppress(OSError):
                attempt.unlink(missing_ok=True)

    def delete(self, photo: Digest) -> None:
        """See the port."""
        try:
            for path in self._root.glob(f"{photo[:2]}/{photo}-*"):
                path.unlink(missing_ok=True)
        except OSError as error:
            raise BackendError(f"the folder {self._root} cannot be written: {error.strerror}") from error

    def __iter__(self) -> Iterator[Digest]:
        found = (_NAME.fullmatch(path.name) for path in self._root.glob("*/*"))
        yield from sorted({Digest(match[1]) for match in found if match is not None})

    def _path(self, photo: Digest, side: int) -> Path:
        return self._root / photo[:2] / f"{photo}-{side}.jpg"
