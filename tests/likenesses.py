"""An engine over faces whose likeness is chosen by the test, without models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np

from personae import Engine, Settings, open_engine
from personae.engine import ledger
from personae.engine.parts import Vision
from personae.ports import Detector, Embedder, Transaction
from personae.types import (
    ClusterId,
    Decision,
    DecisionKind,
    FaceId,
    FileStamp,
    Maker,
    ModelId,
    Thresholds,
    Vector,
)
from tests.contract.test_store_pictures import digest, face, picture

MODEL = ModelId("likeness")
DIMENSION = 32
THRESHOLDS = Thresholds(verify=0.3, review=0.4, match=0.6, cluster=0.5)
MATCH = 0.7
"""FACE_PERSON_MATCH_THRESHOLD, as it is by default."""


@dataclass(frozen=True)
class _Embedder:
    model_id: ModelId
    dimension: int


@contextmanager
def engine_at(home: Path, url: str = "") -> Iterator[Engine]:
    """Open an engine whose only embedder is called MODEL."""
    with open_engine(Settings(home=home, database_url=url, embedders=(MODEL,))) as opened:
        embedder = cast("Embedder", _Embedder(MODEL, DIMENSION))
        vision = Vision(cast("Detector", None), (embedder,), THRESHOLDS)
        opened.parts = replace(opened.parts, vision=lambda: vision)
        yield opened


def like(person: int, cosine: float = 0.9, seed: int = 0, dimension: int = DIMENSION) -> Vector:
    """Return a face that is so near to the ideal face of a person (0 to 7), and otherwise by chance."""
    rest = np.random.default_rng([person, seed]).standard_normal(dimension)
    rest[:8] = 0
    vector = (1 - cosine**2) ** 0.5 * rest / np.linalg.norm(rest)
    vector[person] = cosine
    return vector.astype(np.float32)


def add_faces(tx: Transaction, vectors: Sequence[Vector], models: Sequence[ModelId] = (MODEL,)) -> list[FaceId]:
    """Add a photo for each face, whose embedding is the same under all models."""
    added = []
    for vector in vectors:
        name = f"photo {tx.events.last()}"
        unit = vector / np.linalg.norm(vector)
        image_id = tx.images.add(picture(name, face(embeddings=dict.fromkeys(models, unit), crop=digest(name))))
        tx.images.place(f"file:///album/{image_id}.jpg", FileStamp(1, 1), image_id)
        added += [found.id for found in tx.faces.of_images([image_id])]
    return added


def put_together(tx: Transaction, face_ids: Sequence[FaceId]) -> ClusterId:
    """Put faces into a new unknown group, as grouping does."""
    cluster_id = tx.clusters.add(1)[0]
    decisions = [Decision(DecisionKind.CLUSTER, Maker.MACHINE, face_id=i, cluster_id=cluster_id) for i in face_ids]
    ledger.record(tx, "cluster", Maker.MACHINE, "", decisions)
    return cluster_id
