"""A bounded queue between the stages of a pipeline, which can be closed and cancelled."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Cancelled(Exception):  # noqa: N818 - a signal between threads, never shown to anyone
    """The pipeline was given up; whoever waits on a channel stops."""


class Channel(Generic[T]):
    """A first-in-first-out queue of at most `capacity` items, filled by `producers` threads."""

    def __init__(self, capacity: int, producers: int) -> None:
        self._items: deque[T] = deque()
        self._capacity = capacity
        self._producers = producers
        self._cancelled = False
        self._changed = threading.Condition()

    def put(self, item: T) -> None:
        """Append, waiting while the channel is full. Raises Cancelled."""
        with self._changed:
            self._changed.wait_for(lambda: self._cancelled or len(self._items) < self._capacity)
            if self._cancelled:
                raise Cancelled
            self._items.append(item)
            self._changed.notify_all()

    def take(self, most: int, patience: float = 0.0, among: int = 1) -> list[T]:
        """Return 1 to `most` items; [] when all producers are done. Raises Cancelled.

        Waits for the first as long as it takes, and then at most `patience` seconds for the others. Of few items
        a consumer takes its share `among` all, so that the last ones do not end with one of them.
        """
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._cancelled or self._items or self._producers == 0)
                if patience and not self._cancelled:
                    self._changed.wait_for(
                        lambda: self._cancelled or len(self._items) >= most or self._producers == 0, timeout=patience
                    )
                if self._cancelled:
                    raise Cancelled
                # While this thread was patient, another may have taken everything.
                if self._items or self._producers == 0:
                    break
            share = -(-len(self._items) // among)
            taken = [self._items.popleft() for _ in range(min(most, share))]
            self._changed.notify_all()
            return taken

    def __iter__(self) -> Iterator[T]:
        while items := self.take(1):
            yield from items

    def done(self) -> None:
        """One producer has nothing more to put."""
        with self._changed:
            self._producers -= 1
            self._changed.notify_all()

    def cancel(self) -> None:
        """Drop everything and wake whoever waits."""
        with self._changed:
            self._cancelled = True
            self._items.clear()
            self._changed.notify_all()
