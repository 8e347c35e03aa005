"""Port of looking through what there is, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from personae.types import (
    Cluster,
    ClusterId,
    Face,
    FaceId,
    FaceRole,
    Image,
    ImageId,
    Job,
    Maker,
    Operation,
    Person,
    PersonId,
)

Key = int | float | str
"""What a list is sorted by, beside the id."""


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


class PeopleOrder(StrEnum):
    """How people are sorted."""

    FACES = "faces"
    """Most faces first."""
    NAME = "name"
    NEWEST = "newest"
    """Who became known last comes first."""


class FaceOrder(StrEnum):
    """How the faces of a person or group are sorted."""

    BEST = "best"
    NEWEST = "newest"
    """From the newest photo; see `PhotoTable`."""


@dataclass(frozen=True, slots=True)
class PeopleFilter:
    """Which people are listed; everything that is asked for must hold."""

    text: str = ""
    """Only those whose name, or an alias, has it in it, without regard to case."""
    kind: str | None = None
    """Only real people, or characters."""
    hidden: bool | None = False
    """Only those that are hidden, or that are not; None: all."""


@dataclass(frozen=True, slots=True)
class OperationFilter:
    """Which operations are listed; everything that is asked for must hold."""

    kinds: tuple[str, ...] = ()
    """Only of these: name, merge, group, undo, ...; empty: of any."""
    makers: tuple[Maker, ...] = ()
    """Only by these; empty: by any."""
    person_id: PersonId | None = None
    """Only those with a decision on this person, or on one who was made this person."""
    face_id: FaceId | None = None
    """Only those with a decision on this face."""


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

    def operations(self, before: int | None, limit: int, which: OperationFilter | None = None) -> list[Operation]:
        """Newest first; None: all."""
        ...

    def jobs(self, before: int | None, limit: int, states: Sequence[str] = ()) -> list[Job]:
        """Newest first."""
        ...

    def named(self, which: PeopleFilter, order: PeopleOrder, after: tuple[Key, int] | None, limit: int) -> list[Person]:
        """Active people in an order.

        `after` is of the last one met what the order goes by (face_count, name or id), and its id; likewise below.
        """
        ...

    def with_faces(self) -> int:
        """How many active people that are not hidden have a face."""
        ...

    def groups(self, after: tuple[int, int] | None, limit: int, hidden: bool | None = False) -> list[Cluster]:
        """Clusters that have faces without a person, largest first.

        `hidden`: only those half of whose faces or more are, or of which fewer are; None: all.
        """
        ...

    def group_sizes(self, hidden: bool | None = None) -> dict[ClusterId, int]:
        """How many faces without a person each of those clusters has, largest first; `hidden` as above."""
        ...

    def members(self, which: FaceFilter, order: FaceOrder, after: FaceId | None, limit: int) -> list[Face]:
        """Faces in an order, behind one; from the beginning when that one is not there any more."""
        ...

    def said_of(
        self, person_ids: Sequence[PersonId], face_ids: Sequence[FaceId], before: int | None, limit: int
    ) -> list[Operation]:
        """Operations of humans and sources that speak of one of these people or faces, newest first."""
        ...
