"""What the models answered, recorded once and said again at no cost, by the very pixels that are asked about."""

from __future__ import annotations

import hashlib
import os
import pickle
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from benchmarks.enrich_world import Shot, World, by_ref, engine_on, no_source
from benchmarks.report import CACHE
from personae.engine.enrich_image import Fetched, examine_photos
from personae.engine.parts import Parts, Vision
from personae.ports import Detector, Embedder
from personae.records import ImageRef, SourceSpec
from personae.types import Detection, Landmarks, ModelId, Pixels, Thresholds, Vector, Vectors

FILE = CACHE / "enrich" / "tape.pickle"
AT_ONCE = 64
"""Photos examined in one go while recording."""


@dataclass(frozen=True)
class Card:
    """What an embedder says of itself."""

    model_id: str
    dimension: int
    input_side: int
    template: Landmarks
    thresholds: Thresholds


@dataclass
class Tape:
    """Answers by the digest of what was asked, and who gave them."""

    detector: tuple[str, int]
    """Its id and side."""
    cards: tuple[Card, ...]
    thresholds: Thresholds
    """Of the embedders together."""
    faces: dict[bytes, list[Detection]] = field(default_factory=dict)
    vectors: dict[tuple[str, bytes], Vector] = field(default_factory=dict)
    shots: set[Shot] = field(default_factory=set)
    """Photos that are on it."""


class TapedDetector:
    """`Detector` that says again what was recorded; with the real one behind it, what is new is recorded."""

    def __init__(self, tape: Tape, real: Detector | None = None) -> None:
        self.model_id, self.input_side = ModelId(tape.detector[0]), tape.detector[1]
        self._tape, self._real = tape, real

    def detect(self, pixels: Pixels) -> list[Detection]:
        """See the port."""
        key = _key(pixels)
        if key not in self._tape.faces and self._real is not None:
            self._tape.faces[key] = self._real.detect(pixels)
        return list(self._tape.faces[key])


class TapedEmbedder:
    """`Embedder`, likewise."""

    def __init__(self, card: Card, tape: Tape, real: Embedder | None = None) -> None:
        self.model_id, self.dimension, self.input_side = ModelId(card.model_id), card.dimension, card.input_side
        self.template, self.thresholds = card.template, card.thresholds
        self._tape, self._real = tape, real

    def embed(self, chips: Pixels) -> Vectors:
        """See the port; each face alone, since a model's answer may depend on its company in the last digit."""
        keys = [(str(self.model_id), _key(chip)) for chip in chips]
        for key, chip in zip(keys, chips, strict=True):
            if key not in self._tape.vectors and self._real is not None:
                self._tape.vectors[key] = self._real.embed(chip[None])[0]
        return np.stack([self._tape.vectors[key] for key in keys])


def recorded(world: World) -> Vision:
    """Return models that know the photos of this world; the real ones are asked of those not recorded yet."""
    wanted = set(by_ref(world).values())
    tape = _load()
    if tape is None or wanted - tape.shots:
        with tempfile.TemporaryDirectory() as home, engine_on(Path(home), (), no_source) as engine:
            tape = _record(engine.parts, wanted, tape)
        FILE.parent.mkdir(parents=True, exist_ok=True)
        temporary = FILE.with_suffix(f".{os.getpid()}.new")
        temporary.write_bytes(pickle.dumps(tape))
        temporary.replace(FILE)
    return Vision(TapedDetector(tape), tuple(TapedEmbedder(card, tape) for card in tape.cards), tape.thresholds)


def _load() -> Tape | None:
    if not FILE.is_file():
        return None
    tape: Tape = pickle.loads(FILE.read_bytes())  # noqa: S301 - our own file
    return tape


def _record(parts: Parts, wanted: set[Shot], before: Tape | None) -> Tape:
    """Ask the real models of the photos that are not on the tape."""
    real = parts.vision()
    cards = tuple(Card(str(each.model_id), each.dimension, each.input_side, each.template, each.thresholds)
                  for each in real.embedders)  # fmt: skip
    tape = before or Tape((str(real.detector.model_id), real.detector.input_side), cards, real.thresholds)
    embedders = tuple(TapedEmbedder(card, tape, each) for card, each in zip(cards, real.embedders, strict=True))
    taping = Vision(TapedDetector(tape, real.detector), embedders, real.thresholds)
    own = replace(parts, vision=lambda: taping)
    spec = SourceSpec("any", "manifest")
    shots = sorted(wanted - tape.shots, key=lambda each: (each.file, each.mirrored))

    def examine(some: Sequence[Shot]) -> None:
        fetched = [Fetched(ImageRef("", ""), shot.data()) for shot in some]
        examine_photos(own, own.rules.enrich_gates, spec, fetched)

    with ThreadPoolExecutor(own.rules.workers) as pool:
        list(pool.map(examine, [shots[start : start + AT_ONCE] for start in range(0, len(shots), AT_ONCE)]))
    tape.shots |= wanted
    return tape


def _key(pixels: Pixels) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(pixels).data).digest()
