"""Port of looking through the photos: which ones, the newest first, and what they can be told apart by."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from personae.types import ClusterId, Image, ImageId, PersonId, Reason


@dataclass(frozen=True, slots=True)
class PhotoFilter:
    """Which photos are listed; everything that is asked for must hold."""

    person_id: PersonId | None = None
    """Only photos that show this person."""
    unknown: bool = False
    """Only photos with a usable face that has no person."""
    empty: bool = False
    """Only photos that could be used, and in which no usable face was found."""
    refused: bool = False
    """Only photos that could not be used."""
    reason: Reason | None = None
    """Only photos that were refused for this, or in which a face was."""
    folder: str = ""
    """Only photos of which a file's URI begins so; with a slash at the end."""
    source: str = ""
    """Only photos that this source has brought."""
    since: datetime | None = None
    """Only photos from this moment or later; of a camera's clock, which has no zone, it is as if it showed UTC."""
    until: datetime | None = None
    """Only photos from before this moment."""


class PhotoTable(Protocol):
    """Photos by when they are from: when they were taken, or where nobody knows, when they were taken in.

    Of those from the same second the one that was taken in last is the newest.
    """

    def before(self, which: PhotoFilter, before: ImageId | None, limit: int) -> list[Image]:
        """The photos older than one, newest first; None, or one that is not there: from the newest on."""
        ...

    def after(self, which: PhotoFilter, after: ImageId, limit: int) -> list[Image]:
        """The photos newer than one, oldest first; one that is not there: from the oldest on."""
        ...

    def count(self, which: PhotoFilter) -> int: ...

    def folders(self) -> dict[str, int]:
        """The folders that photos lie in, as URIs with a slash at the end, and the files of each."""
        ...

    def reasons(self) -> dict[Reason, int]:
        """Why photos, and faces of photos, were refused, and how many were for each."""
        ...

    def unreadable(self, limit: int, reason: Reason | None = None) -> list[str]:
        """URIs of files that could not even be opened (`reason`: only for this), which are no photos here; by URI."""
        ...

    def sources(self) -> dict[str, int]:
        """The sources that have brought photos that are kept, and how many; without those that are revoked."""
        ...

    def taken_in(self, image_id: ImageId) -> datetime:
        """When the photo was taken in. Raises NotFound."""
        ...

    def undated(self) -> list[ImageId]:
        """The images in which nobody has looked yet for when they were taken."""
        ...

    def set_taken(self, image_id: ImageId, taken_at: datetime | None) -> None:
        """Keep when a photo was taken, by the camera's clock; None: it does not say. Emits image.dated; NotFound."""
        ...

    def names(self, person_ids: Collection[PersonId]) -> dict[PersonId, str]:
        """The names of people; unknown ids are left out, likewise below."""
        ...

    def labels(self, cluster_ids: Collection[ClusterId]) -> dict[ClusterId, str]:
        """The labels of unknown groups."""
        ...
