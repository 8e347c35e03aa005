"""Verification on the photos' own pairs: accuracy and TAR at FAR 1e-3 of each embedder and of the pair fused.

Reads ../shared/data/lfw-dev where present (a folder per person). Embeddings are cached in a folder outside the
repository's history, so that a second run takes seconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import CACHE, SHARED, Row
from personae.adapters.vision.decode import decode
from personae.adapters.vision.factory import load_detector, load_embedder
from personae.adapters.vision.registry import Registry
from personae.core.geometry import TEMPLATES, align
from personae.ports import Detector, Embedder
from personae.settings import Settings
from personae.types import Detection, Pixels, Vectors

PHOTOS = SHARED / "data" / "lfw-dev"
SEED = 20_24
SAME_PAIRS = 3000
PAIRS_PER_PERSON = 6
DIFFERENT_PAIRS = 300_000
FOLDS = 10
REFERENCE = {
    "facenet512": (98.78, 94.27),
    "arcface512": (99.37, 98.43),
    "facenet512+arcface512": (99.43, 98.90),
}
"""Accuracy and TAR at FAR 1e-3, percent, of these models over the 6,000 published pairs of LFW (250 x 250 pixels)."""

Pairs = NDArray[np.int64]
Scores = NDArray[np.float32]


def central(found: Sequence[Detection], width: int, height: int) -> Detection | None:
    """The face a photo of one named person is of: large, and in the middle."""

    def weight(each: Detection) -> float:
        box = each.box
        off = np.hypot(box.x + (box.width - width) / 2, box.y + (box.height - height) / 2)
        return box.width * box.height - 2 * float(off) ** 2

    return max(found, key=weight, default=None)


def embed_photo(path: Path, detector: Detector, embedders: Sequence[Embedder]) -> list[NDArray[np.float32]]:
    """One vector an embedder; zeros where no face is found."""
    pixels: Pixels = decode(path.read_bytes(), detector.input_side).pixels
    face = central(detector.detect(pixels), pixels.shape[1], pixels.shape[0])
    if face is None:
        return [np.zeros(embedder.dimension, np.float32) for embedder in embedders]
    return [
        embedder.embed(align(pixels, face.landmarks, embedder.template, embedder.input_side)[None])[0]
        for embedder in embedders
    ]


def embeddings(photos: Sequence[Path], registry: Registry, settings: Settings, cache: Path) -> list[Vectors]:
    """Vectors of all photos under each embedder, from the cache when nothing changed."""
    entries = [registry.entry(model_id) for model_id in (settings.detector, *settings.embedders)]
    known = ([replace(entry, thresholds=None, golden=()) for entry in entries], TEMPLATES, [p.name for p in photos])
    key = hashlib.sha256(repr(known).encode()).hexdigest()[:16]
    file = cache / f"verification-{key}.npz"
    if file.is_file():
        with np.load(file) as stored:
            return [stored[model_id] for model_id in settings.embedders]
    detector = load_detector(registry, settings.detector, settings.device)
    embedders = [load_embedder(registry, model_id, settings.device) for model_id in settings.embedders]
    with ThreadPoolExecutor(settings.workers) as pool:
        rows = list(pool.map(lambda photo: embed_photo(photo, detector, embedders), photos))
    vectors = [np.stack([row[place] for row in rows]) for place in range(len(embedders))]
    cache.mkdir(parents=True, exist_ok=True)
    stacked = dict(zip(settings.embedders, vectors, strict=True))
    np.savez(file, **stacked)  # type: ignore[arg-type]
    return vectors


def make_pairs(people: Sequence[str]) -> tuple[Pairs, Pairs]:
    """A fixed sample of same-person pairs, few of each person, and of different-person pairs."""
    rng = np.random.default_rng(SEED)
    names, labels = np.unique(np.array(people), return_inverse=True)
    same: list[tuple[int, int]] = []
    for label in range(len(names)):
        own = np.flatnonzero(labels == label)
        one, other = np.triu_indices(len(own), 1)
        chosen = rng.permutation(len(one))[:PAIRS_PER_PERSON]
        same += [(int(own[one[i]]), int(own[other[i]])) for i in chosen]
    drawn = rng.integers(0, len(labels), (DIFFERENT_PAIRS, 2))
    different = drawn[labels[drawn[:, 0]] != labels[drawn[:, 1]]]
    return rng.permutation(np.array(same, np.int64).reshape(-1, 2))[:SAME_PAIRS], different


def best_threshold(mated: Scores, nonmated: Scores) -> float:
    """The threshold of highest accuracy over equally many pairs of each kind."""
    candidates = np.unique(np.concatenate([mated, nonmated]))
    accepted = 1 - np.searchsorted(np.sort(mated), candidates) / len(mated)
    refused = np.searchsorted(np.sort(nonmated), candidates) / len(nonmated)
    return float(candidates[np.argmax(accepted + refused)])


def fold_accuracy(mated: Scores, nonmated: Scores) -> float:
    """Mean accuracy over ten folds, each judged at the best threshold of the other nine (the LFW protocol)."""
    fold = np.arange(len(mated)) % FOLDS
    rates = []
    for each in range(FOLDS):
        here = fold == each
        threshold = best_threshold(mated[~here], nonmated[~here])
        rates.append(((mated[here] >= threshold).mean() + (nonmated[here] < threshold).mean()) / 2)
    return float(np.mean(rates))


def threshold_at(nonmated: Scores, rate: float) -> float:
    """The lowest score that at most this share of different pairs reaches."""
    ordered = np.sort(nonmated)[::-1]
    return float(np.nextafter(ordered[int(len(ordered) * rate)], np.float32(2)))


def measure(name: str, mated: Scores, nonmated: Scores) -> list[Row]:
    """The rows of one model, beside what was published for it on whole LFW photos of 250 x 250 pixels."""
    balanced = nonmated[: len(mated)]
    accuracy = 100 * fold_accuracy(mated, balanced)
    at = threshold_at(nonmated, 1e-3)
    known = REFERENCE.get(name)
    return [
        Row(
            f"{name}: accuracy over {2 * len(mated):,} pairs",
            f"within 0.3 points of {known[0]:.2f} %" if known else "",
            f"{accuracy:.2f} % (best threshold {best_threshold(mated, balanced):.3f})",
            bool(accuracy >= known[0] - 0.3) if known else None,
        ),
        Row(
            f"{name}: TAR at FAR 1e-3 over {len(nonmated):,} different pairs",
            f"{known[1]:.2f} % on the published pairs" if known else "",
            f"{100 * float((mated >= at).mean()):.2f} % (threshold {at:.3f})",
        ),
    ]


def run(cache: Path = CACHE, settings: Settings | None = None) -> list[Row]:
    """Measure each embedder and, of two, their fusion.

    Args:
        cache: folder for the embeddings.
        settings: which models; None reads them as every command does.

    Returns:
        Rows of the table; none where the photos are not present.
    """
    chosen = settings or Settings()
    photos = sorted(PHOTOS.glob("*/*.jpg"))
    if not photos:
        return []
    vectors = embeddings(photos, Registry(chosen.models_dir), chosen, cache)
    same, different = make_pairs([photo.parent.name for photo in photos])
    scores = [
        tuple(np.einsum("ij,ij->i", each[pairs[:, 0]], each[pairs[:, 1]]) for pairs in (same, different))
        for each in vectors
    ]
    rows = [row for name, pair in zip(chosen.embedders, scores, strict=True) for row in measure(name, *pair)]
    if len(scores) > 1:
        mated, nonmated = (np.mean([pair[kind] for pair in scores], axis=0) for kind in (0, 1))
        rows += measure("+".join(chosen.embedders), mated, nonmated)
    return rows
