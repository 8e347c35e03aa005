"""Sources, settings, audit and map without a browser: what they say and refuse; names are only words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from markupsafe import escape

from personae.access import Role
from tests.patterns import fill, photo
from tests.served import Served, make_key, pattern_settings, served, settled

HTMX = {"HX-Request": "true"}
HOSTILE = "<img src=x onerror=alert(1)>\"'&"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Served]:
    """A server with two named people, one unknown group, and two sources."""
    for name, people in {"high": {"Ann": [(0, 7)]}, "low": {"Ann": [(2, 8)], HOSTILE: [(3, 9)]}}.items():
        fill(tmp_path / name, people)
    why = "purpose: a test, legal_basis: none needed"
    listed = [
        f"- {{name: {trust}, type: folder, endpoint: {tmp_path / trust}, trust_level: {trust}, {why}}}"
        for trust in ("high", "low")
    ]
    (tmp_path / "sources.yaml").write_text("\n".join(listed))
    settings = pattern_settings(tmp_path / "home", sources_file=tmp_path / "sources.yaml")
    with served(settings, job_threads=1) as server:
        for person in range(3):
            for number in range(3):
                server.engine.take_in(photo(person, number))
        server.engine.group()
        groups = server.engine.people()[1]
        server.engine.name(groups[0].label, "Ann")
        server.engine.name(groups[1].label, HOSTILE)
        yield server


@pytest.fixture
def client(web: Served) -> Iterator[httpx.Client]:
    with web.client() as opened:
        yield opened


def said(answer: httpx.Response) -> str:
    """Return what a toast says."""
    return str(json.loads(answer.headers["HX-Trigger"])["said"]["text"])


def brought(web: Served, client: httpx.Client) -> None:
    assert client.post("/sources/run", data={"faces": "true"}).status_code == 303
    settled(web)


def test_sources_say_what_they_brought(web: Served, client: httpx.Client) -> None:
    assert "not run yet" in client.get("/sources").text
    brought(web, client)
    text = client.get("/sources").text
    assert "up to date" in text
    assert "waits for somebody" in text or "wait for somebody" in text
    assert "sources.yaml" not in text


def test_a_face_that_waits_is_answered_and_taken_back(web: Served, client: httpx.Client) -> None:
    brought(web, client)
    waiting = web.engine.quarantine()
    assert waiting
    text = client.get("/sources/waiting").text
    assert text.count("data-candidate") >= len(waiting)
    assert HOSTILE not in text
    face = waiting[0]
    answer = client.post(f"/sources/waiting/{face.face_id}/is", data={"person_id": face.person_id}, headers=HTMX)
    assert answer.status_code == 200
    assert answer.text == ""
    assert said(answer).startswith("It is ")
    assert face.face_id not in {each.face_id for each in web.engine.quarantine()}
    operation = json.loads(answer.headers["HX-Trigger"])["said"]["operation"]
    assert client.post(f"/api/decisions/{operation}/undo").status_code == 200
    assert face.face_id in {each.face_id for each in web.engine.quarantine()}
    answer = client.post(f"/sources/waiting/{face.face_id}/not", data={"person_id": face.person_id}, headers=HTMX)
    assert said(answer).startswith("It is not ")
    assert face.face_id not in {each.face_id for each in web.engine.quarantine()}


def test_waiting_faces_by_source_and_state(web: Served, client: httpx.Client) -> None:
    brought(web, client)
    assert {each.source for each in web.engine.quarantine(source="low")} == {"low"}
    assert web.engine.quarantine(source="high") == []
    assert "Nothing waits" in client.get("/sources/waiting?source=high").text
    assert client.get("/sources/waiting?state=other").status_code == 422


def test_a_source_is_taken_back_after_a_question(web: Served, client: httpx.Client) -> None:
    brought(web, client)
    assert "Take back all that high brought?" in client.get("/sources/revoke?source=high").text
    before = len(web.engine.show("Ann").faces)
    assert client.post("/sources/revoke", data={"source": "high"}).status_code == 303
    assert len(web.engine.show("Ann").faces) == before - 1
    assert "revoked" in client.get("/sources").text
    assert client.get("/sources/revoke?source=nobody").status_code == 404
    assert client.post("/sources/revoke", data={"source": "high"}, headers=HTMX).status_code == 409


def test_without_sources_the_page_says_how_to_begin(tmp_path: Path) -> None:
    with served(pattern_settings(tmp_path, sources_file=tmp_path / "none.yaml")) as server, server.client() as client:
        text = client.get("/sources").text
    assert "No sources yet" in text
    assert "legal_basis" in text


def test_the_audit_lists_and_filters(client: httpx.Client) -> None:
    text = client.get("/audit").text
    assert "Unknown group" in text
    assert str(escape(HOSTILE)) in text
    assert HOSTILE not in text
    assert "Ann" not in client.get("/audit?maker=machine").text
    assert "is Ann" in client.get("/audit?person=ann").text
    assert "is Ann" not in client.get(f"/audit?person={HOSTILE[:4]}").text
    assert "Nobody is called that" in client.get("/audit?person=Zoe").text
    assert "Nothing like that" in client.get("/audit?kind=merge").text


def test_an_operation_shows_its_decisions_and_is_taken_back(web: Served, client: httpx.Client) -> None:
    operation = web.engine.history()[0]
    text = client.get(f"/audit/{operation.id}").text
    assert text.count("This face is") == 3
    answer = client.post(f"/audit/{operation.id}/undo", headers=HTMX)
    assert "taken back" in answer.text
    assert said(answer) == "Taken back."
    undone = web.engine.history()[0]
    assert "It took back" in client.get(f"/audit/{undone.id}").text
    again = client.post(f"/audit/{operation.id}/undo", headers=HTMX)
    assert again.status_code == 409
    assert said(client.post(f"/audit/{undone.id}/undo", headers=HTMX)) == "Done again."
    assert client.get("/audit/999").status_code == 404


def test_settings_are_changed_and_taken_back(web: Served, client: httpx.Client) -> None:
    assert "as it comes" in client.get("/settings").text
    answer = client.post("/settings/person_match_threshold", data={"value": "0.81"}, headers=HTMX)
    assert "set on this machine for this project" in answer.text
    assert {each.name: each.value for each in web.engine.settings()}["person_match_threshold"] == 0.81
    answer = client.post("/settings/person_match_threshold/unset", headers=HTMX)
    assert "as it comes" in answer.text
    back = json.loads(answer.headers["hx-trigger"])["said"]["back"]
    assert back["part"] == "#person_match_threshold"
    again = client.post(back["to"], data=back["values"], headers=HTMX)
    assert said(again) == "It is 0.81 again."
    late = client.post(back["to"], data=back["values"], headers=HTMX)
    assert late.status_code == 409
    back = json.loads(again.headers["hx-trigger"])["said"]["back"]
    assert "as it comes" in client.post(back["to"], data=back["values"], headers=HTMX).text
    assert client.post("/settings/person_match_threshold", data={"value": "7"}, headers=HTMX).status_code == 422
    assert client.post("/settings/person_match_threshold", data={"value": "high"}, headers=HTMX).status_code == 422
    assert client.post("/settings/home", data={"value": "/"}, headers=HTMX).status_code == 404
    answer = client.post("/settings/unknown_min_cluster_size", data={"value": "4", "studio": "true"}, headers=HTMX)
    assert "for all projects" in answer.text


def test_the_scores_are_drawn_under_the_slider(client: httpx.Client) -> None:
    text = client.get("/settings/scores").text
    assert "of pairs of one person reach it" in text
    assert 'class="of-same"' in text
    assert "style=" not in text


def test_settings_do_not_show_where_things_lie(tmp_path: Path, client: httpx.Client) -> None:
    assert str(tmp_path) not in client.get("/settings").text


def test_the_map_is_drawn_as_a_job_and_packed(web: Served, client: httpx.Client) -> None:
    assert "There is no map yet" in client.get("/map").text
    assert client.get("/map/points").status_code == 404
    assert client.post("/map/draw").status_code == 303
    settled(web)
    text = client.get("/map").text
    assert str(escape(HOSTILE)) in text
    assert HOSTILE not in text
    answer = client.get("/map/points")
    data = answer.content
    length = int(np.frombuffer(data, "<u4", 1)[0])
    header = json.loads(data[4 : 4 + length])
    assert header["count"] == 9
    assert set(header["people"].values()) == {"Ann", HOSTILE}
    assert len(data) == 4 + length + 9 * 12
    groups = np.frombuffer(data[-36:], "<i4")
    assert sorted({int(group) for group in groups if group > 0}) == sorted(map(int, header["people"]))
    same = client.get("/map/points", headers={"If-None-Match": answer.headers["ETag"]})
    assert same.status_code == 304
    assert client.get("/map/faces/1").headers["location"].endswith("#face-1")


def test_what_changes_something_takes_a_key_with_the_role(web: Served, tmp_path: Path) -> None:
    settings = pattern_settings(tmp_path / "home")
    # Both at once: the server looks for new keys now and then.
    writes, reads = make_key(settings, Role.WRITE), make_key(settings, Role.READ)
    with web.client(reads) as reader:
        assert reader.get("/audit").status_code == 200
        assert reader.get("/sources").status_code == 200
        assert "Run all" not in reader.get("/sources").text
        assert reader.get("/settings").status_code == 403
        assert reader.post("/map/draw").status_code == 403
        assert reader.post("/sources/run").status_code == 403
        assert reader.post("/audit/1/undo").status_code == 403
    with web.client(writes) as writer:
        assert writer.post("/sources/revoke", data={"source": "low"}).status_code == 403
        assert writer.post("/settings/unknown_eps", data={"value": "0.4"}).status_code == 403
