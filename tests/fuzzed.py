"""A server to be asked at random, and schemathesis, which asks it by its OpenAPI document."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from personae.types import JobId
from tests.api import watched
from tests.patterns import photo
from tests.served import Served, served

LEFT_OUT = ("POST /api/hooks/deliver", "GET /ready")
"""The first tells whoever was made up as a receiver; the second says that the patterns are no models, which is so."""
CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")
CONFIG = """
[parameters]
"query.project" = "default"
"header.X-Project" = "default"
"""
"""A project that is not there is all that would be answered to."""


class NoRunner:
    """`JobQueue` that starts nothing: what is fuzzed into the queue stays there."""

    def carry(self, job_id: JobId, *, first: bool = False) -> None:
        """See the port."""

    def lacking(self, job_ids: Sequence[JobId]) -> list[JobId]:
        """See the port."""
        return []

    def attend(self, ring: Callable[[], None] | None) -> None:
        """See the port."""

    def trouble(self) -> str:
        """See the port."""
        return ""


@dataclass(frozen=True)
class Asked:
    """What came of one run."""

    requests: int
    mistakes: tuple[str, ...]
    """What the server did wrong, one line each."""
    said: str
    """All that schemathesis printed."""


@contextmanager
def fuzzed(home: Path) -> Iterator[Served]:
    """Serve a home that has something of everything."""
    with served(home) as running, watched(running) as client:
        running.engine.parts = replace(running.engine.parts, queue=NoRunner())
        for person in range(3):
            for number in range(3):
                client.post("/api/images", files={"picture": photo(person, number)})
        client.post("/api/faces/cluster/dual", json={"unknown_min_size": 2})
        client.post("/api/clusters/1/name", json={"name": "Ann"})
        client.post("/api/characters", json={"name": "Mara"})
        client.post("/api/characters/2/references", files={"picture": photo(1, 1)})
        list(running.engine.work())
        client.post("/api/characters/2/likeness", files={"pictures": photo(1, 2)})
        yield running


def ask(url: str, folder: Path, seconds: int, *options: str) -> Asked:
    """Have schemathesis ask a server for so long.

    Args:
        url: of the server.
        folder: for what it writes.
        seconds: to go on.
        options: more of its options: `--phases=stateful`, `--seed=7`.
    """
    config, report = folder / "schemathesis.toml", folder / "report.json"
    config.write_text(CONFIG, "utf-8")
    command = [
        sys.executable, "-W", "ignore", "-m", "schemathesis.cli", "--config-file", str(config),
        "run", f"{url}/openapi.json", f"--max-time={seconds}", f"--checks={','.join(CHECKS)}", "--continue-on-failure",
        "--no-shrink", "--no-color", "--suppress-health-check=all", "--warnings=off", "--generation-database=none",
        f"--report-json-path={report}", *(f"--exclude-name={call}" for call in LEFT_OUT), *options,
    ]  # fmt: skip
    ran = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    said = ran.stdout + ran.stderr
    if not report.is_file():
        return Asked(0, ("schemathesis did not run",), said)
    made = json.loads(report.read_text("utf-8"))
    failed = [f"{each['title']}: {', '.join(each['operations'])}" for each in made["failures"]]
    return Asked(made["test_cases"]["generated"], (*failed, *map(str, made["errors"])), said)
