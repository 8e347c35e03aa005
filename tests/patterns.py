"""Pictures and models that take no time: a face is a pattern of squares, and its embedding is what the squares show.

So that runs of an enrichment can be repeated a hundred times. Real photos and models are in `tests.photos`.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
from PIL import Image

from personae import Engine, Settings, open_engine
from personae.bootstrap import FILE
from personae.core.compare import normalise
from personae.core.geometry import place_template
from personae.engine.enrich import EnrichOptions, EnrichSummary
from personae.engine.parts import Vision
from personae.errors import ModelError
from personae.records import SourceSpec, Trust
from personae.types import Box, Detection, Landmarks, ModelId, PersonId, Pixels, Thresholds, Vectors
from tests.stores import place_empty

SIDE = 480
SQUARES = 8
MODEL = ModelId("pattern")
TRUSTS = {"first": Trust.HIGH, "second": Trust.MEDIUM, "third": Trust.LOW, "fourth": Trust.LOW}


def photo(person: int, number: int, side: int = SIDE) -> bytes:
    """Return a PNG whose one face is this person's; with another number it is the same person, a little changed."""
    rng = np.random.default_rng(person)
    base = rng.integers(60, 196, (SQUARES, SQUARES, 3))
    change = np.random.default_rng([person, number, 7]).integers(-30, 31, base.shape)
    squares = np.clip(base + change, 0, 255).astype(np.uint8)
    data = io.BytesIO()
    Image.fromarray(squares).resize((side, side), Image.Resampling.NEAREST).save(data, "PNG")
    return data.getvalue()


class PatternDetector:
    """`Detector` that finds one face, as large as the picture."""

    model_id = ModelId("whole")
    input_side = SIDE

    def detect(self, pixels: Pixels) -> list[Detection]:
        """See the port."""
        side = float(min(pixels.shape[:2]))
        marks = (place_template("arcface112", 112) * side / 112).astype(np.float32)
        return [Detection(Box(0.0, 0.0, side, side), marks, 0.99)]


class PatternEmbedder:
    """`Embedder` that looks at the mean of each square."""

    model_id = MODEL
    dimension = SQUARES * SQUARES * 3
    input_side = 112
    thresholds = Thresholds(0.3, 0.4, 0.7, 0.5, (0.5, 0.5, 0.5))

    @property
    def template(self) -> Landmarks:
        """See the port."""
        return place_template("arcface112", 112)

    def embed(self, chips: Pixels) -> Vectors:
        """See the port."""
        step = 112 // SQUARES
        middles = chips[:, step // 2 :: step, step // 2 :: step].astype(np.float32).reshape(len(chips), -1)
        return normalise(middles - middles.mean(axis=1, keepdims=True))


def fill(folder: Path, people: Mapping[str, Sequence[tuple[int, int]]]) -> Path:
    """Make a source: a folder for each name, with these photos (person, number)."""
    for name, photos in people.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for place, (person, number) in enumerate(photos):
            (folder / name / f"{place:02}.png").write_bytes(photo(person, number))
    return folder


def specs(root: Path) -> list[SourceSpec]:
    """Return the sources whose folders are there."""
    return [SourceSpec(name, "folder", trust=trust, endpoint=str(root / name))
            for name, trust in TRUSTS.items() if (root / name).is_dir()]  # fmt: skip


@contextmanager
def engine_on(home: Path, root: Path) -> Iterator[Engine]:
    """Open an engine that sees patterns, with the sources under `root`."""
    place_empty(home / FILE)
    with open_engine(Settings(home=home, embedders=(MODEL,), workers=2)) as opened:
        embedder = PatternEmbedder()
        vision = Vision(PatternDetector(), (embedder,), embedder.thresholds)
        opened.parts = replace(opened.parts, vision=lambda: vision, sources=lambda: specs(root))
        yield opened


def run(home: Path, root: Path, **options: object) -> EnrichSummary:
    """Enrich once, with faces."""
    with engine_on(home, root) as engine:
        return engine.enrich(EnrichOptions(**{"faces": True, **options}))  # type: ignore[arg-type]


def state(home: Path, root: Path) -> tuple[object, object]:
    """Return what an enrichment leaves behind: who has which photos by whose word, and every receipt."""
    with engine_on(home, root) as engine, engine.parts.store.read() as tx:
        names = {person.id: person.name for person in tx.people.all()}
        claims = tx.sources.claims()
        photos = {claim.face_id: (claim.source, claim.image_ref) for claim in reversed(claims) if claim.face_id}
        faces = sorted((person.name, person.face_count, sorted(person.external_ids.items()))
                       for person in tx.people.all())  # fmt: skip
        assert len(tx.faces.gallery()[0]) == len(photos)
        receipts = sorted(
            (claim.source, claim.image_ref, names[PersonId(claim.person_id)], claim.state.value, claim.reason,
             None if claim.distance is None else round(claim.distance, 4))
            for claim in claims
        )  # fmt: skip
        return faces, receipts


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]))


class Other(PatternEmbedder):
    """Another `Embedder`: it sees part of the squares."""

    model_id = ModelId("other")
    dimension = 128

    def embed(self, chips: Pixels) -> Vectors:
        """See the port."""
        return normalise(super().embed(chips)[:, : self.dimension])


class Third(Other):
    """One more."""

    model_id = ModelId("third")
    dimension = 96


def networks(name: str) -> Vision:
    """Return the models of these names, joined by +; MODEL for none."""
    known: dict[str, PatternEmbedder] = {each.model_id: each for each in (PatternEmbedder(), Other(), Third())}
    chosen = (name or MODEL).split("+")
    if not set(chosen) <= set(known):
        raise ModelError(f"there is no model {name}")
    return Vision(PatternDetector(), tuple(known[each] for each in chosen), PatternEmbedder.thresholds)


LISTED = """
[[model]]
id = "{id}"
task = "embedder"
adapter = "aligned"
source = {{ kind = "{kind}", package = "a-package", member = "{id}.onnx" }}
sha256 = "{digest}"
licence = {licence}
origin = {origin}
input_side = 112
template = "arcface112"
dimension = {dimension}
thresholds = {{ verify = 0.3, review = 0.4, match = 0.7, cluster = 0.5 }}
"""


def list_models(folder: Path, licence: str = "MIT", origin: str = "Made for tests.") -> Path:
    """Write a folder of models that lists those of `networks`; return it. The third is not here."""
    folder.mkdir(parents=True)
    listed = []
    for each in (PatternEmbedder(), Other(), Third()):
        data = each.model_id.encode()
        if each.model_id != Third.model_id:
            (folder / f"{each.model_id}.onnx").write_bytes(data)
        kind = "pypi" if each.model_id == Third.model_id else "file"
        listed.append(LISTED.format(
            id=each.model_id, kind=kind, digest=sha256(data).hexdigest(), licence=json.dumps(licence),
            origin=json.dumps(origin), dimension=each.dimension,
        ))  # fmt: skip
    pair = f"""[[fusion]]
id = "pair"
members = ["{Other.model_id}", "{Third.model_id}"]
thresholds = {{ verify = 0.3, review = 0.4, match = 0.7, cluster = 0.5 }}
"""
    (folder / "models.toml").write_text("".join([*listed, pair]))
    return folder
