"""A switch that is killed leaves either model whole, and is finished by the next run with every name kept."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from personae import Engine
from personae.engine.switch import SwitchOptions
from tests.integration.test_switching import EACH, MODEL, PEOPLE, home, now, opened, said

__all__ = ["home"]

RUN = """
import sys
from pathlib import Path
from personae.engine.switch import SwitchOptions
from tests.integration.test_switching import opened
with opened(Path(sys.argv[1])) as engine:
    engine.parts.vision()
    print("ready", flush=True)
    engine.switch_model(SwitchOptions(sys.argv[2]))
"""
ROOT = Path(__file__).parents[2]
BOTH = "other+third"
KILLS = 3


def run(home: Path, kill_after: float | None) -> float:
    """Switch in a process of its own; return the seconds that it took."""
    with subprocess.Popen([sys.executable, "-c", RUN, str(home), BOTH], cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        started = time.monotonic()
        if kill_after is not None:
            time.sleep(kill_after)
            process.send_signal(signal.SIGKILL)
        process.wait()
        assert kill_after is not None or process.returncode == 0
        return time.monotonic() - started


def embedded(engine: Engine) -> dict[str, int]:
    """Return how many faces have an embedding, by model."""
    with engine.parts.store.read() as tx:
        return {model: len(tx.faces.embeddings(model)[0]) for model in (MODEL, *BOTH.split("+"))}


@pytest.mark.slow
def test_a_killed_switch_leaves_one_model_or_the_other(home: Path, tmp_path: Path) -> None:
    with opened(shutil.copytree(home, tmp_path / "before")) as engine:
        before = said(engine)
    seconds = run(shutil.copytree(home, tmp_path / "clean"), None)
    moments = random.Random(5)
    for number in range(KILLS):
        killed = shutil.copytree(home, tmp_path / str(number))
        run(killed, moments.uniform(0, seconds))
        with opened(killed) as engine:
            assert now(engine) in (MODEL, BOTH)
            assert said(engine) == before
            assert engine.parts.store.check() == []
            whole = dict.fromkeys((MODEL, *BOTH.split("+")), len(PEOPLE) * EACH)
            assert now(engine) == MODEL or embedded(engine) == whole
            engine.switch_model(SwitchOptions(BOTH))
            assert (now(engine), said(engine), embedded(engine)) == (BOTH, before, whole)
