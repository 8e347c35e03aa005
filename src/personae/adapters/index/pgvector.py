"""An index that is the store's own table: pgvector searches it where it lies."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from personae.adapters.index.rows import SPARE, Fetch, best_first, checked_faces, checked_labels, no_results, scores_of
from personae.core.compare import require_unit
from personae.types import FaceId, Filter, Ids, ModelId, Scores, Vector, Vectors


class FaceVectors(Protocol):
    """The embeddings of one model in one project, as the store has them."""

    def build(self, anew: bool = False) -> None:
        """Make the graph where there is none, or anew."""
        ...

    def count(self) -> int:
        """How many there are."""
        ...

    def ids(self) -> Ids:
        """All ids, ascending."""
        ...

    def present(self, face_ids: Ids) -> Ids:
        """Those of these that are there, ascending."""
        ...

    def near(self, queries: Vectors, k: int, where: Filter | None) -> list[tuple[Ids, Vectors]]:
        """Return for each query the ids and vectors of the k nearest, as far as there are so many, in any order."""
        ...


class PgvectorIndex:
    """`personae.ports.VectorIndex` over the store's table. It holds no copy, so it is never behind.

    What the store does not have cannot be added here, and what it has cannot be removed: `add`, `label` and `remove`
    check what they are given, and leave the rest to the store.

    Args:
        faces: the embeddings.
        model_id: their model.
        dimension: their length.
        fetch: the store's embeddings, for exact scores.
    """

    follows = False
    """See the port; likewise below."""
    damage = ""

    def __init__(self, faces: FaceVectors, model_id: ModelId, dimension: int, fetch: Fetch) -> None:
        self._faces = faces
        self._model_id = model_id
        self._dimension = dimension
        self._fetch = fetch
        self._cursor = 0
        faces.build()

    @property
    def model_id(self) -> ModelId:
        """Whose embeddings these are."""
        return self._model_id

    @property
    def dimension(self) -> int:
        """Length of the embeddings."""
        return self._dimension

    @property
    def cursor(self) -> int:
        """What `advance` was told last; nothing rests on it."""
        return self._cursor

    def __len__(self) -> int:
        return self._faces.count()

    def __contains__(self, face_id: FaceId) -> bool:
        return len(self._faces.present(np.array([face_id], dtype=np.int64))) > 0

    def face_ids(self) -> Ids:
        """Ids ascending."""
        return self._faces.ids()

    def add(
        self, face_ids: Ids, vectors: Vectors, person_ids: Ids | None = None, cluster_ids: Ids | None = None
    ) -> None:
        """Check them; the store has them already."""
        checked_faces(face_ids, vectors, self._dimension, person_ids, cluster_ids)

    def label(self, face_ids: Ids, person_ids: Ids, cluster_ids: Ids) -> None:
        """Check them; the store knows whose faces these are."""
        checked_labels(face_ids, person_ids, cluster_ids)

    def remove(self, face_ids: Ids) -> None:
        """Leave it to the store: what is gone there is gone here."""

    def search(self, queries: Vectors, k: int, where: Filter | None = None) -> tuple[Ids, Scores]:
        """Return the k nearest of each query, as far as pgvector finds them; their scores are exact."""
        asked = require_unit(queries, self._dimension)
        found, scores = no_results(len(asked), k)
        if not k or not len(asked):
            return found, scores
        for row, (ids, vectors) in enumerate(self._faces.near(asked, k + SPARE, where)):
            best, top = best_first(ids, vectors @ asked[row], k)
            found[row, : len(best)], scores[row, : len(best)] = best, top
        return found, scores

    def compare(self, query: Vector, face_ids: Ids) -> Scores:
        """Return the cosine of one query with these faces, NaN where a face is not here."""
        asked = require_unit(query[None], self._dimension)[0]
        ids, vectors = self._fetch(np.unique(face_ids))
        return scores_of(asked, face_ids, ids, vectors)

    def advance(self, cursor: int) -> None:
        """Remember the number."""
        self._cursor = cursor

    def clear(self) -> None:
        """Build the graph anew; the faces are the store's."""
        self._cursor = 0
        self._faces.build(anew=True)

    def save(self) -> None:
        """Nothing to keep."""

    def close(self) -> None:
        """Nothing to let go of: the connections are the store's."""
