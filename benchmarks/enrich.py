"""Enrichment from three servers: share of the model-bound limit, and politeness."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from benchmarks.enrich_world import PHOTOS
from benchmarks.report import ROOT, Row

PEOPLE, OFFERED = 1000, 5000
GAP = 0.02
"""Seconds between two requests of a source."""
FAULTY_PEOPLE, FAULTY_OFFERED = 100, 300
"""Of the run against servers that ask to wait, by the real clock."""
SHARE = 0.80
MEGABYTE = 10**6


def run() -> list[Row]:
    """Return the rows of this benchmark.

    BENCH_PEOPLE and BENCH_PHOTOS make it smaller.
    """
    if not PHOTOS.is_dir():
        return []
    people, offered = (int(os.environ.get(f"BENCH_{name}", most)) for name, most in (("PEOPLE", PEOPLE),
                                                                                     ("PHOTOS", OFFERED)))  # fmt: skip
    bound = _measure(people, offered, GAP)
    return [
        *_bound(bound),
        *_polite("without faults", bound),
        *_polite("servers that fail and ask to wait", _measure(FAULTY_PEOPLE, FAULTY_OFFERED, GAP, "faulty")),
    ]


def _measure(*told: object) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.enrich_run", *map(str, told)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _bound(figures: dict[str, Any]) -> Iterator[Row]:
    rate, limit = figures["photos"] / figures["seconds"], figures["photos"] / figures["alone_seconds"]
    what = f"enrichment from 3 servers, {figures['people']:,} people, {figures['photos']:,} photos"
    yield Row(
        f"{what}: share of the model-bound limit",
        f"at least {SHARE:.0%}",
        f"{rate / limit:.1%} ({rate:.1f} of {limit:.1f} photos/s in {figures['seconds']:.0f} s; "
        f"{figures['cpu'] / figures['photos'] * 1000:.0f} ms of processor time a photo, of which the examination "
        f"{figures['alone_cpu'] / figures['photos'] * 1000:.0f} ms; {figures['faces']:,} faces let in)",
        rate / limit >= SHARE,
    )
    yield Row("the same: peak memory", "", f"{figures['peak_bytes'] / MEGABYTE:,.0f} MB")


def _polite(what: str, figures: dict[str, Any]) -> Iterator[Row]:
    gap, here, there = GAP * 1000, figures["least_gap_here"] * 1000, figures["least_gap_there"] * 1000
    yield Row(
        f"politeness, {what}, {figures['requests']:,} requests: least gap between two requests of a source",
        f"{gap:.0f} ms, when sent and when received",
        f"{here:.1f} ms by the client's record, {there:.1f} ms by the server's "
        f"({figures['short']} received less than {gap:.0f} ms apart)",
        here >= gap and there >= gap,
    )
    yield Row(
        f"politeness, {what}: most requests of a source in flight, and requests before the moment a Retry-After named",
        "1, and none",
        f"{figures['most_at_once']}, and {figures['too_soon']} after {figures['waits']} answers that named one",
        figures["most_at_once"] == 1 and not figures["too_soon"],
    )
