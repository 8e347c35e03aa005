"""The server, asked at random by its OpenAPI document for minutes: python -m benchmarks fuzz."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from benchmarks.report import Row
from tests.fuzzed import ask, fuzzed

SECONDS = int(os.environ.get("BENCH_FUZZ_SECONDS", "600"))
PHASES = {
    "each endpoint by itself": "--phases=coverage,fuzzing",
    "one after another, with ids that earlier answers gave": "--phases=stateful",
}


def run() -> list[Row]:
    """Return the rows of this benchmark; what the server did wrong is printed too."""
    rows = []
    for what, phases in PHASES.items():
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            with fuzzed(folder / "home") as running:
                asked = ask(running.url, folder, max(1, SECONDS // len(PHASES)), phases, *_seed())
        if asked.mistakes:
            print(asked.said, flush=True)
        found = "; ".join(asked.mistakes) or "none"
        rows.append(Row(f"{what}: {asked.requests:,} requests", "no 5xx, nothing undocumented", found,
                        not asked.mistakes))  # fmt: skip
    return rows


def _seed() -> list[str]:
    seed = os.environ.get("BENCH_FUZZ_SEED")
    return [f"--seed={seed}"] if seed else []
