"""How good are the models on photos whose people are known?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from personae.core.compare import fuse_vectors
from personae.core.evaluation import Evaluation, Measured, Unused, measure
from personae.engine.labels import read_labels
from personae.engine.parts import Parts
from personae.engine.preferences import rules_now
from personae.engine.progress import Progress, Unwatched
from personae.engine.sample import Sampled, hash_photos, sample
from personae.engine.thresholds import thresholds
from personae.errors import InputError
from personae.types import Labels, ModelId, Thresholds

SHOWN = 3
"""Photos that a refusal names."""


def evaluate(parts: Parts, labels: str | Path, progress: Progress | None = None,
             leave_out: Path | None = None) -> Evaluation:  # fmt: skip
    """Measure the models in use, one by one and fused, on labelled photos; the store is only read.

    Each photo counts with its clearest face. Who is enrolled with which photo depends on the photos' content alone.

    Args:
        parts: adapters and rules.
        labels: a folder with a folder for each person, or a CSV; see `personae.engine.labels.read_labels`.
        progress: is told how many photos are done.
        leave_out: a folder that is not entered.

    Raises:
        InputError: the labels cannot be read, or no photo is left.
        ModelError: the models cannot be loaded.
        Cancelled: `progress` was told to stop.
    """
    watched = progress or Unwatched()
    parts = parts.steady()
    labelled, misread = read_labels(labels, parts.sniff, leave_out)
    photos, unread = hash_photos(parts, labelled)
    faces, faceless = sample(parts, photos, watched) if photos else ([], [])
    unused = (*misread, *unread, *faceless)
    if not faces:
        raise InputError(f"none of the labelled photos can be used{_named(unused)}")
    faces.sort(key=lambda face: face.digest)
    names, people = np.unique([face.person for face in faces], return_inverse=True)
    counts = np.bincount(people)
    return Evaluation(
        created_at=parts.clock(),
        photos=len(labelled) + len(misread),
        faces=len(faces),
        from_store=sum(face.stored for face in faces),
        people=len(names),
        single=int((counts == 1).sum()),
        detector=parts.vision().detector.model_id,
        profile=parts.rules.gates.name,
        unused=unused,
        models=tuple(_measured(parts, faces, people.astype(np.int64), watched)),
    )


def _measured(parts: Parts, faces: Sequence[Sampled], people: Labels, progress: Progress) -> Iterator[Measured]:
    founding = np.array([face.founding for face in faces], bool)
    models = _models(parts)
    for done, (model_ids, limits) in enumerate(models):
        progress.step(done, len(models), "models")
        per_model = [np.stack([face.embeddings[model_id] for face in faces]) for model_id in model_ids]
        yield measure("+".join(model_ids), fuse_vectors(per_model), people, founding, limits)
    progress.step(len(models), len(models), "models")


def _models(parts: Parts) -> list[tuple[Sequence[ModelId], Thresholds]]:
    """Return each embedder with its thresholds, and all of them fused with those in use."""
    vision = parts.vision()
    with parts.store.read() as tx:
        in_use = replace(thresholds(tx, vision), match=rules_now(tx, parts.rules).match_threshold)
    alone = [((embedder.model_id,), embedder.thresholds) for embedder in vision.embedders]
    # What a head is laid over is measured beside it.
    fused = [] if vision.head is None else [(vision.base.model_ids, vision.base.thresholds)]
    return [*(alone if len(alone) > 1 else []), *fused, (vision.model_ids, in_use)]


def _named(unused: Sequence[Unused]) -> str:
    """Return the first few that could not be used, for a sentence."""
    if not unused:
        return ": there are none"
    shown = "; ".join(f"{each.where}: {each.detail or each.reason}" for each in unused[:SHOWN])
    return f": {shown}{f'; and {len(unused) - SHOWN} more' if len(unused) > SHOWN else ''}"
