"""Approximate search by a Voyager graph, with exact scores."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import voyager
from numpy.typing import NDArray

from personae.adapters.index.labels import LabelTable
from personae.adapters.index.lock import ReadWriteLock
from personae.adapters.index.rows import (
    SPARE,
    Fetch,
    best_first,
    checked_faces,
    checked_labels,
    no_results,
    scores_of,
)
from personae.adapters.index.saved import DistrustError, Note, discard, holds, read_note, write_note, write_saved
from personae.core.compare import require_unit
from personae.errors import BackendError
from personae.types import FaceId, Filter, Ids, ModelId, Scores, Vector, Vectors

LINKS = 32
BUILD_EFFORT = 256
SEARCH_EFFORT = 600
"""Faces that a search looks at, more when more are wanted: see docs/adr/0031."""


class VoyagerIndex:
    """`personae.ports.VectorIndex` in a file, a cache of the store.

    Voyager counts forgotten ids as its own, loads damaged files, accepts NaN and loses ids under two writers;
    none of that shows outside.

    Args:
        file: where it is kept; a note lies beside it.
        model_id: model of the embeddings.
        dimension: their length.
        fetch: the store's embeddings, for exact scores; None: the float32 vectors that the file itself holds.
    """

    follows = True
    """See the port."""

    def __init__(self, file: Path, model_id: ModelId, dimension: int, fetch: Fetch | None = None) -> None:
        self._file = file
        self._model_id = model_id
        self._dimension = dimension
        self._fetch = fetch or self._own
        self._lock = ReadWriteLock()
        self._empty()
        self._damage = ""
        try:
            self._load()
        except DistrustError as reason:
            self._empty()
            self._damage = str(reason)

    def _empty(self) -> None:
        self._graph = voyager.Index(
            voyager.Space.Cosine, self._dimension, M=LINKS, ef_construction=BUILD_EFFORT, random_seed=1
        )
        self._faces = LabelTable()
        self._deleted: set[int] = set()
        self._cursor = 0
        self._kept = ""
        """SHA-256 of the saved graph, while it is the one in memory."""

    def _load(self) -> None:
        """Take over the saved state, if there is one that can be trusted."""
        note = read_note(self._file)
        if note is None:
            return
        if (note.model_id, note.dimension) != (self._model_id, self._dimension):
            raise DistrustError(f"{self._file.name} belongs to {note.model_id} of dimension {note.dimension}")
        if note.library != version("voyager"):
            raise DistrustError(f"{self._file.name} was written by Voyager {note.library}")
        try:
            # Opened here, since Voyager itself takes no path that is not UTF-8.
            with self._file.open("rb") as opened:
                self._graph = voyager.Index.load(opened)
        except (OSError, RuntimeError, ValueError) as error:
            raise DistrustError(f"{self._file.name} cannot be loaded") from error
        self._deleted = set(note.deleted)
        live = np.setdiff1d(np.array(list(self._graph.ids), dtype=np.int64), np.array(note.deleted, dtype=np.int64))
        if len(live) != note.count or self._graph.num_dimensions != self._dimension:
            raise DistrustError(f"{self._file.name} does not hold what its note says")
        try:
            self._faces = LabelTable.unpacked(live, note.labels)
        except (ValueError, TypeError) as error:
            raise DistrustError(f"the labels in the note of {self._file.name} are damaged") from error
        self._cursor, self._kept = note.cursor, note.sha256

    @property
    def model_id(self) -> ModelId:
        """See the port; likewise below."""
        return self._model_id

    @property
    def dimension(self) -> int:
        """Length of the embeddings."""
        return self._dimension

    @property
    def cursor(self) -> int:
        """Last event applied."""
        return self._cursor

    @property
    def damage(self) -> str:
        """Why the saved state was not used."""
        return self._damage

    def __len__(self) -> int:
        return len(self._faces)

    def __contains__(self, face_id: FaceId) -> bool:
        return bool(self._faces.has(np.array([int(face_id)]))[0])

    def face_ids(self) -> Ids:
        """Ids ascending."""
        return self._faces.ids.copy()

    def add(
        self, face_ids: Ids, vectors: Vectors, person_ids: Ids | None = None, cluster_ids: Ids | None = None
    ) -> None:
        """Add or replace."""
        ids, rows, people, clusters = checked_faces(face_ids, vectors, self._dimension, person_ids, cluster_ids)
        if not len(ids):
            return
        with self._lock.write():
            self._kept = ""
            for face_id in self._deleted.intersection(ids.tolist()):
                self._graph.unmark_deleted(face_id)
            self._deleted.difference_update(ids.tolist())
            try:
                self._graph.add_items(rows, ids)
            except RuntimeError as error:
                raise BackendError(f"the index of {self._model_id} takes no more faces: {error}") from error
            self._faces.put(ids, people, clusters)

    def label(self, face_ids: Ids, person_ids: Ids, cluster_ids: Ids) -> None:
        """Say anew whose faces these are."""
        ids, people, clusters = checked_labels(face_ids, person_ids, cluster_ids)
        with self._lock.write():
            self._faces.label(ids, people, clusters)

    def remove(self, face_ids: Ids) -> None:
        """Forget these. Their bytes leave the file when the index is rebuilt (`clear`)."""
        ids = np.unique(np.asarray(face_ids, dtype=np.int64))
        with self._lock.write():
            here = ids[self._faces.has(ids)]
            if not len(here):
                return
            self._kept = ""
            for face_id in here.tolist():
                self._graph.mark_deleted(face_id)
                self._deleted.add(face_id)
            self._faces.drop(here)

    def search(self, queries: Vectors, k: int, where: Filter | None = None) -> tuple[Ids, Scores]:
        """Return the k nearest of each query, as far as the graph finds them; their scores are exact."""
        asked = require_unit(queries, self._dimension)
        found, scores = no_results(len(asked), k)
        with self._lock.read():
            finder = self._finder(k + SPARE, where) if k else None
            for row, query in enumerate(asked):
                if finder is None:
                    break
                near, vectors = self._fetch(np.sort(finder(query)))
                best, top = best_first(near, vectors @ query, k)
                found[row, : len(best)], scores[row, : len(best)] = best, top
        return found, scores

    def compare(self, query: Vector, face_ids: Ids) -> Scores:
        """Return the cosine of one query with these faces, NaN where a face is not here."""
        asked = require_unit(query[None], self._dimension)[0]
        with self._lock.read():
            ids, vectors = self._fetch(np.unique(face_ids[self._faces.has(face_ids)]))
        return scores_of(asked, face_ids, ids, vectors)

    def advance(self, cursor: int) -> None:
        """Record the last event applied."""
        self._cursor = cursor

    def clear(self) -> None:
        """Forget everything, the saved files included: no byte of an erased face stays."""
        with self._lock.write():
            self._empty()
            discard(self._file)

    def save(self) -> None:
        """Keep the index and its note; the index itself only when it is another than the saved one."""
        with self._lock.read():
            if self._kept and holds(self._file, self._kept):
                write_note(self._file, self._note(self._kept))
            else:
                self._kept = write_saved(self._file, self._graph.save, self._note)
            self._damage = ""

    def close(self) -> None:
        """Nothing to let go of."""

    def _note(self, sha256: str) -> Note:
        return Note(
            model_id=self._model_id,
            dimension=self._dimension,
            cursor=self._cursor,
            count=len(self._faces),
            deleted=sorted(self._deleted),
            labels=self._faces.packed(),
            library=version("voyager"),
            sha256=sha256,
        )

    def _finder(self, wanted: int, where: Filter | None) -> Callable[[Vector], Ids] | None:
        """Return what finds about the `wanted` nearest faces that may be found; None when there are none."""
        if where is None:
            return partial(self._near, wanted=min(wanted, len(self._faces))) if len(self._faces) else None
        fits = self._faces.fitting(where)
        count = int(np.count_nonzero(fits))
        if not count:
            return None
        wanted = min(wanted, count)
        # So many are asked for that enough of them should fit.
        asked = 2 * wanted * len(fits) // count
        if count > asked:
            return partial(self._near_fitting, wanted=wanted, asked=asked, fits=fits)
        return partial(_nearest_rows, self._faces.ids[fits], self._own(self._faces.ids[fits])[1], wanted)

    def _near_fitting(self, query: Vector, wanted: int, asked: int, fits: NDArray[np.bool_]) -> Ids:
        """Return about the nearest faces that fit."""
        while True:
            near = self._near(query, min(asked, len(fits)))
            fitting = near[fits[np.searchsorted(self._faces.ids, near)]]
            if len(fitting) >= wanted or asked >= len(fits):
                return fitting
            asked *= 4

    def _near(self, query: Vector, wanted: int) -> Ids:
        """Return the ids of about the nearest faces; of all when the graph has lost its way."""
        effort = max(SEARCH_EFFORT, wanted)
        while effort < 4 * len(self._graph) + 2 * SEARCH_EFFORT:
            try:
                ids, _ = self._graph.query(query, wanted, query_ef=effort)
            except voyager.RecallError:
                effort *= 4
            else:
                near: Ids = ids.astype(np.int64)
                return near
        return self._faces.ids

    def _own(self, face_ids: Ids) -> tuple[Ids, Vectors]:
        """The vectors that the file itself holds."""
        if not len(face_ids):
            return face_ids, np.empty((0, self._dimension), np.float32)
        return face_ids, self._graph.get_vectors(face_ids)


def _nearest_rows(face_ids: Ids, vectors: Vectors, wanted: int, query: Vector) -> Ids:
    """Return the `wanted` faces whose rows are nearest, in any order."""
    if wanted >= len(face_ids):
        return face_ids
    return face_ids[np.argpartition(vectors @ query, len(face_ids) - wanted)[-wanted:]]
