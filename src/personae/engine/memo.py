"""What is kept in memory from one call to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass(slots=True)
class Memo(Generic[Value]):
    """A place for one value. Whoever reads it has to make sure that it still holds."""

    value: Value | None = None
