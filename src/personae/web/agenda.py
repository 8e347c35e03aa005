"""The surveys of a server: one for each project, made again beside the requests when it is outdated."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from personae.engine.facade import Engine
from personae.engine.survey import Survey
from personae.errors import PersonaeError
from personae.web.places import without_places

PATIENCE = 0.35
"""Seconds that a request waits for a survey; one that takes longer is made beside it."""
REST = 4
"""How many times as long as a survey takes nobody makes the next one: the questions stay open meanwhile."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What there is to ask from."""

    found: Survey
    pending: bool
    """Whether a newer survey is being made."""
    trouble: str
    """Why faces could not be compared; empty: they could."""


class Agenda:
    """The survey of one project. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: Survey | None = None
        self._trouble = ""
        self._busy = False
        self._ended = 0.0
        self._took = 0.0
        self._done = threading.Event()
        self._counted: tuple[int, int] | None = None
        """The latest event, and how many groups there were after it."""

    def now(self, engine: Engine) -> Standing:
        """Return what is known by now, and see to it that it does not stay outdated."""
        found = self._found
        if found is not None and not engine.outdated(found):
            return Standing(found, False, self._trouble)
        self._begin(engine)
        if self._took <= PATIENCE:
            self._done.wait(PATIENCE)
        with self._lock:
            found, pending, trouble = self._found, self._busy, self._trouble
        return Standing(found or engine.groups_only(), pending, trouble)

    def waiting(self, engine: Engine) -> tuple[int, bool]:
        """Return how many questions there are, and whether that is outdated; no survey is begun before the first."""
        if self._found is not None:
            found = self.now(engine).found
            return len(found.items), engine.outdated(found)
        last = engine.outbox.last()
        if self._counted is None or self._counted[0] != last:
            self._counted = last, len(engine.groups_only().items)
        return self._counted[1], False

    def _begin(self, engine: Engine) -> None:
        with self._lock:
            rested = time.monotonic() - self._ended >= REST * self._took
            if self._busy or not (rested or self._found is None):
                return
            self._busy = True
            self._done.clear()
        threading.Thread(target=self._make, args=(engine,), name="survey", daemon=True).start()

    def _make(self, engine: Engine) -> None:
        began = time.monotonic()
        found, trouble = None, ""
        try:
            found = engine.survey()
        except PersonaeError as error:
            trouble = without_places(str(error))
        finally:
            with self._lock:
                self._found = found or self._found
                self._trouble = trouble
                self._ended = time.monotonic()
                self._took = self._ended - began
                self._busy = False
                self._done.set()


class Agendas:
    """The agenda of each engine that is open."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: WeakKeyDictionary[Engine, Agenda] = WeakKeyDictionary()

    def of(self, engine: Engine) -> Agenda:
        """Return the agenda of a project."""
        with self._lock:
            return self._of.setdefault(engine, Agenda())
