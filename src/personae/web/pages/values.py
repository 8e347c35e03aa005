"""Values of JSON that somebody else has written: what is not of the wanted kind is nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def mapping(value: object) -> Mapping[str, Any]:
    """Return values by name; none of what is no mapping."""
    return value if isinstance(value, Mapping) else {}


def listed(value: object) -> list[Any]:
    """Return the members of a list; none of what is no list."""
    return list(value) if isinstance(value, list | tuple) else []


def whole(value: object) -> int:
    """Return a whole number; 0 for what is none."""
    return value if isinstance(value, int) else 0
