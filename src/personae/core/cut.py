"""Where a group of faces comes apart most easily."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from personae.errors import InputError
from personae.types import Vectors

EXACT = 1500
"""Up to so many faces all pairs are weighed."""

Mask = NDArray[np.bool_]


def weakest_cut(vectors: Vectors) -> Mask:
    """Split faces into the two groups that have least in common.

    Up to EXACT faces the groups are the last two that average linkage would join; of more faces each goes with the
    nearer one of two that are far apart.

    Args:
        vectors: (n, d) float32 unit rows, n >= 2.

    Returns:
        (n,) bool, true for the smaller group; of equal groups, for the one without the first face.

    Raises:
        InputError: there are fewer than two faces.
    """
    if len(vectors) < 2:
        raise InputError("one face cannot be cut in two")
    cut = _last_two(vectors) if len(vectors) <= EXACT else _far_apart(vectors)
    smaller: Mask = cut if (cut.sum(), cut[0]) <= ((~cut).sum(), ~cut[0]) else ~cut
    return smaller


def mean_cosines(vectors: Vectors, cut: Mask) -> tuple[float, float]:
    """Return how alike the faces of the two groups are to each other, and how alike within their own group.

    Args:
        vectors: (n, d) float32 unit rows.
        cut: (n,) bool, true for one group.

    Returns:
        Mean cosine of the pairs across, and of the pairs within, the groups; the latter 1 when no group has a pair.
    """
    first, second = (vectors[rows].sum(axis=0, dtype=np.float64) for rows in (cut, ~cut))
    many, others = int(cut.sum()), int((~cut).sum())
    pairs = many * (many - 1) + others * (others - 1)
    across = float(first @ second) / (many * others)
    # A face with itself counts in the product of the sums, and has the cosine 1.
    within = (float(first @ first + second @ second) - many - others) / pairs if pairs else 1.0
    return across, within


def _last_two(vectors: Vectors) -> Mask:
    distances = np.clip(1 - vectors @ vectors.T, 0, 2).astype(np.float64)
    np.fill_diagonal(distances, 0)
    tree = linkage(squareform(distances, checks=False), "average")
    last: Mask = fcluster(tree, 2, "maxclust") == 2
    return last if last.any() else _first_alone(len(vectors))


def _far_apart(vectors: Vectors) -> Mask:
    one = int(np.argmin(vectors @ vectors.mean(axis=0)))
    other = int(np.argmin(vectors @ vectors[one]))
    cut: Mask = vectors @ vectors[one] > vectors @ vectors[other]
    return cut if cut.any() else _first_alone(len(vectors))


def _first_alone(n: int) -> Mask:
    """A cut of faces that are all the same picture: as good as any other."""
    cut = np.zeros(n, dtype=bool)
    cut[0] = True
    return cut
