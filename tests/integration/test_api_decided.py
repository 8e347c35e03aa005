"""What the pages let people decide, over HTTP: hiding, several faces at once, answers with exceptions, the map."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api import Watched, watched
from tests.patterns import photo
from tests.served import served


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Three faces of Ann, and a group of three."""
    with served(tmp_path_factory.mktemp("home")) as running, watched(running) as opened:
        for number in range(6):
            opened.post("/api/images", files={"picture": photo(1 + number // 3, number % 3)})
        running.engine.group()
        opened.post("/api/clusters/1/name", json={"name": "Ann"})
        yield opened


def undo(client: Watched) -> None:
    assert client.post("/api/decisions/undo").status_code == 200


@pytest.mark.parametrize("whom", ["people/1", "clusters/2"])
def test_hiding(client: Watched, whom: str) -> None:
    assert client.post(f"/api/{whom}/hide").json()["kind"] == "hide"
    assert client.post(f"/api/{whom}/hide").status_code == 409
    assert client.post(f"/api/{whom}/show").json()["kind"] == "show"
    assert client.post(f"/api/{whom}/show").status_code == 409


def test_several_faces_at_once(client: Watched) -> None:
    faces = [face["id"] for face in client.all_of("/api/faces", person_id=1)][:2]
    confirmed = client.post("/api/people/1/faces/confirm", json={"face_ids": faces})
    assert confirmed.json()["summary"] == "2 faces are Ann"
    assert client.post("/api/people/1/faces/reject", json={"face_ids": faces}).status_code == 200
    assert len(client.all_of("/api/faces", person_id=1)) == 1
    assert client.post("/api/people/1/faces/reject", json={"face_ids": faces}).status_code == 422
    undo(client)
    assert len(client.all_of("/api/faces", person_id=1)) == 3


def test_an_answer_with_exceptions(client: Watched) -> None:
    first, *others = (face["id"] for face in client.all_of("/api/faces", cluster_id=2))
    body = {"answer": "yes", "cluster_id": 2, "but": [first], "name": "Bob"}
    assert client.post("/api/review", json=body).json()["summary"] == "unknown_cluster_2 is Bob, 1 face left out"
    assert client.post("/api/review", json={"answer": "no", "face_ids": others, "person_id": 1}).status_code == 409
    undo(client)
    no = {"answer": "no", "face_ids": [first], "person_id": 1}
    assert client.post("/api/review", json=no).json()["kind"] == "reject"
    undo(client)
    for wrong in ({"answer": "no", "cluster_id": 2, "name": "Bob"}, {"answer": "yes", "cluster_id": 2}):
        assert client.post("/api/review", json=wrong).status_code == 422


def test_the_map(client: Watched) -> None:
    assert client.post("/api/faces/map").json()["faces"] == 6
    assert client.post("/api/faces/map?queue=true").status_code == 202
    assert client.delete("/api/faces/map").status_code == 204
