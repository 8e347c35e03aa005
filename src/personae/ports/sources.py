"""Port of the sources of people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from personae.records import ImageRef, Page, PersonRecord, Problem, SourceSpec


class PeopleSource(Protocol):
    """Somewhere that knows people and has photos of them.

    Every method raises SourceError when the source does not answer, refuses the key, or answers what cannot be used.
    """

    @property
    def spec(self) -> SourceSpec: ...

    @property
    def source_name(self) -> str: ...

    @property
    def source_type(self) -> str: ...

    @property
    def rate_limit_delay(self) -> float:
        """Seconds that are kept between two requests; 0 for what lies on this machine."""
        ...

    @property
    def problems(self) -> Sequence[Problem]:
        """What has been left out so far, and why; of what was asked for and refused, errors tell."""
        ...

    def person(self, external_id: str) -> PersonRecord | None:
        """Return one person, for a merged one the record it became; None when the source has no such id."""
        ...

    def page(self, number: int, size: int) -> Page:
        """Return a page of people, numbered from 1, in an order that does not change between pages of one walk."""
        ...

    def people(self, after: str | None = None) -> Iterator[PersonRecord]:
        """Yield every person once, in the source's own order; `after` continues behind the person of that external id.

        Deleted records are yielded with `deleted` set.
        """
        ...

    def changed_since(self, moment: str) -> Iterator[PersonRecord]:
        """Yield the people that changed after this ISO 8601 moment; all, where the source cannot tell."""
        ...

    def image(self, ref: ImageRef) -> bytes:
        """Return the bytes of a photo, after retries.

        Raises:
            SourceError: it cannot be had; `reason` says why in a word (gone, too_large, not_an_image, timeout, ...).
        """
        ...

    def close(self) -> None: ...
