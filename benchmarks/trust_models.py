"""The real models, each asked once: what they said of a picture, or of an aligned face, is kept in the cache.

So an engine can run many times over the same photos without waiting for its networks. What was not asked before is
asked of the real model, and kept too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from personae.adapters.vision.entries import Entry
from personae.adapters.vision.factory import load_detector, load_embedder
from personae.adapters.vision.registry import Registry
from personae.core.geometry import TEMPLATES, place_template
from personae.engine.parts import Vision
from personae.ports import Detector, Embedder
from personae.settings import Settings
from personae.types import Box, Detection, Landmarks, ModelId, Pixels, Thresholds, Vector, Vectors


class KeptDetector:
    """`personae.ports.Detector` that remembers."""

    def __init__(self, entry: Entry, load: Callable[[], Detector]) -> None:
        self._entry = entry
        self._load = load
        self.known: dict[str, list[Detection]] = {}

    @property
    def model_id(self) -> ModelId:
        """See the port."""
        return ModelId(self._entry.id)

    @property
    def input_side(self) -> int:
        """See the port."""
        return self._entry.input_side

    def detect(self, pixels: Pixels) -> list[Detection]:
        """See the port."""
        key = _key(pixels)
        if key not in self.known:
            self.known[key] = self._load().detect(pixels)
        return self.known[key]


class KeptEmbedder:
    """`personae.ports.Embedder` that remembers."""

    def __init__(self, entry: Entry, thresholds: Thresholds, load: Callable[[], Embedder]) -> None:
        self._entry = entry
        self._thresholds = thresholds
        self._load = load
        self.known: dict[str, Vector] = {}

    @property
    def model_id(self) -> ModelId:
        """See the port."""
        return ModelId(self._entry.id)

    @property
    def dimension(self) -> int:
        """See the port."""
        return self._entry.dimension

    @property
    def input_side(self) -> int:
        """See the port."""
        return self._entry.input_side

    @property
    def template(self) -> Landmarks:
        """See the port."""
        return place_template(self._entry.template, self._entry.input_side)

    @property
    def thresholds(self) -> Thresholds:
        """See the port."""
        return self._thresholds

    def embed(self, chips: Pixels) -> Vectors:
        """See the port."""
        keys = [_key(chip) for chip in chips]
        missing = [place for place, key in enumerate(keys) if key not in self.known]
        if missing:
            for place, vector in zip(missing, self._load().embed(chips[missing]), strict=True):
                self.known[keys[place]] = vector
        return np.array([self.known[key] for key in keys], np.float32).reshape(len(keys), self.dimension)


class Models:
    """The detector and the embedders of the settings, and the file that keeps what they said."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._registry = registry = Registry(settings.models_dir)
        entries = [registry.entry(model_id) for model_id in (settings.detector, *settings.embedders)]
        self.detector = KeptDetector(entries[0], cache(lambda: load_detector(registry, settings.detector)))
        self.embedders = {entry.id: KeptEmbedder(entry, *_thresholds_and_loader(registry, entry))
                          for entry in entries[1:]}  # fmt: skip
        known = [replace(entry, thresholds=None, golden=()) for entry in entries], TEMPLATES
        self._file = folder / f"trust-{hashlib.sha256(repr(known).encode()).hexdigest()[:16]}.npz"
        if self._file.is_file():
            self._load()
        self._saved = self._count()

    def vision(self, *model_ids: str, trust: tuple[float, ...] = ()) -> Vision:
        """Return the models with these embedders alone, and with other trust distances if such are given."""
        thresholds = self._registry.thresholds(model_ids)
        if trust:
            thresholds = replace(thresholds, trust=trust)
        return Vision(self.detector, tuple(self.embedders[model_id] for model_id in model_ids), thresholds)

    def save(self) -> None:
        """Keep what was learnt since the file was read."""
        if self._count() == self._saved:
            return
        found = self.detector.known
        flat = [_numbers(each) for every in found.values() for each in every]
        arrays = {
            "pictures": np.array([*found], "S40"),
            "counts": np.array([len(every) for every in found.values()], np.int64),
            "detections": np.array(flat, np.float64).reshape(len(flat), -1),
        }
        for model_id, embedder in self.embedders.items():
            arrays[f"{model_id}_faces"] = np.array([*embedder.known], "S40")
            arrays[f"{model_id}_vectors"] = np.array([*embedder.known.values()], np.float32)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._file.with_suffix(".part.npz")
        np.savez(unfinished, **arrays)  # type: ignore[arg-type]
        unfinished.replace(self._file)
        self._saved = self._count()

    def _load(self) -> None:
        with np.load(self._file) as stored:
            arrays = {name: stored[name] for name in stored.files}
        rows = iter(arrays["detections"])
        for key, count in zip(arrays["pictures"], arrays["counts"], strict=True):
            self.detector.known[key.decode()] = [_detection(next(rows)) for _ in range(count)]
        for model_id, embedder in self.embedders.items():
            keys = [key.decode() for key in arrays[f"{model_id}_faces"]]
            embedder.known = dict(zip(keys, arrays[f"{model_id}_vectors"], strict=True))

    def _count(self) -> int:
        return len(self.detector.known) + sum(len(each.known) for each in self.embedders.values())


def _thresholds_and_loader(registry: Registry, entry: Entry) -> tuple[Thresholds, Callable[[], Embedder]]:
    return registry.thresholds([entry.id]), cache(lambda: load_embedder(registry, entry.id))


def _key(pixels: Pixels) -> str:
    return hashlib.sha1(np.ascontiguousarray(pixels).data, usedforsecurity=False).hexdigest()


def _numbers(found: Detection) -> list[float]:
    box = found.box
    return [box.x, box.y, box.width, box.height, found.det_score, *found.landmarks.ravel().tolist()]


def _detection(numbers: np.ndarray) -> Detection:
    x, y, width, height, det_score = map(float, numbers[:5])
    return Detection(Box(x, y, width, height), numbers[5:].astype(np.float32).reshape(5, 2), det_score)
