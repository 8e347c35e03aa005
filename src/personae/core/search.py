"""The faces nearest to a probe under all models together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from personae.errors import InputError, ModelMismatch
from personae.types import Filter, Ids, ModelId, Scores, Vector, Vectors

DEPTH = 200
"""Fewest faces that each model proposes; the fused score then decides among them."""


class Searchable(Protocol):
    """What is needed of an index; `personae.ports.VectorIndex` has it."""

    @property
    def model_id(self) -> ModelId: ...  # noqa: D102

    def search(self, queries: Vectors, k: int, where: Filter | None = None) -> tuple[Ids, Scores]: ...  # noqa: D102

    def compare(self, query: Vector, face_ids: Ids) -> Scores: ...  # noqa: D102


def nearest(
    indexes: Mapping[ModelId, Searchable],
    probes: Mapping[ModelId, Vector],
    k: int,
    depth: int = DEPTH,
    where: Filter | None = None,
) -> tuple[Ids, Scores]:
    """Return the faces nearest to a probe by the mean of the models' cosines.

    Each model proposes its own nearest faces; every proposal is then compared exactly under all models. A face that is
    best under the mean but not among the nearest few hundred of any model cannot be close under the mean either.

    Args:
        indexes: by model; at least one.
        probes: the probe's (d,) float32 unit vector under each of those models.
        k: faces wanted.
        depth: fewest faces that each model proposes.
        where: only faces that fulfil this are found; None: all.

    Returns:
        Up to k face ids, best first, and their fused cosines, float32. Faces that lack a model are left out.

    Raises:
        InputError: no index.
        ModelMismatch: the probe has no embedding under a model, or one of another dimension.
    """
    if not indexes:
        raise InputError("no model is enabled")
    for model_id, index in indexes.items():
        if model_id not in probes or index.model_id != model_id:
            raise ModelMismatch(f"the probe has no embedding under {index.model_id}")
    proposed = [index.search(probes[model_id][None], max(k, depth), where)[0][0] for model_id, index in indexes.items()]
    face_ids = np.unique(np.concatenate(proposed))
    face_ids = face_ids[face_ids >= 0]
    scores = np.mean([index.compare(probes[model_id], face_ids) for model_id, index in indexes.items()], axis=0)
    known = np.flatnonzero(~np.isnan(scores))
    order = known[np.lexsort((face_ids[known], -scores[known]))][:k]
    return face_ids[order], scores[order].astype(np.float32)
