"""The index over the store's own table, for the tests of all indexes: what they add goes into a store first."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from personae.adapters.index.pgvector import PgvectorIndex
from personae.adapters.index.rows import checked_faces, checked_labels
from personae.adapters.store import schema
from personae.adapters.store.rows import STORED
from personae.adapters.store.store import SqlStore
from personae.types import Ids, ModelId, Vectors
from tests.postgres import Server, UnavailableError

EVERYBODY = range(-1, 120)
"""People and clusters that tests speak of, by id."""


def now() -> datetime:
    return datetime.now(UTC)


@cache
def server() -> Server:
    """Return a server for as long as this process lives."""
    try:
        started = Server()
    except UnavailableError as error:
        pytest.skip(str(error))
    atexit.register(started.close)
    return started


class StoredIndex(PgvectorIndex):
    """`PgvectorIndex` that writes to the store what is added to it, as the engine does before it looks at an index."""

    def __init__(self, store: SqlStore, model_id: ModelId, dimension: int, few: int | None = None) -> None:
        self._store = store
        nearest = store.nearest(model_id, dimension)

        def fetch(face_ids: Ids) -> tuple[Ids, Vectors]:
            with store.read() as tx:
                return tx.faces.embeddings(model_id, face_ids)

        super().__init__(nearest if few is None else replace(nearest, few=few), model_id, dimension, fetch)

    @classmethod
    def of(cls, folder: Path, model_id: ModelId, dimension: int, few: int | None = None) -> StoredIndex:
        """Return the index of a model in the store that belongs to a folder."""
        return cls(SqlStore.open(_url(folder), "test", now), model_id, dimension, few)

    def add(
        self, face_ids: Ids, vectors: Vectors, person_ids: Ids | None = None, cluster_ids: Ids | None = None
    ) -> None:
        super().add(face_ids, vectors, person_ids, cluster_ids)
        ids, rows, people, clusters = checked_faces(face_ids, vectors, self.dimension, person_ids, cluster_ids)
        with self._store.write() as tx:
            execute = tx.faces.scope.connection.execute
            self._forget(execute, ids)
            if len(ids):
                execute(sa.text(NEW_FACE), [{"id": int(i)} for i in ids])
                cells = [
                    {"face_id": int(i), "model_id": self.model_id, "vector": row.astype(STORED).tobytes()}
                    for i, row in zip(ids, rows, strict=True)
                ]
                execute(sa.insert(schema.embeddings), cells)
                self._place(execute, ids, people, clusters)

    def label(self, face_ids: Ids, person_ids: Ids, cluster_ids: Ids) -> None:
        super().label(face_ids, person_ids, cluster_ids)
        ids, people, clusters = checked_labels(face_ids, person_ids, cluster_ids)
        with self._store.write() as tx:
            self._place(tx.faces.scope.connection.execute, ids, people, clusters)

    def remove(self, face_ids: Ids) -> None:
        super().remove(face_ids)
        with self._store.write() as tx:
            self._forget(tx.faces.scope.connection.execute, np.asarray(face_ids, dtype=np.int64).ravel())

    def clear(self) -> None:
        self.remove(self.face_ids())
        super().clear()

    def close(self) -> None:
        self._store.close()

    def _forget(self, execute: Callable[..., object], ids: Ids) -> None:
        gone = schema.embeddings.c.face_id.in_(ids.tolist()), schema.embeddings.c.model_id == self.model_id
        execute(sa.delete(schema.embeddings).where(*gone))

    def _place(self, execute: Callable[..., object], ids: Ids, people: Ids, clusters: Ids) -> None:
        values = zip(ids.tolist(), people.tolist(), clusters.tolist(), strict=True)
        rows = [{"i": i, "p": None if p < 0 else p, "c": None if c < 0 else c} for i, p, c in values]
        if rows:
            execute(sa.text("UPDATE faces SET person_id = :p, cluster_id = :c WHERE id = :i"), rows)


NEW_FACE = (
    "INSERT INTO faces (id, project_id, image_id, box_x, box_y, box_width, box_height, landmarks, det_score, side, "
    "sharpness, yaw, roll, quality, role, reasons) "
    "VALUES (:id, 1, 1, 0, 0, 1, 1, '[]', 1, 1, 1, 0, 0, 1, 'founding', '[]') ON CONFLICT DO NOTHING"
)


@cache
def _url(folder: Path) -> str:
    """Return the address of a store with an image, people and clusters, one for each folder."""
    url = server().new_schema()
    with closing(SqlStore.open(url, "test", now)) as store, store.write() as tx:
        execute = tx.faces.scope.connection.execute
        execute(
            sa.text(
                "INSERT INTO images (project_id, digest, size, width, height, format, profile, detail, created_at) "
                "VALUES (1, '', 1, 1, 1, 'jpeg', '', '', now())"
            )
        )
        ids = [{"id": i} for i in EVERYBODY if i >= 0]
        execute(
            sa.text(
                "INSERT INTO people (id, project_id, name, name_key, kind, disambiguation, active, created_at) "
                "VALUES (:id, 1, '', '', 'real', '', true, now())"
            ),
            ids,
        )
        execute(sa.text("INSERT INTO clusters (id, project_id, number) VALUES (:id, 1, :id)"), ids)
    return url
