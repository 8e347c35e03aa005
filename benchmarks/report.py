"""What every benchmark answers with, and how it is printed: a table that names the machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
"""Data and tools that are not the project's; benchmarks use them where they are present."""
CACHE = ROOT / ".cache" / "bench"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure."""

    what: str
    claim: str
    """What is promised; empty for a figure that is only stated."""
    measured: str
    ok: bool | None = None
    """Whether the claim holds; None where nothing is promised."""


def machine() -> str:
    """Return processor, cores, memory and Python in one line."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{_processor()}, {cores} cores, {memory:.0f} GiB, Python {platform.python_version()}, {platform.system()}"


def markdown(title: str, rows: Sequence[Row]) -> str:
    """Return a section with a table of the rows."""
    lines = [f"## {title}", "", f"Machine: {machine()}.", "", "| what | claim | measured | |", "|---|---|---|---|"]
    for row in rows:
        mark = {True: "ok", False: "**missed**", None: ""}[row.ok]
        lines.append(f"| {row.what} | {row.claim} | {row.measured} | {mark} |")
    return "\n".join([*lines, ""])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def peak_bytes() -> int:
    """Return the most memory that this process has held at once.

    `ru_maxrss` would also count what the process that started this one held at that moment.
    """
    status = Path("/proc/self/status").read_text("ascii")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))
