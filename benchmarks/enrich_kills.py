"""Enrichment killed at random moments and continued: python -m benchmarks enrich-kills."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.enrich_replay import recorded
from benchmarks.enrich_server import Servers, served
from benchmarks.enrich_world import (
    LIST,
    PHOTOS,
    STASH,
    Left,
    Opener,
    engine_on,
    left_by,
    make_world,
    no_source,
    specs,
    write_manifest,
)
from benchmarks.report import ROOT, Row
from personae.adapters.sources.limits import Limits, Machine
from personae.engine.enrich import EnrichOptions
from personae.engine.parts import Vision

PEOPLE, PHOTOS_OFFERED = 200, 800
BEGUN = "begun"
"""What a child says when its enrichment begins: until then there is nothing to kill."""


@dataclass
class Home:
    """One home, from its first run to the end."""

    kills: int = 0
    moments: list[float] = field(default_factory=list)
    """Of each kill, as a share of the length of a clean run."""
    lost: list[str] = field(default_factory=list)
    """Faces that were there after a kill and are not at the end."""
    differs: list[str] = field(default_factory=list)
    doctor: list[str] = field(default_factory=list)


class Bench:
    """One world, its servers and its models; each run is a process of its own."""

    def __init__(self, servers: Servers, vision: Vision, place: Path) -> None:
        self._servers, self._vision, self._place = servers, vision, place
        world = make_world(PEOPLE, PHOTOS_OFFERED)
        self._manifest = write_manifest(world, servers.urls[LIST], place / "list.jsonl")

    def clean(self, only_first: str = "") -> tuple[float, Left]:
        """Return how long a run takes that nobody kills, and what it leaves behind; after one of a single source."""
        home = self._place / f"clean{only_first}"
        if only_first:
            self._run(home, only_first)
        return self._run(home)[1], self._look(home)[0]

    def trial(self, number: int, seconds: float, most: int, wanted: tuple[Left, Left]) -> Home:
        """Kill runs on a new home until one comes to its end, or `most` were killed; then let it come to its end.

        Every other home has had a run of one source before, whose faces were let in; the second of `wanted` is its end.
        """
        chance = random.Random(f"{number} kills")
        place, home = self._place / f"home{number}", Home()
        seen: list[Left] = []
        if number % 2:
            self._run(place, STASH)
            seen.append(self._look(place)[0])
        while home.kills < most:
            share = chance.random()
            if not self._run(place, patience=share * seconds)[0]:
                break
            home.kills += 1
            home.moments.append(share)
            seen.append(self._look(place)[0])
        else:
            self._run(place)
        end, home.doctor = self._look(place)
        clean = wanted[number % 2]
        home.differs = end.differences(clean) + sorted(end.reasons ^ clean.reasons)
        home.lost = [f"{source} {ref}" for left in seen for source, ref in sorted(left.accepted - end.accepted)]
        home.lost += [claim for left in seen for claim in sorted(left.kept - end.kept)]
        shutil.rmtree(place)
        return home

    def _run(self, home: Path, only: str = "", patience: float | None = None) -> tuple[bool, float]:
        """Enrich in a child; kill it after so many seconds. Returns whether it was killed, and how long it ran."""
        told = json.dumps([self._servers.endpoints, self._servers.urls[LIST], str(self._manifest), str(home), only])
        command = [sys.executable, "-m", "benchmarks.enrich_kills", told]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
            if child.stdout is None or child.stdout.readline().strip() != BEGUN:
                raise RuntimeError("the child did not begin")
            started = time.perf_counter()
            try:
                child.wait(patience)
            except subprocess.TimeoutExpired:
                child.kill()
                return True, time.perf_counter() - started
        if child.returncode:
            raise RuntimeError(f"the child ended with {child.returncode}")
        return False, time.perf_counter() - started

    def _look(self, home: Path) -> tuple[Left, list[str]]:
        with engine_on(home, (), no_source, self._vision) as engine:
            return left_by(engine), [f"{each.kind}: {each.what}" for each in engine.doctor()]


def run() -> list[Row]:
    """Return the rows of this benchmark."""
    if not PHOTOS.is_dir():
        return []
    kills = int(os.environ.get("BENCH_KILLS", "100"))
    vision = recorded(make_world(PEOPLE, PHOTOS_OFFERED))
    with served(PEOPLE, PHOTOS_OFFERED) as servers, tempfile.TemporaryDirectory() as place:
        bench = Bench(servers, vision, Path(place))
        seconds, whole = bench.clean()
        wanted = whole, bench.clean(STASH)[1]
        homes: list[Home] = []
        while (left := kills - sum(home.kills for home in homes)) > 0:
            home = bench.trial(len(homes), seconds, left, wanted)
            homes.append(home)
            told = [f"home {len(homes) - 1}: {home.kills} kills at {', '.join(f'{m:.2f}' for m in home.moments)}"]
            print("\n  ".join([*told, *home.differs[:20], *home.lost[:20], *home.doctor[:20]]), file=sys.stderr,
                  flush=True)  # fmt: skip
    return _rows(kills, homes, seconds)


def _rows(kills: int, homes: Sequence[Home], seconds: float) -> list[Row]:
    what = f"enrichment of {PEOPLE} people from 3 sources, killed {kills} times (SIGKILL) and continued"
    different = sum(bool(home.differs) for home in homes)
    lost = sum(len(home.lost) for home in homes)
    found = [each for home in homes for each in home.doctor]
    return [
        Row(f"{what}: homes that end like one clean run", "all",
            f"{len(homes) - different} of {len(homes)} (a clean run takes {seconds:.1f} s)", not different),
        Row("the same: faces that were there after a kill and are gone at the end", "none", str(lost), not lost),
        Row("the same: what `doctor` finds at the end", "nothing", f"{len(found)} findings", not found),
    ]  # fmt: skip


def _child(endpoints: dict[str, str], photos: str, manifest: str, home: str, only: str) -> None:
    """Enrich one home once."""
    vision = recorded(make_world(PEOPLE, PHOTOS_OFFERED))
    opener = Opener(Path(home) / "sources", Limits(), Machine(), photos, {})
    with engine_on(Path(home), specs(endpoints, Path(manifest), 0.0), opener, vision) as engine:
        print(BEGUN, flush=True)
        engine.enrich(EnrichOptions(faces=True, sources=(only,) if only else ()))


if __name__ == "__main__":
    _child(*json.loads(sys.argv[1]))
