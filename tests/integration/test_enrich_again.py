"""Walks that come again: after a kill, a dry run, an undo, with other limits or another trust."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from personae.engine.enrich import EnrichOptions, SourceSummary
from personae.errors import InputError, SourceError
from personae.ports import PeopleSource
from personae.records import PersonRecord, SourceSpec, Trust
from tests.integration.test_enrich_walks import NOW, Told, enriching, names, refs, spec
from tests.patterns import photo

LONG_AGO = "2025-01-01T00:00:00Z"


class Killed(BaseException):
    """Stands for the end of the process in the middle of a walk."""


def crowd(count: int) -> Told:
    """One source with so many people, a photo each."""
    records = [PersonRecord(str(i), f"Person {i}", images=refs(f"p{i}"), updated=LONG_AGO) for i in range(count)]
    return Told(spec(), records, {f"p{i}": photo(i, 0) for i in range(count)})


def kill_at(source: Told, number: int) -> Callable[[], None]:
    """Return what ends the process when so many people have been listed."""
    told: list[int] = []

    def happens() -> None:
        told.append(1)
        if len(told) == number:
            raise Killed

    return happens


def ways(source: Told) -> list[str]:
    """What people were asked for, walk by walk."""
    return [asked for asked in source.asked if " " in asked]


def test_a_photo_that_waited_for_its_second_try_when_the_run_was_killed_comes_later(tmp_path: Path) -> None:
    source = crowd(60)
    good = dict(source.pictures)
    source.pictures = {**good, "p0": SourceError("timeout", "slow")}
    source.meanwhile = kill_at(source, 50)
    with enriching(tmp_path, source) as engine, pytest.raises(Killed):
        engine.enrich(EnrichOptions(faces=True))
    source.meanwhile, source.pictures = lambda: None, good
    for day in (1, 2):
        with enriching(tmp_path, source, now=NOW + timedelta(days=day)) as engine:
            engine.enrich(EnrichOptions(faces=True))
            brought = names(engine)
    assert sum(brought.values()) == len(brought) == 60


def test_a_walk_cut_short_without_faces_begins_anew_when_faces_are_wanted(tmp_path: Path) -> None:
    source = crowd(40)
    source.meanwhile = kill_at(source, 38)
    with enriching(tmp_path, source) as engine, pytest.raises(Killed):
        engine.enrich(EnrichOptions())
    source.meanwhile = lambda: None
    with enriching(tmp_path, source) as engine:
        engine.enrich(EnrichOptions(faces=True))
        assert ways(source)[-1] == "people after None"
        assert set(names(engine).values()) == {1}


@pytest.mark.parametrize(
    "few", [EnrichOptions(faces=True, source_max_faces=2), EnrichOptions(faces=True, max_faces_total=2)]
)
def test_a_limit_that_was_raised_is_a_reason_to_look_at_everybody_again(tmp_path: Path, few: EnrichOptions) -> None:
    more = EnrichOptions(faces=True, source_max_faces=5, max_faces_total=20)
    ids = [f"p{i}" for i in range(4)]
    source = Told(spec(), [PersonRecord("1", "Ann", images=refs(*ids), updated=LONG_AGO)],
                  {each: photo(1, i) for i, each in enumerate(ids)})  # fmt: skip
    with enriching(tmp_path, source) as engine:
        engine.enrich(few)
        assert names(engine) == {"Ann": 2}
        engine.enrich(more)
        assert names(engine) == {"Ann": 4}
        engine.enrich(more)
        assert ways(source)[-1].startswith("changed since")


def counted(rows: Sequence[SourceSummary]) -> tuple[int, list[SourceSummary]]:
    """How many people are new, whichever source came first with them, and the rest by source."""
    return sum(row.new_people for row in rows), [replace(row, new_people=0, examples=()) for row in rows]


def test_a_dry_run_tells_what_the_run_then_does(tmp_path: Path) -> None:
    one = Told(
        spec("one"),
        [
            PersonRecord("1", "Ann", external_ids={"film": "F7"}, images=refs("a1", "a2")),
            PersonRecord("2", "Bob", external_ids={"film": "F7"}),
            PersonRecord("3", "Ann"),
            PersonRecord("4", "Del", deleted=True),
            PersonRecord("5", " "),
        ],
        {"a1": photo(1, 0), "a2": photo(1, 1)},
    )
    low = Told(spec("low", Trust.LOW), [PersonRecord("x", "Ann", external_ids={"film": "F7"}, images=refs("b1", "b2")),
                                          PersonRecord("y", "Zoe")],
               {"b1": photo(1, 2), "b2": photo(2, 0)})  # fmt: skip
    with enriching(tmp_path, one, low) as engine:
        before = engine.enrich(EnrichOptions(faces=True, dry_run=True))
        assert names(engine) == {}
        assert [engine.history(), engine.doctor()] == [[], []]
        assert not any(row.people or row.accepted or row.last_id for row in engine.enrich_status())
        after = engine.enrich(EnrichOptions(faces=True))
    assert counted(before.sources) == counted(after.sources)
    assert after.sources[0].errors == {"conflicting_external_id": 1}


def test_a_source_that_cannot_be_opened_does_not_keep_the_others(tmp_path: Path) -> None:
    bad = SourceSpec("bad", "told", endpoint="told")
    source = crowd(2)
    with enriching(tmp_path, source) as engine:

        def open_source(entry: SourceSpec) -> PeopleSource:
            if entry.name == "bad":
                raise InputError("its key holds what no header may")
            return source

        engine.parts = replace(engine.parts, sources=lambda: [bad, source.spec], open_source=open_source)
        rows = {row.source: row for row in engine.enrich(EnrichOptions(faces=True)).sources}
        assert rows["bad"].failure == "its key holds what no header may"
        assert (rows["box"].failure, len(names(engine))) == ("", 2)


def test_faces_in_quarantine_are_heard_again_when_their_source_is_trusted_more(tmp_path: Path) -> None:
    source = crowd(2)
    source.spec = spec(trust=Trust.LOW)
    with enriching(tmp_path, source) as engine:
        engine.enrich(EnrichOptions(faces=True))
        assert set(names(engine).values()) == {0}
    source.spec = spec(trust=Trust.HIGH)
    with enriching(tmp_path, source) as engine:
        engine.enrich(EnrichOptions(faces=True))
        assert set(names(engine).values()) == {1}


def test_who_was_undone_and_comes_again_is_the_same_person(tmp_path: Path) -> None:
    source = crowd(1)
    with enriching(tmp_path, source) as engine:
        engine.enrich(EnrichOptions(faces=True))
        [before] = engine.people()[0]
        named = next(each for each in engine.history() if "named" in each.summary)
        engine.undo(named.id)
        assert names(engine) == {}
        source.records = [replace(source.records[0], updated=(NOW + timedelta(days=1)).isoformat())]
        engine.enrich(EnrichOptions(faces=True))
        [again] = engine.people()[0]
        assert (again.id, again.face_count) == (before.id, 1)
        assert engine.doctor() == []
