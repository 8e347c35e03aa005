"""Bring an index up to the store: the store is the truth, an index only follows it (law 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from personae.engine.parts import Parts
from personae.ports import Transaction, VectorIndex
from personae.types import Ids, ModelId

EVENTS_AT_ONCE = 10_000
FACE_EVENTS = ("face.added", "face.embedded", "face.removed")
"""Events after which an index must look at the face again: payload {face_id}."""
PLACED = "faces.placed"
"""Faces have another person or cluster than before: payload {face_ids}."""
PLACED_AT_ONCE = 10_000
"""Most faces that one such event speaks of."""


def open_indexes(parts: Parts) -> Mapping[ModelId, VectorIndex]:
    """Return the index of every enabled model, caught up with the store, and saved when it had to move."""
    indexes = {}
    compared = parts.vision().compared
    # Of two threads the one with the older view must not come second: it would take the index for one that is ahead.
    with parts.indexing, parts.store.read() as tx:
        counts = tx.faces.embedding_counts()
        for model_id, dimension in compared:
            index = parts.index(model_id, dimension, counts.get(model_id, 0))
            if catch_up(tx, index):
                index.save()
            indexes[model_id] = index
    return indexes


def catch_up(tx: Transaction, index: VectorIndex) -> bool:
    """Apply to `index` what happened since its cursor; return whether there was anything.

    An index that is ahead of the store (which was restored from an older copy) is rebuilt.
    """
    if not index.follows:
        return False
    last, cursor = tx.events.last(), index.cursor
    if cursor == last:
        return False
    if cursor > last:
        index.clear()
        cursor = 0
    if cursor == 0 or len(index) == 0:
        _fill(tx, index)
    else:
        _follow(tx, index, cursor)
    index.advance(last)
    return True


def announce(tx: Transaction, face_ids: Ids) -> None:
    """Tell whoever follows the store that these faces have another person or cluster now."""
    for start in range(0, len(face_ids), PLACED_AT_ONCE):
        tx.events.emit(PLACED, {"face_ids": face_ids[start : start + PLACED_AT_ONCE].tolist()})


def touched_since(tx: Transaction, cursor: int) -> Ids:
    """Return the faces, ids ascending, that came, were embedded, or got another person or cluster after `cursor`."""
    return _ids_in(tx, cursor, [*FACE_EVENTS, PLACED])


def _fill(tx: Transaction, index: VectorIndex) -> None:
    """Put every face into the index, and nothing else; a fill that was killed may have begun already."""
    face_ids, vectors = tx.faces.embeddings(index.model_id)
    if len(index):
        index.remove(np.setdiff1d(index.face_ids(), face_ids))
    if len(face_ids):
        index.add(face_ids, vectors, *tx.faces.identities(face_ids))


def _follow(tx: Transaction, index: VectorIndex, cursor: int) -> None:
    """Look again at the faces that events after `cursor` speak of."""
    touched = _ids_in(tx, cursor, FACE_EVENTS)
    face_ids, vectors = tx.faces.embeddings(index.model_id, touched)
    index.remove(np.setdiff1d(touched, face_ids))
    if len(face_ids):
        index.add(face_ids, vectors, *tx.faces.identities(face_ids))
    placed = np.setdiff1d(_ids_in(tx, cursor, [PLACED]), touched)
    if len(placed):
        index.label(placed, *tx.faces.identities(placed))


def _ids_in(tx: Transaction, cursor: int, kinds: Sequence[str]) -> Ids:
    """Ids, ascending, of the faces that these events after `cursor` speak of."""
    parts = [np.empty(0, np.int64)]
    while events := tx.events.after(cursor, EVENTS_AT_ONCE, kinds):
        single = [event.payload["face_id"] for event in events if "face_id" in event.payload]
        several = [event.payload["face_ids"] for event in events if "face_ids" in event.payload]
        parts += [np.array(ids, dtype=np.int64) for ids in [single, *several]]
        cursor = events[-1].seq
    return np.unique(np.concatenate(parts))
