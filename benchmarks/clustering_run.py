"""One clustering in a process of its own, so that its peak memory is its own.

python -m benchmarks.clustering_run FACES.npy LABELS.npy prints the figures as JSON and writes the labels.
"""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.report import peak_bytes
from personae.core import agglomerate, cluster, estimator, graph
from personae.core.cluster import Linkage

PRODUCTS, GRAPH, LINKAGE, THRESHOLD, ORDER = "products", "graph", "linkage", "threshold", "order"
SPANS: tuple[tuple[ModuleType, str, str], ...] = (
    (graph, "_scores", PRODUCTS),
    (agglomerate, "neighbour_graph", GRAPH),
    (cluster, "agglomerate_shards", LINKAGE),
    (estimator, "impostors", THRESHOLD),
    (estimator, "content_order", ORDER),
)
"""What is timed: products are made within the graph, the graph within the linkage."""
SHAPE = (4096, 512, 16384)
"""Of the matrix product that gives the machine's own rate."""


@contextmanager
def watched() -> Iterator[dict[str, float]]:
    """Give the seconds spent in each of SPANS, and under `flops` the operations of the products."""
    spent: dict[str, float] = defaultdict(float)
    originals = [(module, name, getattr(module, name)) for module, name, _ in SPANS]
    for (module, name, original), (_, _, part) in zip(originals, SPANS, strict=True):
        setattr(module, name, _timed(original, part, spent))
    try:
        yield spent
    finally:
        for module, name, original in originals:
            setattr(module, name, original)


def _timed(call: Callable[..., Any], part: str, spent: dict[str, float]) -> Callable[..., Any]:
    def timed(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        result = call(*args, **kwargs)
        spent[part] += time.perf_counter() - start
        if part == PRODUCTS:
            spent["flops"] += 2 * args[0].shape[1] * result.size
        return result

    return timed


def product_rate() -> float:
    """Return how many float32 operations a second the machine does in a large matrix product, at its best of five."""
    rng = np.random.default_rng(0)
    rows, shared, columns = SHAPE
    first = rng.standard_normal((rows, shared), dtype=np.float32)
    second = rng.standard_normal((shared, columns), dtype=np.float32)
    out = np.empty((rows, columns), np.float32)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        np.matmul(first, second, out=out)
        seconds.append(time.perf_counter() - start)
    return 2.0 * rows * shared * columns / min(seconds)


def warm_up(dimension: int) -> None:
    """Load what is compiled."""
    Linkage().fit(np.random.default_rng(0).standard_normal((600, dimension), dtype=np.float32))


def main() -> None:
    """Group the faces and print the figures."""
    vectors = np.load(sys.argv[1], mmap_mode="r")
    warm_up(vectors.shape[1])
    with watched() as spent:
        start = time.perf_counter()
        estimator = Linkage(min_cluster_size=1).fit(vectors)
        seconds = time.perf_counter() - start
    peak = peak_bytes()
    np.save(sys.argv[2], estimator.labels_)
    print(json.dumps({
        "seconds": seconds, "peak_bytes": peak, "threshold": estimator.threshold_, "spent": spent,
        "product_rate": product_rate(),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
