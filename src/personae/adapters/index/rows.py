"""What both indexes do with ids, rows and scores."""

from __future__ import annotations

import numpy as np

from personae.core.compare import require_unit
from personae.errors import InputError
from personae.types import Ids, Scores, Vectors


def checked_rows(face_ids: Ids, vectors: Vectors, dimension: int) -> tuple[Ids, Vectors]:
    """Return ids ascending and their rows; of an id that comes twice the last row counts.

    Raises:
        ModelMismatch: another dimension.
        InputError: a row that is not of length 1, a negative id, or not one id a row.
    """
    ids = np.asarray(face_ids, dtype=np.int64).ravel()
    rows = require_unit(vectors, dimension)
    if len(ids) != len(rows):
        raise InputError(f"{len(ids)} ids and {len(rows)} embeddings")
    if (ids < 0).any():
        raise InputError("a face id is negative")
    unique, last = np.unique(ids[::-1], return_index=True)
    return unique, rows[len(ids) - 1 - last]


def no_results(queries: int, k: int) -> tuple[Ids, Scores]:
    """Return the answer that holds nothing: -1 and -1.0 everywhere.

    Raises:
        InputError: k is negative.
    """
    if k < 0:
        raise InputError(f"{k} neighbours were asked for")
    return np.full((queries, k), -1, np.int64), np.full((queries, k), -1.0, np.float32)


def best_first(face_ids: Ids, scores: Scores, k: int) -> tuple[Ids, Scores]:
    """Return the k best, equal scores by id.

    Args:
        face_ids: (n,) ids.
        scores: (n,) their cosines.
        k: at most so many.
    """
    if k < len(scores):
        # Everything as good as the k-th, so that ties are settled by id and not by chance.
        floor = np.partition(scores, len(scores) - k)[len(scores) - k] if k else np.inf
        rows = np.flatnonzero(scores >= floor)
        face_ids, scores = face_ids[rows], scores[rows]
    order = np.lexsort((face_ids, -scores))[:k]
    return face_ids[order], np.clip(scores[order], -1.0, 1.0)
