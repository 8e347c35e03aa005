"""How often somebody may be wrong."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

from personae.errors import TooManyAttempts

WINDOW_SECONDS = 900.0
KEPT = 10_000
"""Those who tried, in memory; who tried longest ago makes room."""


class Attempts:
    """Counts what was wrong within the last quarter of an hour. Safe to use from several threads.

    Args:
        seconds: gives seconds that never go back.
    """

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._wrong: OrderedDict[Hashable, list[float]] = OrderedDict()

    def begin(self, allowed: dict[Hashable, int]) -> None:
        """Let somebody try: it counts as wrong until it is known to be right, or is given back.

        Args:
            allowed: how often each of these may be wrong: a name, an address, both.

        Raises:
            TooManyAttempts: one of them was wrong that often.
        """
        now = self._seconds()
        with self._lock:
            for who, most in allowed.items():
                recent = [moment for moment in self._wrong.get(who, []) if now - moment < WINDOW_SECONDS]
                if len(recent) >= most:
                    minutes = max(1, round((WINDOW_SECONDS - (now - recent[-most])) / 60))
                    raise TooManyAttempts(
                        f"too many wrong attempts: try again in {minutes} minute{'' if minutes == 1 else 's'}"
                    )
            for who in allowed:
                recent = [moment for moment in self._wrong.pop(who, []) if now - moment < WINDOW_SECONDS]
                self._wrong[who] = [*recent, now]
            while len(self._wrong) > KEPT:
                self._wrong.popitem(last=False)

    def give_back(self, *those: Hashable) -> None:
        """Count one attempt less: it was not wrong."""
        with self._lock:
            for who in those:
                if len(self._wrong.get(who, [])) > 1:
                    self._wrong[who].pop()
                else:
                    self._wrong.pop(who, None)

    def right(self, *those: Hashable) -> None:
        """Forget what these had wrong."""
        with self._lock:
            for who in those:
                self._wrong.pop(who, None)
