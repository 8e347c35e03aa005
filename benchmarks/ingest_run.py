"""One ingest in a process of its own, so that its peak memory is its own: python -m benchmarks.ingest_run ALBUM."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.report import peak_bytes
from personae import Engine, Settings, open_engine
from personae.adapters.vision.onnx import Array, Network
from personae.engine.analyse import analyse
from personae.engine.ingest import DECODED_SIDE

SAMPLE = 40
"""Photos over which the models' own time is measured."""


def session_seconds(engine: Engine, photos: list[Path]) -> float:
    """Return the seconds that the models' sessions need for one photo, on one thread with nothing else running."""
    parts = engine.parts
    run = Network.run
    spent = 0.0

    def timed(self: Network, blob: Array) -> list[Array]:
        nonlocal spent
        started = time.perf_counter()
        outputs = run(self, blob)
        spent += time.perf_counter() - started
        return outputs

    Network.run = timed  # type: ignore[method-assign]
    try:
        for place, photo in enumerate(photos[:4] + photos):
            if place == 4:  # the first ones only warmed the sessions up
                spent = 0.0
            picture = parts.decode(photo.read_bytes(), DECODED_SIDE)
            analyse(parts.vision(), parts.rules.gates, parts.encode, [picture])
    finally:
        Network.run = run  # type: ignore[method-assign]
    return spent / len(photos)


def main() -> None:
    """Ingest the album twice and print the figures as JSON."""
    album, limit = Path(sys.argv[1]), int(sys.argv[2])
    photos = sorted(path for path in album.rglob("*.jpg"))[:limit]
    with tempfile.TemporaryDirectory() as home:
        with open_engine(Settings(home=Path(home))) as engine:
            engine.parts.vision()
            per_photo = session_seconds(engine, photos[:: max(1, len(photos) // SAMPLE)])
            started = time.perf_counter()
            summary = engine.ingest(photos)
            first = time.perf_counter() - started
            workers = engine.parts.rules.workers
        started = time.perf_counter()
        with open_engine(Settings(home=Path(home))) as engine:
            again = engine.ingest(photos)
            second = time.perf_counter() - started
    print(json.dumps({
        "photos": summary.images, "faces": summary.faces, "seconds": first, "session_seconds": per_photo,
        "workers": workers, "second_seconds": second, "known": again.known,
        "peak_bytes": peak_bytes(),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
