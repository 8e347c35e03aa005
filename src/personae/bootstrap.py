"""From settings to an engine: the only place that constructs adapters.

Adapters are imported when they are first needed, so that a second run over a known album, or a question
about settings, does not wait for libraries it does not use.
"""

from __future__ import annotations

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
from personae.engine.live import LiveVision, Networks, head_card, is_head, made_by
from personae.engine.parts import Parts, Vision
from personae.engine.walk import user_path
from personae.errors import BackendError, InputError
from personae.loading import Notify, lazy_vision, open_registry, wanted_embedders, wanted_models
from personae.settings import Settings, as_environment, config_file
from personae.types import ModelCard

if TYPE_CHECKING:
    from personae.access import Project
    from personae.adapters.queue.rq import RqQueue
    from personae.adapters.store.store import SqlStore
    from personae.ports import House, PeopleSource, Store
    from personae.records import SourceSpec


class Closable(Protocol):
    """What is let go of at the end."""

    def close(self) -> None:
        """Let go."""
        ...


FILE = "personae.db"
"""Name of the SQLite store in the home folder."""


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
    """The models that the settings say."""
    networks: Callable[[str], Vision] | None = None
    """Embedders, joined by + -> them; "": those that the settings say. None: `vision` alone."""


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
    parts = _parts(chosen, store, home, folder, _networks(chosen, notify, shared or Shared()), notify)
    return Engine(parts, folder, home, lazy.render, lazy.render_evaluation)


def _parts(
    chosen: Settings, store: SqlStore, home: Path, folder: Path, networks: Networks, notify: Notify
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
    heads = FolderHeads(folder / "heads")
    return Parts(
        store=store,
        home=home,
        crops=FolderFiles(folder / "crops"),
        photos=FolderFiles(folder / "photos", suffix=""),
        pictures=FolderFiles(folder / "references", suffix=".img"),
        heads=heads,
        copies=FolderCopies(folder / "copies"),
        checked=FolderCopies(folder / "checked"),
        maps=FolderFiles(folder / "map", suffix=".map"),
        sniff=lazy.sniff,
        decode=partial(lazy.decode, chosen.max_pixels),
        check_picture=partial(lazy.check_picture, chosen.max_pixels),
        when_taken=partial(lazy.when_taken, chosen.max_pixels),
        encode=lazy.encode,
        vision=LiveVision(store, networks, heads, chosen.model_checkpoint),
        networks=networks,
        index=indexes,
        forget_index=indexes.forget,
        models=partial(_cards, chosen, store),
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
        cannot_train=lazy.cannot_train,
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


def _networks(settings: Settings, notify: Notify, shared: Shared) -> Networks:
    """Return what gives embedders by name."""
    if shared.networks is not None:
        return shared.networks
    if shared.vision is None:
        return lazy_vision(settings, notify)
    as_set, others = shared.vision, lazy_vision(settings, notify)
    return lambda name: others(name) if name else as_set()


def _once(notify: Notify) -> Notify:
    """Return what passes each sentence on the first time only."""
    told: set[str] = set()

    def tell(sentence: str) -> None:
        if sentence not in told:
            told.add(sentence)
            notify(sentence)

    return tell


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


def _cards(settings: Settings, store: Store) -> Sequence[ModelCard]:
    """Return the cards of what is live."""
    registry = open_registry(settings)
    with store.read() as tx:
        names = made_by(tx)
    wanted = [settings.detector, *names] if names else wanted_models(settings, registry)
    return [registry.card(name) if not is_head(name) else head_card(name) for name in wanted]


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
