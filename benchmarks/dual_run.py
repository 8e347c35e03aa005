"""One grouping of a whole collection in a process of its own: python -m benchmarks.dual_run HOME WARM_HOME.

Both homes are changed. The second holds few faces; its grouping loads what is compiled, and is not counted.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.dual_fill import MODEL, more_photos
from benchmarks.report import peak_bytes
from personae import Engine, Settings, open_engine
from personae.engine.progress import Unwatched
from personae.ports import Transaction

ADDED = 1000


class Watch(Unwatched):
    """Notes when each stage of the work begins."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, float]] = [("reading", time.perf_counter())]

    def step(self, done: int, total: int, doing: str = "") -> None:  # noqa: ARG002
        """Note a new stage."""
        if doing and doing != self.stages[-1][0]:
            self.stages.append((doing, time.perf_counter()))

    def hold(self, tx: Transaction) -> None:
        """Note that writing begins."""
        super().hold(tx)
        self.step(0, 1, "writing")

    def seconds(self, end: float) -> dict[str, float]:
        """Return how long each stage took, the last one up to `end`."""
        starts = [start for _, start in self.stages] + [end]
        spent: dict[str, float] = {}
        for (stage, start), stop in zip(self.stages, starts[1:], strict=True):
            spent[stage] = spent.get(stage, 0.0) + stop - start
        return spent


def opened(home: str) -> Engine:
    """Return the engine of a filled home, its models loaded."""
    engine = open_engine(Settings(home=Path(home), embedders=(MODEL,)))
    engine.parts.vision()
    return engine


def _added(engine: Engine, count: int) -> float:
    """Add photos and return how long the engine, which stays open, takes to recognise and group them."""
    more_photos(engine.parts.store, count)
    start = time.perf_counter()
    engine.group()
    return time.perf_counter() - start


def main() -> None:
    """Group and print the figures, and whose each face is now, as JSON."""
    home, warm_home = sys.argv[1:]
    with opened(warm_home) as engine:
        engine.cluster_dual()
        _added(engine, 20)
    with opened(home) as engine:
        before = peak_bytes()
        watch = Watch()
        start = time.perf_counter()
        summary = engine.cluster_dual(progress=watch)
        end = time.perf_counter()
        peak = peak_bytes()
        with engine.parts.store.read() as tx:
            _, _, people, clusters, *_ = tx.faces.gallery()
        added = _added(engine, ADDED)
    # People and clusters are numbered apart.
    groups = np.where(people >= 0, people, np.where(clusters >= 0, clusters + people.max(initial=0) + 1, -1))
    print(json.dumps({
        "seconds": end - start, "stages": watch.seconds(end), "peak_bytes": peak, "bytes_before": before,
        "assigned": summary.assigned_to_people, "to_review": summary.to_review,
        "clusters": summary.unknown_clusters, "groups": groups.tolist(), "added_seconds": added,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
