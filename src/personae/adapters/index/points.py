"""An index kept as points of a Qdrant collection, whichever Qdrant that is."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

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
from personae.adapters.index.saved import DistrustError
from personae.core.compare import require_unit
from personae.errors import BackendError
from personae.types import FaceId, Filter, Ids, ModelId, Scores, Vector, Vectors

VECTOR = "face"
"""Name of a point's vector: the marker has none, so no search ever finds it."""
PERSON, CLUSTER = "person_id", "cluster_id"
"""Payload fields of a face, -1 for none."""
MARKER = str(uuid.uuid5(uuid.NAMESPACE_URL, "personae:marker"))
"""Id of the point whose payload says what the collection is; faces have numbers."""
FORMAT = 1
LINKS = 32
BUILD_EFFORT = 256
SEARCH_EFFORT = 600
"""Faces that a search of the graph looks at, more when more are wanted: as for Voyager, see docs/adr/0031."""
GRAPH_FROM = 200_000
"""Kilobytes of vectors, 100,000 faces of 512 numbers, up to which all are compared: as docs/adr/0031 has it."""
POINTS_AT_ONCE = 512
VECTORS_AT_ONCE = 65_536
"""Most vectors that a search holds at a time, to score them exactly."""

History = Callable[[int], str]
"""Sequence number of an event -> what tells that event from any other; empty for 0 and for one that is not there."""
Payload = Mapping[str, Any]
Label = tuple[int, int]
"""Person and cluster of a face, -1 for none."""


