"""A clock that waiting moves on."""

from __future__ import annotations

from personae.adapters.sources.limits import Machine


class Hurry:
    """Nobody waits, and yet time passes."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    @property
    def machine(self) -> Machine:
        return Machine(clock=lambda: self.now, sleep=self.sleep)
