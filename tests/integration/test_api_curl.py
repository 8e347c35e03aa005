"""The examples of docs/api.md, run as they stand there, one after another, on a server with nothing in it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.api_docs import PAGE
from tests.patterns import photo
from tests.served import Served, served

pytestmark = pytest.mark.slow

SHOWN = "http://127.0.0.1:8000"
PICTURES = {"beach.jpg": (1, 1), "party.jpg": (1, 2), "mara.jpg": (2, 1), "shot1.jpg": (2, 2), "shot2.jpg": (2, 3)}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "home", job_threads=1) as running:
        yield running


def examples() -> list[str]:
    """Return the commands of the page, in its order."""
    return re.findall(r"^\$ (curl .*)$", PAGE.read_text("utf-8"), re.MULTILINE)


def test_the_examples_of_the_page_do_what_it_says(server: Served, tmp_path: Path) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    for name, (person, number) in PICTURES.items():
        (tmp_path / name).write_bytes(photo(person, number))
    commands = examples()
    assert len(commands) > 10
    for command in commands:
        assert SHOWN in command
        asked = f"{command.replace(SHOWN, server.url)} --fail-with-body"
        ran = subprocess.run(["bash", "-c", asked], cwd=tmp_path, capture_output=True, check=False)
        assert ran.returncode == 0, (command, ran.stdout)
        assert isinstance(json.loads(ran.stdout), dict | list)
        _wait_for_jobs(server)


def _wait_for_jobs(server: Served) -> None:
    """Wait until the server has done what it does in the background."""
    pause = threading.Event()
    for _ in range(600):
        if not server.engine.unfinished_jobs():
            return
        pause.wait(0.05)
    raise AssertionError("a job does not end")
