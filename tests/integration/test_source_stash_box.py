"""stash-box over real HTTP: paging with shuffled ties, merges, changes, faults, photos."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personae.adapters.sources.cache import ImageCache
from personae.adapters.sources.http import PoliteClient
from personae.adapters.sources.stash_box import StashBoxSource, headers
from personae.errors import InputError, SourceError
from personae.records import Gender, ImageRef, SourceSpec, Trust
from tests.servers.hurry import Hurry
from tests.servers.stash_box import KEY, StashBoxServer, performer
from tests.servers.web import Reply, document

JPEG = b"\xff\xd8\xff\xe0" + bytes(60)


def spec_of(server: StashBoxServer, **said: Any) -> SourceSpec:
    stated: dict[str, Any] = {"purpose": "research", "legal_basis": "consent", "api_key": KEY} | said
    return SourceSpec(
        "box", "stash_box", trust=Trust.HIGH, endpoint=server.endpoint, rate_limit=0, allow_private=True, **stated
    )


@contextmanager
def opened(server: StashBoxServer, cache: Path | None = None, size: int = 100, **said: Any) -> Iterator[StashBoxSource]:
    spec = spec_of(server, **said)
    client = PoliteClient(spec, headers=headers(spec), machine=Hurry().machine)
    with closing(StashBoxSource(spec, client, ImageCache(cache) if cache else None, size)) as source:
        yield source


def serving(people: list[dict[str, Any]], seed: int = 0) -> closing[StashBoxServer]:
    return closing(StashBoxServer(people, seed))


@pytest.fixture
def server() -> Iterator[StashBoxServer]:
    with serving([]) as started:
        yield started


def minute(number: int) -> str:
    return f"2024-01-01T{number // 60:02}:{number % 60:02}:00Z"


FULL = performer(
    "p1",
    name="  Ada <b>Example</b> ",
    disambiguation="the first",
    aliases=["Countess", "", "Countess", "A. E."],
    gender="TRANSGENDER_FEMALE",
    birth_date="1980-05",
    death_date="2020-13-01",
    ethnicity="MIDDLE_EASTERN",
    country="GB",
    eye_color="GREEN",
    hair_color="AUBURN",
    height=171,
    career_start_year=2001,
    urls=[
        {"url": "https://example.org/ada", "site": {"name": "Home"}},
        {"url": "https://example.org/ada", "site": {"name": "Again"}},
        {"url": "javascript:alert(1)", "site": {"name": "Trap"}},
    ],
    images=[
        {"id": "i1", "url": "https://example.org/1.jpg", "width": 600, "height": 800},
        {"id": "i1", "url": "https://example.org/1.jpg", "width": 600, "height": 800},
        {"id": "i2", "url": "https://example.org/2.jpg", "width": -1, "height": 0},
    ],
    updated="2024-03-01T10:00:00.123456789+02:00",
)


def test_fields_are_taken_as_they_are_stated(server: StashBoxServer) -> None:
    server.people = [FULL]
    with opened(server) as source:
        found = source.person("p1")
    assert found is not None
    assert (found.external_id, found.name, found.disambiguation) == ("p1", "Ada <b>Example</b>", "the first")
    assert found.aliases == ("Countess", "A. E.")
    assert (found.gender, found.country, found.ethnicity) == (Gender.FEMALE, "GB", "MIDDLE_EASTERN")
    assert (found.birth_date, found.death_date) == ("1980-05", "")
    assert (found.eye_color, found.hair_color, found.height_cm) == ("GREEN", "AUBURN", 171)
    assert (found.career_start, found.career_end) == (2001, None)
    assert found.urls == (("https://example.org/ada", "Home"),)
    assert found.images == (
        ImageRef("i1", "https://example.org/1.jpg", 600, 800),
        ImageRef("i2", "https://example.org/2.jpg"),
    )
    assert (found.deleted, found.merged_into, found.updated) == (False, None, FULL["updated"])


@pytest.mark.parametrize("gender", ["ROBOT", "", 7, None])
def test_a_gender_that_is_not_known_is_none(server: StashBoxServer, gender: Any) -> None:
    server.people = [performer("a", gender=gender, height="tall", aliases=None, urls="none", career_start_year=True)]
    with opened(server) as source:
        found = source.person("a")
    assert found is not None
    assert (found.gender, found.height_cm, found.aliases, found.urls, found.career_start) == (None, None, (), (), None)


def test_variables_carry_what_is_asked_and_the_key_goes_in_its_header(server: StashBoxServer) -> None:
    server.people = [performer("a"), performer('x") { __schema { types { name } } } #')]
    with opened(server) as source:
        assert source.person('x") { __schema { types { name } } } #') is not None
        assert len(source.page(1, 10).people) == 2
    assert {request.headers["apikey"] for request in server.asked} == {KEY}
    assert all('x")' not in request.json()["query"] for request in server.asked)
    assert server.asked[-1].json()["variables"] == {
        "input": {"page": 1, "per_page": 10, "sort": "CREATED_AT", "direction": "ASC"}
    }


@settings(max_examples=40)
@given(
    moments=st.lists(st.integers(0, 4), max_size=16),
    added=st.lists(st.tuples(st.integers(1, 40), st.integers(4, 7)), max_size=6),
    size=st.integers(1, 5),
    seed=st.integers(0, 10_000),
)
def test_a_walk_meets_everybody_once(moments: list[int], added: list[tuple[int, int]], size: int, seed: int) -> None:
    people = [performer(f"p{number:02}", created=minute(moment)) for number, moment in enumerate(moments)]
    with serving(people, seed) as server:
        pages = 0

        def add(_: int) -> None:
            nonlocal pages
            pages += 1
            for place, (when, moment) in enumerate(added):
                if when == pages:
                    server.people.append(performer(f"new{place}", created=minute(moment)))

        server.before_page = add
        with opened(server, size=size) as source:
            met = [each.external_id for each in source.people()]
    assert len(met) == len(set(met))
    assert {each["id"] for each in people} <= set(met)


@settings(max_examples=25)
@given(
    moments=st.lists(st.integers(0, 3), min_size=1, max_size=12),
    size=st.integers(1, 4),
    seed=st.integers(0, 10_000),
    data=st.data(),
)
def test_a_walk_goes_on_where_it_was_ended(moments: list[int], size: int, seed: int, data: st.DataObject) -> None:
    people = [performer(f"p{number:02}", created=minute(moment)) for number, moment in enumerate(moments)]
    with serving(people, seed) as server, opened(server, size=size) as source:
        whole = [each.external_id for each in source.people()]
        place = data.draw(st.integers(0, len(whole) - 1))
        rest = [each.external_id for each in source.people(after=whole[place])]
    assert whole == [each["id"] for each in sorted(people, key=lambda each: (each["created"], each["id"]))]
    assert rest == whole[place + 1 :]


def test_going_on_reads_few_pages(server: StashBoxServer) -> None:
    server.people = [performer(f"p{number:04}", created=minute(number)) for number in range(1000)]
    with opened(server, size=10) as source:
        rest = [each.external_id for each in source.people(after="p0989")]
    assert rest == [f"p{number:04}" for number in range(990, 1000)]
    assert len(server.asked) < 20


def test_going_on_behind_somebody_who_is_gone_begins_anew(server: StashBoxServer) -> None:
    server.people = [performer("a"), performer("b")]
    with opened(server) as source:
        assert [each.external_id for each in source.people(after="z")] == ["a", "b"]


def test_a_walk_survives_that_people_are_removed_meanwhile(server: StashBoxServer) -> None:
    server.people = [performer(f"p{number:02}", created=minute(number)) for number in range(20)]

    def remove(page: int) -> None:
        if page == 2:
            server.people = [each for each in server.people if each["id"] != "p00"]

    server.before_page = remove
    with opened(server, size=5) as source:
        met = [each.external_id for each in source.people()]
    assert len(met) == len(set(met)) == 20


def test_people_that_the_server_counts_and_does_not_show_are_reported(server: StashBoxServer) -> None:
    listing = {"count": 3, "performers": [performer("a"), performer("b")]}
    server.files["/graphql"] = document({"data": {"answer": listing}})
    with opened(server) as source:
        walk = source.people()
        assert [next(walk).external_id, next(walk).external_id] == ["a", "b"]
        with pytest.raises(SourceError) as caught:
            next(walk)
    assert caught.value.reason == "incomplete_walk"


def test_a_server_that_does_not_sort_is_found_out(server: StashBoxServer) -> None:
    listing = {"count": 2, "performers": [performer("a", created=minute(2)), performer("b", created=minute(1))]}
    server.files["/graphql"] = document({"data": {"answer": listing}})
    with opened(server) as source, pytest.raises(SourceError) as caught:
        list(source.people())
    assert caught.value.reason == "wrong_schema"


def test_a_server_with_smaller_pages_than_asked_for(server: StashBoxServer) -> None:
    server.people = [performer(f"p{number:02}") for number in range(11)]
    server.largest_page = 4
    with opened(server, size=10) as source:
        assert len(list(source.people())) == 11
        assert len({each.external_id for each in source.changed_since("2020-01-01T00:00:00Z")}) == 11


def test_deleted_and_merged_records_are_followed(server: StashBoxServer) -> None:
    server.people = [
        performer("old", deleted=True, merged_into_id="mid"),
        performer("mid", deleted=True, merged_into_id="new"),
        performer("new", merged_ids=["old", "mid"]),
        performer("gone", deleted=True),
        performer("lost", deleted=True, merged_into_id="nobody"),
        performer("left", deleted=True, merged_into_id="right"),
        performer("right", deleted=True, merged_into_id="left"),
    ]
    with opened(server) as source:
        followed = source.person("old")
        assert followed is not None
        assert (followed.external_id, followed.deleted) == ("new", False)
        left_over = [source.person("gone"), source.person("lost")]
        assert [(each.deleted, each.merged_into) for each in left_over if each] == [(True, None), (True, None)]
        assert source.person("nobody") is None
        with pytest.raises(SourceError) as caught:
            source.person("left")
        assert caught.value.reason == "merged_in_a_circle"
        changed = {each.external_id: each for each in source.changed_since("2024-01-01T00:00:00Z")}
    assert set(changed) == {"new", "old", "mid"}
    assert [changed[each].merged_into for each in ("new", "old", "mid")] == [None, "new", "new"]
    assert changed["old"].deleted


def test_listed_ids_are_all_that_is_fetched(server: StashBoxServer) -> None:
    server.people = [
        performer("a"),
        performer("b", deleted=True, merged_into_id="z"),
        performer("c", updated="2024-06-01T00:00:00Z"),
        performer("d"),
        performer("z"),
    ]
    with opened(server, ids=("c", "b", "c", "nobody", "a"), purpose="", legal_basis="") as source:
        assert [each.external_id for each in source.people()] == ["c", "z", "b", "a"]
        assert [each.external_id for each in source.people(after="b")] == ["a"]
        assert [each.external_id for each in source.page(1, 2).people] == ["c", "b"]
        assert [each.external_id for each in source.changed_since("2024-05-01T00:00:00Z")] == ["c"]


@pytest.mark.parametrize("stated", [{"purpose": ""}, {"legal_basis": " "}, {"purpose": "", "legal_basis": ""}])
def test_it_stays_off_without_ids_or_purpose_and_legal_basis(server: StashBoxServer, stated: dict[str, str]) -> None:
    with pytest.raises(InputError, match="legal_basis"), opened(server, **stated):
        pass
    assert server.asked == []


def test_changes_reach_back_to_the_moment_less_an_overlap(server: StashBoxServer) -> None:
    stamps = {"a": "2024-05-01T10:00:00Z", "b": "2024-05-01T11:30:00Z", "c": "2024-05-01T12:30:00.5Z"}
    server.people = [performer(each, updated=stamp) for each, stamp in stamps.items()]
    with opened(server, size=1) as source:
        assert [each.external_id for each in source.changed_since("2024-05-01T12:00:00+00:00")] == ["c", "b"]
        with pytest.raises(InputError):
            list(source.changed_since("yesterday"))


@settings(max_examples=40)
@given(
    moments=st.lists(st.integers(0, 5), max_size=16),
    since=st.integers(0, 6),
    size=st.integers(1, 4),
    seed=st.integers(),
)
def test_no_change_is_missed_among_ties(moments: list[int], since: int, size: int, seed: int) -> None:
    people = [
        performer(f"p{number:02}", updated=f"2024-01-{1 + moment:02}T00:00:00Z")
        for number, moment in enumerate(moments)
    ]
    with serving(people, seed) as server, opened(server, size=size) as source:
        met = [each.external_id for each in source.changed_since(f"2024-01-{1 + since:02}T00:00:00Z")]
    assert sorted(met) == [f"p{number:02}" for number, moment in enumerate(moments) if moment >= since]


def test_who_changes_again_meanwhile_comes_again(server: StashBoxServer) -> None:
    server.people = [performer(f"p{number}", updated=minute(number)) for number in range(6)]
    pages = 0

    def change(_: int) -> None:
        nonlocal pages
        pages += 1
        if pages == 4:
            server.people[2] |= {"updated": minute(90), "name": "Newer"}

    server.before_page = change
    with opened(server, size=2) as source:
        met = [(each.external_id, each.name) for each in source.changed_since(minute(0))]
    assert ("p2", "Person p2") in met
    assert ("p2", "Newer") in met
    assert len(met) == 7


@pytest.mark.parametrize(
    ("errors", "reason"),
    [
        ([{"message": "not authorized"}], "refused_key"),
        ([{"message": "token is expired"}], "refused_key"),
        ([{"message": 'Cannot query field "birth_date" on type "Performer".'}], "wrong_schema"),
        ([{"message": "no", "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}}], "wrong_schema"),
        ([{"message": f"pq: something about {KEY}"}, "odd"], "graphql_error"),
    ],
)
def test_errors_in_an_answer_that_looks_well(server: StashBoxServer, errors: list[Any], reason: str) -> None:
    server.errors = errors
    with opened(server) as source, pytest.raises(SourceError) as caught:
        source.page(1, 10)
    assert caught.value.reason == reason
    assert KEY not in str(caught.value)


def test_another_schema_version(server: StashBoxServer) -> None:
    del server.types["birth_date"]
    with opened(server) as source, pytest.raises(SourceError) as caught:
        source.page(1, 10)
    assert caught.value.reason == "wrong_schema"


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        {"data": None},
        {"data": {"answer": None}},
        {"data": {"answer": {"performers": []}}},
        {"data": {"answer": {"count": True, "performers": []}}},
        {"data": {"answer": {"count": 1, "performers": [3]}}},
        {"data": {"answer": {"count": 1, "performers": [{"id": "", "name": "b"}]}}},
    ],
)
def test_an_answer_of_another_shape(server: StashBoxServer, answer: Any) -> None:
    server.files["/graphql"] = document(answer)
    with opened(server) as source, pytest.raises(SourceError) as caught:
        source.page(1, 10)
    assert caught.value.reason == "wrong_schema"


def test_an_expired_key(server: StashBoxServer) -> None:
    with opened(server, api_key="old-secret") as source, pytest.raises(SourceError, match="401") as caught:
        source.person("a")
    assert (caught.value.reason, "old-secret" in f"{caught.value}{source.spec}") == ("refused_key", False)


def test_it_goes_on_after_faults_that_pass(server: StashBoxServer) -> None:
    server.people = [performer(each) for each in "abcde"]
    server.failures = [Reply(503), Reply(429, headers={"retry-after": "0"})]
    with opened(server, size=2) as source:
        assert len(list(source.people())) == 5
    assert server.failures == []


def test_photos_are_kept_by_id(server: StashBoxServer, tmp_path: Path) -> None:
    photo = server.add_image("i1", Reply(200, JPEG, "image/jpeg"))
    ref = ImageRef(photo["id"], photo["url"])
    with opened(server, cache=tmp_path / "cache") as source:
        assert source.image(ref) == source.image(ref) == JPEG
        assert len(server.asked) == 1
        kept = next((tmp_path / "cache").iterdir())
        kept.write_bytes(kept.read_bytes()[:-1] + b"x")
        assert source.image(ref) == JPEG
        assert len(server.asked) == 2
    assert "apikey" in server.asked[0].headers


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b'<svg xmlns="http://www.w3.org/2000/svg"/>', "image/svg+xml"),
        Reply(200, b'<svg xmlns="http://www.w3.org/2000/svg"/>', "image/jpeg"),
        Reply(200, b"<!doctype html><title>no</title>", "text/html"),
        Reply(404),
    ],
)
def test_what_is_no_photo_is_refused_and_not_kept(server: StashBoxServer, tmp_path: Path, reply: Reply) -> None:
    photo = server.add_image("i1", reply)
    with opened(server, cache=tmp_path / "cache") as source, pytest.raises(SourceError):
        source.image(ImageRef(photo["id"], photo["url"]))
    assert not (tmp_path / "cache").exists()
