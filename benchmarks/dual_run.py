"""One grouping of a whole collection in a process of its own: python -m benchmarks.dual_run HOME WARM_HOME.

Both homes are changed. The second holds few faces; its grouping loads what is compiled, and is not counted.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.dual_fill import MODEL
from personae import Engine, Settings, open_engine
from personae.engine.progress import Unwatched
from personae.ports import Transaction


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


def main() -> None:
    """Group and print the figures, and whose each face is now, as JSON."""
    home, warm_home = sys.argv[1:]
    with opened(warm_home) as engine:
        engine.cluster_dual()
    with opened(home) as engine:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        watch = Watch()
        start = time.perf_counter()
        summary = engine.cluster_dual(progress=watch)
        end = time.perf_counter()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        with engine.parts.store.read() as tx:
            _, _, people, clusters, *_ = tx.faces.gallery()
    # People and clusters are numbered apart.
    groups = np.where(people >= 0, people, np.where(clusters >= 0, clusters + people.max(initial=0) + 1, -1))
    print(json.dumps({
        "seconds": end - start, "stages": watch.seconds(end), "peak_bytes": peak, "bytes_before": before,
        "assigned": summary.assigned_to_people, "to_review": summary.to_review,
        "clusters": summary.unknown_clusters, "groups": groups.tolist(),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
