"""The folders of projects."""

from __future__ import annotations

import shutil
from pathlib import Path

from personae.errors import BackendError

PARTS_OF_HOME = (
    "crops",
    "photos",
    "copies",
    "checked",
    "references",
    "map",
    "index",
    "sources",
    "report.html",
    "evaluation.html",
    "jobs.log",
)
"""What the project that lies in the home folder itself keeps there, beside the store and the other projects."""


def remove_folder(home: Path, folder: Path) -> None:
    """Remove a project's files.

    Args:
        home: the folder of all projects.
        folder: the project's.

    Raises:
        BackendError: not all could be removed.
    """
    try:
        for place in [home / part for part in PARTS_OF_HOME] if folder == home else [folder]:
            if place.is_dir():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)
    except OSError as error:
        raise BackendError(f"the project is gone, but not all of its files in {folder}: {error.strerror}") from error
