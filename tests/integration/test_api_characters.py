"""Characters over HTTP, with real photos and models: from the upload to the likeness, as the table of calls says."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from personae import Settings
from personae.bootstrap import Shared
from tests.api import Watched, watched
from tests.photos import originals
from tests.served import Served, served

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(Settings(home=tmp_path_factory.mktemp("home")), Shared(), job_threads=1) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Served) -> Iterator[Watched]:
    with watched(server) as opened:
        yield opened


def photo(name: str) -> bytes:
    return originals()[name].read_bytes()


def make(client: Watched, name: str) -> str:
    """Make a character and return its path."""
    answer = client.post("/api/characters", json={"name": name})
    assert answer.status_code == 201, answer.text
    return f"/api/characters/{answer.json()['id']}"


def put(client: Watched, path: str, name: str, label: str = "") -> dict[str, Any]:
    """Send a source image, wait for what is found on it, and return the status."""
    answer = client.post(f"{path}/references", files={"picture": photo(name)}, data={"label": label})
    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "pending"
    return ended(client, path)


def ended(client: Watched, path: str) -> dict[str, Any]:
    """Wait until no reference is being looked at, and return the status."""
    pause = threading.Event()
    for _ in range(1200):
        status: dict[str, Any] = client.get(f"{path}/embedding-status").json()
        if not {each["status"] for each in status["references"]} & {"pending", "extracting"}:
            return status
        pause.wait(0.05)
    raise AssertionError(status)


def job_ended(client: Watched, job_id: int) -> tuple[str, str]:
    """Wait until a job has ended, which is a moment after what it wrote can be seen; return its kind and state."""
    pause = threading.Event()
    for _ in range(600):
        job = client.get(f"/api/jobs/{job_id}").json()
        if job["state"] != "running":
            break
        pause.wait(0.05)
    return job["kind"], job["state"]


def test_from_the_upload_to_the_likeness(client: Watched) -> None:
    path = make(client, "The president")
    assert client.get(f"{path}/embedding-status").json()["status"] is None
    assert client.get(f"{path}/detected-faces").json() == []
    assert client.post(f"{path}/extract-embedding").status_code == 400
    assert client.post(f"{path}/likeness", files={"pictures": photo("obama")}).status_code == 409

    status = put(client, path, "obama")
    assert (status["status"], status["face_count"], status["warning"]) == ("completed", 1, "")
    (face,) = client.get(f"{path}/detected-faces").json()
    assert face["is_primary"]
    assert face["confidence"] == pytest.approx(status["confidence"])
    (reference,) = client.get(f"{path}/references").json()
    assert reference["quality"]["measures"]
    image = client.get(f"{path}/references/{reference['id']}/image")
    assert image.content == photo("obama")

    sent = [("pictures", photo("obama2")), ("pictures", photo("biden"))]
    same, other = client.post(f"{path}/likeness", files=sent).json()
    assert same["passed"]
    assert not other["passed"]
    assert same["score"] > same["threshold"] > other["score"]
    assert not any(check["stale"] for check in client.all_of(f"{path}/likeness", 1))

    put(client, path, "biden")
    assert [check["stale"] for check in client.all_of(f"{path}/likeness", 1)] == [True, True]
    (past,) = client.get(f"{path}/history").json()
    assert past["digest"] == reference["digest"]
    assert client.post(f"{path}/likeness", files={"pictures": photo("biden")}).json()[0]["passed"]
    changed = [event for event in client.get("/api/events?limit=1000").json()["items"]
               if event["kind"] == "reference.changed"]  # fmt: skip
    assert changed

    again = client.post(f"{path}/extract-embedding")
    assert again.status_code == 202
    assert ended(client, path)["status"] == "completed"
    assert job_ended(client, again.json()["job_id"]) == ("reference.extract", "done")

    gone = client.delete(path)
    assert gone.status_code == 200
    assert client.get(path).status_code == 404
    assert client.get(f"{path}/embedding-status").status_code == 404


def test_of_several_faces_one_is_chosen(client: Watched) -> None:
    path, other = make(client, "One of many"), make(client, "Another")
    status = put(client, path, "party1")
    assert status["status"] == "multi_face_pending"
    faces = client.get(f"{path}/detected-faces").json()
    assert len(faces) == status["face_count"] > 1
    assert not any(face["is_primary"] for face in faces)
    assert client.post(f"{other}/select-face", json={"face_id": faces[0]["id"]}).status_code == 404
    best = max(faces, key=lambda face: face["confidence"])
    chosen = client.post(f"{path}/select-face", json={"face_id": best["id"]})
    assert chosen.status_code == 200
    assert chosen.json()["status"] in {"completed", "low_confidence"}
    marked = [face["id"] for face in client.get(f"{path}/detected-faces").json() if face["is_primary"]]
    assert marked == [best["id"]]


def test_characters_that_look_alike_and_frames_that_do_not(client: Watched) -> None:
    first, second = make(client, "Barack"), make(client, "Barry")
    put(client, first, "obama")
    put(client, first, "obama2", "profile")
    put(client, second, "obama2")
    pairs = client.get("/api/characters/duplicates").json()["pairs"]
    assert {(pair["first"], pair["second"]) for pair in pairs} == {("Barack", "Barry")}
    assert client.get("/api/characters/duplicates", params={"threshold": 2}).status_code == 422
    frames = [("frames", (name, photo(name))) for name in ("obama", "biden", "obama2")]
    sequence = client.post(f"{first}/continuity", files=frames).json()
    assert [frame["name"] for frame in sequence["frames"]] == ["obama", "biden", "obama2"]
    assert [frame["drop"] for frame in sequence["frames"]] == [None, "below_threshold", None]
    every = client.post(f"{first}/continuity", files=frames, params={"every": 2}).json()
    assert [frame["name"] for frame in every["frames"]] == ["obama", "obama2"]
    labels = [each["label"] for each in client.get(first).json()["references"]]
    assert labels == ["", "profile"]
    reference = client.get(f"{first}/references").json()[1]
    assert client.get(f"{second}/references/{reference['id']}").status_code == 404
    left = client.delete(f"{first}/references/{reference['id']}").json()
    assert [each["label"] for each in left["references"]] == [""]


@pytest.mark.parametrize(
    ("data", "status"), [(b"", 415), (b"PK\x03\x04", 415), (b"<svg/>", 415), (b"\xff\xd8\xff cut", 422)]
)
def test_what_is_no_picture_is_no_reference(client: Watched, data: bytes, status: int, tmp_path: Path) -> None:
    path = make(client, f"Nobody {tmp_path.name}")
    assert client.post(f"{path}/references", files={"picture": data}).status_code == status
    assert client.get(f"{path}/embedding-status").json()["references"] == []
    assert client.post("/api/characters/999999/references", files={"picture": photo("obama")}).status_code == 404
