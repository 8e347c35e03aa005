"""The row of a new project, and the folder that its files get."""

from __future__ import annotations

import hashlib
from itertools import chain, count
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from personae.access import DEFAULT_PROJECT
from personae.adapters.store.columns import storable
from personae.adapters.store.schema import projects
from personae.ports import Clock

LONGEST_FOLDER = 180
"""Bytes of a folder's name; file systems take 255."""


def insert_project(connection: sa.Connection, name: str, clock: Clock) -> sa.Row[Any]:
    """Insert a project, with a folder of its own; its row."""
    taken = {folder.casefold() for folder in connection.execute(sa.select(projects.c.folder)).scalars()}
    plain = _folder(name)
    # "+" is in no name that was quoted. One that was renamed may have the folder of this name.
    tried = chain([plain], (f"{plain}+{number}" for number in count(2)))
    folder = next(each for each in tried if each.casefold() not in taken)
    row = {"name": name, "created_at": clock(), "folder": folder}
    return connection.execute(sa.insert(projects).returning(projects), row).one()


def _folder(name: str) -> str:
    if name == DEFAULT_PROJECT:
        return ""
    quoted = quote(storable(name), safe="")
    if len(quoted) <= LONGEST_FOLDER:
        return quoted
    return f"{quoted[: LONGEST_FOLDER - 13]}+{hashlib.sha256(quoted.encode()).hexdigest()[:12]}"
