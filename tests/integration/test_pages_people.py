"""The pages of people and unknown groups, as HTML: with and without htmx, with names that mean harm, by readers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path

import httpx
import pytest

from personae.access import Role
from personae.errors import NotFound
from tests.patterns import photo
from tests.served import Served, make_key, pattern_settings, served

HOSTILE = "<img src=x onerror=alert(1)>\"'{{7*7}}"
HTMX = {"HX-Request": "true"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Faces of people 1 to 5, three photos of each: 1 is Ann, 2 has a hostile name; the others are in groups."""
    with served(pattern_settings(tmp_path_factory.mktemp("home"))) as running:
        for person in range(1, 6):
            for number in range(3):
                running.engine.take_in(photo(person, number))
        running.engine.group()
        groups = running.engine.browse.groups(limit=9)
        assert [group.face_count for group in groups] == [3] * 5
        running.engine.name(groups[0].label, "Ann")
        running.engine.name(groups[1].label, HOSTILE)
        yield running


@pytest.fixture
def client(site: Served) -> Iterator[httpx.Client]:
    with site.client() as opened:
        yield opened


def group_ids(site: Served) -> list[int]:
    """Return the unknown groups that there are."""
    return [int(group.id) for group in site.engine.browse.groups()]


def test_people_first_then_the_unknown(site: Served, client: httpx.Client) -> None:
    text = client.get("/people").text
    assert text.index(">Ann<") < text.index("Who are they?")
    assert escape(HOSTILE, quote=False).replace('"', "&#34;").replace("'", "&#39;") in text
    assert "<img src=x" not in text
    assert len(re.findall(r'href="/groups/\d+"', text)) == len(group_ids(site))
    assert re.search(r'<img class="crop" src="/api/faces/\d+/crop\?project=default" width="168" height="168"', text)


def test_a_search_finds_and_a_fruitless_one_says_so(client: httpx.Client) -> None:
    found = client.get("/people", params={"q": "an"}).text
    assert ">Ann<" in found
    assert "Who are they?" not in found
    none = client.get("/people", params={"q": "nobody <b>"}).text
    assert "Nobody is called that" in none
    assert "<b>" not in none.partition('id="found"')[2]


def test_every_order_is_a_page_and_a_wrong_one_is_refused(client: httpx.Client) -> None:
    for order in ("faces", "name", "newest"):
        assert ">Ann<" in client.get("/people", params={"order": order}).text
    assert client.get("/people", params={"order": "size"}).status_code == 422
    assert client.get("/people", params={"after": "nonsense"}).status_code == 422


def test_names_that_somebody_may_be_typing(client: httpx.Client) -> None:
    (found,) = client.get("/people/names", params={"q": "aNN"}).json()
    assert (found["name"], found["faces"]) == ("Ann", 3)
    assert client.get("/people/names", params={"q": " "}).json() == []


def test_a_person_with_every_face_and_what_was_decided(client: httpx.Client) -> None:
    text = client.get("/people/1").text
    assert "<h1>Ann</h1>" in text
    assert 'href="/photos?person=1"' in text
    assert len(re.findall(r'<input type="checkbox" name="face"', text)) == 3
    assert re.search(r"Unknown group \d+ is Ann", text)
    assert client.get("/people/1", params={"order": "unsure"}).text.count("Nothing is unsure") == 1
    assert client.get("/people/99").status_code == 404


def test_a_fragment_is_no_page(client: httpx.Client) -> None:
    text = client.get("/people/1", headers=HTMX).text
    assert text.lstrip().startswith('<div id="person"')
    assert "<html" not in text


def test_deciding_without_a_script_leads_back_and_can_be_undone(site: Served, client: httpx.Client) -> None:
    faces = [listed.face.id for listed in site.engine.browse.least_sure(1)] or [
        face.face_id for face in site.engine.show("#1").faces
    ]
    answer = client.post("/people/1/reject", data={"face": faces[0]})
    assert (answer.status_code, answer.headers["location"]) == (303, "/people/1")
    assert site.engine.browse.person(1).face_count == 2
    operation = site.engine.history(1)[0]
    assert client.post("/people/1/undo", data={"operation": operation.id}).status_code == 303
    assert site.engine.browse.person(1).face_count == 3


