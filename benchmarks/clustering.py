"""How fast and how well unknown faces are grouped, by the default method and by those of well-known libraries.

Synthetic faces (../shared/tools/facegen.py, where present) and real ones. What is compared is measured in one run.
BENCH_MILLION=1 in the environment also groups a million faces, which takes some minutes and 8 GB.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import synthetic
from benchmarks.clustering_run import GRAPH, LINKAGE, PRODUCTS, THRESHOLD, warm_up
from benchmarks.report import SHARED, Row, markdown
from personae.core.cluster import Estimator, Linkage
from personae.core.compare import normalise
from personae.core.density import Agglomerative, Dbscan, Hdbscan
from personae.core.extend import Grouped, extend
from personae.core.metrics import bcubed
from personae.types import Labels, Vectors

STORED = SHARED / "data" / "lfw-dev-arcface512.npz"
SMALLEST = 3
"""Smallest group of the methods that must be told: what FACE_UNKNOWN_MIN_CLUSTER_SIZE is by default."""
ROUNDS = 3
"""Times that a quick method is measured; the median counts."""
ADDED = 1000


@dataclass(frozen=True, slots=True)
class Measured:
    """What one method did."""

    labels: Labels
    seconds: float
    f: float
    """BCubed."""

    def __str__(self) -> str:
        return f"{self.seconds:.3g} s, BCubed F {self.f:.4f}"


def run() -> list[Row]:
    """Measure everything."""
    rows = []
    if synthetic.available():
        rows += [
            *_beside_others("10,000 synthetic faces", *synthetic.loaded(10_000), _rows_of_ten_thousand),
            *_large(100_000, 8, 1.2, 0.985),
            _adding(),
            *_million(),
        ]
    else:
        rows.append(Row("clustering of synthetic faces", "", "left out: ../shared/tools/facegen.py is absent"))
    if STORED.is_file():
        with np.load(STORED) as stored:
            truth = np.unique(stored["label"], return_inverse=True)[1].astype(np.int64)
            vectors = normalise(stored["emb"])
        rows += _beside_others(f"{len(truth):,} faces of LFW", vectors, truth, _rows_of_real_faces)
    else:
        rows.append(Row("clustering of real faces", "", "left out: ../shared/data is absent"))
    return rows


# --- beside other methods -----------------------------------------------------------------------


def _beside_others(
    what: str, vectors: Vectors, truth: Labels, claims: Callable[[str, Measured, Measured | None], list[Row]]
) -> Iterator[Row]:
    """Yield the claims, which hold against hdbscan in this run, then the other methods for information."""
    warm_up(vectors.shape[1])
    linkage = Linkage(min_cluster_size=1)
    ours = _measure(lambda: linkage.fit(vectors).labels_, truth, ROUNDS)
    theirs = _foreign(lambda: _hdbscan(vectors), truth)
    yield from claims(what, ours, None if isinstance(theirs, str) else theirs)
    yield Row(f"{what}, hdbscan.HDBSCAN", "", str(theirs))
    # Its first call compiles, which is not what is compared.
    _foreign(lambda: _fast_hdbscan(vectors[:2000]), truth[:2000])
    yield Row(f"{what}, fast_hdbscan.HDBSCAN", "", str(_foreign(lambda: _fast_hdbscan(vectors), truth)))
    distance = 1 - linkage.threshold_
    plain = _foreign(lambda: _average(vectors, distance), truth)
    yield Row(f"{what}, scikit-learn's average linkage at linkage's threshold", "", str(plain))
    named: dict[str, Estimator] = {
        "hdbscan": Hdbscan(SMALLEST),
        "dbscan, eps 0.5": Dbscan(),
        "agglomerative, distance 0.5": Agglomerative(),
        "agglomerative, the gallery's own threshold": Agglomerative(None, min_cluster_size=1),
    }
    for name, estimator in named.items():
        measured = _measure(lambda chosen=estimator: chosen.fit(vectors).labels_, truth)  # type: ignore[misc]
        yield Row(f"{what}, the method {name}", "", str(measured))


def _rows_of_ten_thousand(what: str, ours: Measured, theirs: Measured | None) -> list[Row]:
    rows = [Row(f"{what}, linkage", "<= 0.5 s", str(ours), ours.seconds <= 0.5)]
    if theirs is not None:
        times, gain = theirs.seconds / ours.seconds, ours.f - theirs.f
        rows.append(Row(f"{what}: linkage against hdbscan", ">= 60 times faster", f"{times:.0f} times", times >= 60))
        rows.append(Row(f"{what}: linkage against hdbscan", "BCubed F >= .01 above", f"{gain:+.4f}", gain >= 0.01))
    return rows


def _rows_of_real_faces(what: str, ours: Measured, theirs: Measured | None) -> list[Row]:
    rows = [Row(f"{what}, linkage", "BCubed F >= .98", str(ours), ours.f >= 0.98)]
    if theirs is not None:
        gain = ours.f - theirs.f
        rows.append(Row(f"{what}: linkage against hdbscan", "BCubed F >= .03 above", f"{gain:+.4f}", gain >= 0.03))
    return rows


def _measure(fit: Callable[[], Labels], truth: Labels, rounds: int = 1) -> Measured:
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        labels = np.asarray(fit(), np.int64)
        seconds.append(time.perf_counter() - start)
    return Measured(labels, float(np.median(seconds)), bcubed(labels, truth).f)


def _foreign(fit: Callable[[], Labels], truth: Labels) -> Measured | str:
    """Measure a library that need not be installed."""
    try:
        return _measure(fit, truth)
    except ImportError as error:
        return f"left out: {str(error).partition('. ')[0]}"


def _hdbscan(vectors: Vectors) -> Labels:
    import hdbscan  # noqa: PLC0415

    # It refuses the cosine; on unit vectors the Euclidean distance puts pairs in the same order.
    labels: Labels = hdbscan.HDBSCAN(min_cluster_size=SMALLEST).fit_predict(vectors)
    return labels


def _fast_hdbscan(vectors: Vectors) -> Labels:
    import fast_hdbscan  # noqa: PLC0415

    labels: Labels = fast_hdbscan.HDBSCAN(min_cluster_size=SMALLEST).fit_predict(vectors)
    return labels


def _average(vectors: Vectors, distance: float) -> Labels:
    from sklearn.cluster import AgglomerativeClustering  # noqa: PLC0415

    plain = AgglomerativeClustering(
        n_clusters=None, metric="cosine", linkage="average", distance_threshold=distance
    )  # fmt: skip
    labels: Labels = plain.fit_predict(vectors)
    return labels


# --- many faces -----------------------------------------------------------------------------------


def _large(count: int, seconds: float, gigabytes: float, least: float | None) -> Iterator[Row]:
    """Yield the claims on a process of its own that groups so many faces, and where its time goes."""
    figures, labels = _in_own_process(synthetic.faces(count))
    f = bcubed(labels, synthetic.people(count)).f
    peak = figures["peak_bytes"] / 1000**3
    taken = figures["seconds"]
    what = f"{count:,} synthetic faces, linkage"
    yield Row(what, f"<= {seconds:g} s", f"{taken:.2f} s", taken <= seconds)
    yield Row(
        f"{what}: peak memory of a process of its own: interpreter, libraries, the mapped file of faces, its work",
        f"<= {gigabytes:g} GB", f"{peak:.2f} GB", peak <= gigabytes,
    )  # fmt: skip
    claim = "" if least is None else f"BCubed F >= {least}"
    yield Row(what, claim, f"BCubed F {f:.4f}", None if least is None else f >= least)
    yield _where_time_goes(what, figures)


def _million() -> Iterator[Row]:
    if os.environ.get("BENCH_MILLION"):
        yield from _large(1_000_000, 240, 8, None)
    else:
        yield Row("1,000,000 synthetic faces, linkage", "<= 240 s, <= 8 GB", "left out: BENCH_MILLION=1 asks for it")


def _in_own_process(faces: Path) -> tuple[dict[str, Any], Labels]:
    with tempfile.TemporaryDirectory() as folder:
        labels = Path(folder) / "labels.npy"
        command = [sys.executable, "-m", "benchmarks.clustering_run", str(faces), str(labels)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout.splitlines()[-1]), np.load(labels)


def _where_time_goes(what: str, figures: dict[str, Any]) -> Row:
    spent, total = figures["spent"], figures["seconds"]
    parts = {
        "matrix products": spent[PRODUCTS],
        "scan for near pairs": spent[GRAPH] - spent[PRODUCTS],
        "merging": spent[LINKAGE] - spent[GRAPH],
        "threshold": spent[THRESHOLD],
        "rest": total - spent[LINKAGE] - spent[THRESHOLD],
    }
    split = ", ".join(f"{name} {seconds:.2f} s ({seconds / total:.0%})" for name, seconds in parts.items())
    rate, own = spent["flops"] / spent[PRODUCTS], figures["product_rate"]
    return Row(
        f"{what}: where the time goes",
        "",
        f"{split}; products at {rate / 1e9:.0f} GFLOP/s, {rate / own:.0%} of the machine's {own / 1e9:.0f} for one "
        f"large product; at that rate they alone would take {spent['flops'] / own / total:.0%} of the whole",
    )


# --- a few more -----------------------------------------------------------------------------------


def _adding() -> Row:
    """Group 100,000 faces, let 1,000 come, and compare with grouping all of them anew."""
    count = 101_000
    vectors, truth = synthetic.loaded(count)
    before = Linkage(min_cluster_size=1).fit(vectors[:-ADDED])
    nothing = np.empty((0, 2), np.int64)
    come = Grouped(
        vectors,
        groups=np.concatenate([before.labels_, np.full(ADDED, -1)]),
        fresh=np.arange(count) >= count - ADDED,
        founding=np.ones(count, bool),
        photos=np.arange(count),
        must=nothing,
        cannot=nothing,
    )
    extend(come, before.threshold_, 1)
    joined = _measure(lambda: extend(come, before.threshold_, 1), truth)
    anew = bcubed(Linkage(min_cluster_size=1).fit(vectors).labels_, truth).f
    return Row(
        f"{ADDED:,} faces more on {count - ADDED:,}",
        "<= 0.5 s, BCubed F within .003 of grouping all anew",
        f"{joined}; anew {anew:.4f}",
        joined.seconds <= 0.5 and abs(anew - joined.f) <= 0.003,
    )


def main() -> None:
    """Print the table."""
    print(markdown("Clustering", run()))


if __name__ == "__main__":
    main()
