"""The command line: in this process, which spares loading everything for every command, or in one of its own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from personae.cli.main import main

COMMAND = (sys.executable, "-m", "personae.cli.main")
SECONDS = 300


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        """Return what was printed as JSON, of a command that ended well."""
        assert self.returncode == 0, self.stderr
        return json.loads(self.stdout)


def typed(home: Path, *arguments: object) -> Done:
    """Run `personae --home HOME ARGUMENTS` in this process."""
    written, told = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    words = ["personae", "--home", os.fspath(home), *map(str, arguments)]
    with (
        patch.object(sys, "argv", words),
        redirect_stdout(written),
        redirect_stderr(told),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    code = ended.value.code
    return Done(code if isinstance(code, int) else int(code is not None), _text(written), _text(told))


def as_json(home: Path, *arguments: object) -> Any:
    """Return what `typed` prints with --json."""
    return typed(home, *arguments, "--json").json()


def started(home: Path, *arguments: object, **options: Any) -> Done:
    """Run the same in a process of its own; the options are those of `subprocess.run`."""
    words = [*COMMAND, "--home", os.fspath(home), *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False, **options)
    return Done(done.returncode, done.stdout, done.stderr)


def _text(written: io.TextIOWrapper) -> str:
    written.flush()
    written.seek(0)
    return written.read()
