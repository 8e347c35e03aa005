"""Records that merge, share ids or cannot be used, servers that refuse, and where the next walk begins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from personae import Engine
from personae.engine.enrich import EnrichOptions
from personae.errors import SourceError
from personae.records import ImageRef, Page, PersonRecord, Problem, SourceSpec, Trust
from tests.patterns import engine_on, photo

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass
class Told:
    """`PeopleSource` that has been told what to say."""

    spec: SourceSpec
    records: Sequence[PersonRecord]
    pictures: Mapping[str, bytes | SourceError] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    meanwhile: Callable[[], None] = lambda: None
    """What happens while people are listed."""
    asked: list[str] = field(default_factory=list)

    @property
    def source_name(self) -> str:
        """See the port; likewise below."""
        return self.spec.name

    source_type = "told"
    rate_limit_delay = 0.0

    def person(self, external_id: str) -> PersonRecord | None:
        """By its id."""
        return next((each for each in self.records if each.external_id == external_id), None)

    def page(self, number: int, size: int) -> Page:
        """In the order told."""
        return Page(tuple(self.records[(number - 1) * size : number * size]), len(self.records))

    def people(self, after: str | None = None) -> Iterator[PersonRecord]:
        """In the order told."""
        self.asked.append(f"people after {after}")
        ids = [each.external_id for each in self.records]
        for record in self.records[ids.index(after) + 1 if after is not None else 0 :]:
            yield record
            self.meanwhile()

    def changed_since(self, moment: str) -> Iterator[PersonRecord]:
        """Whatever was changed after it."""
        self.asked.append(f"changed since {moment}")
        since = datetime.fromisoformat(moment)
        return (each for each in self.records if datetime.fromisoformat(each.updated) > since)

    def image(self, ref: ImageRef) -> bytes:
        """As told."""
        self.asked.append(ref.id)
        found = self.pictures[ref.id]
        if isinstance(found, SourceError):
            raise found
        return found

    def close(self) -> None:
        """Nothing is open."""


def spec(name: str = "box", trust: Trust = Trust.HIGH) -> SourceSpec:
    return SourceSpec(name, "told", trust=trust, endpoint="told")


@contextmanager
def enriching(home: Path, *sources: Told, now: datetime = NOW) -> Iterator[Engine]:
    """Open an engine with these sources and this clock."""
    by_name = {source.spec.name: source for source in sources}
    with engine_on(home, home) as engine:
        engine.parts = replace(
            engine.parts, sources=lambda: [each.spec for each in sources], clock=lambda: now,
            open_source=lambda entry: by_name[entry.name],
        )  # fmt: skip
        yield engine


def refs(*ids: str) -> tuple[ImageRef, ...]:
    return tuple(ImageRef(each, f"https://box.example/{each}") for each in ids)


def names(engine: Engine) -> dict[str, int]:
    return {person.name: person.face_count for person in engine.people()[0]}


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_records_that_became_one_are_one_person_until_somebody_says_otherwise(
    tmp_path: Path, order: tuple[str, str]
) -> None:
    source = Told(spec(), [PersonRecord("a", "Ann", images=refs("1")), PersonRecord("b", "Anna", images=refs("2"))],
                  {"1": photo(1, 0), "2": photo(2, 0)})  # fmt: skip
    with enriching(tmp_path, source) as engine:
        engine.enrich(EnrichOptions(faces=True))
        assert names(engine) == {"Ann": 1, "Anna": 1}
    merged = {
        "a": PersonRecord("a", "Ann", deleted=True, merged_into="b", updated="2026-01-02T00:00:00Z"),
        "b": PersonRecord("b", "Anna", updated="2026-01-02T00:00:00Z"),
    }
    later = Told(spec(), [merged[each] for each in order])
    with enriching(tmp_path, later, now=NOW + timedelta(days=2)) as engine:
        summary = engine.enrich(EnrichOptions(faces=True))
        assert names(engine) == {"Anna": 2}
        assert summary.sources[0].deleted == 1
        operation = next(each for each in engine.history() if each.kind == "enrich" and not each.undone)
        engine.undo(operation.id)
        assert names(engine) == {"Ann": 1, "Anna": 1}
    with enriching(tmp_path, replace(later, records=list(merged.values())), now=NOW + timedelta(days=2)) as engine:
        engine.enrich(EnrichOptions(faces=True))
        assert names(engine) == {"Ann": 1, "Anna": 1}


def test_two_people_with_one_id_elsewhere_stay_two_and_it_is_counted(tmp_path: Path) -> None:
    records = [
        PersonRecord("x", "Ann", external_ids={"film": "F7"}),
        PersonRecord("y", "Bob", external_ids={"film": "F7"}),
    ]
    other = Told(spec("other"), [PersonRecord("1", "Zoe", external_ids={"film": "F7"})])
    with enriching(tmp_path, Told(spec(), records), other) as engine:
        summary = engine.enrich(EnrichOptions(("box",)))
        assert summary.sources[0].errors == {"conflicting_external_id": 1}
        assert set(names(engine)) == {"Ann", "Bob"}
        # Another source's record is found by the id that it states.
        engine.enrich(EnrichOptions(("other",)))
        assert set(names(engine)) == {"Ann", "Bob"}
        assert engine.doctor() == []


def test_what_a_source_leaves_out_is_told(tmp_path: Path) -> None:
    problems = (Problem("line 3", "bad_row", "the row has no id"), Problem("line 9", "bad_row", "the row has no id"))
    with enriching(tmp_path, Told(spec(), [PersonRecord("1", "Ann")], problems=problems)) as engine:
        summary = engine.enrich(EnrichOptions())
        assert summary.sources[0].left_out == {"bad_row": 2}
        assert summary.sources[0].examples[0] == "line 3: the row has no id"
        assert engine.enrich_status()[0].left_out == {"bad_row": 2}


def test_a_record_that_cannot_be_kept_is_counted_and_the_others_come(tmp_path: Path) -> None:
    aliases = tuple(f"alias {i}" for i in range(10_000))
    records = [PersonRecord("1", " \n "), PersonRecord("2", "<script>alert(1)</script>", aliases=aliases),
               PersonRecord("3", "Ann")]  # fmt: skip
    with enriching(tmp_path, Told(spec(), records)) as engine:
        summary = engine.enrich(EnrichOptions())
        assert (summary.sources[0].errors, summary.sources[0].left_out) == ({}, {"bad_record": 1})
        assert set(names(engine)) == {"<script>alert(1)</script>", "Ann"}
        with engine.parts.store.read() as tx:
            assert tx.people.find("alias 9999") == tx.people.find("<script>alert(1)</script>")


def test_photos_that_were_kept_as_they_came_go_when_a_walk_is_complete_or_its_source_revoked(tmp_path: Path) -> None:
    source = Told(spec(), [PersonRecord("1", "Ann", images=refs("a"))], {"a": SourceError("timeout", "no answer")})
    forgotten: list[str] = []
    with enriching(tmp_path, source) as engine:
        engine.parts = replace(engine.parts, forget_photos=forgotten.append)
        source.meanwhile = lambda: (_ for _ in ()).throw(SourceError("unreachable", "gone for lunch"))
        engine.enrich(EnrichOptions(faces=True))
        assert forgotten == []
        source.meanwhile, source.pictures = lambda: None, {"a": photo(1, 0)}
        engine.enrich(EnrichOptions(faces=True, dry_run=True))
        assert forgotten == []
        engine.enrich(EnrichOptions(faces=True))
        assert forgotten == ["box"]
        engine.revoke_source("box")
        assert forgotten == ["box", "box"]


@pytest.mark.parametrize("reason", ["refused_key", "busy"])
def test_a_server_that_refuses_everything_is_left_alone_soon(tmp_path: Path, reason: str) -> None:
    records = [PersonRecord(str(i), f"Person {i}", images=refs(f"p{i}")) for i in range(30)]
    pictures = {f"p{i}": SourceError(reason, "not today") for i in range(30)}
    source = Told(spec(), records, pictures)
    with enriching(tmp_path, source) as engine:
        row = engine.enrich(EnrichOptions(faces=True)).sources[0]
        assert row.failure == "not today"
        assert len([each for each in source.asked if each.startswith("p") and each[1:].isdigit()]) == 3
        # When it answers again, nobody has been passed over.
        source.pictures = {f"p{i}": photo(i, 0) for i in range(30)}
        engine.enrich(EnrichOptions(faces=True))
        # The first photos that were refused are asked for when the walk begins anew.
        engine.enrich(EnrichOptions(faces=True))
        assert len(names(engine)) == 30
        assert set(names(engine).values()) == {1}


def test_who_changed_while_the_walk_went_on_is_asked_for_next_time(tmp_path: Path) -> None:
    now = [NOW]
    records = [PersonRecord("1", "Ann", updated="2025-05-05T00:00:00Z"),
               PersonRecord("2", "Bob", updated=(NOW + timedelta(minutes=30)).isoformat())]  # fmt: skip

    def later() -> None:
        now[0] += timedelta(hours=1)

    source = Told(spec(), records, meanwhile=later)
    with enriching(tmp_path, source) as engine:
        engine.parts = replace(engine.parts, clock=lambda: now[0])
        engine.enrich(EnrichOptions())
        source.records = [PersonRecord("1", "Anna", updated=(NOW + timedelta(minutes=10)).isoformat()), records[1]]
        source.meanwhile = lambda: None
        engine.enrich(EnrichOptions())
        assert source.asked[-1] == f"changed since {NOW.isoformat()}"
        assert "Anna" in names(engine)


def test_the_mark_of_a_continued_walk_is_where_its_first_part_began(tmp_path: Path) -> None:
    records = [PersonRecord(str(i), f"Person {i}", updated="2027-01-01T00:00:00Z") for i in range(3)]

    def fail() -> None:
        raise SourceError("unreachable", "gone for lunch")

    source = Told(spec(), records, meanwhile=fail)
    with enriching(tmp_path, source) as engine:
        assert engine.enrich(EnrichOptions()).sources[0].failure == "gone for lunch"
    source.meanwhile = lambda: None
    with enriching(tmp_path, source, now=NOW + timedelta(days=9)) as engine:
        engine.enrich(EnrichOptions())
        assert source.asked[-1] == "people after 0"
        # What failed is a reason to look at everybody once more; after that, changes are enough.
        engine.enrich(EnrichOptions())
        engine.enrich(EnrichOptions())
        assert source.asked[-2:] == ["people after None", f"changed since {(NOW + timedelta(days=9)).isoformat()}"]
