"""What all indexes do with ids, rows, labels and scores."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from personae.core.compare import require_unit
from personae.errors import InputError
from personae.types import Filter, Ids, Scores, Vector, Vectors

SPARE = 64
"""Faces fetched for exact scores beyond those asked for."""

Fetch = Callable[[Ids], tuple[Ids, Vectors]]
"""Ids ascending -> those of them that exist, ascending, and their (n, d) float32 unit rows."""


def checked_faces(
    face_ids: Ids, vectors: Vectors, dimension: int, person_ids: Ids | None, cluster_ids: Ids | None
) -> tuple[Ids, Vectors, Ids, Ids]:
    """Return ids ascending, their rows, people and clusters; of an id that comes twice the last row counts.

    Raises:
        ModelMismatch: another dimension.
        InputError: a row that is not of length 1, a negative id, or not one id a row.
    """
    rows = require_unit(vectors, dimension)
    nobody = np.full(np.size(face_ids), -1, np.int64)
    if np.size(face_ids) != len(rows):
        raise InputError(f"{np.size(face_ids)} ids and {len(rows)} embeddings")
    ids, last, people, clusters = _distinct(
        face_ids, nobody if person_ids is None else person_ids, nobody if cluster_ids is None else cluster_ids
    )
    return ids, rows if last is None else rows[last], people, clusters


def checked_labels(face_ids: Ids, person_ids: Ids, cluster_ids: Ids) -> tuple[Ids, Ids, Ids]:
    """Return ids ascending, their people and clusters; of an id that comes twice the last counts.

    Raises:
        InputError: a negative id, or not one person and one cluster a face.
    """
    ids, _, people, clusters = _distinct(face_ids, person_ids, cluster_ids)
    return ids, people, clusters


def _distinct(face_ids: Ids, person_ids: Ids, cluster_ids: Ids) -> tuple[Ids, Ids | None, Ids, Ids]:
    """Return ids ascending, the place where each stood last (None: they were so already), people and clusters."""
    ids, people, clusters = (np.asarray(each, dtype=np.int64).ravel() for each in (face_ids, person_ids, cluster_ids))
    if not len(ids) == len(people) == len(clusters):
        raise InputError(f"{len(ids)} faces, {len(people)} people and {len(clusters)} clusters")
    if (ids < 0).any():
        raise InputError("a face id is negative")
    if (people < -1).any() or (clusters < -1).any():
        raise InputError("the id of a person or cluster is negative")
    if (np.diff(ids) > 0).all():
        return ids, None, people, clusters
    unique, from_the_end = np.unique(ids[::-1], return_index=True)
    last = len(ids) - 1 - from_the_end
    return unique, last, people[last], clusters[last]


def admitted(where: Filter, person_ids: Ids, cluster_ids: Ids) -> NDArray[np.bool_]:
    """Return which faces, given by person and cluster, fulfil the filter."""
    fits = np.ones(len(person_ids), dtype=bool)
    if where.people is not None:
        fits &= np.isin(person_ids, np.array(where.people, dtype=np.int64))
    if where.clusters is not None:
        fits &= np.isin(cluster_ids, np.array(where.clusters, dtype=np.int64))
    if where.unknown:
        fits &= person_ids < 0
    return fits


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


def scores_of(query: Vector, wanted: Ids, face_ids: Ids, vectors: Vectors) -> Scores:
    """Return the cosine of a query with each wanted face, NaN for those that are not among `face_ids`.

    Args:
        query: (d,) of length 1.
        wanted: (n,) ids in any order.
        face_ids: (m,) ids ascending.
        vectors: (m, d) their unit rows.
    """
    scores = np.full(len(wanted), np.nan, np.float32)
    if len(face_ids):
        place = np.searchsorted(face_ids, wanted)
        place[place == len(face_ids)] = 0
        present = np.flatnonzero(face_ids[place] == wanted)
        scores[present] = np.clip(vectors @ query, -1.0, 1.0)[place[present]]
    return scores
