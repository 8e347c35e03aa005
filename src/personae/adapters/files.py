"""Small files in a folder, named by their content."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

from personae.errors import BackendError, NotFound
from personae.types import Digest

_DIGEST = re.compile(r"[0-9a-f]{64}")
_TEMPORARY = ".new"
_TROUBLE = {
    errno.ENOSPC: "the disk is full: free some space and run the command again",
    errno.EDQUOT: "the quota on the disk is used up: free some space and run the command again",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "give this user write access to it",
    errno.EPERM: "give this user write access to it",
}


class FolderFiles:
    """`personae.ports.Files` in a folder: ab/abcdef....jpg.

    A file is written under another name, flushed to the disk and renamed, so that a name always has all
    of its bytes (law 2).
    """

    def __init__(self, root: Path, suffix: str = ".jpg") -> None:
        self._root = root
        self._suffix = suffix

    def put(self, data: bytes) -> Digest:
        """See the port.

        Raises:
            BackendError: the disk is full, read-only or failed.
        """
        digest = Digest(hashlib.sha256(data).hexdigest())
        path = self.path(digest)
        temporary = path.with_name(f"{digest}.{secrets.token_hex(4)}{_TEMPORARY}")
        try:
            if path.exists():
                return digest
            _make_folder(path.parent)
            _write(temporary, data)
            _rename(temporary, path)
            _flush_folder(path.parent)
            # A process that was killed at it has left its attempt.
            for attempt in path.parent.glob(f"{digest}.*{_TEMPORARY}"):
                attempt.unlink(missing_ok=True)
        except OSError as error:
            _discard(temporary)
            raise self._failed(error) from error
        return digest

    def get(self, digest: Digest) -> bytes:
        """See the port."""
        try:
            data = self.path(digest).read_bytes()
        except FileNotFoundError as error:
            raise NotFound(f"there is no file {digest}") from error
        except OSError as error:
            raise BackendError(f"{self.path(digest)} cannot be read: {error.strerror}") from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise BackendError(f"{self.path(digest)} is damaged: `personae doctor --fix` makes it again")
        return data

    def delete(self, digest: Digest) -> None:
        """See the port; a file that is not there is ignored.

        Raises:
            BackendError: the disk is read-only or failed.
        """
        path = self.path(digest)
        try:
            path.unlink(missing_ok=True)
            if path.parent.is_dir():
                _flush_folder(path.parent)
        except OSError as error:
            raise self._failed(error) from error

    def leftovers(self) -> list[str]:
        """See the port; relative to the folder, sorted."""
        return sorted(str(path.relative_to(self._root)) for path in self._paths() if path.name.endswith(_TEMPORARY))

    def sweep(self) -> None:
        """See the port.

        Raises:
            BackendError: the disk is read-only or failed.
        """
        try:
            for name in self.leftovers():
                (self._root / name).unlink(missing_ok=True)
        except OSError as error:
            raise self._failed(error) from error

    def path(self, digest: Digest) -> Path:
        """Return where the file lies, or would lie.

        Raises:
            NotFound: it is no digest, so no file can have that name.
        """
        if not _DIGEST.fullmatch(digest):
            raise NotFound(f"{digest!r} is not the SHA-256 of a file")
        return self._root / digest[:2] / f"{digest}{self._suffix}"

    def __contains__(self, digest: Digest) -> bool:
        return _DIGEST.fullmatch(digest) is not None and self.path(digest).is_file()

    def __iter__(self) -> Iterator[Digest]:
        for path in sorted(self._paths()):
            name = path.name.removesuffix(self._suffix)
            whole = path.name == f"{name}{self._suffix}"
            if whole and _DIGEST.fullmatch(name) and name[:2] == path.parent.name:
                yield Digest(name)

    def _paths(self) -> Iterator[Path]:
        return self._root.glob("*/*")

    def _failed(self, error: OSError) -> BackendError:
        what = _TROUBLE.get(error.errno or 0, error.strerror)
        return BackendError(f"the folder {self._root} cannot be written: {what}")


def _make_folder(folder: Path) -> None:
    """Create the folder, and make its own entry durable."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _flush_folder(folder.parent)


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _rename(temporary: Path, path: Path) -> None:
    """Give a file its name; another process may have done the same, and removed this attempt."""
    try:
        temporary.replace(path)
    except FileNotFoundError:
        if not path.exists():
            raise


def _flush_folder(folder: Path) -> None:
    """Make names in the folder durable; Windows has no such call, and needs none."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _discard(path: Path) -> None:
    """Remove a half-written file; what cannot be removed is a leftover that `sweep` finds."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return
