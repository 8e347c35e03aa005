"""Verification on the photos' own pairs: accuracy and TAR at FAR 1e-3 of each embedder and of the pair fused.

Reads ../shared/data/lfw-dev where present (a folder per person). Embeddings are cached in a folder outside the
repository's history, so that a second run takes seconds.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personae.adapters.vision.decode import decode
from personae.adapters.vision.factory import load_detector, load_embedder
from personae.adapters.vision.registry import Registry
from personae.core.geometry import TEMPLATES, align
from personae.ports import Detector, Embedder
from personae.settings import Settings
from personae.types import Detection, Pixels, Vectors

ROOT = Path(__file__).parents[1]
PHOTOS = ROOT.parent / "shared" / "data" / "lfw-dev"
CACHE = ROOT / ".cache" / "bench"
SEED = 20_24
SAME_PAIRS = 3000
PAIRS_PER_PERSON = 6
DIFFERENT_PAIRS = 300_000
FOLDS = 10

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


def measure(name: str, mated: Scores, nonmated: Scores) -> dict[str, Any]:
    """One row of the table."""
    balanced = nonmated[: len(mated)]
    at = threshold_at(nonmated, 1e-3)
    return {
        "model": name,
        "pairs": 2 * len(mated),
        "accuracy %": round(100 * fold_accuracy(mated, balanced), 2),
        "TAR % at FAR 1e-3": round(100 * float((mated >= at).mean()), 2),
        "threshold of best accuracy": round(best_threshold(mated, balanced), 3),
        "threshold at FAR 1e-3": round(at, 3),
        "same mean / p5": f"{mated.mean():.3f} / {np.quantile(mated, 0.05):.3f}",
        "different mean / p99": f"{nonmated.mean():.3f} / {np.quantile(nonmated, 0.99):.3f}",
    }


def run(limit: int | None = None, cache: Path = CACHE, settings: Settings | None = None) -> list[dict[str, Any]]:
    """Measure each embedder and, of two, their fusion.

    Args:
        limit: so many photos, whole people at a time; None takes all.
        cache: folder for the embeddings.
        settings: which models; None reads them as every command does.

    Returns:
        Rows of the table; none where the photos are not present.
    """
    chosen = settings or Settings()
    photos = sorted(PHOTOS.glob("*/*.jpg"))[:limit]
    if not photos:
        return []
    registry = Registry(chosen.models_dir)
    vectors = embeddings(photos, registry, chosen, cache)
    same, different = make_pairs([photo.parent.name for photo in photos])
    scores = [
        tuple(np.einsum("ij,ij->i", each[pairs[:, 0]], each[pairs[:, 1]]) for pairs in (same, different))
        for each in vectors
    ]
    rows = [measure(name, *pair) for name, pair in zip(chosen.embedders, scores, strict=True)]
    if len(scores) > 1:
        mated, nonmated = (np.stack([pair[kind] for pair in scores]).mean(axis=0) for kind in (0, 1))
        rows.append(measure("+".join(chosen.embedders), mated, nonmated))
    return rows


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=None, help="so many photos")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder for the embeddings")
    given = parser.parse_args()
    rows = run(given.limit, given.cache)
    if not rows:
        print(f"no photos in {PHOTOS.relative_to(ROOT.parent)}: nothing measured")
        return
    print("| " + " | ".join(rows[0]) + " |")
    print("|" + "---|" * len(rows[0]))
    for row in rows:
        print("| " + " | ".join(str(value) for value in row.values()) + " |")


if __name__ == "__main__":
    main()
