"""Approximate search by a Voyager graph, with exact scores."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import voyager

from personae.adapters.index.lock import ReadWriteLock
from personae.adapters.index.rows import best_first, checked_rows, no_results
from personae.adapters.index.saved import DistrustError, Note, discard, read_note, write_saved
from personae.core.compare import require_unit
from personae.errors import BackendError
from personae.types import FaceId, Ids, ModelId, Scores, Vector, Vectors

LINKS = 32
BUILD_EFFORT = 256
SEARCH_EFFORT = 600
"""Faces that a search looks at, more when more are wanted: see docs/adr/0031."""
SPARE = 64
"""Faces fetched for exact scores beyond those asked for."""
FACES_AT_ONCE = 65536

Fetch = Callable[[Ids], tuple[Ids, Vectors]]
"""Ids ascending -> those of them that exist, ascending, and their (n, d) float32 unit rows."""


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
        self._live: set[int] = set()
        self._deleted: set[int] = set()
        self._cursor = 0

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
        self._live = {int(face_id) for face_id in self._graph.ids} - self._deleted
        if len(self._live) != note.count or self._graph.num_dimensions != self._dimension:
            raise DistrustError(f"{self._file.name} does not hold what its note says")
        self._cursor = note.cursor

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
        return len(self._live)

    def __contains__(self, face_id: FaceId) -> bool:
        return int(face_id) in self._live

    def face_ids(self) -> Ids:
        """Ids ascending."""
        with self._lock.read():
            return np.array(sorted(self._live), dtype=np.int64)

    def add(self, face_ids: Ids, vectors: Vectors) -> None:
        """Add or replace."""
        ids, rows = checked_rows(face_ids, vectors, self._dimension)
        if not len(ids):
            return
        with self._lock.write():
            for face_id in self._deleted.intersection(ids.tolist()):
                self._graph.unmark_deleted(face_id)
            self._deleted.difference_update(ids.tolist())
            try:
                self._graph.add_items(rows, ids)
            except RuntimeError as error:
                raise BackendError(f"the index of {self._model_id} takes no more faces: {error}") from error
            self._live.update(ids.tolist())

    def remove(self, face_ids: Ids) -> None:
        """Forget these. Their bytes leave the file when the index is rebuilt (`clear`)."""
        with self._lock.write():
            for face_id in self._live.intersection(np.asarray(face_ids).ravel().tolist()):
                self._graph.mark_deleted(face_id)
                self._live.discard(face_id)
                self._deleted.add(face_id)

    def search(self, queries: Vectors, k: int) -> tuple[Ids, Scores]:
        """Return the k nearest of each query, as far as the graph finds them; their scores are exact."""
        asked = require_unit(queries, self._dimension)
        found, scores = no_results(len(asked), k)
        with self._lock.read():
            wanted = min(k + SPARE, len(self._live))
            for row, query in enumerate(asked):
                if not wanted or not k:
                    break
                near, vectors = self._fetch(np.sort(self._near(query, wanted)))
                best, top = best_first(near, vectors @ query, k)
                found[row, : len(best)], scores[row, : len(best)] = best, top
        return found, scores

    def compare(self, query: Vector, face_ids: Ids) -> Scores:
        """Return the cosine of one query with these faces, NaN where a face is not here."""
        asked = require_unit(query[None], self._dimension)[0]
        scores = np.full(len(face_ids), np.nan, np.float32)
        with self._lock.read():
            here = [face_id for face_id in face_ids.tolist() if face_id in self._live]
            ids, vectors = self._fetch(np.unique(np.array(here, dtype=np.int64)))
        place = np.searchsorted(ids, face_ids)
        place[place == len(ids)] = 0
        present = np.flatnonzero(ids[place] == face_ids) if len(ids) else np.empty(0, np.int64)
        scores[present] = np.clip(vectors @ asked, -1.0, 1.0)[place[present]]
        return scores

    def advance(self, cursor: int) -> None:
        """Record the last event applied."""
        self._cursor = cursor

    def clear(self) -> None:
        """Forget everything, the saved files included: no byte of an erased face stays."""
        with self._lock.write():
            self._empty()
            discard(self._file)

    def save(self) -> None:
        """Keep the index and its note."""
        with self._lock.read():
            write_saved(self._file, self._graph.save, self._note)
            self._damage = ""

    def _note(self, sha256: str) -> Note:
        return Note(
            model_id=self._model_id,
            dimension=self._dimension,
            cursor=self._cursor,
            count=len(self._live),
            deleted=sorted(self._deleted),
            library=version("voyager"),
            sha256=sha256,
        )

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
        return np.array(sorted(self._live), dtype=np.int64)

    def _own(self, face_ids: Ids) -> tuple[Ids, Vectors]:
        """The vectors that the file itself holds."""
        if not len(face_ids):
            return face_ids, np.empty((0, self._dimension), np.float32)
        return face_ids, self._graph.get_vectors(face_ids)
