"""Port of looking through what there is, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from personae.types import Cluster, ClusterId, Face, FaceRole, Image, ImageId, Job, Operation, Person, PersonId


@dataclass(frozen=True, slots=True)
class FaceFilter:
    """Which faces are listed; everything that is asked for must hold."""

    roles: tuple[FaceRole, ...] = ()
    """Only of these; empty: of any."""
    image_id: ImageId | None = None
    person_id: PersonId | None = None
    cluster_id: ClusterId | None = None
    unknown: bool = False
    """Only faces that have no person."""
    unclustered: bool = False
    """Only faces in no unknown group."""


class BrowseTable(Protocol):
    """Pages of what there is, by id: nothing is met twice or left out while others add.

    `after` is the id of the last one met, 0 at the beginning; of what is listed newest first, `before` is, None at the
    beginning.
    """

    def images(self, after: int, limit: int, refused: bool | None = None) -> list[Image]:
        """Oldest first; `refused`: only those that could not be used, or that could."""
        ...

    def faces(self, after: int, limit: int, which: FaceFilter) -> list[Face]:
        """Oldest first."""
        ...

    def people(self, after: int, limit: int, kind: str | None = None) -> list[Person]:
        """Active people, oldest first; `kind`: only real people, or characters."""
        ...

    def clusters(self, after: int, limit: int) -> list[Cluster]:
        """Clusters that have faces without a person, oldest first."""
        ...

    def operations(self, before: int | None, limit: int) -> list[Operation]:
        """Newest first."""
        ...

    def jobs(self, before: int | None, limit: int, states: Sequence[str] = ()) -> list[Job]:
        """Newest first."""
        ...
