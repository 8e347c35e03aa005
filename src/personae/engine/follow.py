"""Bring an index up to the store: the store is the truth, an index only follows it (law 1)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from personae.engine.parts import Parts
from personae.ports import Transaction, VectorIndex
from personae.types import Ids, ModelId

EVENTS_AT_ONCE = 10_000
FACE_EVENTS = ("face.added", "face.embedded", "face.removed")
"""Events after which an index must look at the face again."""


def open_indexes(parts: Parts) -> Mapping[ModelId, VectorIndex]:
    """Return the index of every enabled model, caught up with the store, and saved when it had to move."""
    indexes = {}
    with parts.store.read() as tx:
        counts = tx.faces.embedding_counts()
        for embedder in parts.vision().embedders:
            index = parts.index(embedder.model_id, embedder.dimension, counts.get(embedder.model_id, 0))
            if catch_up(tx, index):
                index.save()
            indexes[embedder.model_id] = index
    return indexes


def catch_up(tx: Transaction, index: VectorIndex) -> bool:
    """Apply to `index` what happened since its cursor; return whether there was anything.

    An index that is ahead of the store (which was restored from an older copy) is rebuilt.
    """
    last = tx.events.last()
    if index.cursor == last:
        return False
    if index.cursor > last:
        index.clear()
    if len(index) == 0:
        face_ids, vectors = tx.faces.embeddings(index.model_id)
    else:
        touched = _touched(tx, index.cursor)
        face_ids, vectors = tx.faces.embeddings(index.model_id, touched)
        index.remove(np.setdiff1d(touched, face_ids))
    if len(face_ids):
        index.add(face_ids, vectors)
    index.advance(last)
    return True


def _touched(tx: Transaction, cursor: int) -> Ids:
    """Ids of the faces that events after `cursor` speak of."""
    touched: set[int] = set()
    while events := tx.events.after(cursor, EVENTS_AT_ONCE, FACE_EVENTS):
        touched.update(int(str(event.payload["face_id"])) for event in events)
        cursor = events[-1].seq
    return np.array(sorted(touched), dtype=np.int64)
