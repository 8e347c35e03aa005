"""SIGKILL at random moments of an ingest: nothing acknowledged is lost, nothing is double."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from personae import Engine, open_engine
from personae.settings import Settings
from tests.photos import album

KILLS = int(os.environ.get("PERSONAE_TEST_KILLS", "12"))
"""Fifty tell more, and take four times as long."""
INGEST = """
import sys
from personae import open_engine
from personae.settings import Settings

def acknowledge(progress):
    if progress.committed:
        print(*progress.committed, flush=True)

with open_engine(Settings(home=sys.argv[1], batch_size=2, workers=2)) as engine:
    print("ready", flush=True)
    engine.ingest([sys.argv[2]], acknowledge)
print("complete", flush=True)
"""


def _run_and_kill(home: Path, photos: Path, seconds: float) -> tuple[set[int], bool]:
    """Ingest in another process, killed so many seconds after it opened the store: (acknowledged images, complete)."""
    child = subprocess.Popen(
        [sys.executable, "-c", INGEST, os.fspath(home), os.fspath(photos)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    time.sleep(seconds)
    child.send_signal(signal.SIGKILL)
    said = child.communicate()[0].splitlines()
    acknowledged = {int(word) for line in said if line != "complete" for word in line.split()}
    return acknowledged, "complete" in said


def _check(engine: Engine, acknowledged: set[int]) -> None:
    """What was acknowledged is there whole; only crops without a face may lie about, and --fix removes them."""
    differences = engine.doctor(fix=True)
    assert {difference.kind for difference in differences} <= {"crop_orphan", "leftover"}
    assert all(difference.fixed for difference in differences)
    assert engine.doctor() == []
    with engine.parts.store.read() as tx:
        images = tx.images.get(sorted(acknowledged))
        assert {image.id for image in images} == acknowledged
        assert len({image.digest for image in images}) == len(images)


@pytest.mark.slow
def test_kill_at_random_moments(tmp_path: Path) -> None:
    photos = album()
    rng = random.Random(20260)
    whole = tmp_path / "whole"
    with open_engine(Settings(home=whole)) as engine:
        engine.ingest([photos])
        expected = _content(engine)
    home, acknowledged, rounds = tmp_path / "home0", set[int](), 0
    for kill in range(KILLS):
        more, complete = _run_and_kill(home, photos, rng.uniform(0.0, 3.0))
        acknowledged |= more
        with open_engine(Settings(home=home)) as engine:
            _check(engine, acknowledged)
            if complete:
                assert _content(engine) == expected
        if complete:
            rounds += 1
            home, acknowledged = tmp_path / f"home{kill + 1}", set()
    with open_engine(Settings(home=home)) as engine:
        engine.ingest([photos])
        assert _content(engine) == expected
        assert engine.doctor() == []


def _content(engine: Engine) -> list[tuple[str, int]]:
    """Every image by content with its number of faces: what two runs must agree on."""
    with engine.parts.store.read() as tx:
        images = tx.images.get(sorted(tx.images.places()))
        return sorted((image.digest, len(tx.faces.of_images([image.id]))) for image in images)
