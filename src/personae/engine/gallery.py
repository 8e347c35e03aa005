"""Every face that can be compared, as arrays."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personae.core.compare import fuse_vectors
from personae.ports import Transaction
from personae.types import Ids, ModelId, Vectors

ROOM = 1.1
"""How much larger than needed the kept vectors' array is made, so that new faces find room."""


@dataclass(frozen=True, slots=True)
class Gallery:
    """Faces row by row, ids ascending, with what the ledger says of them; -1 stands for none."""

    face_ids: Ids
    image_ids: Ids
    person_ids: Ids
    cluster_ids: Ids
    founding: NDArray[np.bool_]
    vectors: Vectors
    """(n, sum of the dimensions) float32 unit rows: the embeddings of all the models, fused. Not to be written to."""

    def at(self, rows: Ids | NDArray[np.bool_]) -> Gallery:
        """Return the faces in these rows, or where this mask is true; all of them without a copy."""
        if rows.dtype == np.bool_ and rows.all():
            return self
        return Gallery(
            self.face_ids[rows], self.image_ids[rows], self.person_ids[rows], self.cluster_ids[rows],
            self.founding[rows], self.vectors[rows],
        )  # fmt: skip


class VectorCache:
    """Fused vectors that were read already: an embedding never changes, so only new ones are read again.

    Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._models: tuple[ModelId, ...] = ()
        self._face_ids: Ids = np.empty(0, np.int64)
        self._room: Vectors = np.empty((0, 0), np.float32)

    def vectors(self, tx: Transaction, model_ids: Sequence[ModelId], face_ids: Ids) -> tuple[Ids, Vectors]:
        """Return those of `face_ids`, ascending, that have an embedding under each model, and their fused vectors."""
        with self._lock:
            if tuple(model_ids) != self._models or not np.isin(self._face_ids, face_ids, assume_unique=True).all():
                # Another model, or a face was erased: nothing of it stays in memory.
                self._models, self._face_ids = tuple(model_ids), np.empty(0, np.int64)
                self._room = np.empty((0, 0), np.float32)
            wanted = np.setdiff1d(face_ids, self._face_ids, assume_unique=True)
            if len(wanted):
                self._add(*read_fused(tx, model_ids, wanted, everything=not len(self._face_ids)))
            return self._face_ids, self._room[: len(self._face_ids)]

    def _add(self, face_ids: Ids, vectors: Vectors) -> None:
        before = len(self._face_ids)
        if not before:
            self._face_ids, self._room = face_ids, vectors
            return
        together = np.concatenate([self._face_ids, face_ids])
        if len(together) > len(self._room):
            room = np.empty((int(ROOM * len(together)), self._room.shape[1]), np.float32)
            room[:before] = self._room[:before]
            self._room = room
        self._room[before : len(together)] = vectors
        if before and len(face_ids) and face_ids[0] < self._face_ids[-1]:
            order = np.argsort(together)
            together, self._room = together[order], self._room[order]
        self._face_ids = together


def load_gallery(tx: Transaction, model_ids: Sequence[ModelId], cache: VectorCache | None = None) -> Gallery:
    """Return the faces that have an embedding under each of `model_ids`.

    Args:
        tx: the transaction.
        model_ids: the models, in the order in which they are fused.
        cache: what was read before; None: everything is read.
    """
    face_ids, image_ids, person_ids, cluster_ids, founding = tx.faces.gallery()
    common, vectors = (cache or VectorCache()).vectors(tx, model_ids, face_ids)
    at = slice(None) if len(common) == len(face_ids) else np.searchsorted(face_ids, common)
    return Gallery(common, image_ids[at], person_ids[at], cluster_ids[at], founding[at].astype(bool), vectors)


def read_fused(
    tx: Transaction, model_ids: Sequence[ModelId], face_ids: Ids, everything: bool = False
) -> tuple[Ids, Vectors]:
    """Return the faces that have an embedding under each model, and their fused vectors.

    Args:
        tx: the transaction.
        model_ids: the models, in the order in which they are fused.
        face_ids: ascending.
        everything: of all faces; `face_ids` are all of them.
    """
    per_model = [tx.faces.embeddings(model_id, None if everything else face_ids) for model_id in model_ids]
    common = face_ids
    for ids, _ in per_model:
        common = np.intersect1d(common, ids, assume_unique=True)
    return common, fuse_vectors(
        [rows if len(ids) == len(common) else rows[np.searchsorted(ids, common)] for ids, rows in per_model]
    )
