"""What every endpoint answers: to ids that nobody has, to wrong types, to keys that may not; and never a vector."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from personae.access import Role
from scripts.api_docs import Endpoint, endpoints
from tests.api import Watched, watched
from tests.patterns import photo
from tests.served import Served, make_key, pattern_settings, served

ENDPOINTS = list(endpoints())
CALLS = [endpoint.call for endpoint in ENDPOINTS]
PEOPLE, PHOTOS = 4, 4
NOBODY = 999_999
BODIES: dict[str, dict[str, Any]] = {
    "PATCH /api/people/{person_id}": {"json": {"name": "Somebody new"}},
    "POST /api/people/{person_id}/merge": {"json": {"into": NOBODY}},
    "POST /api/people/{person_id}/split": {"json": {"face_ids": [1]}},
    "POST /api/people/{person_id}/faces/confirm": {"json": {"face_ids": [1]}},
    "POST /api/people/{person_id}/faces/reject": {"json": {"face_ids": [1]}},
    "POST /api/clusters/{cluster_id}/name": {"json": {"name": "Somebody new"}},
    "POST /api/clusters/{cluster_id}/merge": {"json": {"person_id": NOBODY}},
    "POST /api/clusters/{cluster_id}/reject": {"json": {"person_id": NOBODY}},
    "POST /api/clusters/{cluster_id}/split": {"json": {"face_ids": [1]}},
    "POST /api/faces/{face_id}/confirm": {"json": {"name": "Somebody new"}},
    "POST /api/faces/{face_id}/reject": {"json": {}},
    "POST /api/faces/{face_id}/merge": {"json": {"face_id": NOBODY}},
    "POST /api/characters/{character_id}/select-face": {"json": {"face_id": NOBODY}},
    "POST /api/characters/{character_id}/references": {"files": {"picture": photo(1, 1)}},
    "POST /api/characters/{character_id}/likeness": {"files": {"pictures": photo(1, 1)}},
    "POST /api/characters/{character_id}/continuity": {"files": {"frames": photo(1, 1)}},
}
"""What goes with an id; the ids in it are nobody's either."""
WRONG_BODIES = ("[]", "7", '"x"', "null", "{", '{"more": 1}', '{"name": 7, "face_ids": "x"}', '{"name": "\\ud800"}')
OF_REAL_MODELS = {"GET /api/report", "GET /api/models"}
"""These look up the models, and the patterns' are in no list; `test_api` asks them."""
STREAMS = {"GET /metrics"}
"""Answers that are no JSON and have no id."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with something of everything."""
    home = tmp_path_factory.mktemp("home")
    with served(home, job_threads=1) as running, watched(running) as client:
        for person in range(PEOPLE):
            for number in range(PHOTOS):
                sent = client.post("/api/images", files={"picture": photo(person, number)})
                assert sent.status_code == 201, sent.text
        grouped = client.post("/api/faces/cluster/dual", json={"unknown_min_size": 2})
        assert grouped.json()["unknown_clusters"] == PEOPLE
        assert client.post("/api/clusters/1/name", json={"name": "Ann"}).status_code == 200
        for name, person in (("Mara", 1), ("Nico", 2)):
            character = client.post("/api/characters", json={"name": name}).json()["id"]
            for number in range(2):
                put = client.post(f"/api/characters/{character}/references", files={"picture": photo(person, number)})
                assert put.status_code == 202, put.text
                _wait_for_reference(client, character)
            checked = client.post(f"/api/characters/{character}/likeness", files={"pictures": photo(person, 2)})
            assert checked.json()[0]["passed"], checked.text
        yield running


@pytest.fixture(scope="module")
def client(server: Served) -> Iterator[Watched]:
    with watched(server) as opened:
        yield opened


def _wait_for_reference(client: Watched, character: int) -> None:
    pause = threading.Event()
    for _ in range(600):
        status = client.get(f"/api/characters/{character}/embedding-status").json()["status"]
        if status not in {"pending", "extracting"}:
            assert status == "completed"
            return
        pause.wait(0.05)
    raise AssertionError("the extraction does not end")


def _ids(client: Watched) -> dict[str, Any]:
    """Return an id of each kind that there is."""
    character = next(each for each in client.all_of("/api/characters") if each["name"] == "Mara")
    return {
        "person_id": client.all_of("/api/people", kind="real")[0]["id"],
        "character_id": character["id"],
        "reference_id": character["references"][0]["id"],
        "cluster_id": client.all_of("/api/clusters")[0]["id"],
        "face_id": 1,
        "image_id": 1,
        "operation_id": client.all_of("/api/decisions")[0]["id"],
        "job_id": client.all_of("/api/jobs")[0]["id"],
        "project": "default",
    }


def _with_id(endpoint: Endpoint) -> bool:
    return "_id}" in endpoint.call


@pytest.mark.parametrize("call", [each.call for each in ENDPOINTS if _with_id(each)])
def test_an_id_that_nobody_has_is_not_found(client: Watched, call: str) -> None:
    method, path = call.split()
    ids = dict.fromkeys(_names(path), NOBODY)
    answer = client.request(method, path.format(**ids), **BODIES.get(call, {}))
    assert (answer.status_code, answer.json()["error"]) == (404, "NotFound"), answer.text


@pytest.mark.parametrize("call", [each.call for each in ENDPOINTS if _with_id(each)])
def test_what_is_no_id_is_refused(client: Watched, call: str) -> None:
    method, path = call.split()
    for wrong in ("x", "0", "-1", str(2**63), "1.5", "%20", "1e3"):
        ids = dict.fromkeys(_names(path), wrong)
        answer = client.request(method, path.format(**ids), **BODIES.get(call, {}))
        assert answer.status_code == 422, (wrong, answer.text)


