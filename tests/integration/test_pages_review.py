"""The review as HTML: questions that can be answered without a script, and what the script asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from personae.access import Role
from tests.patterns import photo
from tests.served import Served, make_key, pattern_settings, served

HOSTILE = "<img src=x onerror=alert(1)>\"'&"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Served]:
    """Three people of four photos each, nobody named; groups 1 to 3."""
    with served(tmp_path / "home") as server:
        for person in (1, 2, 3):
            for number in range(4):
                server.engine.take_in(photo(person, number))
        server.engine.group()
        yield server


@pytest.fixture
def client(web: Served) -> Iterator[httpx.Client]:
    with web.client() as opened:
        opened.headers["Origin"] = web.url
        yield opened


def more(client: httpx.Client, **body: Any) -> str:
    answer = client.post("/review/questions", json=body, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    return answer.text


def keys(html: str) -> list[str]:
    return re.findall(r'data-keys="([^"]+)"', html)


def faces(web: Served, cluster_id: int) -> list[int]:
    return [face.face_id for face in web.engine.show(f"unknown_cluster_{cluster_id}").faces]


def test_a_question_is_in_the_page_itself(web: Served, client: httpx.Client) -> None:
    html = client.get("/review").text
    assert keys(html) == ["group-1"]
    assert html.count("<article") == 1
    assert 'action="/review/say?project=default"' in html
    assert html.count('name="but"') == 4
    assert "4 faces" in html
    assert web.engine.people()[0] == []


def test_an_empty_album_says_what_to_do(tmp_path: Path) -> None:
    with served(tmp_path / "home") as server, server.client() as client:
        html = client.get("/review").text
        assert "Add photos first" in html
        assert keys(html) == []


def test_a_form_answers_where_no_script_runs(web: Served, client: httpx.Client) -> None:
    said = client.post("/review/say", data={"cluster_id": "1", "name": "Ann", "but": faces(web, 1)[:1]})
    assert (said.status_code, said.headers["location"]) == (303, "/review")
    assert [(person.name, person.face_count) for person in web.engine.people()[0]] == [("Ann", 3)]
    assert client.post("/review/say", data={"cluster_id": "1", "named": "", "name": ""}).status_code == 303
    ann = web.engine.people()[0][0].id
    assert client.post("/review/say", data={"cluster_id": "2", "no": str(ann)}).status_code == 303
    assert client.post("/review/say", data={"cluster_id": "3", "yes": str(ann)}).status_code == 303
    assert web.engine.people()[0][0].face_count == 7


def test_who_may_be_the_one_is_proposed_with_figures(web: Served, client: httpx.Client) -> None:
    for face_id in (1, 2):
        web.engine.name(f"unknown_noise_{face_id}", HOSTILE)
    for person in range(11, 18):
        image, _ = web.engine.take_in(photo(person, 0))
        (seen,) = web.engine.photos.one(image.id)[0].faces
        web.engine.name(f"unknown_noise_{seen.face.id}", f"other {person}")
    html = client.get("/review").text
    assert HOSTILE not in html
    assert "&lt;img src=x" in html
    first = html[html.index("<article") : html.index("</article>")]
    assert "Are these" in first
    assert 'data-person="' in first
    assert 'data-do="yes"' in first
    assert re.findall(r'data-digit="(\d)"', first) == list("2345678")
    assert "Asked from" in first
    assert "pattern" in first


def test_more_questions_without_those_that_are_known(client: httpx.Client) -> None:
    assert keys(more(client, limit=1)) == ["group-1"]
    html = more(client, skip=["group-1"])
    assert keys(html) == ["group-2", "group-3"]
    assert 'data-left="2"' in html
    assert keys(more(client, only="suggested")) == []
    assert keys(more(client, groups=[3])) == ["group-3"]
    done = more(client, skip=["group-1", "group-2", "group-3"])
    assert "Nothing is left to ask" in done
    for wrong in ({"limit": 0}, {"only": "faces"}, {"skip": "group-1"}, {"more": 1}):
        assert client.post("/review/questions", json=wrong).status_code == 422


def test_answers_come_as_json(web: Served, client: httpx.Client) -> None:
    said = client.post("/review/answer", json={"answer": "yes", "cluster_id": 1, "name": "Ann"})
    assert said.status_code == 200
    assert said.json() == {"operation": web.engine.history(1)[0].id, "text": "unknown_cluster_1 is Ann"}
    again = client.post("/review/answer", json={"answer": "yes", "cluster_id": 1, "name": "Bob"})
    assert (again.status_code, again.json()["error"]) == (409, "Conflict")
    assert "meanwhile" in again.json()["detail"]
    assert client.post("/review/answer", json={"answer": "no", "cluster_id": 2}).status_code == 422
    assert client.post("/review/answer", json={"answer": "hide", "face_ids": [9]}).status_code == 422
    assert client.post("/review/answer", json={"answer": "hide", "cluster_id": 2}).status_code == 200
    assert keys(more(client)) == ["group-3"]


def test_the_number_beside_review_follows_what_is_decided(web: Served, client: httpx.Client) -> None:
    assert client.get("/waiting").json() == {"waiting": 3, "outdated": False}
    client.get("/review")
    web.engine.name("unknown_cluster_1", "Ann")
    asked = iter(lambda: client.get("/waiting").json(), {"waiting": 2, "outdated": False})
    # A survey rests for some times as long as it took.
    assert all(answer["outdated"] for answer in asked)


def test_a_split_names_the_new_group(web: Served, client: httpx.Client) -> None:
    parts = client.get("/review/groups/1/parts").json()
    assert set(parts) == {"face_ids", "sure"}
    said = client.post("/review/split", json={"cluster_id": 1, "face_ids": faces(web, 1)[:2]}).json()
    assert said["left"] == 2
    assert keys(more(client, groups=[1, said["group"]])) == ["group-1", f"group-{said['group']}"]
    assert client.post("/review/split", json={"cluster_id": 1, "face_ids": faces(web, 2)}).status_code == 422
    assert client.get("/review/groups/99/parts").status_code == 404
    alike = client.get("/review/groups/1/alike").text
    assert re.findall(r'data-group="(\d+)"', alike)[0] == str(said["group"])


def test_names_are_found_by_a_part(web: Served, client: httpx.Client) -> None:
    web.engine.name("1", "Ann Smith")
    web.engine.name("2", HOSTILE)
    assert "Ann Smith" in client.get("/review/names", params={"q": "smi"}).text
    html = client.get("/review/names", params={"q": "onerror"}).text
    assert HOSTILE not in html
    assert "&lt;img" in html
    assert client.get("/review/names", params={"q": "nobody"}).text.strip() == ""


def test_the_machine_looks_again_when_it_is_told_to(web: Served, client: httpx.Client) -> None:
    said = client.post("/review/again")
    job = web.engine.jobs(1)[0]
    assert (said.status_code, said.headers["location"]) == (303, f"/jobs/{job.id}")
    assert job.kind == "faces.assign"


def test_a_script_speaks_to_the_project_of_its_page(web: Served, client: httpx.Client) -> None:
    web.site.engines.create("other")
    body = {"answer": "yes", "cluster_id": 1, "name": "A"}
    said = client.post("/review/answer", params={"project": "other"}, json=body)
    assert said.status_code == 404
    assert client.post("/review/questions", params={"project": "gone"}, json={}).status_code == 404
    assert json.dumps(web.engine.people()[0]) == "[]"


def test_readers_look_but_do_not_decide(tmp_path: Path) -> None:
    settings = pattern_settings(tmp_path / "home")
    key = make_key(settings, Role.READ)
    with served(settings) as server, server.client(key) as client:
        assert "You may look" in client.get("/review").text
        assert client.post("/review/answer", json={"answer": "yes", "cluster_id": 1, "name": "A"}).status_code == 403
        for path in ("/review/split", "/review/say", "/review/again"):
            assert client.post(path).status_code == 403
