"""How long the search for one probe takes among 100,000 faces, and whether it finds whom an exact search finds."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import CACHE, SHARED, Row, markdown
from personae.adapters.index.exact import ExactIndex
from personae.adapters.index.voyager import VoyagerIndex
from personae.core.assign import decide, rank
from personae.core.search import nearest
from personae.ports import VectorIndex
from personae.types import Ids, Labels, ModelId, Vectors

FACES = 100_000
PROBES = 1000
NEIGHBOURS = 100
MATCH, REVIEW = 0.7, 0.34
MODELS = (ModelId("facenet512"), ModelId("arcface512"))


@dataclass(frozen=True)
class Gallery:
    """Faces under both models, and probes of people who are among them."""

    vectors: Mapping[ModelId, Vectors]
    people: Labels
    probes: Mapping[ModelId, Vectors]
    truth: Labels


def run() -> list[Row]:
    """Measure."""
    tool = SHARED / "tools" / "facegen.py"
    if not tool.is_file():
        return [Row("who", "", "left out: ../shared/tools/facegen.py is absent")]
    gallery = make_gallery(tool)
    return [
        *_measure("exact", gallery, {model: _exact(model, gallery) for model in MODELS}),
        *_measure("voyager", gallery, {model: _voyager(model, gallery) for model in MODELS}),
    ]


def make_gallery(tool: Path) -> Gallery:
    """Return synthetic faces of the same people under two models.

    The models are made apart, since two embedders see nothing alike in two strangers. The people of the second are
    paired with those of the first by the number of their faces, and the faces of a person by how hard they are: a
    blurred face is hard under both models.
    """
    generator = _load(tool)
    first, people, _ = generator.make_faces(FACES + PROBES, seed=11, shuffle=False)
    second, others, _ = generator.make_faces(int(1.5 * (FACES + PROBES)), seed=12, shuffle=False)
    one, other = _sorted_faces(first, people), _sorted_faces(second, others)
    rows = [(a, b[: len(a)]) for a, b in zip(one, other, strict=False) if len(b) >= len(a)]
    in_first = np.concatenate([a for a, _ in rows])
    in_second = np.concatenate([b for _, b in rows])
    labels = np.repeat(np.arange(len(rows)), [len(a) for a, _ in rows])
    rng = np.random.default_rng(13)
    sizes = np.bincount(labels)
    asked = rng.choice(np.flatnonzero(sizes >= 2), PROBES, replace=False)
    starts = np.cumsum(sizes) - sizes
    probes = starts[asked] + rng.integers(0, sizes[asked])
    kept = np.setdiff1d(rng.permutation(len(labels))[: FACES + PROBES], probes)[:FACES]
    vectors = dict(zip(MODELS, (first[in_first], second[in_second]), strict=True))
    return Gallery(
        {model: rows[kept] for model, rows in vectors.items()},
        labels[kept],
        {model: rows[probes] for model, rows in vectors.items()},
        labels[probes],
    )


def _sorted_faces(vectors: Vectors, people: Labels) -> list[Ids]:
    """Rows of each person, easiest face first; people with most faces first."""
    starts = np.flatnonzero(np.diff(people, prepend=-1))
    ease = np.einsum("ij,ij->i", vectors, np.add.reduceat(vectors, starts)[np.searchsorted(starts, np.arange(len(people)), "right") - 1])  # fmt: skip  # noqa: E501
    groups = np.split(np.arange(len(people)), starts[1:])
    ordered = [group[np.argsort(-ease[group])] for group in groups]
    return sorted(ordered, key=len, reverse=True)


def _exact(model: ModelId, gallery: Gallery) -> VectorIndex:
    index = ExactIndex(model, gallery.vectors[model].shape[1])
    index.add(np.arange(len(gallery.people)), gallery.vectors[model])
    return index


def _voyager(model: ModelId, gallery: Gallery) -> VectorIndex:
    """Open the index kept by an earlier run, or build it."""
    vectors = gallery.vectors[model]
    index = VoyagerIndex(CACHE / "who" / f"{model}.voy", model, vectors.shape[1])
    if len(index) != len(vectors):
        index.clear()
        start = time.perf_counter()
        index.add(np.arange(len(vectors)), vectors)
        print(f"built {model} in {time.perf_counter() - start:.0f} s")
        index.save()
    return index


def _measure(name: str, gallery: Gallery, indexes: Mapping[ModelId, VectorIndex]) -> list[Row]:
    """Search for every probe, and compare with the exact fused search over all faces."""
    seconds, hits = [], 0
    no_cluster = np.full(len(gallery.people), -1)
    for row in range(-20, len(gallery.truth)):
        # The first twenty warm the caches up and are not counted.
        probe = {model: gallery.probes[model][abs(row)] for model in MODELS}
        start = time.perf_counter()
        face_ids, scores = nearest(indexes, probe, NEIGHBOURS)
        ranked = rank(face_ids, scores, gallery.people[face_ids], no_cluster[face_ids])
        decide(ranked, match=MATCH, review=REVIEW)
        if row >= 0:
            seconds.append(time.perf_counter() - start)
            hits += bool(ranked and ranked[0].person_id == gallery.truth[row])
    exact = _exact_hits(gallery)
    p50, p99 = np.percentile(seconds, [50, 99]) * 1000
    return [
        Row(f"who, {len(gallery.people):,} faces, two models, {name}: search and decision of one probe",
            "p99 < 30 ms", f"p50 {p50:.1f} ms, p99 {p99:.1f} ms",
            bool(p99 < 30)),
        Row(f"likewise, the true person is the first of {len(gallery.truth):,} probes' candidates",
            f"{exact} by exact search over all faces", str(hits), hits >= exact),
    ]  # fmt: skip


def _exact_hits(gallery: Gallery) -> int:
    """Count the probes whose true person comes first by exact fused search."""
    hits = 0
    none = np.full(NEIGHBOURS, -1)
    for start in range(0, len(gallery.truth), 100):
        part = slice(start, start + 100)
        scores = np.mean([gallery.probes[model][part] @ gallery.vectors[model].T for model in MODELS], axis=0)
        for each, true in zip(scores, gallery.truth[part], strict=True):
            near = np.argpartition(each, -NEIGHBOURS)[-NEIGHBOURS:]
            hits += rank(near, each[near], gallery.people[near], none)[0].person_id == true
    return hits


def _load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Print the table."""
    print(markdown("Who", run()))


if __name__ == "__main__":
    main()
