"""A folder that one process uses at a time."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

from personae.errors import BackendError


class OwnFolder:
    """A folder for one index, held until `release`.

    Args:
        path: the folder; `make` creates it. A lock file lies beside it.

    Raises:
        BackendError: another index, in this process or another, holds it; or the disk refuses.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise BackendError(f"{path} cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise BackendError(
                f"{path} is in use: such an index serves one process at a time; run this again when the "
                "other has ended, or take another index (PERSONAE_INDEX)"
            ) from error

    def make(self) -> None:
        """Create the folder, readable by its owner alone.

        Raises:
            BackendError: the disk refuses.
        """
        try:
            self.path.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise BackendError(f"{self.path} cannot be made: {error.strerror}") from error

    def remove(self) -> None:
        """Remove the folder with all that is in it.

        Raises:
            BackendError: the disk refuses.
        """
        try:
            shutil.rmtree(self.path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise BackendError(f"{self.path} cannot be removed: {error.strerror}") from error

    def release(self) -> None:
        """Let others have it."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
