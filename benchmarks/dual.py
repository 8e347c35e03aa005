"""Grouping a whole collection, known people and unknown: read from SQL, assign, cluster, write, with all events."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import synthetic
from benchmarks.dual_fill import KNOWN, LABELLED, WRONG, filled
from benchmarks.report import CACHE, Row, markdown
from personae.core.metrics import bcubed

CLAIMS = {1_000: 0.3, 10_000: 1.5, 100_000: 25.0}
"""Seconds, by faces."""
WARM = 600
GIGABYTES = 2.0
"""Peak memory, of the largest."""


def run() -> list[Row]:
    """Measure each size in a process of its own."""
    if not synthetic.available():
        return [Row("dual-mode clustering", "", "left out: ../shared/tools/facegen.py is absent")]
    return [row for count in CLAIMS for row in _rows(count)]


def _rows(count: int) -> Iterator[Row]:
    figures = _measure(count)
    what = f"dual mode, {count:,} faces ({KNOWN:.0%} of people known, {LABELLED:.0%} of their faces labelled, "
    what += f"{WRONG:.0%} of labels wrong)"
    seconds = figures["seconds"]
    yield Row(what, f"<= {CLAIMS[count]:g} s", f"{seconds:.2f} s", seconds <= CLAIMS[count])
    stages = ", ".join(f"{stage} {spent:.2f} s" for stage, spent in figures["stages"].items())
    f = bcubed(np.array(figures["groups"]), synthetic.people(count)).f
    found = f"{figures['assigned']:,} faces tied to people, {figures['to_review']:,} wait for a human, "
    found += f"{figures['clusters']:,} clusters, BCubed F {f:.4f} as it stands"
    yield Row(f"likewise, {count:,}: where the time goes, and what came of it", "", f"{stages}; {found}")
    peak, before = figures["peak_bytes"] / 1000**3, figures["bytes_before"] / 1000**3
    last = count == max(CLAIMS)
    yield Row(
        f"likewise, {count:,}: peak memory of the process, models and all", f"<= {GIGABYTES:g} GB" if last else "",
        f"{peak:.2f} GB ({before:.2f} before the grouping)", peak <= GIGABYTES if last else None,
    )  # fmt: skip
    added = figures["added_seconds"]
    yield Row(
        f"1,000 faces more on these {count:,}: read, recognised, grouped and written by an engine that stays open",
        "<= 0.5 s" if last else "", f"{added:.2f} s", added <= 0.5 if last else None,
    )  # fmt: skip


def _measure(count: int) -> dict[str, Any]:
    """Group copies, since grouping changes what it groups."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        homes = [Path(folder) / "home", Path(folder) / "warm"]
        for home, size in zip(homes, (count, WARM), strict=True):
            shutil.copytree(filled(size), home)
        command = [sys.executable, "-m", "benchmarks.dual_run", *map(str, homes)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    """Print the table."""
    print(markdown("Dual-mode clustering", run()))


if __name__ == "__main__":
    main()
