"""Enrichment when things go wrong: killed runs, sources that fail, and always the same end."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from personae import Engine
from personae.adapters.sources.folder import FolderSource
from personae.engine.enrich import EnrichOptions
from personae.errors import InputError, SourceError
from personae.ports import PeopleSource
from personae.records import ImageRef, PersonRecord, SourceSpec
from tests.patterns import engine_on, fill, run, specs, state

PEOPLE = 12


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four sources that know the same people; some photos show somebody else."""
    root = tmp_path_factory.mktemp("sources")
    names = [f"Person {i:02}" for i in range(PEOPLE)]
    wrong = {3: 5, 8: 1}
    fill(root / "first", {name: [(i, 0)] for i, name in enumerate(names[:-2])})
    fill(root / "second", {name: [(wrong.get(i, i), n) for n in range(1, 8)] for i, name in enumerate(names)})
    fill(root / "third", {name: [(i, n) for n in (20, 21)] for i, name in enumerate(names[6:], 6)})
    fill(root / "fourth", {name: [(i, n) for n in (30, 31)] for i, name in enumerate(names[6:], 6)})
    return root


@pytest.fixture(scope="module")
def truth(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[object, object]:
    """What one clean run leaves behind."""
    home = tmp_path_factory.mktemp("clean")
    run(home, root)
    return state(home, root)


def same(found: tuple[object, object], truth: tuple[object, object]) -> None:
    """Compare what is left behind, and name what differs."""
    for mine, wanted in zip(found, truth, strict=True):
        ours, theirs = set(map(repr, mine)), set(map(repr, wanted))  # type: ignore[call-overload]
        assert sorted(ours - theirs) == sorted(theirs - ours) == []


def outcomes(found: tuple[object, object]) -> tuple[object, object]:
    """Return a state without reasons and distances."""
    faces, receipts = found
    return faces, [receipt[:4] for receipt in receipts]  # type: ignore[attr-defined]


class Unreliable:
    """A source that fails now and then, by a plan of its own."""

    def __init__(self, source: PeopleSource, seed: int) -> None:
        self._source = source
        self._chance = random.Random(f"{seed} {source.spec.name}")
        self.spec = source.spec
        self.source_name, self.source_type = source.source_name, source.source_type
        self.rate_limit_delay = source.rate_limit_delay
        self.person, self.page, self.close = source.person, source.page, source.close
        self.problems = source.problems

    def _fail(self, rate: float, reason: str) -> None:
        time.sleep(self._chance.random() * 0.002)
        if self._chance.random() < rate:
            raise SourceError(reason, f"{reason}, by plan")

    def people(self, after: str | None = None) -> Iterator[PersonRecord]:
        """See the port."""
        for record in self._source.people(after):
            yield record
            self._fail(0.1, "unreachable")

    def changed_since(self, moment: str) -> Iterator[PersonRecord]:
        """See the port."""
        for record in self._source.changed_since(moment):
            yield record
            self._fail(0.1, "unreachable")

    def image(self, ref: ImageRef) -> bytes:
        """See the port."""
        self._fail(0.15, "http_503")
        return self._source.image(ref)


def test_a_source_that_fails_does_not_stop_the_others(root: Path, tmp_path: Path) -> None:
    with engine_on(tmp_path, root) as engine:
        gone = SourceSpec("gone", "folder", endpoint=str(tmp_path / "nowhere"))
        engine.parts = replace(engine.parts, sources=lambda: [gone, *specs(root)])
        summary = engine.enrich(EnrichOptions(faces=True))
    rows = {row.source: row for row in summary.sources}
    assert rows["gone"].failure
    assert rows["gone"].errors
    assert rows["first"].faces_added == PEOPLE - 2
    assert not rows["first"].failure


def test_wrong_names_of_sources_are_told(root: Path, tmp_path: Path) -> None:
    with engine_on(tmp_path, root) as engine:
        with pytest.raises(InputError, match="no source nobody"):
            engine.enrich(EnrichOptions(("first", "nobody")))
        engine.parts = replace(engine.parts, sources=lambda: [replace(specs(root)[0], enabled=False)])
        with pytest.raises(InputError, match="not enabled"):
            engine.enrich(EnrichOptions(("first",)))
        with pytest.raises(InputError, match="no source is enabled"):
            engine.enrich(EnrichOptions())
        with pytest.raises(InputError, match="save_interval"):
            EnrichOptions(save_interval=0)


def test_a_second_run_changes_nothing(root: Path, tmp_path: Path, truth: tuple[object, object]) -> None:
    first, second = run(tmp_path, root), run(tmp_path, root)
    same(state(tmp_path, root), truth)
    assert first.faces_brought > 0
    assert second.faces_brought == second.faces_added == 0


def test_a_dry_run_says_the_same_and_writes_nothing(root: Path, tmp_path: Path) -> None:
    with engine_on(tmp_path, root) as engine:
        with engine.parts.store.read() as tx:
            before = tx.events.last()
        dry = engine.enrich(EnrichOptions(faces=True, dry_run=True))
        with engine.parts.store.read() as tx:
            assert tx.events.last() == before
            assert tx.people.all() == []
            assert tx.sources.progress("first") is None
        assert not list(engine.parts.crops)
        real = engine.enrich(EnrichOptions(faces=True))
    assert [(r.source, r.faces_added, r.quarantined, r.held, r.refused) for r in dry.sources] == [
        (r.source, r.faces_added, r.quarantined, r.held, r.refused) for r in real.sources
    ]


def counts(engine: Engine) -> dict[str, int]:
    """Return how many faces everybody has."""
    with engine.parts.store.read() as tx:
        return {person.name: person.face_count for person in tx.people.all()}


class Without(FolderSource):
    """A source that does not have the photos of one person today."""

    def image(self, ref: ImageRef) -> bytes:
        """See the port."""
        if "Ann" in ref.url:
            raise SourceError("http_503", "not today")
        return super().image(ref)


def test_what_was_let_in_too_soon_is_asked_for_again(tmp_path: Path) -> None:
    root = tmp_path / "sources"
    fill(root / "first", {"Ann": [(1, 0)], "Bea": [(1, 5)]})  # Bea's photo shows Ann
    fill(root / "second", {"Ann": [(1, 1), (1, 2)], "Bea": [(2, 1)]})
    run(tmp_path / "clean", root)
    truth = state(tmp_path / "clean", root)
    home = tmp_path / "home"
    with engine_on(home, root) as engine:
        engine.parts = replace(engine.parts, open_source=Without)
        engine.enrich(EnrichOptions(faces=True))
        assert counts(engine) == {"Ann": 0, "Bea": 1}
    run(home, root)
    same(outcomes(state(home, root)), outcomes(truth))
    with engine_on(home, root) as engine:
        assert counts(engine) == {"Ann": 3, "Bea": 0}
        assert engine.doctor() == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_whatever_fails_the_end_is_the_same(
    root: Path, tmp_path: Path, truth: tuple[object, object], seed: int
) -> None:
    for attempt in range(40):
        with engine_on(tmp_path, root) as engine:
            engine.parts = replace(
                engine.parts, open_source=lambda spec, n=attempt: Unreliable(FolderSource(spec), 100 * seed + n)
            )
            engine.enrich(EnrichOptions(faces=True))
            if attempt > 2 and all(row.complete and not row.errors for row in engine.enrich_status()):
                break
    run(tmp_path, root)
    # What came later was held against more faces, so that receipts differ; what is accepted does not.
    same(outcomes(state(tmp_path, root)), outcomes(truth))


@pytest.mark.slow
def test_a_killed_run_is_continued_to_the_same_end(root: Path, tmp_path: Path, truth: tuple[object, object]) -> None:
    chance = random.Random(4)
    command = [sys.executable, "-m", "tests.patterns"]
    for trial in range(3):
        home = tmp_path / f"home{trial}"
        for _ in range(3):
            process = subprocess.Popen([*command, str(home), str(root)], cwd=Path(__file__).parents[2], env=os.environ)
            threading.Event().wait(0.8 + chance.random() * 1.5)
            process.send_signal(signal.SIGKILL)
            process.wait()
        run(home, root)
        same(state(home, root), truth)
        with engine_on(home, root) as engine:
            assert engine.doctor() == []
        shutil.rmtree(home)
