"""How much, how long and how often a source is asked."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from personae.adapters.sources.address import resolve
from personae.adapters.sources.content import MAX_IMAGE_BYTES

_KEPT_STARTS = 100_000
_LONGEST_BACKOFF = 30.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a source may cost. Seconds and bytes."""

    connect_seconds: float = 10.0
    read_seconds: float = 30.0
    """Longest silence."""
    total_seconds: float = 120.0
    """One request, from connecting to the last byte."""
    image_bytes: int = MAX_IMAGE_BYTES
    """As sent, and again as decoded."""
    json_bytes: int = 64 * 2**20
    redirects: int = 5
    attempts: int = 4
    backoff_seconds: float = 1.0
    """Before the second attempt; twice as long before each next one."""
    patience_seconds: float = 120.0
    """Longest wait that a source may ask for; one that asks for more is busy."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What the client needs of the machine; tests bring their own."""

    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    """Seconds since 1970."""
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    """A number in [0, 1)."""
    resolve: Callable[[str, int], list[str]] = resolve
    """Addresses of a host and port."""


class TransientError(Exception):
    """A request failed in a way that may pass.

    Attributes:
        reason: in a word, as in `SourceError`.
        wait: seconds that the source asks to be left alone; None: it says nothing.
        overload: whether the source says that it is asked too much.
    """

    def __init__(self, reason: str, detail: str, wait: float | None = None, *, overload: bool = False) -> None:
        super().__init__(detail)
        self.reason = reason
        self.wait = wait
        self.overload = overload


class RateLimit:
    """Keeps a gap between any two requests, whichever threads make them: from the one's answer to the other's start.

    A server may take a request up late, and would then see the next one too soon after it; once it answers, it has.

    Args:
        gap: seconds.
        machine: its clock and sleep.
    """

    def __init__(self, gap: float, machine: Machine) -> None:
        self._gap = gap
        self._machine = machine
        self._due = float("-inf")
        self._starts: deque[float] = deque(maxlen=_KEPT_STARTS)
        self._state = threading.Lock()

    @property
    def starts(self) -> tuple[float, ...]:
        """When the last requests began, by the machine's clock."""
        with self._state:
            return tuple(self._starts)

    def wait(self) -> None:
        """Return when the next request may begin, and count it as begun."""
        # The start is taken after the sleep, so one who slept too long delays the next.
        while (left := self._left()) > 0:
            self._machine.sleep(left)

    def answered(self) -> None:
        """Count the gap from now on: the server has begun to answer."""
        self.pause(self._gap)

    def pause(self, seconds: float) -> None:
        """Let no request begin for a while."""
        with self._state:
            self._due = max(self._due, self._machine.clock() + seconds)

    def _left(self) -> float:
        """Seconds until a request may begin; none: it has begun now."""
        with self._state:
            now = self._machine.clock()
            left = self._due - now
            if left <= 0:
                self._starts.append(now)
                self._due = now + self._gap
            return left


def backoff(attempt: int, base: float, jitter: float) -> float:
    """Return the seconds to wait after a failed attempt: twice as long each time, half of it by chance.

    Args:
        attempt: 1 for the first.
        base: seconds after the first.
        jitter: a number in [0, 1).
    """
    return min(base * 2.0 ** (attempt - 1), _LONGEST_BACKOFF) * (0.5 + 0.5 * jitter)


def retry_after(value: str | None, now: float) -> float | None:
    """Return the seconds that a Retry-After header asks for; None: there is none that can be read.

    Args:
        value: a number of seconds, or a date.
        now: seconds since 1970.

    Source: RFC 9110, 10.2.3.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
        # A date that says -0000 comes without a zone; it is in UTC.
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, moment.timestamp() - now)
    except (ValueError, OverflowError):
        return None


def day_and_time(seconds: float) -> str:
    """Return a moment for a person to read, in UTC; one that no calendar has is far away.

    Args:
        seconds: since 1970.
    """
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return "a day that is far away"
