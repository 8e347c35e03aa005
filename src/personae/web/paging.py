"""Long lists come in pages: each names where the next one begins."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from personae.errors import InputError

T = TypeVar("T")
Row = TypeVar("Row")

LIMIT = 100
"""Items of a page when nobody says how many."""
LARGEST = 1000
CURSOR_CHARACTERS = 1000

Part = int | float | str


class Page(BaseModel, Generic[T]):
    """Part of a list."""

    items: list[T]
    next: str | None = Field(default=None, description="Give it as `after` for the next page; null: this is the last.")


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page is asked for."""

    limit: int
    after: str | None

    def start(self, *kinds: type[Part]) -> tuple[Part, ...] | None:
        """Return the parts of the cursor, None for the first page. Raises InputError for what is no cursor of these."""
        return None if self.after is None else read_cursor(self.after, *kinds)

    def page(self, rows: Sequence[Row], key: Callable[[Row], tuple[Part, ...]],
             show: Callable[[Row], T]) -> Page[T]:  # fmt: skip
        """Return a page.

        Args:
            rows: the rows from the start on, at least one more than `limit` when there are more.
            key: what a row is sorted by; of the last one shown the next page's cursor is made.
            show: row -> item.
        """
        shown = rows[: self.limit]
        more = len(rows) > self.limit
        return Page(items=[show(row) for row in shown], next=cursor(*key(shown[-1])) if more else None)


def cursor(*parts: Part) -> str:
    """Return an opaque cursor of these values."""
    return base64.urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode().rstrip("=")


def read_cursor(text: str, *kinds: type[Part]) -> tuple[Part, ...]:
    """Return the values of a cursor.

    Args:
        text: from `cursor`.
        kinds: the type of each value.

    Raises:
        InputError: it is none, or of another list.
    """
    try:
        parts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise InputError("after: this is no cursor; take `next` of the page before") from error
    fits = isinstance(parts, list) and len(parts) == len(kinds)
    if not fits or any(type(part) is not kind for part, kind in zip(parts, kinds, strict=True)):
        raise InputError("after: this is no cursor of this list; take `next` of the page before")
    if any(type(part) is int and abs(part) >= 2**63 for part in parts):
        raise InputError("after: this is no cursor; take `next` of the page before")
    return tuple(parts)


def paging(
    limit: Annotated[int, Query(ge=1, le=LARGEST, description="How many items.")] = LIMIT,
    after: Annotated[
        str | None,
        Query(max_length=CURSOR_CHARACTERS, description="`next` of the page before; leave out for the first."),
    ] = None,
) -> Paging:
    """Read which page is asked for."""
    return Paging(limit, after)


PagingDep = Annotated[Paging, Depends(paging)]
