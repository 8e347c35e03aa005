"""What a source holds that cannot be used, and why."""

from __future__ import annotations

from personae.records import Problem

KEPT = 1000
"""Problems kept one by one; the others are counted."""


class Problems:
    """Each problem once, however often it is met."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Problem] = {}
        self._more = 0

    def add(self, place: str, reason: str, detail: str) -> None:
        """Note a problem, unless it is known."""
        key = place, reason
        if key in self._kept:
            return
        if len(self._kept) == KEPT:
            self._more += 1
            return
        self._kept[key] = Problem(place, reason, detail)

    def clear(self) -> None:
        """Forget them, before the source is read anew."""
        self._kept.clear()
        self._more = 0

    def all(self) -> tuple[Problem, ...]:
        """Return them in the order in which they were met; the last one says how many more there are."""
        more = (Problem("", "more", f"{self._more} more"),) if self._more else ()
        return *self._kept.values(), *more
