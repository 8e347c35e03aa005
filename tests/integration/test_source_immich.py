"""Immich over real HTTP: several versions of the server, people without names, photos."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from personae.adapters.sources.http import PoliteClient
from personae.adapters.sources.immich import PHOTOS, ImmichSource, headers
from personae.errors import InputError, SourceError
from personae.records import ImageRef, SourceSpec
from tests.servers.hurry import Hurry
from tests.servers.immich import KEY, ImmichServer
from tests.servers.web import Reply, document

JPEG = b"\xff\xd8\xff\xe0" + bytes(60)
VERSIONS = [(1, 90), (1, 106), (1, 112), (2, 0)]


def photo(*of: str, **said: Any) -> dict[str, Any]:
    return {"of": list(of), "photo": JPEG, **said}


@contextmanager
def opened(server: ImmichServer, size: int = 500, **said: Any) -> Iterator[ImmichSource]:
    stated = {"endpoint": server.url, "api_key": KEY, "rate_limit": 0.0, "allow_private": True} | said
    spec = SourceSpec("home", "immich", **stated)
    source = ImmichSource(spec, PoliteClient(spec, headers=headers(spec), machine=Hurry().machine), size)
    try:
        yield source
    finally:
        source.close()


@pytest.fixture(params=VERSIONS, ids=lambda version: f"v{version[0]}.{version[1]}")
def server(request: pytest.FixtureRequest) -> Iterator[ImmichServer]:
    people: dict[str, dict[str, Any]] = {f"id-{number:02}": {"name": f"Person {number}"} for number in range(9)}
    people |= {"id-20": {"name": ""}, "id-21": {"name": "  "}, "id-22": {"name": "Shy", "isHidden": True}}
    people["id-03"]["birthDate"] = "1990-02-03"
    people["id-04"]["birthDate"] = "1990-02-03T00:00:00.000Z"
    people["id-05"]["birthDate"] = "long ago"
    assets = {
        "group": photo("id-00", "id-01", "id-02"),
        "alone": photo("id-00", exifInfo={"exifImageWidth": 4000, "exifImageHeight": 3000}),
        "two": photo("id-00", "id-01", width=1200, height=800),
        "raw": photo("id-00", originalMimeType="image/x-canon-cr2"),
        "binned": photo("id-00", isTrashed=True),
        "film": photo("id-00", type="VIDEO"),
    }
    started = ImmichServer(people, assets, request.param)
    yield started
    started.close()


@pytest.mark.parametrize("size", [1, 4, 500])
def test_everybody_with_a_name_comes_once(server: ImmichServer, size: int) -> None:
    with opened(server, size) as source:
        people = list(source.people())
    assert [each.external_id for each in people] == [f"id-{number:02}" for number in range(9)]
    assert [each.birth_date for each in people[3:6]] == ["1990-02-03", "1990-02-03", ""]
    assert people[0].updated == ("2025-01-02T03:04:05.678Z" if server.version >= (1, 107) else "")


def test_photos_with_nobody_else_come_first(server: ImmichServer) -> None:
    with opened(server) as source:
        found = source.person("id-00")
        assert found is not None
        assert [each.id for each in found.images] == ["alone", "two", "group"]
        assert found.images[0] == ImageRef("alone", f"{server.url}/api/assets/alone/original", 4000, 3000)
        assert (found.images[1].width, found.images[1].height) == (1200, 800)
        assert source.image(found.images[0]) == JPEG
    asked = {request.path for request in server.asked}
    assert not any("thumbnail" in path for path in asked)
    assert ("/api/faces" in asked) == (server.version < (1, 113))
    assert {request.headers["x-api-key"] for request in server.asked} == {KEY}


def test_a_key_that_may_not_read_faces(server: ImmichServer) -> None:
    server.faces_allowed = False
    with opened(server) as source:
        found = source.person("id-00")
    assert found is not None
    assert {each.id for each in found.images} == {"alone", "two", "group"}


def test_photos_come_in_pages_and_not_without_end(server: ImmichServer) -> None:
    server.assets = {f"a{number:03}": photo("id-00") for number in range(50)}
    with opened(server, size=7, max_faces=1) as source:
        found = source.person("id-00")
    assert found is not None
    assert len({each.id for each in found.images}) == len(found.images) == PHOTOS


def test_going_on_and_listed_ids(server: ImmichServer) -> None:
    with opened(server) as source:
        assert [each.external_id for each in source.people(after="id-06")] == ["id-07", "id-08"]
        assert [each.external_id for each in source.people(after="id-065")] == ["id-07", "id-08"]
        assert len(list(source.changed_since("2030-01-01T00:00:00Z"))) == 9
    with opened(server, ids=("id-05", "id-20", "nobody", "id-02")) as source:
        assert [each.external_id for each in source.people()] == ["id-05", "id-02"]
        assert [each.external_id for each in source.page(1, 3).people] == ["id-05"]


def test_pages_are_cut_from_one_list(server: ImmichServer) -> None:
    with opened(server) as source:
        pages = [source.page(number, 4) for number in (1, 2, 3, 4)]
    assert [len(page.people) for page in pages] == [4, 4, 1, 0]
    assert len({each.external_id for page in pages for each in page.people}) == 9
    assert {page.total for page in pages} == {9}


@pytest.mark.parametrize("person_id", ["nobody", "id-20", "../assets/alone/original", "id-00?x=1", ""])
def test_there_is_no_such_person(server: ImmichServer, person_id: str) -> None:
    with opened(server) as source:
        if person_id:
            assert source.person(person_id) is None
        assert all(request.path.startswith("/api/people/") for request in server.asked)


@pytest.mark.parametrize("ending", ["", "/", "/api", "/api/"])
def test_the_address_with_or_without_api(server: ImmichServer, ending: str) -> None:
    with opened(server, endpoint=server.url + ending) as source:
        assert source.person("id-01") is not None
        assert (source.source_name, source.source_type, source.rate_limit_delay) == ("home", "immich", 0)


def test_a_key_that_is_refused(server: ImmichServer) -> None:
    with opened(server, api_key="wrong-key") as source, pytest.raises(SourceError) as caught:
        list(source.people())
    assert caught.value.reason == "refused_key"
    assert "wrong-key" not in str(caught.value)


@pytest.mark.parametrize("answer", [[], {}, {"people": 3}, {"people": [1]}, {"people": [{"name": "no id"}]}])
def test_an_answer_of_another_shape(server: ImmichServer, answer: Any) -> None:
    server.files["/api/people"] = document(answer)
    with opened(server) as source, pytest.raises(SourceError) as caught:
        list(source.people())
    assert caught.value.reason == "wrong_schema"


def test_faults_that_pass_and_faults_that_stay(server: ImmichServer) -> None:
    server.failures = [Reply(502), Reply(429, headers={"retry-after": "0"})]
    with opened(server) as source:
        assert len(list(source.people())) == 9
        server.files["/api/search/metadata"] = Reply(500)
        with pytest.raises(SourceError) as caught:
            source.person("id-00")
        assert caught.value.reason == "http_500"


def test_without_an_endpoint(server: ImmichServer) -> None:
    with pytest.raises(InputError, match="endpoint"), opened(server, endpoint="", line=7):
        pass