def test_a_body_of_another_shape_is_refused(client: Watched) -> None:
    ids = _ids(client)
    for call in (call for call in BODIES if BODIES[call].get("json")):
        method, path = call.split()
        for body in WRONG_BODIES:
            answer = client.request(
                method, path.format(**ids), content=body.encode(), headers={"content-type": "application/json"}
            )
            assert answer.status_code == 422, (call, body, answer.text)


@pytest.mark.parametrize("fmr", ["0", "1", "-1", "1e-320", "1e-9", "1e999", "NaN"])
def test_a_rate_that_cannot_be_shown_is_refused(client: Watched, fmr: str) -> None:
    headers = {"content-type": "application/json"}
    assert client.post("/api/calibration", content=f'{{"fmr": {fmr}}}'.encode(), headers=headers).status_code == 422


def test_no_endpoint_answers_a_vector(server: Served, client: Watched) -> None:
    ids = _ids(client)
    for endpoint in ENDPOINTS:
        method, path = endpoint.call.split()
        if method != "GET":
            continue
        answer = client.get(path.format(**ids))  # looked at by the client
        if endpoint.call == "GET /ready":
            assert answer.status_code in {200, 503}
        else:
            assert answer.status_code == 200 or endpoint.call in OF_REAL_MODELS, (endpoint.call, answer.text)
    for path in ("/api/identify", "/api/detect"):
        assert client.post(path, files={"picture": photo(1, 1)}).json()["count"] == 1
    sent = {"first": photo(1, 1), "second": photo(1, 2)}
    assert client.post("/api/verify", files=sent).json()["same"]
    assert server.engine.browse.jobs()


def test_what_is_answered_names_no_place_of_the_server(server: Served, client: Watched, tmp_path: Path) -> None:
    ids = _ids(client)
    (tmp_path / "elsewhere.png").write_bytes(photo(1, 9))
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert client.post("/api/images/ingest", json={"paths": [str(tmp_path)]}).status_code == 202
    list(server.engine.work())
    answers = [client.post("/api/images/ingest", json={"paths": [f"{tmp_path}/nowhere"]})]
    for endpoint in ENDPOINTS:
        method, path = endpoint.call.split()
        if method == "GET" and endpoint.call not in STREAMS:
            answers.append(client.get(path.format(**ids), params={"limit": 1000} if path == "/api/images" else {}))
    for answer in answers:
        for place in (server.site.settings.home, tmp_path):
            assert str(place) not in answer.text, answer.url
        assert "file://" not in answer.text, answer.url
    assert "elsewhere.png" in client.get("/api/images?limit=1000").text


def test_ids_of_another_project_are_not_found(client: Watched) -> None:
    assert client.post("/api/projects", json={"name": "other"}).status_code == 201
    hook = client.post("/api/hooks", json={"url": "https://receiver.invalid/"})
    mine = _ids(client) | {"hook_id": hook.json()["id"]}
    for call in (each.call for each in ENDPOINTS if _with_id(each)):
        method, path = call.split()
        answer = client.request(
            method, path.format(**mine), params={"project": "other"}, **_own(BODIES.get(call, {}), mine)
        )
        assert (answer.status_code, answer.json()["error"]) == (404, "NotFound"), (call, answer.text)
    for path in ("/api/people", "/api/faces", "/api/images", "/api/clusters", "/api/characters", "/api/decisions",
                 "/api/jobs"):  # fmt: skip
        assert client.all_of(path, project="other") == []
    for name in ("person_id", "image_id", "cluster_id"):
        assert client.all_of("/api/faces", project="other", **{name: mine[name]}) == []
    assert client.get("/api/events", headers={"X-Project": "other"}).json()["items"] == []
    assert client.delete("/api/projects/other").status_code < 300
    assert client.delete(f"/api/hooks/{mine['hook_id']}").status_code == 204


def _own(body: dict[str, Any], mine: dict[str, Any]) -> dict[str, Any]:
    """Return the body with ids that there are, in place of nobody's."""
    names = {"into": mine["person_id"], "person_id": mine["person_id"], "face_id": mine["face_id"]}
    given = body.get("json", {})
    return body | ({"json": {name: names.get(name, value) for name, value in given.items()}} if given else {})


def test_lists_take_no_cursor_of_another_list(client: Watched) -> None:
    for path in ("/api/images", "/api/faces", "/api/people", "/api/clusters", "/api/decisions", "/api/jobs",
                 "/api/characters"):  # fmt: skip
        for wrong in ("x", "", "W10", "WyJhIl0", "W1tdXQ", "Wy0xZTRd", "e30", "bnVsbA"):
            assert client.get(path, params={"after": wrong}).status_code == 422, (path, wrong)
        for limit in ("0", "-1", "1001", "x"):
            assert client.get(path, params={"limit": limit}).status_code == 422


@pytest.mark.parametrize("role", [Role.READ, Role.WRITE])
def test_a_key_may_do_what_its_role_says(tmp_path: Path, role: Role) -> None:
    settings = pattern_settings(tmp_path)
    key = make_key(settings, role)
    allowed = {"": True, "read": True, "write": role is Role.WRITE, "admin": False}
    with served(settings) as running, watched(running, key) as client:
        for endpoint in ENDPOINTS:
            method, path = endpoint.call.split()
            answer = client.request(method, path.format(**dict.fromkeys(_names(path), NOBODY)))
            assert (answer.status_code != 403) is allowed[endpoint.role], (endpoint.call, answer.text)
    with served(settings) as running, watched(running) as client:
        for endpoint in ENDPOINTS:
            method, path = endpoint.call.split()
            answer = client.request(method, path.format(**dict.fromkeys(_names(path), NOBODY)))
            assert (answer.status_code == 401) is bool(endpoint.role), (endpoint.call, answer.text)


def _names(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]