class Points(Protocol):
    """What is asked of a Qdrant; its errors leave here as BackendError. The marker counts as no point."""

    def open(self) -> None:
        """Make the collection ready, and create it where there is none; called once.

        Raises DistrustError for one that is torn or was made for other vectors.
        """
        ...

    def marker(self) -> Payload | None:
        """The marker's payload, None where there is no marker."""
        ...

    def mark(self, payload: Payload) -> None:
        """Write the marker."""
        ...

    def reset(self) -> None:
        """Remove every byte, and begin empty, without a marker."""
        ...

    def count(self) -> int:
        """How many there are."""
        ...

    def ids(self) -> list[int]:
        """All ids, in any order."""
        ...

    def present(self, ids: Sequence[int]) -> list[int]:
        """Those of these that are there, in any order."""
        ...

    def vectors(self, ids: Sequence[int]) -> dict[int, list[float]]:
        """The vectors of those of these that are there."""
        ...

    def put(self, ids: Sequence[int], rows: Vectors, labels: Sequence[Label]) -> None:
        """Insert or replace, at most POINTS_AT_ONCE."""
        ...

    def label(self, labels: Mapping[Label, list[int]]) -> None:
        """Set the payload of points that exist."""
        ...

    def drop(self, ids: Sequence[int]) -> None:
        """Remove these."""
        ...

    def near(self, queries: Vectors, k: int, where: Filter | None) -> list[list[int]]:
        """The ids nearest to each query, k of them as far as there are so many, in any order."""
        ...

    def save(self) -> None:
        """Bring everything to the disk."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


class PointIndex:
    """`personae.ports.VectorIndex` in a collection of Qdrant, a cache of the store.

    One point more than there are faces, the marker, says what the collection is and which event it has followed.
    It is written after the faces, so a kill in between leaves an older cursor and the faces are put in again.

    Args:
        points: the collection.
        model_id: model of the embeddings.
        dimension: their length.
        fetch: the store's embeddings, for exact scores; None: those in the collection.
        history: tells the store's events apart, to notice a collection that has followed another store.
    """

    follows = True
    """See the port."""

    def __init__(
        self,
        points: Points,
        model_id: ModelId,
        dimension: int,
        fetch: Fetch | None = None,
        history: History = lambda _: "",
    ) -> None:
        self._points = points
        self._model_id = model_id
        self._dimension = dimension
        self._fetch = fetch or self._own
        self._history = history
        self._lock = ReadWriteLock()
        self._marked = False
        """Whether the marker says that the collection is as it was left."""
        self._damage = ""
        try:
            self._open()
        except BackendError:
            points.close()
            raise

    def _open(self) -> None:
        try:
            self._take_over()
        except DistrustError as reason:
            self._damage = str(reason)
            self.clear()

    def _take_over(self) -> None:
        """Go on with what is there, if it can be trusted."""
        self._points.open()
        marker, count = self._points.marker(), self._points.count()
        if marker is None:
            if count:
                raise DistrustError(f"{count} faces without a marker")
            self._mark(0)
            return
        if (marker.get("format"), marker.get("model_id"), marker.get("dimension")) != self._kind():
            raise DistrustError("the marker is of another format, model or dimension")
        cursor, finished = marker.get("cursor"), marker.get("count")
        if not isinstance(cursor, int) or cursor < 0:
            raise DistrustError("the marker is damaged")
        if finished is not None and finished != count:
            raise DistrustError(f"{count} faces, where the marker says {finished}")
        if marker.get("event") != self._history(cursor):
            raise DistrustError("it has followed another store, or an older copy of this one was put back")
        self._marked = finished is not None

    def _kind(self) -> tuple[int, str, int]:
        return FORMAT, self._model_id, self._dimension

    def _mark(self, cursor: int, finished: bool = True) -> None:
        """Write the marker; without a count it says that changes are under way."""
        self._points.mark(
            {
                "format": FORMAT,
                "model_id": self._model_id,
                "dimension": self._dimension,
                "cursor": cursor,
                "event": self._history(cursor),
                "count": self._points.count() if finished else None,
            }
        )
        self._marked = finished

    def _begin(self) -> None:
        """Say that changes are under way, once."""
        if self._marked:
            self._mark(self.cursor, finished=False)

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
        """Last event applied; read each time, since other processes may share the collection."""
        marker = self._points.marker()
        return int(marker["cursor"]) if marker else 0

    @property
    def damage(self) -> str:
        """Why the collection was begun anew."""
        return self._damage

    def __len__(self) -> int:
        return self._points.count()

    def __contains__(self, face_id: FaceId) -> bool:
        return bool(self._points.present([int(face_id)]))

    def face_ids(self) -> Ids:
        """Ids ascending."""
        with self._lock.read():
            return np.sort(np.array(self._points.ids(), dtype=np.int64))

    def add(
        self, face_ids: Ids, vectors: Vectors, person_ids: Ids | None = None, cluster_ids: Ids | None = None
    ) -> None:
        """Add or replace."""
        ids, rows, people, clusters = checked_faces(face_ids, vectors, self._dimension, person_ids, cluster_ids)
        if not len(ids):
            return
        with self._lock.write():
            self._begin()
            for part in _parts(len(ids)):
                labels = list(zip(people[part].tolist(), clusters[part].tolist(), strict=True))
                self._points.put(ids[part].tolist(), rows[part], labels)

    def label(self, face_ids: Ids, person_ids: Ids, cluster_ids: Ids) -> None:
        """Say anew whose faces these are."""
        ids, people, clusters = checked_labels(face_ids, person_ids, cluster_ids)
        with self._lock.write():
            here = np.isin(ids, np.array(self._points.present(ids.tolist()), dtype=np.int64))
            faces: dict[Label, list[int]] = {}
            triples = zip(ids[here].tolist(), people[here].tolist(), clusters[here].tolist(), strict=True)
            for face_id, person, cluster in triples:
                faces.setdefault((person, cluster), []).append(face_id)
            if faces:
                self._begin()
                self._points.label(faces)

    def remove(self, face_ids: Ids) -> None:
        """Forget these. Qdrant overwrites their bytes when it tidies up; `clear` removes all at once."""
        with self._lock.write():
            here = self._points.present(np.unique(np.asarray(face_ids, dtype=np.int64)).tolist())
            if here:
                self._begin()
                self._points.drop(here)

    def search(self, queries: Vectors, k: int, where: Filter | None = None) -> tuple[Ids, Scores]:
        """Return the k nearest of each query, as far as Qdrant finds them; their scores are exact."""
        asked = require_unit(queries, self._dimension)
        found, scores = no_results(len(asked), k)
        step = max(1, VECTORS_AT_ONCE // (k + SPARE))
        with self._lock.read():
            for start in range(0, len(asked) if k else 0, step):
                block = asked[start : start + step]
                near = [np.unique(np.array(ids, np.int64)) for ids in self._points.near(block, k + SPARE, where)]
                ids, vectors = self._fetch(np.unique(np.concatenate(near)))
                for row, (each, query) in enumerate(zip(near, block, strict=True), start):
                    rows = np.flatnonzero(np.isin(ids, each))
                    best, top = best_first(ids[rows], vectors[rows] @ query, k)
                    found[row, : len(best)], scores[row, : len(best)] = best, top
        return found, scores

    def compare(self, query: Vector, face_ids: Ids) -> Scores:
        """Return the cosine of one query with these faces, NaN where a face is not here."""
        asked = require_unit(query[None], self._dimension)[0]
        with self._lock.read():
            here = self._points.present(np.unique(face_ids).tolist())
            ids, vectors = self._fetch(np.sort(np.array(here, dtype=np.int64)))
        return scores_of(asked, face_ids, ids, vectors)

    def advance(self, cursor: int) -> None:
        """Record the last event applied, in the collection itself."""
        with self._lock.write():
            self._mark(cursor)

    def clear(self) -> None:
        """Forget everything, the collection included: no byte of an erased face stays."""
        with self._lock.write():
            self._points.reset()
            self._mark(0)

    def save(self) -> None:
        """Bring everything to the disk, and build the graph where that is due."""
        with self._lock.write():
            self._points.save()
            self._damage = ""

    def close(self) -> None:
        """Let go of the collection."""
        with self._lock.write():
            self._points.close()

    def _own(self, face_ids: Ids) -> tuple[Ids, Vectors]:
        """The vectors that the collection itself holds."""
        found = self._points.vectors(face_ids.tolist())
        ids = np.array(sorted(found), dtype=np.int64)
        rows = np.array([found[face_id] for face_id in ids.tolist()], dtype=np.float32)
        return ids, rows.reshape(len(ids), self._dimension)


def row_of(vector: Any) -> list[float]:
    """Return the face's vector out of what Qdrant gives as the vectors of a point."""
    row: list[float] = vector[VECTOR]
    return row


def _parts(count: int) -> Iterator[slice]:
    for start in range(0, count, POINTS_AT_ONCE):
        yield slice(start, start + POINTS_AT_ONCE)
