"""Every face that can be compared, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personae.core.compare import fuse_vectors
from personae.ports import Transaction
from personae.types import Ids, ModelId, Vectors


@dataclass(frozen=True, slots=True)
class Gallery:
    """Faces row by row, ids ascending, with what the ledger says of them; -1 stands for none."""

    face_ids: Ids
    image_ids: Ids
    person_ids: Ids
    cluster_ids: Ids
    founding: NDArray[np.bool_]
    vectors: Vectors
    """(n, sum of the dimensions) float32 unit rows: the embeddings of all the models, fused."""


def load_gallery(tx: Transaction, model_ids: Sequence[ModelId]) -> Gallery:
    """Return the faces that have an embedding under each of `model_ids`."""
    face_ids, image_ids, person_ids, cluster_ids, founding = tx.faces.gallery()
    per_model = [tx.faces.embeddings(model_id) for model_id in model_ids]
    common = face_ids
    for ids, _ in per_model:
        common = np.intersect1d(common, ids, assume_unique=True)
    vectors = fuse_vectors([rows[np.searchsorted(ids, common)] for ids, rows in per_model])
    at = np.searchsorted(face_ids, common)
    return Gallery(common, image_ids[at], person_ids[at], cluster_ids[at], founding[at].astype(bool), vectors)
