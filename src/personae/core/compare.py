"""Comparing embeddings: unit vectors, cosine scores, two models made one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from personae.errors import InputError, ModelMismatch
from personae.types import Scores, Vector, Vectors

UNIT_TOLERANCE = 1e-3
"""Largest accepted distance of a stored row's length from 1."""
ROWS_AT_ONCE = 1 << 14


def normalise(vectors: ArrayLike) -> Vectors:
    """Return the rows scaled to length 1.

    Args:
        vectors: (n, d), or (d,) for one, of any real dtype; unchanged.

    Returns:
        float32 of the same shape.

    Raises:
        InputError: a row holds NaN or infinity, or has no length.
    """
    given = np.asarray(vectors)
    rows = given.reshape(-1, given.shape[-1]) if given.ndim else given.reshape(1, 1)
    unit = np.empty(rows.shape, np.float32)
    # In parts, since float64 is twice as large.
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        unit[part] = _unit(rows[part].astype(np.float64))
    return unit.reshape(given.shape)


def _unit(wide: NDArray[np.float64]) -> NDArray[np.float64]:
    # Scaled by the largest component first, so that squaring neither overflows nor vanishes.
    peak = np.max(np.abs(wide), axis=-1, keepdims=True, initial=0.0)
    if not np.isfinite(peak).all() or not (peak > 0).all():
        raise InputError("an embedding holds NaN or infinity, or is all zeros")
    scaled = wide / peak
    return np.asarray(scaled / np.linalg.norm(scaled, axis=-1, keepdims=True))


def require_unit(vectors: Vectors, dimension: int) -> Vectors:
    """Return `vectors` as contiguous float32 rows after checking that they can be compared as they are.

    Args:
        vectors: (n, dimension) rows of length 1.
        dimension: what the model's embeddings measure.

    Raises:
        ModelMismatch: another dimension.
        InputError: NaN, infinity, or a row whose length is not 1.
    """
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    if rows.ndim != 2 or rows.shape[1] != dimension:
        raise ModelMismatch(f"embeddings of shape {rows.shape} were given where rows of {dimension} are wanted")
    if not are_unit(rows):
        raise InputError("an embedding holds NaN or is not of length 1")
    return rows


def are_unit(vectors: Vectors) -> bool:
    """Say whether every (n, d) float32 row is of length 1; none is that holds NaN or infinity."""
    squares = np.einsum("ij,ij->i", vectors, vectors)
    return bool((np.abs(squares - 1.0) <= 2 * UNIT_TOLERANCE).all())


def cosine(first: Vector, second: Vector) -> float:
    """Return the cosine of two unit vectors.

    Args:
        first: (d,) float32 of length 1.
        second: Likewise.

    Raises:
        ModelMismatch: the dimensions differ.
    """
    if first.shape != second.shape:
        raise ModelMismatch(f"embeddings of {first.shape} and of {second.shape} cannot be compared")
    return float(np.clip(np.dot(first, second), -1.0, 1.0))


def cosines(first: Vectors, second: Vectors) -> Scores:
    """Return the cosine of every row of `first` with every row of `second`.

    Args:
        first: (n, d) float32 unit rows.
        second: (m, d) float32 unit rows.

    Returns:
        (n, m) float32 in [-1, 1].

    Raises:
        ModelMismatch: the dimensions differ.
    """
    if first.shape[-1] != second.shape[-1]:
        raise ModelMismatch(f"embeddings of {first.shape} and of {second.shape} cannot be compared")
    scores = first @ second.T
    return np.clip(scores, -1.0, 1.0, out=scores)


def fuse_scores(scores: Mapping[str, float]) -> float:
    """Return one score for a pair of faces compared under several models: the mean.

    It equals the cosine of the models' unit vectors put end to end, see `fuse_vectors`.

    Args:
        scores: cosine by model_id, at least one.

    Raises:
        InputError: there is none.
    """
    if not scores:
        raise InputError("no model has compared these faces")
    return sum(scores.values()) / len(scores)


def fuse_vectors(per_model: Sequence[Vectors]) -> Vectors:
    """Return one vector a face out of its vectors under several models: put end to end, of length 1.

    Args:
        per_model: for each model the (n, d) float32 unit rows of the same n faces, always in the same order of models.

    Returns:
        (n, sum of d) float32 unit rows; their cosine is the mean of the models' cosines.

    Raises:
        InputError: no model, or not the same number of faces under each.
    """
    if not per_model:
        raise InputError("no model has embedded these faces")
    if len({len(vectors) for vectors in per_model}) > 1:
        raise InputError("the models have not embedded the same faces")
    if len(per_model) == 1:
        return np.asarray(per_model[0], dtype=np.float32)
    return np.concatenate(per_model, axis=1, dtype=np.float32) * np.float32(len(per_model) ** -0.5)