def test_what_another_tab_did_meanwhile_is_said_beside_how_it_stands(site: Served, client: httpx.Client) -> None:
    face = site.engine.show("#1").faces[0].face_id
    first = client.post("/people/1/reject", data={"face": face}, headers=HTMX)
    assert '"operation": ' in first.headers["HX-Trigger"]
    second = client.post("/people/1/reject", data={"face": face}, headers=HTMX)
    assert second.status_code == 200
    assert second.headers["HX-Retarget"] == "#person"
    assert f"Not in Ann: face {face}. What you see now is how it stands." in second.text
    assert second.text.count('<input type="checkbox" name="face"') == 2
    plain = client.post("/people/1/reject", data={"face": face})
    assert plain.status_code == 422
    assert "What you see now" in plain.text
    operation = site.engine.history(1)[0].id
    site.engine.undo(operation)
    again = client.post("/people/1/undo", data={"operation": operation}, headers=HTMX)
    assert "is undone already" in again.text


def test_a_name_that_is_taken_leads_to_merging(site: Served, client: httpx.Client) -> None:
    answer = client.post("/people/1/rename", data={"name": HOSTILE.upper()}, headers=HTMX)
    assert "another person is called" in answer.text.lower()
    assert 'href="/people/1/merge?into=2"' in answer.text
    assert client.post("/people/1/rename", data={"name": " "}, headers=HTMX).text.count("The name is empty.") == 1
    done = client.post("/people/1/rename", data={"name": "Anne"}, headers=HTMX)
    assert "<h1>Anne</h1>" in done.text
    site.engine.undo()
    assert site.engine.browse.person(1).name == "Ann"


def test_merging_shows_both_before_and_leads_to_who_stays(site: Served, client: httpx.Client) -> None:
    both = client.get("/people/1/merge", params={"into": 2}).text
    assert both.count('name="keep"') == 2
    answer = client.post("/people/1/merge", data={"other": 2, "keep": 1})
    assert (answer.status_code, answer.headers["location"]) == (303, "/people/1")
    assert client.get("/people/2").headers["location"] == "/people/1"
    late = client.post("/people/2/rename", data={"name": "Late"}, headers=HTMX)
    assert late.headers["HX-Redirect"] == "/people/1"
    site.engine.undo()
    with pytest.raises(NotFound):
        site.engine.browse.person(99)


def test_hiding_and_showing_again(site: Served, client: httpx.Client) -> None:
    client.post("/people/1/hide")
    assert ">Ann<" not in client.get("/people").text
    hidden = client.get("/people", params={"hidden": "yes"}).text
    assert ">Ann<" in hidden
    assert "Hidden people" in hidden
    assert "Hidden: left out of the lists" in client.get("/people/1").text
    twice = client.post("/people/1/hide", headers=HTMX)
    assert "Ann is hidden already. What you see now" in twice.text
    client.post("/people/1/show")
    assert ">Ann<" in client.get("/people").text


def test_a_group_is_named_and_then_leads_to_the_person(site: Served, client: httpx.Client) -> None:
    group = group_ids(site)[0]
    text = client.get(f"/groups/{group}").text
    assert "Who is this?" in text
    assert text.count('<input type="checkbox" name="face"') == 3
    answer = client.post(f"/groups/{group}/name", data={"name": "Bea"}, headers=HTMX)
    person = int(answer.headers["HX-Redirect"].rpartition("/")[2])
    assert site.engine.browse.person(person).name == "Bea"
    late = client.post(f"/groups/{group}/name", data={"name": "Somebody else"}, headers=HTMX)
    assert "has no unknown faces any more. What you see now is how it stands." in late.text
    assert f'<a href="/people/{person}">Bea</a>' in late.text
    site.engine.undo()
    assert "Type a name" in client.get(f"/groups/{group}").text


def test_a_naming_that_is_undone_leads_back_to_the_group(site: Served, client: httpx.Client) -> None:
    group = group_ids(site)[0]
    person = client.post(f"/groups/{group}/name", data={"name": "Nobody for long"}).headers["location"]
    operation = site.engine.history(1)[0].id
    answer = client.post(f"{person}/undo", data={"operation": operation}, headers=HTMX)
    assert answer.headers["HX-Redirect"] == f"/groups/{group}"
    assert client.get(person).headers["location"] == f"/groups/{group}"
    assert client.get(person, headers=HTMX).headers["HX-Redirect"] == f"/groups/{group}"
    assert client.get(f"{person}/also", headers=HTMX).text == ""
    assert client.post(f"{person}/hide").headers["location"] == f"/groups/{group}"


