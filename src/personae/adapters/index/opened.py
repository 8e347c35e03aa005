"""The indexes of a project: which kind the settings ask for, opened on the first call and kept."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from personae.adapters.namespace import namespace
from personae.errors import InputError
from personae.ports import VectorIndex
from personae.settings import Settings
from personae.types import Ids, ModelId, Vectors

if TYPE_CHECKING:
    from personae.adapters.index.points import Points
    from personae.adapters.store.store import SqlStore

INDEX_FILES = {ModelId("facenet512"): "face_facenet512.voy", ModelId("arcface512"): "face_arcface.voy"}
"""Index files with names of their own; another model's is called after its id."""


class OpenedIndexes:
    """The index of each model, opened on the first call and kept; a grown collection moves from exact to Voyager."""

    def __init__(self, folder: Path, store: SqlStore, settings: Settings) -> None:
        self._folder = folder
        self._store = store
        self._settings = settings
        self._open: dict[ModelId, tuple[str, VectorIndex]] = {}

    def __call__(self, model_id: ModelId, dimension: int, count: int) -> VectorIndex:
        """Return a model's index, for so many faces."""
        kind = self._kind(count)
        there = self._open.get(model_id)
        if there is None or there[0] != kind:
            if there is not None:
                there[1].close()
            there = self._open[model_id] = kind, self._make(kind, model_id, dimension)
        return there[1]

    def forget(self, model_id: ModelId, dimension: int, count: int) -> None:
        """Remove what is kept of a model that is not searched any more; whoever searches it at this moment goes on.

        Raises:
            BackendError: it cannot be removed now.
        """
        kind = self._kind(count)
        there = self._open.pop(model_id, None)
        if kind in {"exact", "pgvector"}:
            return
        # Of Voyager's files another one is opened: that in memory may be searched at this moment.
        index = self._make(kind, model_id, dimension) if there is None or kind == "voyager" else there[1]
        index.clear()
        index.close()

    def close(self) -> None:
        """Let go of every index."""
        while self._open:
            self._open.popitem()[1][1].close()

    def remove_outside(self) -> None:
        """Remove what lies outside of the folder: the collections on a server."""
        if self._settings.qdrant_url:
            from personae.adapters.index.qdrant import ServerPoints  # noqa: PLC0415 - its library is not always there

            key = self._settings.qdrant_api_key.get_secret_value()
            points = ServerPoints(self._settings.qdrant_url, key, "", 1)
            try:
                points.remove_all(f"personae_{namespace(self._store)}_")
            finally:
                points.close()

    def _kind(self, count: int) -> str:
        if self._settings.index != "auto":
            return self._settings.index
        if self._settings.qdrant_url:
            return "qdrant"
        return "exact" if count <= self._settings.exact_limit else "voyager"

    def _make(self, kind: str, model_id: ModelId, dimension: int) -> VectorIndex:
        if kind == "exact":
            from personae.adapters.index.exact import ExactIndex  # noqa: PLC0415 - its library is not always there

            return ExactIndex(model_id, dimension)
        fetch = partial(self._fetch, model_id)
        if kind == "voyager":
            from personae.adapters.index.voyager import VoyagerIndex  # noqa: PLC0415 - its library is not always there

            file = self._folder / INDEX_FILES.get(model_id, f"face_{model_id}.voy")
            return VoyagerIndex(file, model_id, dimension, fetch)
        if kind == "pgvector":
            from personae.adapters.index.pgvector import PgvectorIndex  # noqa: PLC0415 - seldom wanted

            return PgvectorIndex(self._store.nearest(model_id, dimension), model_id, dimension, fetch)
        from personae.adapters.index.points import PointIndex  # noqa: PLC0415 - its library is not always there

        try:
            points = self._points(kind, model_id, dimension)
        except ModuleNotFoundError as error:
            raise InputError(f"the index {kind} needs its library: pip install 'personae[{kind}]'") from error
        return PointIndex(points, model_id, dimension, fetch, self._history)

    def _points(self, kind: str, model_id: ModelId, dimension: int) -> Points:
        if kind == "qdrant-edge":
            from personae.adapters.index.qdrant_edge import EdgePoints  # noqa: PLC0415 - its library is not always there

            return EdgePoints(self._folder / f"face_{model_id}.edge", dimension)
        from personae.adapters.index.qdrant import FolderPoints, ServerPoints  # noqa: PLC0415 - its library is not always there

        if not self._settings.qdrant_url:
            return FolderPoints(self._folder / f"face_{model_id}.qdrant", str(model_id), dimension)
        key = self._settings.qdrant_api_key.get_secret_value()
        collection = f"personae_{namespace(self._store)}_{model_id}"
        return ServerPoints(self._settings.qdrant_url, key, collection, dimension)

    def _history(self, seq: int) -> str:
        """Return what tells one event from another; empty when there is none of this number."""
        with self._store.read() as tx:
            events = tx.events.after(seq - 1, 1)
        return f"{events[0].kind} {events[0].created_at.timestamp()}" if events and events[0].seq == seq else ""

    def _fetch(self, model_id: ModelId, face_ids: Ids) -> tuple[Ids, Vectors]:
        with self._store.read() as tx:
            return tx.faces.embeddings(model_id, face_ids)
