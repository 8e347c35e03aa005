"""Run every benchmark and write docs/benchmarks.md: python -m benchmarks [NAME...]."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from benchmarks import grouping, ingest, verification, who
from benchmarks.report import ROOT, Row, markdown

PAGE = ROOT / "docs" / "benchmarks.md"
SECTIONS: dict[str, tuple[str, Callable[[], Sequence[Row]]]] = {
    "ingest": ("Ingest", ingest.run),
    "verification": ("Verification", verification.run),
    "grouping": ("Grouping", grouping.run),
    "who": ("Who is this?", who.run),
}
HEAD = """# Benchmarks

Made by `make bench`; each figure is measured in one run on the machine named. The photos and tools behind some of
them are research data that personae does not ship: a section without its data is left out.
"""


def main() -> None:
    """Measure what was asked for (everything by default), print it, and keep it when it was everything."""
    names = sys.argv[1:] or list(SECTIONS)
    parts = []
    for name in names:
        title, run = SECTIONS[name]
        rows = run()
        if rows:
            parts.append(markdown(title, rows))
            print(parts[-1], flush=True)
        else:
            print(f"{title}: its data is not here", flush=True)
    if names == list(SECTIONS) and len(parts) == len(SECTIONS):
        PAGE.write_text("\n".join([HEAD, *parts]), encoding="utf-8")


if __name__ == "__main__":
    main()
