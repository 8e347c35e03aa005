"""The engines of a server: one for each project, opened when it is first asked for, and kept."""

from __future__ import annotations

import threading
from typing import Protocol

from personae.access import Project
from personae.bootstrap import Shared, open_engine, remove_project
from personae.engine import projects
from personae.engine.facade import Engine
from personae.errors import BackendError, Conflict, NotFound
from personae.loading import Notify, lazy_vision
from personae.ports import House
from personae.settings import Settings


class Runner(Protocol):
    """Runs the jobs of engines."""

    def add(self, engine: Engine) -> None:
        """Run this engine's jobs too."""
        ...

    def remove(self, engine: Engine) -> None:
        """Run them no more."""
        ...


class Engines:
    """Safe to use from several threads.

    Args:
        settings: of all of them, but for the project.
        house: knows which projects there are.
        notify: is told what goes on beside the results.
        shared: what they have in common; None: the models, loaded once.
        runner: is given each engine as it is opened, before anybody uses it, and told when it is closed.
    """

    def __init__(self, settings: Settings, house: House, notify: Notify = lambda _: None,
                 shared: Shared | None = None, runner: Runner | None = None) -> None:  # fmt: skip
        self.default = settings.project
        self._settings, self._house, self._notify = settings, house, notify
        self._shared = shared or Shared(networks=lazy_vision(settings, notify))
        self._runner = runner
        self._lock = threading.Lock()
        self._open: dict[str, Engine] = {}
        self._closed = False

    def opened(self, name: str | None = None) -> Engine | None:
        """Return the engine of a project if it is open already; None for the name: of the default one."""
        return self._open.get(name or self.default)

    def open(self, name: str | None = None) -> Engine:
        """Return the engine of a project.

        Args:
            name: of the project; None: the default one, which is made when there is none.

        Raises:
            NotFound: there is no such project.
            BackendError: its store cannot be opened now.
        """
        wanted = name or self.default
        with self._lock:
            if self._closed:
                raise BackendError("the server is stopping")
            if wanted not in self._open:
                if wanted != self.default and wanted not in {project.name for project in self.projects()}:
                    raise NotFound(f"there is no project {wanted}")
                settings = self._settings.model_copy(update={"project": wanted})
                engine = open_engine(settings, self._notify, self._shared)
                if self._runner is not None:
                    self._runner.add(engine)
                self._open[wanted] = engine
            return self._open[wanted]

    def all(self) -> dict[str, Engine]:
        """Return the engines that are open, by project."""
        return dict(self._open)

    def projects(self) -> list[Project]:
        """Return every project of the database, by name."""
        return self._house.projects.all()

    def create(self, name: str) -> Project:
        """Make a project.

        Raises:
            InputError: that is no name for one.
            Conflict: there is one of this name.
        """
        return projects.create(self._house.projects, name)

    def rename(self, name: str, to: str) -> Project:
        """Give a project another name.

        Raises:
            InputError: that is no name for one.
            NotFound: there is no such project.
            Conflict: it is the server's own, there is one of the new name, or jobs have not ended.
        """
        with self._lock:
            self._let_go(name)
            return projects.rename(self._house.projects, name, to)

    def remove(self, name: str) -> Project:
        """Remove a project with its files.

        Raises:
            NotFound: there is no such project.
            Conflict: it is the server's own, or jobs have not ended.
            BackendError: not all could be removed.
        """
        with self._lock:
            self._let_go(name)
            return remove_project(self._settings, self._house, name)

    def open_busy(self) -> None:
        """Open the projects in which work is waiting, so that somebody does it."""
        for name in self._house.projects.busy():
            self.open(name)

    def ping(self) -> None:
        """Raise BackendError when the store does not answer."""
        self._house.ping()

    def _let_go(self, name: str) -> None:
        """Close the engine of a project that is to change; it is opened again when it is asked for."""
        if name == self.default:
            raise Conflict(f"the server works in the project {name}: start it with another one (PERSONAE_PROJECT)")
        engine = self._open.get(name)
        if engine is not None:
            if engine.unfinished_jobs():
                raise Conflict(f"jobs of the project {name} have not ended: wait for them, or cancel them")
            del self._open[name]
            if self._runner is not None:
                self._runner.remove(engine)
            engine.close()

    def close(self) -> None:
        """Close every engine; no more are opened."""
        with self._lock:
            self._closed = True
            while self._open:
                self._open.popitem()[1].close()
        self._house.close()
