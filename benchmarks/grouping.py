"""How well and how fast the faces of Labeled Faces in the Wild are grouped without a name."""

from __future__ import annotations

import time

import numpy as np

from benchmarks.report import CACHE, SHARED, Row, markdown, peak_bytes
from personae.core.cluster import Linkage, Whispers
from personae.core.compare import fuse_vectors, normalise
from personae.core.metrics import bcubed, pairwise
from personae.settings import Settings
from personae.types import Labels, Vectors

PHOTOS = SHARED / "data" / "lfw-dev"
STORED = SHARED / "data" / "lfw-dev-arcface512.npz"
BCUBED, PAIRWISE = 0.975, 0.98


def run() -> list[Row]:
    """Group the faces of the default models fused, of each model, and of embeddings made elsewhere."""
    galleries = _galleries()
    if not galleries:
        return [Row("grouping", "", "left out: ../shared/data is absent")]
    rows = []
    for name, (vectors, truth, fallback) in galleries.items():
        promised = "+" in name or name == "stored arcface512"
        rows.append(_measure(Linkage(fallback_threshold=fallback, min_cluster_size=1), name, vectors, truth, promised))
    name, (vectors, truth, fallback) = next(iter(galleries.items()))
    rows.append(_measure(Whispers(fallback_threshold=fallback, min_cluster_size=1), name, vectors, truth, False))
    return rows


def _measure(estimator: Linkage | Whispers, name: str, vectors: Vectors, truth: Labels, promised: bool) -> Row:
    start = time.perf_counter()
    estimator.fit(vectors)
    seconds = time.perf_counter() - start
    each, pairs = bcubed(estimator.labels_, truth).f, pairwise(estimator.labels_, truth).f
    memory = peak_bytes() / 2**20
    return Row(
        f"grouping {len(truth):,} photos, {name}, {type(estimator).__name__.lower()}",
        f"BCubed F >= {BCUBED}, pairwise F >= {PAIRWISE}" if promised else "",
        f"BCubed F {each:.4f}, pairwise F {pairs:.4f}; threshold {estimator.threshold_:.3f}, {seconds:.1f} s, "
        f"peak {memory:,.0f} MB",
        each >= BCUBED and pairs >= PAIRWISE if promised else None,
    )


def _galleries() -> dict[str, tuple[Vectors, Labels, float]]:
    """Vectors, people and the model's own threshold, by name; the default models fused first, where they were made."""
    found: dict[str, tuple[Vectors, Labels, float]] = {}
    people = [photo.parent.name for photo in sorted(PHOTOS.glob("*/*.jpg"))]
    made = _made(len(people)) if people else {}
    if made:
        truth = np.unique(people, return_inverse=True)[1].astype(np.int64)
        seen = np.all([np.linalg.norm(rows, axis=1) > 0.5 for rows in made.values()], axis=0)
        # A photo without a face is a group of its own: it costs recall and is not left out.
        parts = [_filled(rows, seen) for rows in made.values()]
        found["+".join(made)] = (fuse_vectors(parts), truth, _threshold(*made))
        for model_id, part in zip(made, parts, strict=True):
            found[model_id] = (part, truth, _threshold(model_id))
    if STORED.is_file():
        with np.load(STORED) as stored:
            truth = np.unique(stored["label"], return_inverse=True)[1].astype(np.int64)
            found["stored arcface512"] = (normalise(stored["emb"]), truth, _threshold("arcface512"))
    return found


def _made(count: int) -> dict[str, Vectors]:
    """Embeddings that the verification benchmark left in its cache, latest first."""
    for file in sorted(CACHE.glob("verification-*.npz"), key=lambda path: -path.stat().st_mtime):
        with np.load(file) as stored:
            if all(len(stored[model_id]) == count for model_id in stored.files):
                return {model_id: stored[model_id] for model_id in stored.files}
    return {}


def _filled(rows: Vectors, seen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Vectors:
    filled = rows.copy()
    filled[~seen] = np.random.default_rng(0).standard_normal((int((~seen).sum()), rows.shape[1]))
    return normalise(filled) if len(filled) else filled


def _threshold(*model_ids: str) -> float:
    """The cluster threshold in the registry of models."""
    from personae.adapters.vision.registry import Registry  # noqa: PLC0415

    return Registry(Settings().models_dir).thresholds(model_ids).cluster


def main() -> None:
    """Print the table."""
    print(markdown("Grouping", run()))


if __name__ == "__main__":
    main()
