"""Faces that teach something, in a store; models that are never asked; and what learns from them without PyTorch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import SimpleNamespace

import numpy as np

from personae import Engine
from personae.core.compare import normalise
from personae.core.head import Head, make_head
from personae.engine import ledger
from personae.engine.parts import Parts, Vision
from personae.ports import Epoch, Learnt, Lesson, Plan, Watch
from personae.types import (
    Box,
    Decision,
    DecisionKind,
    Digest,
    FaceRole,
    Labels,
    Maker,
    ModelId,
    NewFace,
    NewImage,
    Quality,
    Thresholds,
    Vectors,
)
from tests.generate import faces

OWN = Thresholds(verify=0.2, review=0.25, match=0.7, cluster=0.3)
SIDE = 40
"""Components that say who it is; as many say nothing."""


def vision(model_id: str = "model") -> Vision:
    """Models that are never asked to look at anything."""
    embedder = SimpleNamespace(model_id=ModelId(model_id), thresholds=OWN, dimension=2 * SIDE)
    return Vision(SimpleNamespace(), (embedder,), OWN)  # type: ignore[arg-type]


def loud(sizes: list[int], seed: int = 0) -> tuple[Vectors, Labels]:
    """Return faces half of which is noise."""
    vectors, people = faces(sizes, dimension=SIDE, spread=0.65, seed=seed)
    noise = np.random.default_rng(seed + 1).standard_normal(vectors.shape) / SIDE**0.5
    return normalise(np.concatenate([vectors, noise], axis=1)), people


@dataclass
class Teacher:
    """A `Train` that knows what there is to learn: how much the noise is worth."""

    noise: float = 0.3
    breaks_after: int = 99
    error: type[Exception] = KeyboardInterrupt  # type: ignore[assignment]
    lessons: list[Lesson] = field(default_factory=list)
    begun: list[int] = field(default_factory=list)

    def __call__(self, lesson: Lesson, plan: Plan, state: Mapping[str, Vectors], watch: Watch) -> Iterator[Epoch]:
        self.lessons.append(lesson)
        done = int(state["epoch"][0]) if state else 0
        self.begun.append(done)
        for number in range(done + 1, plan.epochs + 1):
            watch(number - 1, plan.epochs)
            if number > self.breaks_after:
                raise self.error("broken off")
            gains = np.repeat([1.0, 1 + (self.noise - 1) * number / plan.epochs], SIDE)
            weight = np.diag(gains).astype(np.float32)
            yield Epoch(number, 1 / number, 0.5, weight, {"epoch": np.array([number], np.float32)})


def store(parts: Parts, vectors: Vectors, people: Labels, photos: Sequence[int] | None = None) -> list[int]:
    """Store faces on photos, and name those whose person is not -1; return the faces' ids, in order."""
    quality = Quality(80, 10, 0, 0, 0.5)
    on = np.arange(len(vectors)) if photos is None else np.array(photos)
    with parts.store.write() as tx:
        for photo in np.unique(on).tolist():
            rows = np.flatnonzero(on == photo)
            found = tuple(
                NewFace(Box(0, 0, 80, 80), np.zeros((5, 2), np.float32), 0.9, quality, FaceRole.FOUNDING,
                        embeddings={ModelId("model"): vectors[row]})
                for row in rows.tolist()
            )  # fmt: skip
            tx.images.add(NewImage(Digest(f"{photo:064x}"), 1, 100, 100, "jpeg", faces=found))
        face_ids = tx.faces.gallery()[0][np.argsort(np.argsort(on, kind="stable"))].tolist()
        decisions = []
        for person in np.unique(people[people >= 0]).tolist():
            person_id = tx.people.add(f"P{person}")
            decisions.append(Decision(DecisionKind.NAME, Maker.HUMAN, person_id=person_id, name=f"P{person}"))
            decisions += [
                Decision(DecisionKind.CONFIRM, Maker.HUMAN, face_id=face_ids[row], person_id=person_id)
                for row in np.flatnonzero(people == person).tolist()
            ]
        ledger.record(tx, "name", Maker.HUMAN, "everybody", decisions)
    return face_ids


def album(parts: Parts, people: int = 100) -> tuple[Vectors, Labels]:
    """Store eight faces of each person, and name them all."""
    vectors, labels = loud([8] * people)
    store(parts, vectors, labels)
    return vectors, labels


def keep_head(engine: Engine, base: str, *, accepted: bool = True, size: int = 192) -> str:
    """Keep a head that turns one component around; return its name."""
    weight = np.eye(size, dtype=np.float32)
    weight[0, 0] = -0.5
    head: Head = make_head(base, weight)
    note = {"head": head.model_id, "base": base, "accepted": accepted, "reasons": ["strangers are let in"],
            "thresholds": asdict(Thresholds(0.3, 0.4, 0.75, 0.5)), "created_at": "2026-01-01"}  # fmt: skip
    engine.parts.heads.save(head.model_id, Learnt({"weight": head.weight}, note))
    return head.model_id
