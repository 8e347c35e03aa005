"""Run every benchmark and write docs/benchmarks.md: python -m benchmarks [NAME...]."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from benchmarks import (
    assignment,
    clustering,
    dual,
    enrich,
    enrich_kills,
    enrich_schedules,
    fuzz,
    grouping,
    ingest,
    pages,
    pgvector,
    probability,
    server,
    train,
    trust,
    verification,
    who,
    workers,
)
from benchmarks.report import ROOT, Row, markdown

PAGE = ROOT / "docs" / "benchmarks.md"
SECTIONS: dict[str, tuple[str, Callable[[], Sequence[Row]]]] = {
    "ingest": ("Ingest", ingest.run),
    "verification": ("Verification", verification.run),
    "probability": ("How sure", probability.run),
    "grouping": ("Grouping", grouping.run),
    "clustering": ("Clustering", clustering.run),
    "dual": ("Dual-mode clustering", dual.run),
    "assignment": ("Assignment", assignment.run),
    "enrich": ("Enrichment", enrich.run),
    "enrich-faults": ("Enrichment under faults", enrich_schedules.run),
    "enrich-kills": ("Enrichment, killed", enrich_kills.run),
    "who": ("Who is this?", who.run),
    "train": ("Learning from labels", train.run),
    "trust": ("Trust", trust.run),
    "pgvector": ("pgvector", pgvector.run),
    "server": ("Server", server.run),
    "pages": ("Pages", pages.run),
    "fuzz": ("The API, asked at random", fuzz.run),
    "workers": ("Workers killed", workers.run),
}
HEAD = """# Benchmarks

Made by `make bench`; the figures of a section are measured in one run on the machine named. The photos and tools behind
some of them are research data that personae does not ship: a section without its data is left out.
"""


def main() -> None:
    """Measure what was asked for (everything by default), print it, and put it on the page."""
    kept = _kept()
    for name in sys.argv[1:] or SECTIONS:
        title, run = SECTIONS[name]
        rows = run()
        if not rows:
            print(f"{title}: its data is not here", flush=True)
            continue
        kept[title] = markdown(title, rows)
        print(kept[title], flush=True)
        in_order = [kept[title] for title, _ in SECTIONS.values() if title in kept]
        PAGE.write_text("\n".join([HEAD, *in_order]), encoding="utf-8")


def _kept() -> dict[str, str]:
    """The sections on the page, by title: what is not measured now stays as it was measured before."""
    parts = PAGE.read_text("utf-8").split("\n## ")[1:] if PAGE.is_file() else []
    return {part.partition("\n")[0]: f"## {part.strip()}\n" for part in parts}


if __name__ == "__main__":
    main()
