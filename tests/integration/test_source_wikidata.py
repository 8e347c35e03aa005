"""Wikidata and Commons over real HTTP: what is stated, licences, redirects, politeness."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from personae.adapters.sources.commons import title_of
from personae.adapters.sources.http import PoliteClient
from personae.adapters.sources.wikidata import WikidataSource, contact, headers
from personae.errors import InputError, SourceError
from personae.records import Gender, ImageRef, SourceSpec
from tests.servers.hurry import Hurry
from tests.servers.web import Reply, document
from tests.servers.wikimedia import WikimediaServer

JPEG = b"\xff\xd8\xff\xe0" + bytes(60)
PURPOSE = "research on portraits, write to archive@example.org."

ADA = [
    ("P31", "Q5"),
    ("label", "Ada Example", "en"),
    ("label", "Ada E.", "mul"),
    ("altLabel", "Countess", "en"),
    ("altLabel", "Ada Example", "en"),
    ("P742", "A. E."),
    ("description", "mathematician", "en"),
    ("P21", "Q1052281"),
    ("P27", "GB"),
    ("P569", "1815-12-10T00:00:00Z", "11"),
    ("P570", "1852-11-01T00:00:00Z", "10"),
    ("P172", "English people"),
    ("P2048", "1.655"),
    ("P1340", "green"),
    ("P1884", "brown hair"),
    ("P2031", "1833-01-01T00:00:00Z"),
    ("P345", "nm0000001"),
    ("P214", "123"),
    ("P856", "https://example.org/ada"),
    ("P856", "javascript:alert(1)"),
    ("P18", "Ada Example.jpg"),
    ("P18", "Ada drawing.svg"),
    ("P18", "Ada missing.jpg"),
    ("dateModified", "2024-05-01T12:00:00Z"),
]


@pytest.fixture
def server() -> Iterator[WikimediaServer]:
    started = WikimediaServer()
    licence = {"LicenseShortName": {"value": 'CC&nbsp;<b>BY-SA</b> 4.0 <a href="x">deed</a>'}}
    started.photos = {
        "File:Ada Example.jpg": (JPEG, {"extmetadata": licence}),
        "File:Ada drawing.svg": (b"<svg/>", {"mime": "image/svg+xml"}),
    }
    started.people["Q1"] = list(ADA)
    yield started
    started.close()


@contextmanager
def opened(server: WikimediaServer, *ids: str, **said: Any) -> Iterator[WikidataSource]:
    stated = {"endpoint": server.endpoint, "purpose": PURPOSE, "rate_limit": 0.0, "allow_private": True} | said
    spec = SourceSpec("wiki", "wikidata", ids=ids, **stated)
    client = PoliteClient(spec, headers=headers(spec), machine=Hurry().machine)
    source = WikidataSource(spec, client, server.api, server.below)
    try:
        yield source
    finally:
        source.close()


def plain(name: str, *more: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [("P31", "Q5"), ("label", name, "en"), *more]


def test_fields_are_taken_as_they_are_stated(server: WikimediaServer) -> None:
    with opened(server, "Q1") as source:
        found = source.person("Q1")
        assert found is not None
        assert source.image(found.images[0]) == JPEG
    assert (found.external_id, found.name, found.disambiguation) == ("Q1", "Ada Example", "mathematician")
    assert found.aliases == ("Countess", "A. E.")
    assert (found.gender, found.country, found.ethnicity) == (Gender.FEMALE, "GB", "English people")
    assert (found.birth_date, found.death_date) == ("1815-12-10", "1852-11")
    assert (found.height_cm, found.eye_color, found.hair_color) == (166, "green", "brown hair")
    assert (found.career_start, found.career_end) == (1833, None)
    assert found.external_ids == {"imdb": "nm0000001", "viaf": "123"}
    assert found.urls == (("https://example.org/ada", "official website"),)
    assert found.updated == "2024-05-01T12:00:00Z"
    assert found.images == (
        ImageRef("File:Ada Example.jpg", f"{server.below}Ada%20Example.jpg", 800, 600, licence="CC BY-SA 4.0 deed"),
    )
    assert all("archive@example.org" in request.headers["user-agent"] for request in server.asked)


def test_what_is_not_known_is_none(server: WikimediaServer) -> None:
    said = [
        ("P21", "Q99999"),
        ("P569", "unknown"),
        ("P570", "-0044-03-15T00:00:00Z", "11"),
        ("P2048", "tall"),
        ("P2031", "0000-01-01T00:00:00Z"),
        ("P172", "unknown"),
    ]
    server.people["Q2"] = plain("Ben", *said)
    with opened(server, "Q2") as source:
        found = source.person("Q2")
    assert found is not None
    assert (found.gender, found.birth_date, found.death_date, found.height_cm) == (None, "", "", None)
    assert (found.career_start, found.ethnicity, found.images) == (None, "", ())


@pytest.mark.parametrize("precision", ["0", "7", "8"])
def test_a_date_less_precise_than_a_year_is_left_out(server: WikimediaServer, precision: str) -> None:
    server.people["Q2"] = plain("Ben", ("P569", "1800-01-01T00:00:00Z", precision))
    with opened(server, "Q2") as source:
        found = source.person("Q2")
    assert found is not None
    assert found.birth_date == ""


def test_only_people_with_a_name(server: WikimediaServer) -> None:
    server.people |= {
        "Q2": [("P31", "Q515"), ("label", "A city", "en")],
        "Q3": [("P31", "Q5"), ("label", "Ohne Namen", "de")],
        "Q4": [("P31", "Q15632617"), ("label", "A character", "mul")],
    }
    with opened(server, "Q4", "Q2", "Q3", "Q77", "Q1") as source:
        assert [each.name for each in source.people()] == ["A character", "Ada Example"]
        assert source.page(1, 2).total == 5


def test_redirects_are_followed(server: WikimediaServer) -> None:
    server.people |= {
        "Q2": [("sameAs", "Q3")],
        "Q3": [("sameAs", "Q1")],
        "Q5": [("sameAs", "Q6")],
        "Q6": [("sameAs", "Q5")],
    }
    with opened(server, "Q2", "Q5") as source:
        found = source.person("Q2")
        assert found is not None
        assert (found.external_id, found.merged_into) == ("Q1", None)
        with pytest.raises(SourceError) as caught:
            source.person("Q5")
        assert caught.value.reason == "merged_in_a_circle"
    with opened(server, "Q2") as source:
        people = list(source.people())
    assert [(each.external_id, each.deleted, each.merged_into) for each in people] == [
        ("Q1", False, None),
        ("Q3", True, "Q1"),
        ("Q2", True, "Q3"),
    ]


def test_many_are_asked_for_together_and_a_walk_goes_on(server: WikimediaServer) -> None:
    ids = [f"Q{number}" for number in range(100, 220)]
    server.people |= {each: plain(each, ("P18", f"{each}.jpg")) for each in ids}
    server.photos |= {f"File:{each}.jpg": (JPEG, {}) for each in ids}
    with opened(server, *ids) as source:
        people = list(source.people())
        assert [each.external_id for each in people] == ids
        assert [each.images[0].id for each in people] == [f"File:{each}.jpg" for each in ids]
        assert len(server.asked) == 6
        assert [each.external_id for each in source.people(after="Q217")] == ["Q218", "Q219"]
        assert len(server.asked) == 8


def test_changes(server: WikimediaServer) -> None:
    server.people["Q2"] = plain("Ben", ("dateModified", "2024-04-01T00:00:00Z"))
    with opened(server, "Q1", "Q2") as source:
        assert [each.external_id for each in source.changed_since("2024-04-15T00:00:00Z")] == ["Q1"]
        assert len(list(source.changed_since(""))) == 2


def test_one_request_in_flight(server: WikimediaServer) -> None:
    server.pause = 0.02
    with opened(server, "Q1") as source, ThreadPoolExecutor(4) as pool:
        assert {found.name for found in pool.map(source.person, ["Q1"] * 8) if found} == {"Ada Example"}
    assert server.most_at_once == 1


def test_large_photos_are_fetched_smaller(server: WikimediaServer) -> None:
    smaller = {"thumburl": f"{server.below}thumb/a.jpg", "thumbwidth": 1920, "thumbheight": 1280}
    server.photos["File:Ada Example.jpg"] = (JPEG, {"width": 9000, "height": 6000} | smaller)
    with opened(server, "Q1") as source:
        found = source.person("Q1")
    assert found is not None
    assert (found.images[0].url, found.images[0].width) == (f"{server.below}thumb/a.jpg", 1920)


def test_a_file_that_was_renamed(server: WikimediaServer) -> None:
    server.renamed["File:Ada Example.jpg"] = "File:Ada, new.jpg"
    server.photos["File:Ada, new.jpg"] = server.photos.pop("File:Ada Example.jpg")
    with opened(server, "Q1") as source:
        found = source.person("Q1")
    assert found is not None
    assert [each.id for each in found.images] == ["File:Ada, new.jpg"]


@pytest.mark.parametrize("place", ["elsewhere/a.jpg", "wikipedia/commons/../../private", "wikipedia/commons/%2e%2e/x"])
def test_photos_come_from_commons_only(server: WikimediaServer, place: str) -> None:
    url = f"{server.url}/{place}"
    server.photos["File:Ada Example.jpg"] = (JPEG, {"url": url})
    with opened(server, "Q1") as source:
        found = source.person("Q1")
        assert found is not None
        assert found.images == ()
        before = len(server.asked)
        with pytest.raises(SourceError) as caught:
            source.image(ImageRef("File:x.jpg", url))
        assert caught.value.reason == "forbidden_address"
        assert len(server.asked) == before


@pytest.mark.parametrize("code", ["maxlag", "internal_api_error"])
def test_commons_in_trouble(server: WikimediaServer, code: str) -> None:
    server.files["/w/api.php"] = document({"error": {"code": code, "info": "<b>so</b>"}})
    with opened(server, "Q1") as source, pytest.raises(SourceError) as caught:
        source.person("Q1")
    assert caught.value.reason == ("busy" if code == "maxlag" else "api_error")


@pytest.mark.parametrize(
    "answer", [[], {}, {"results": {}}, {"results": {"bindings": [1]}}, {"results": {"bindings": [{"v": {}}]}}]
)
def test_an_answer_of_another_shape(server: WikimediaServer, answer: Any) -> None:
    server.files["/sparql"] = document(answer)
    with opened(server, "Q1") as source, pytest.raises(SourceError) as caught:
        list(source.people())
    assert caught.value.reason == "wrong_schema"


def test_faults_that_pass(server: WikimediaServer) -> None:
    server.failures = [Reply(429, headers={"retry-after": "0"}), Reply(503)]
    with opened(server, "Q1") as source:
        assert source.person("Q1") is not None


@pytest.mark.parametrize(
    ("ids", "purpose", "sentence"),
    [
        (("Q1",), "art", "reached"),
        (("Q1",), "archive@localhost", "reached"),
        ((), PURPOSE, "list the ids"),
        (("Q1", "Q1 } # "), PURPOSE, "no id of Wikidata"),
        (("q1",), PURPOSE, "no id of Wikidata"),
    ],
)
def test_what_it_needs_is_said(server: WikimediaServer, ids: tuple[str, ...], purpose: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence), opened(server, *ids, purpose=purpose, line=4):
        pass
    assert server.asked == []


def test_an_id_is_never_built_into_a_query_unchecked(server: WikimediaServer) -> None:
    with opened(server, "Q1") as source:
        assert source.person("Q1 } UNION { ?item ?p ?v }") is None
        assert source.person("") is None
    assert server.asked == []


@pytest.mark.parametrize(
    ("purpose", "found"),
    [
        (PURPOSE, "archive@example.org"),
        ("see https://example.org/about for more", "https://example.org/about"),
        ("(archive@example.org)", "archive@example.org"),
    ],
)
def test_the_contact(purpose: str, found: str) -> None:
    assert contact(SourceSpec("wiki", "wikidata", purpose=purpose)) == found


def test_titles() -> None:
    where = "http://commons.wikimedia.org/wiki/Special:FilePath/"
    assert title_of(f"{where}Some%20name.jpg") == "File:Some name.jpg"
    assert title_of(f"{where}One%7CTwo.jpg") == ""
    assert title_of("http://example.org/x.jpg") == ""


def test_it_says_what_it_is(server: WikimediaServer) -> None:
    with opened(server, "Q1") as source:
        assert (source.source_name, source.source_type, source.rate_limit_delay) == ("wiki", "wikidata", 0)
