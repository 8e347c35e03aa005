"""Photos of a source on this machine, by their id, for servers that cannot say whether a photo has changed."""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path

from personae.errors import BackendError

_TEMPORARY = ".new"


class ImageCache:
    """Photos of one source in a folder.

    A file is the SHA-256 of the photo, then the photo. One that does not agree with itself is as good as missing.

    Args:
        folder: where; made when the first photo is put.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, image_id: str) -> bytes | None:
        """Return a photo; None when it is not here."""
        try:
            data = self._path(image_id).read_bytes()
        except OSError:
            return None
        digest, photo = data[:32], data[32:]
        return photo if hashlib.sha256(photo).digest() == digest else None

    def put(self, image_id: str, photo: bytes) -> None:
        """Keep a photo.

        Raises:
            BackendError: the disk is full, read-only or failed.
        """
        path = self._path(image_id)
        temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}{_TEMPORARY}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with temporary.open("wb") as file:
                file.write(hashlib.sha256(photo).digest() + photo)
                file.flush()
                os.fsync(file.fileno())
            _rename(temporary, path)
            # A process that was killed at it has left its attempt.
            for attempt in self._folder.glob(f"{path.name}.*{_TEMPORARY}"):
                attempt.unlink(missing_ok=True)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise BackendError(f"photos cannot be kept in {self._folder}: {error.strerror}") from error

    def clear(self) -> None:
        """Remove every photo.

        Raises:
            BackendError: the disk is read-only or failed.
        """
        try:
            for path in self._folder.glob("*"):
                path.unlink(missing_ok=True)
        except OSError as error:
            raise BackendError(f"photos cannot be removed from {self._folder}: {error.strerror}") from error

    def _path(self, image_id: str) -> Path:
        # An id comes from outside: as a name it could be a path.
        return self._folder / hashlib.sha256(image_id.encode()).hexdigest()


def _rename(temporary: Path, path: Path) -> None:
    try:
        temporary.replace(path)
    except FileNotFoundError:
        # Somebody else kept the same photo meanwhile, and took this for an attempt that was left.
        if not path.exists():
            raise
