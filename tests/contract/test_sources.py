"""What every source of people must do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from personae.adapters.sources.config import TYPES
from personae.errors import SourceError
from tests.sources import BUILDERS, Given


@pytest.fixture(params=BUILDERS)
def given(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Given]:
    with BUILDERS[request.param](tmp_path) as built:
        yield built


@pytest.fixture(params=BUILDERS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param).split("-", maxsplit=1)[0]


def test_a_type_of_sources_yaml(kind: str) -> None:
    assert kind in TYPES


def test_it_says_what_it_is(given: Given) -> None:
    source = given.source
    assert source.source_name == source.spec.name
    assert source.source_type == source.spec.type
    assert source.rate_limit_delay >= 0


def test_everybody_comes_once_under_their_name(given: Given) -> None:
    people = list(given.source.people())
    assert {each.external_id: each.name for each in people if not each.deleted} == dict(given.names)
    assert len({each.external_id for each in people}) == len(people)


def test_a_second_walk_says_the_same(given: Given) -> None:
    assert list(given.source.people()) == list(given.source.people())


def test_a_walk_continues_behind_any_person(given: Given) -> None:
    everybody = list(given.source.people())
    for at, each in enumerate(everybody):
        assert list(given.source.people(after=each.external_id)) == everybody[at + 1 :]


def test_a_walk_that_is_left_does_no_harm(given: Given) -> None:
    walk = given.source.people()
    first = next(walk)
    del walk
    assert next(given.source.people()) == first


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_pages_together_are_everybody(given: Given, size: int) -> None:
    found: list[str] = []
    for number in range(1, len(given.names) + 1):
        page = given.source.page(number, size)
        assert len(page.people) <= size
        assert page.total in {None, len(given.names)}
        found += [each.external_id for each in page.people]
    assert sorted(found) == sorted(given.names)


def test_a_page_past_the_end_is_empty(given: Given) -> None:
    assert given.source.page(len(given.names) + 1, 100).people == ()


def test_one_person_is_the_same_as_on_the_walk(given: Given) -> None:
    for each in given.source.people():
        assert given.source.person(each.external_id) == each


def test_nobody_has_an_unknown_id(given: Given) -> None:
    assert given.source.person("00000000-0000-4000-8000-000000000000") is None


def test_photos_are_those_of_the_person(given: Given) -> None:
    for each in given.source.people():
        photos = [given.source.image(ref) for ref in each.images]
        assert len(photos) == len(set(photos))
        assert set(photos) == given.photos[each.external_id]


def test_photos_have_ids_of_their_own(given: Given) -> None:
    ids = [ref.id for each in given.source.people() for ref in each.images]
    assert len(ids) == len(set(ids)) == sum(map(len, given.photos.values()))


def test_a_photo_that_is_not_there_is_a_source_error(given: Given) -> None:
    ref = next(ref for each in given.source.people() for ref in each.images)
    with pytest.raises(SourceError) as caught:
        given.source.image(replace(ref, id=f"{ref.id}.gone", url=f"{ref.url}.gone", sha256=None))
    assert caught.value.reason
    assert " " not in caught.value.reason


def test_changes_since_nothing_are_everybody(given: Given) -> None:
    assert {each.external_id for each in given.source.changed_since("")} == set(given.names)


def test_changes_since_long_ago_are_everybody(given: Given) -> None:
    assert {each.external_id for each in given.source.changed_since("1980-01-01T00:00:00+00:00")} == set(given.names)


def test_changes_to_come_are_none_or_not_known(given: Given) -> None:
    later = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    assert {each.external_id for each in given.source.changed_since(later)} in ({*()}, {*given.names})


def test_what_is_said_can_be_stored(given: Given) -> None:
    for each in given.source.people():
        str(asdict(replace(each, external_ids=dict(each.external_ids)))).encode("utf-8")


def test_closing_twice_does_no_harm(given: Given) -> None:
    given.source.close()
    given.source.close()
