"""Projects: collections with people and pictures of their own, made, renamed, and removed with all that is theirs."""

from __future__ import annotations

import re
from collections.abc import Callable

from personae.access import Project
from personae.errors import InputError
from personae.ports import ProjectTable

_NAME = re.compile(r"\w[\w .-]{0,99}")


def create(projects: ProjectTable, name: str) -> Project:
    """Make a project.

    Raises:
        InputError: that is no name for one.
        Conflict: there is one of this name.
    """
    return projects.add(_checked(name))


def rename(projects: ProjectTable, name: str, to: str) -> Project:
    """Give a project another name; its files stay where they are.

    Raises:
        InputError: that is no name for one.
        NotFound: there is no such project.
        Conflict: there is one of the new name, or jobs have not ended.
    """
    return projects.rename(name, _checked(to))


def remove(
    projects: ProjectTable,
    name: str,
    forget_indexes: Callable[[Project], None],
    forget_files: Callable[[Project], None],
) -> Project:
    """Remove a project with its people, pictures, decisions and files. It cannot be undone.

    The indexes go first: what they hold is in the store too. The files go last: rows never lead to files that are gone.

    Args:
        projects: the table of them.
        name: of the project.
        forget_indexes: removes what indexes keep outside of the project's folder.
        forget_files: removes the folder.

    Raises:
        NotFound: there is no such project.
        Conflict: jobs of it have not ended.
        BackendError: a server does not answer; or files could not be removed, and the sentence says where they are.
    """
    for each in projects.all():
        if each.name == name:
            forget_indexes(each)
    removed = projects.remove(name)
    forget_files(removed)
    return removed


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise InputError("a project's name has up to 100 letters, digits, spaces, dots or dashes, no dot first")
    return name
