"""Exact search by one matrix product."""

from __future__ import annotations

import numpy as np

from personae.adapters.index.lock import ReadWriteLock
from personae.adapters.index.rows import admitted, best_first, checked_faces, checked_labels, no_results
from personae.core.compare import require_unit
from personae.types import FaceId, Filter, Ids, ModelId, Scores, Vector, Vectors

SCORES_AT_ONCE = 1 << 24
FEW = 8
"""When fewer than one face in so many fulfils a filter, their rows are copied out; else all are compared."""


class ExactIndex:
    """`personae.ports.VectorIndex` in memory alone: filled from the store when it is opened."""

    follows = True
    """See the port; likewise below."""
    damage = ""
    """There is no saved state that could be damaged."""

    def __init__(self, model_id: ModelId, dimension: int) -> None:
        self._model_id = model_id
        self._dimension = dimension
        self._lock = ReadWriteLock()
        self._empty()

    def _empty(self) -> None:
        self._ids = np.empty(0, np.int64)
        self._people = np.empty(0, np.int64)
        self._clusters = np.empty(0, np.int64)
        self._rows = np.empty((0, self._dimension), np.float32)
        self._row_of: dict[int, int] = {}
        self._cursor = 0

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

    def __len__(self) -> int:
        return len(self._row_of)

    def __contains__(self, face_id: FaceId) -> bool:
        return int(face_id) in self._row_of

    def face_ids(self) -> Ids:
        """Ids ascending."""
        with self._lock.read():
            return np.sort(self._ids[: len(self._row_of)])

    def add(
        self, face_ids: Ids, vectors: Vectors, person_ids: Ids | None = None, cluster_ids: Ids | None = None
    ) -> None:
        """Add or replace."""
        ids, rows, people, clusters = checked_faces(face_ids, vectors, self._dimension, person_ids, cluster_ids)
        with self._lock.write():
            count = len(self._row_of)
            place = self._places(ids)
            fresh = np.flatnonzero(place < 0)
            place[fresh] = np.arange(count, count + len(fresh))
            self._reserve(count + len(fresh))
            self._ids[place], self._rows[place] = ids, rows
            self._people[place], self._clusters[place] = people, clusters
            self._row_of.update(zip(ids[fresh].tolist(), place[fresh].tolist(), strict=True))

    def label(self, face_ids: Ids, person_ids: Ids, cluster_ids: Ids) -> None:
        """Say anew whose faces these are."""
        ids, people, clusters = checked_labels(face_ids, person_ids, cluster_ids)
        with self._lock.write():
            place = self._places(ids)
            here = place >= 0
            self._people[place[here]], self._clusters[place[here]] = people[here], clusters[here]

    def remove(self, face_ids: Ids) -> None:
        """Forget these."""
        with self._lock.write():
            for face_id in np.asarray(face_ids, dtype=np.int64).ravel().tolist():
                self._drop(face_id)

    def search(self, queries: Vectors, k: int, where: Filter | None = None) -> tuple[Ids, Scores]:
        """Return the k nearest of each query."""
        asked = require_unit(queries, self._dimension)
        found, scores = no_results(len(asked), k)
        with self._lock.read():
            count = len(self._row_of)
            fits = slice(count) if where is None else self._fitting(where, count)
            few = isinstance(fits, np.ndarray) and FEW * len(fits) < count
            ids, rows = self._ids[fits], self._rows[fits] if few else self._rows[:count]
            step = max(1, SCORES_AT_ONCE // max(1, len(rows)))
            for start in range(0, len(asked), step):
                block = asked[start : start + step] @ rows.T
                for row, each in enumerate(block, start):
                    best, top = best_first(ids, each if few else each[fits], min(k, len(ids)))
                    found[row, : len(best)], scores[row, : len(best)] = best, top
        return found, scores

    def compare(self, query: Vector, face_ids: Ids) -> Scores:
        """Return the cosine of one query with these faces, NaN where a face is not here."""
        asked = require_unit(query[None], self._dimension)[0]
        with self._lock.read():
            rows = self._places(face_ids)
            scores = np.full(len(rows), np.nan, np.float32)
            scores[rows >= 0] = np.clip(self._rows[rows[rows >= 0]] @ asked, -1.0, 1.0)
        return scores

    def advance(self, cursor: int) -> None:
        """Record the last event applied."""
        self._cursor = cursor

    def clear(self) -> None:
        """Forget everything."""
        with self._lock.write():
            self._empty()

    def save(self) -> None:
        """Nothing to keep."""

    def close(self) -> None:
        """Nothing to let go of."""

    def _places(self, face_ids: Ids) -> Ids:
        """Return the row of each face, -1 for those that are not here."""
        return np.array([self._row_of.get(face_id, -1) for face_id in face_ids.tolist()], dtype=np.int64)

    def _fitting(self, where: Filter, count: int) -> Ids:
        """Return the rows of the faces that may be found."""
        return np.flatnonzero(admitted(where, self._people[:count], self._clusters[:count]))

    def _reserve(self, count: int) -> None:
        """Make room for `count` rows, doubling."""
        if count <= len(self._ids):
            return
        room = max(count, 2 * len(self._ids), 256)
        self._ids, self._people, self._clusters = (
            np.concatenate([each, np.zeros(room - len(each), np.int64)])
            for each in (self._ids, self._people, self._clusters)
        )
        rows = np.zeros((room, self._dimension), np.float32)
        rows[: len(self._rows)] = self._rows
        self._rows = rows

    def _drop(self, face_id: int) -> None:
        row = self._row_of.pop(face_id, None)
        if row is None:
            return
        # The last row fills the hole, and its old place is wiped: nothing of an erased face stays in memory.
        last = len(self._row_of)
        if row != last:
            moved = int(self._ids[last])
            self._ids[row], self._rows[row], self._row_of[moved] = moved, self._rows[last], row
            self._people[row], self._clusters[row] = self._people[last], self._clusters[last]
        self._ids[last] = self._people[last] = self._clusters[last] = 0
        self._rows[last] = 0.0
