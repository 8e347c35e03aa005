"""A grouping that is killed leaves nothing half-written, and its job is done by the next runner."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from personae.core.shards import SHARD
from tests.generate import faces
from tests.likenesses import DIMENSION, add_faces, engine_at

RUN = """
import sys
from pathlib import Path
from tests.likenesses import engine_at
with engine_at(Path(sys.argv[1])) as engine:
    print("ready", flush=True)
    engine.cluster_dual()
    print("done", flush=True)
"""
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with more faces than one shard takes, and some people named."""
    home = tmp_path_factory.mktemp("filled")
    vectors, truth = faces([30] * 60 + [1] * 1000, dimension=DIMENSION, spread=0.35, seed=4)
    assert len(vectors) > SHARD
    with engine_at(home) as engine:
        for start in range(0, len(vectors), 500):
            with engine.parts.store.write() as tx:
                add_faces(tx, list(vectors[start : start + 500]))
        for person in range(5):
            for row in np.flatnonzero(truth == person)[:3].tolist():
                engine.name(f"unknown_noise_{row + 1}", f"Person {person}")
    return home


def outcome(home: Path) -> tuple[list[int], list[int]]:
    with engine_at(home) as engine:
        assert engine.parts.store.check() == []
        with engine.parts.store.read() as tx:
            _, _, people, clusters, _ = tx.faces.gallery()
    return people.tolist(), clusters.tolist()


def run(home: Path, kill_after: float | None) -> None:
    command = [sys.executable, "-c", RUN, str(home)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        if kill_after is not None:
            time.sleep(kill_after)
            process.send_signal(signal.SIGKILL)
        process.wait()
        assert kill_after is not None or process.returncode == 0


@pytest.mark.slow
def test_a_killed_grouping_leaves_all_or_nothing(filled: Path, tmp_path: Path) -> None:
    clean = tmp_path / "clean"
    shutil.copytree(filled, clean)
    started = time.monotonic()
    run(clean, None)
    seconds = time.monotonic() - started
    before, after = outcome(filled), outcome(clean)
    assert before != after
    moments = random.Random(7)
    for number in range(4):
        home = tmp_path / str(number)
        shutil.copytree(filled, home)
        run(home, moments.uniform(0, seconds))
        people, clusters = outcome(home)
        # People and groups are two operations of one transaction: either both are there or none is.
        assert (people, clusters) in (before, after)
        run(home, None)
        assert outcome(home)[0] == after[0]
        assert partition(outcome(home)[1]) == partition(after[1])
        shutil.rmtree(home)


def partition(clusters: list[int]) -> set[frozenset[int]]:
    together: dict[int, set[int]] = {}
    for row, cluster in enumerate(clusters):
        together.setdefault(cluster, set()).add(row)
    return {frozenset(rows) for cluster, rows in together.items() if cluster >= 0}
