"""Who vouches for a face that nobody trusts yet: another source's face, or a group from several sources."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from personae.core.compare import cosines
from personae.types import Vectors

CORROBORATED = "corroborated"
CLUSTERED = "clustered"
GROUP_FACES = 3
GROUP_SOURCES = 2


def vouched(vectors: Vectors, sources: Sequence[Sequence[str]], reach: float) -> list[bool]:
    """Say of each waiting face of one person whether enough others like it wait beside it.

    Args:
        vectors: (n, d) float32 unit rows: the waiting faces, each once.
        sources: who brought each; at least one name a face.
        reach: mean cosine at which two groups of faces are still one person.

    Returns:
        n answers: whether the face is in a group, by average linkage, of at least 3 faces from at least 2 sources.
    """
    n = len(vectors)
    if n < GROUP_FACES or len({name for names in sources for name in names}) < GROUP_SOURCES:
        return [False] * n
    apart = np.maximum(0.0, 1.0 - cosines(vectors, vectors).astype(np.float64))
    apart = (apart + apart.T) / 2
    np.fill_diagonal(apart, 0.0)
    labels = fcluster(linkage(squareform(apart, checks=False), method="average"), 1.0 - reach, criterion="distance")
    answers = [False] * n
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label).tolist()
        names = {name for i in members for name in sources[i]}
        if len(members) >= GROUP_FACES and len(names) >= GROUP_SOURCES:
            for i in members:
                answers[i] = True
    return answers
