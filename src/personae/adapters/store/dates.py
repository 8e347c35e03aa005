"""When a photo is from: as a camera says, and as a number to sort by."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

ZONES = timedelta(days=1)
"""A camera's clock may be as far ahead of ours, and more, and be right where it is."""
UNSAID = ""
"""Stored for a photo that was looked at and does not say when it was taken; of one that was not, nothing is."""


def date_key(taken_at: datetime | None, taken_in: datetime) -> int:
    """Return what a photo is sorted by: seconds since 1970 of when it was taken, or else of when it was taken in.

    No photo is from after it was taken in: such a clock is wrong, and not gone by.

    Args:
        taken_at: by the camera's clock, without a zone, which is read as if it were UTC; None: nobody knows.
        taken_in: when personae met it.
    """
    said = None if taken_at is None else taken_at.replace(tzinfo=UTC)
    return seconds(taken_in if said is None or said > taken_in + ZONES else said)


def seconds(moment: datetime) -> int:
    """Return the seconds since 1970 of a point in time."""
    return math.floor(moment.timestamp())


def written(taken_at: datetime | None) -> str:
    """Return what is stored of a photo that was looked at."""
    return UNSAID if taken_at is None else taken_at.isoformat(timespec="seconds")


def read(stored: str | None) -> datetime | None:
    """Return what `written` was told."""
    return datetime.fromisoformat(stored) if stored else None
