"""Ports of the store: everything of one project, seen and changed together."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from personae.ports.browse import BrowseTable
from personae.ports.hooks import HookTable
from personae.ports.likeness import LikenessTable
from personae.ports.photos import PhotoTable
from personae.ports.preferences import PreferenceTable
from personae.ports.references import ReferenceTable
from personae.ports.store import (
    ClusterTable,
    DecisionTable,
    EventTable,
    FaceTable,
    ImageTable,
    JobTable,
    PeopleTable,
    SettingTable,
    SourceTable,
)


class Transaction(Protocol):
    """Everything of one project, seen and changed together."""

    @property
    def images(self) -> ImageTable: ...
    @property
    def faces(self) -> FaceTable: ...
    @property
    def people(self) -> PeopleTable: ...
    @property
    def clusters(self) -> ClusterTable: ...
    @property
    def decisions(self) -> DecisionTable: ...
    @property
    def events(self) -> EventTable: ...
    @property
    def jobs(self) -> JobTable: ...
    @property
    def sources(self) -> SourceTable: ...
    @property
    def settings(self) -> SettingTable: ...
    @property
    def preferences(self) -> PreferenceTable: ...
    @property
    def references(self) -> ReferenceTable: ...
    @property
    def browse(self) -> BrowseTable: ...
    @property
    def hooks(self) -> HookTable: ...
    @property
    def likeness(self) -> LikenessTable: ...
    @property
    def photos(self) -> PhotoTable: ...


class Store(Protocol):
    """The truth (law 1)."""

    def read(self) -> AbstractContextManager[Transaction]:
        """A consistent view; writing through it raises."""
        ...

    def write(self) -> AbstractContextManager[Transaction]:
        """One writer at a time (law 3): commits on leaving, rolls back on an exception.

        Raises BackendError when the store cannot be written: disk full, read-only, server gone.
        """
        ...

    def check(self) -> list[str]:
        """Differences the store finds in itself (integrity, dangling keys), one sentence each."""
        ...

    @property
    def stamp_waits(self) -> bool:
        """Whether asking for the stamp may wait for a server."""
        ...

    def stamp(self) -> str:
        """While it is the same, nothing was committed to the database, by whatever process or project."""
        ...

    def close(self) -> None: ...
