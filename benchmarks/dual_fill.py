"""A collection of synthetic faces, one a photo, some of them labelled; kept in the cache."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np

from benchmarks import synthetic
from benchmarks.report import CACHE
from personae import Settings, open_engine
from personae.core.compare import normalise
from personae.engine import ledger
from personae.ports import Store
from personae.types import (
    Box,
    Decision,
    DecisionKind,
    Digest,
    FaceId,
    FaceRole,
    Labels,
    Maker,
    ModelId,
    NewFace,
    NewImage,
    PersonId,
    Quality,
    Vector,
    Vectors,
)

MODEL = ModelId("arcface512")
FOLDER = CACHE / "dual"
IMAGES_AT_ONCE = 2000
NOISE = 0.03
"""Of each component of a photo that resembles another: their cosine is about .83."""
KNOWN, LABELLED, WRONG = 0.3, 0.5, 0.02
"""Share of people (of three faces or more) who are known, of their faces that have labels, of wrong labels."""
LANDMARKS = np.array([[35, 45], [65, 45], [50, 62], [38, 78], [62, 78]], np.float32)
QUALITY = Quality(100, 100, 0, 0, 1)


def filled(count: int) -> Path:
    """Return a home with so many faces, which is filled the first time. Copy it before it is changed."""
    home = FOLDER / f"home-{count}"
    if not home.is_dir():
        unfinished = FOLDER / f"unfinished-{count}"
        shutil.rmtree(unfinished, ignore_errors=True)
        with open_engine(Settings(home=unfinished, embedders=(MODEL,))) as engine:
            _fill(engine.parts.store, count)
            _label(engine.parts.store, synthetic.people(count))
        unfinished.rename(home)
    return home


def _fill(store: Store, count: int) -> None:
    add(store, np.load(synthetic.faces(count), mmap_mode="r"), 0)


def add(store: Store, vectors: Vectors, first: int) -> None:
    """Add a photo for each face, numbered from `first` on."""
    for start in range(0, len(vectors), IMAGES_AT_ONCE):
        with store.write() as tx:
            for number, vector in enumerate(vectors[start : start + IMAGES_AT_ONCE], first + start):
                tx.images.add(_image(number, np.array(vector)))


def more_photos(store: Store, count: int) -> None:
    """Add photos that resemble some of those that are there."""
    rng = np.random.default_rng(0)
    with store.read() as tx:
        face_ids, vectors = tx.faces.embeddings(MODEL)
    chosen = vectors[rng.integers(0, len(vectors), count)]
    add(store, normalise(chosen + NOISE * rng.standard_normal(chosen.shape)), len(face_ids))


def _image(number: int, vector: Vector) -> NewImage:
    face = NewFace(
        Box(0, 0, 100, 100), LANDMARKS, 0.99, QUALITY, FaceRole.FOUNDING, embeddings={MODEL: vector}
    )  # fmt: skip
    digest = Digest(sha256(str(number).encode()).hexdigest())
    return NewImage(digest, 1000, 100, 100, "jpeg", faces=(face,))


def _label(store: Store, truth: Labels) -> None:
    """Name the people who are known, and confirm some of their faces."""
    labels, _, _ = synthetic.generator().split_known(truth, KNOWN, labelled=LABELLED, label_noise=WRONG)
    with store.write() as tx:
        face_ids = tx.faces.gallery()[0]
        numbers = np.unique(labels[labels >= 0]).tolist()
        people = {number: tx.people.add(f"person {number}") for number in numbers}
        ledger.record(tx, "name", Maker.HUMAN, "name", list(_decisions(labels, face_ids.tolist(), people)))


def _decisions(labels: Labels, face_ids: list[int], people: dict[int, PersonId]) -> Iterator[Decision]:
    for number, person_id in people.items():
        yield Decision(DecisionKind.NAME, Maker.HUMAN, person_id=person_id, name=f"person {number}")
    for row in np.flatnonzero(labels >= 0).tolist():
        yield Decision(
            DecisionKind.CONFIRM, Maker.HUMAN, face_id=FaceId(face_ids[row]), person_id=people[int(labels[row])]
        )  # fmt: skip
