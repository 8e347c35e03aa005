"""Photos that show two people, whose address holds a key, in whose place a page comes, or that nobody may use today."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from personae import Engine
from personae.adapters.sources.cache import ImageCache
from personae.adapters.sources.http import PoliteClient
from personae.adapters.sources.stash_box import StashBoxSource, headers
from personae.adapters.store.schema import claims, person_facts
from personae.engine.enrich import EnrichOptions
from personae.errors import SourceError
from personae.records import Claim, ClaimState, ImageRef, PersonRecord, SourceSpec, Trust
from tests.integration.test_enrich_walks import NOW, Told, enriching, names, refs, spec
from tests.patterns import photo
from tests.servers.hurry import Hurry
from tests.servers.stash_box import KEY, StashBoxServer, performer
from tests.servers.web import Reply

PAGE = SourceError("html_page", "a web page came instead of a picture")
FACES = EnrichOptions(faces=True)
LATER = "2027-01-01T00:00:00Z"
"""A record of this moment has changed since any walk."""


def people(one: tuple[str, ...] = ("1",), other: tuple[str, ...] = ("2",)) -> list[PersonRecord]:
    """Return Ann and Bob with these photos."""
    return [PersonRecord("a", "Ann", images=refs(*one), updated=LATER),
            PersonRecord("b", "Bob", images=refs(*other), updated=LATER)]  # fmt: skip


def receipts(engine: Engine) -> list[Claim]:
    with engine.parts.store.read() as tx:
        return sorted(tx.sources.claims(), key=lambda claim: claim.key)


def photos_asked(source: Told) -> list[str]:
    return [each for each in source.asked if " " not in each]


def test_a_photo_that_shows_two_people_counts_for_each(tmp_path: Path) -> None:
    source = Told(spec(), people(("1", "2"), ("2", "3")), {"1": photo(1, 0), "2": photo(1, 1), "3": photo(2, 0)})
    with enriching(tmp_path, source) as engine:
        engine.enrich(FACES)
        found = {(claim.external_id, claim.image_ref): claim for claim in receipts(engine)}
        assert set(found) == {("a", "1"), ("a", "2"), ("b", "2"), ("b", "3")}
        shared = found["a", "2"], found["b", "2"]
        assert shared[0].face_id == shared[1].face_id
        assert [claim.state for claim in shared] == [ClaimState.ACCEPTED, ClaimState.HELD]
        assert names(engine) == {"Ann": 2, "Bob": 1}
        with engine.parts.store.read() as tx:
            assert tx.images.counts()["images"] == 3
        asked = len(photos_asked(source))
        engine.enrich(FACES)
        assert len(photos_asked(source)) == asked
        assert engine.doctor() == []


def test_photos_of_a_record_that_became_part_of_another_are_not_fetched_again(tmp_path: Path) -> None:
    records = [PersonRecord("a", "Ann", images=refs("1")), PersonRecord("b", "Anna", images=refs("2"))]
    source = Told(spec(), records, {"1": photo(1, 0), "2": photo(1, 1)})
    with enriching(tmp_path, source) as engine:
        engine.enrich(FACES)
        moment = "2026-01-02T00:00:00Z"
        source.records = [PersonRecord("b", "Anna", images=refs("1", "2"), updated=moment),
                          PersonRecord("a", "Ann", deleted=True, merged_into="b", updated=moment)]  # fmt: skip
        engine.enrich(FACES)
        asked = len(photos_asked(source))
        source.records = [replace(source.records[0], updated="2026-01-03T00:00:00Z")]
        engine.enrich(FACES)
        assert len(photos_asked(source)) == asked
        assert names(engine) == {"Anna": 2}


@pytest.mark.parametrize("place", [0, 1])
def test_a_page_in_place_of_a_photo_is_refused_for_good_when_others_come(tmp_path: Path, place: int) -> None:
    pictures: dict[str, bytes | SourceError] = {"1": photo(1, 0), "2": photo(2, 0)}
    source = Told(spec(), people(), pictures | {str(place + 1): PAGE})
    with enriching(tmp_path, source) as engine:
        row = engine.enrich(FACES).sources[0]
        assert (row.refused, row.errors) == ({"html_page": 1}, {})
        assert photos_asked(source).count(str(place + 1)) == 2
        assert engine.enrich_status()[0].complete
        engine.enrich(FACES)
        assert len(photos_asked(source)) == 3


def test_a_page_in_place_of_every_photo_passes(tmp_path: Path) -> None:
    source = Told(spec(), people(), {"1": PAGE, "2": PAGE})
    with enriching(tmp_path, source) as engine:
        row = engine.enrich(FACES).sources[0]
        assert (row.refused, row.errors) == ({}, {"html_page": 2})
        source.pictures = {"1": photo(1, 0), "2": photo(2, 0)}
        engine.enrich(FACES)
        assert names(engine) == {"Ann": 1, "Bob": 1}


def test_a_page_that_gives_way_to_the_photo_is_forgotten(tmp_path: Path) -> None:
    source = Told(spec(), [PersonRecord("a", "Ann", images=refs("1", "2"))], {"1": PAGE, "2": photo(1, 1)})
    came = [photo(1, 0)]
    shown = source.image

    def image(ref: ImageRef) -> bytes:
        return came[0] if ref.id == "1" and "1" in source.asked else shown(ref)

    source.image = image  # type: ignore[method-assign]
    with enriching(tmp_path, source) as engine:
        row = engine.enrich(FACES).sources[0]
        assert (row.refused, row.errors) == ({}, {})
        assert names(engine) == {"Ann": 2}


def test_no_key_in_an_address_is_kept_or_shown(tmp_path: Path) -> None:
    secret = "s3cr3t"  # noqa: S105

    def record(number: int, key: str) -> PersonRecord:
        urls = ((f"https://ann:{key}@pages.example/ann?session={key}", "home"),)
        image = ImageRef(str(number), f"https://box.example/{number}.jpg?w=9&token={key}#{key}")
        return PersonRecord("a", "Ann", urls=urls, images=(image,))

    source = Told(spec(trust=Trust.LOW), [record(1, secret)], {"1": SourceError("timeout", "no answer")})
    with enriching(tmp_path, source) as engine:
        engine.enrich(FACES)
        # The next walk is told the address anew, with another key.
        source.pictures = {"1": photo(1, 0)}
        source.records = [record(1, f"{secret}2")]
        engine.enrich(FACES)
        (claim,) = receipts(engine)
        assert (claim.url, claim.face_id is None) == ("https://box.example/1.jpg?w=9&token=***", False)
        shown = [asdict(each) for each in engine.quarantine()]
        assert len(shown) == 1
        with engine.parts.store.read() as tx:
            connection = tx.sources.scope.connection  # type: ignore[attr-defined]
            kept = [tuple(row) for table in (claims, person_facts) for row in connection.execute(sa.select(table))]
    assert secret not in json.dumps(shown, default=str) + str(kept)
    assert "https://pages.example/ann?session=***" in str(kept)
    assert not any(secret.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize(("days", "reason"), [(0, ""), (1, "expired")])
def test_a_photo_may_be_used_through_its_last_day(tmp_path: Path, days: int, reason: str) -> None:
    image = replace(refs("1")[0], expires=date(2026, 1, 1))
    source = Told(spec(), [PersonRecord("a", "Ann", images=(image,))], {"1": photo(1, 0)})
    late = NOW.replace(hour=23, minute=59) + timedelta(days=days)
    with enriching(tmp_path, source, now=late) as engine:
        row = engine.enrich(FACES).sources[0]
        assert row.refused == ({reason: 1} if reason else {})
        assert bool(photos_asked(source)) == (not reason)


def test_a_server_that_wants_an_hour_ends_the_walk_and_says_until_when(tmp_path: Path) -> None:
    server = StashBoxServer([])
    later = Reply(429, headers={"retry-after": "3600"})
    for number in range(9):
        image = server.add_image(f"i{number}", later)
        server.people.append(performer(f"p{number}", images=[image], created=f"2024-01-0{1 + number}T00:00:00Z"))
    entry = SourceSpec("box", "stash_box", trust=Trust.HIGH, endpoint=server.endpoint, api_key=KEY, rate_limit=0,
                       allow_private=True, purpose="p", legal_basis="l")  # fmt: skip

    def opened(entry: SourceSpec) -> StashBoxSource:
        return StashBoxSource(entry, PoliteClient(entry, headers=headers(entry), machine=Hurry().machine), size=2)

    try:
        with enriching(tmp_path) as engine:
            engine.parts = replace(engine.parts, sources=lambda: [entry], open_source=opened)
            row = engine.enrich(FACES).sources[0]
            asked = sum(request.path.startswith("/images/") for request in server.asked)
            status = engine.enrich_status()[0]
    finally:
        server.close()
    assert asked == 1
    assert row.errors["busy"] >= 1
    assert "asks to be left alone until" in row.failure
    assert not status.complete


def test_what_killed_processes_left_of_a_photo_goes_when_it_is_kept(tmp_path: Path) -> None:
    cache = ImageCache(tmp_path / "photos")
    cache.put("a", b"one")
    (kept,) = (tmp_path / "photos").iterdir()
    other = f"{'f' * 64}.0a1b2c3d.new"
    for name in (f"{kept.name}.0a1b2c3d.new", other):
        (tmp_path / "photos" / name).write_bytes(b"cut")
    cache.put("a", b"two")
    assert sorted(path.name for path in (tmp_path / "photos").iterdir()) == sorted(
        [kept.name, f"{'f' * 64}.0a1b2c3d.new"]
    )
    assert cache.get("a") == b"two"
    cache.clear()
    assert list((tmp_path / "photos").iterdir()) == []