def test_a_group_may_be_the_very_person_who_was_picked(site: Served, client: httpx.Client) -> None:
    group = group_ids(site)[0]
    answer = client.post(f"/groups/{group}/name", data={"name": "Ann", "person": 1})
    assert answer.headers["location"] == "/people/1"
    site.engine.undo()
    assert client.post(f"/groups/{group}/join", data={"other": 1, "kind": "person"}).headers["location"] == "/people/1"
    site.engine.undo()


def test_two_groups_are_one_and_a_hidden_group_is_not_listed(site: Served, client: httpx.Client) -> None:
    first, second, *_ = group_ids(site)
    client.post(f"/groups/{first}/join", data={"other": second, "kind": "group"})
    assert site.engine.browse.cluster(second).face_count == 6
    site.engine.undo()
    client.post(f"/groups/{first}/hide")
    assert f'href="/groups/{first}"' not in client.get("/people").text
    assert f'href="/groups/{first}"' in client.get("/people", params={"hidden": "yes"}).text
    client.post(f"/groups/{first}/show")


def test_faces_are_split_off_a_group(site: Served, client: httpx.Client) -> None:
    group = group_ids(site)[0]
    face = site.engine.browse.cluster(group).best_face
    answer = client.post(f"/groups/{group}/split", data={"face": face, "name": ""}, headers=HTMX)
    assert '<span class="number" id="face-count">2</span>' in answer.text
    site.engine.undo()
    proposal = client.get(f"/groups/{group}/split").text
    assert "Take these out" in proposal


def test_whether_a_group_is_also_this_person(site: Served, client: httpx.Client) -> None:
    group = site.engine.browse.cluster(group_ids(site)[0])
    assert client.get("/people/1/also", headers=HTMX).status_code == 200
    answer = client.post("/people/1/also", data={"who": group.label, "yes": "yes"}, headers=HTMX)
    assert answer.headers["HX-Retarget"] == "#person"
    assert '<span class="number" id="face-count">6</span>' in answer.text
    late = client.post("/people/1/also", data={"who": group.label, "yes": "no"}, headers=HTMX)
    assert "What you see now is how it stands." in late.text
    assert "HX-Trigger" not in late.headers
    site.engine.undo()
    no = client.post("/people/1/also", data={"who": group.label, "yes": "no"})
    assert (no.status_code, no.headers["location"]) == (303, "/people/1")
    assert "is not Ann" in site.engine.history(1)[0].summary
    site.engine.undo()
    assert client.post("/people/1/also", data={"who": group.label, "yes": "perhaps"}).status_code == 422


def test_pages_of_faces_go_on_behind_a_face(site: Served, client: httpx.Client) -> None:
    faces = [face.face_id for face in site.engine.show("#1").faces]
    rest = client.get("/people/1/faces", params={"order": "best", "after": faces[0]}, headers=HTMX).text
    assert re.findall(r'value="(\d+)" form="faces-form"', rest) == [str(i) for i in faces[1:]]
    assert client.get("/people/1/faces", params={"after": faces[0]}).text.count("<html") == 1


def test_who_may_only_look_sees_no_way_to_decide(tmp_path: Path) -> None:
    settings = pattern_settings(tmp_path)
    key = make_key(settings, Role.READ)
    with served(settings) as running, running.client(key) as client:
        running.engine.take_in(photo(1, 1))
        running.engine.name("unknown_noise_1", "Ann")
        text = client.get("/people/1").text
        assert "Ann" in text
        for part in ("checkbox", "/rename", "/hide", "/undo", "/merge"):
            assert part not in text
        assert client.post("/people/1/hide").status_code == 403
        assert running.engine.browse.named()[0].name == "Ann"


def test_an_empty_house_says_what_to_do(tmp_path: Path) -> None:
    with served(pattern_settings(tmp_path)) as running, running.client() as client:
        text = client.get("/people").text
        assert "Nobody here yet" in text
        assert 'href="/"' in text
        assert "Nobody is hidden" in client.get("/people", params={"hidden": "yes"}).text
        assert "No more groups" in client.get("/people/unknown").text
