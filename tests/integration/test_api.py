"""The HTTP API on a real server, with real photos and models: what the library can do, over JSON."""

from __future__ import annotations

import io
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from personae import Settings, open_engine
from personae.bootstrap import Shared
from personae.loading import lazy_vision
from tests.api import Watched, vectors_in, watched
from tests.photos import album, originals
from tests.served import Served, served

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def organised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the album has been organised."""
    home = tmp_path_factory.mktemp("organised")
    with open_engine(Settings(home=home)) as engine:
        engine.organise(album())
    return home


@pytest.fixture(scope="module")
def shared() -> Shared:
    """The real models, loaded once."""
    return Shared(vision=lazy_vision(Settings(), lambda _: None))


@pytest.fixture
def server(organised: Path, shared: Shared, tmp_path: Path) -> Iterator[Served]:
    home = tmp_path / "home"
    shutil.copytree(organised, home)
    with served(Settings(home=home), shared, job_threads=1) as running:
        yield running


@pytest.fixture
def client(server: Served) -> Iterator[Watched]:
    with watched(server) as opened:
        yield opened


def photo(name: str) -> bytes:
    return originals()[name].read_bytes()


def test_the_eye_finds_a_vector() -> None:
    assert list(vectors_in({"faces": [{"embedding": [0.5] * 65}]})) == [".faces[0].embedding"]
    assert not list(vectors_in({"ids": list(range(1000)), "box": [0.1] * 4}))


def test_a_group_gets_a_name_and_loses_it_again(client: Watched) -> None:
    group = max(client.all_of("/api/clusters"), key=lambda each: each["face_count"])
    faces = client.get(f"/api/clusters/{group['id']}/faces").json()
    assert len(faces) == group["face_count"]
    assert faces[0]["receipt"]["maker"] == "machine"
    named = client.post(f"/api/clusters/{group['id']}/name", json={"name": "Ann"})
    assert named.status_code == 200
    (person,) = client.all_of("/api/people")
    assert (person["name"], person["face_count"]) == ("Ann", len(faces))
    mine = client.all_of("/api/faces", person_id=person["id"])
    assert {face["id"] for face in mine} == {face["id"] for face in faces}
    assert {face["receipt"]["kind"] for face in mine} == {"confirm"}
    renamed = client.patch(f"/api/people/{person['id']}", json={"name": "Annie"})
    assert renamed.status_code == 200
    assert client.get(f"/api/people/{person['id']}").json()["name"] == "Annie"
    for operation in (renamed, named):
        assert client.post(f"/api/decisions/{operation.json()['id']}/undo").status_code == 200
    assert client.all_of("/api/people") == []
    assert client.post(f"/api/decisions/{named.json()['id']}/undo").status_code == 409
    kinds = [operation["kind"] for operation in client.all_of("/api/decisions")]
    assert kinds[:4] == ["undo", "undo", "name", "name"]


def test_faces_are_confirmed_rejected_and_found_again(client: Watched) -> None:
    group = max(client.all_of("/api/clusters"), key=lambda each: each["face_count"])
    first, second, *_ = client.get(f"/api/clusters/{group['id']}/faces").json()
    assert client.post(f"/api/faces/{first['id']}/confirm", json={"name": "Bo"}).status_code == 200
    (person,) = client.all_of("/api/people")
    alike = client.get(f"/api/faces/{first['id']}/alike", params={"limit": 5}).json()
    assert len(alike) == 5
    assert [each["score"] for each in alike] == sorted((each["score"] for each in alike), reverse=True)
    assert first["id"] not in {each["face"]["id"] for each in alike}
    assert client.post(f"/api/faces/{second['id']}/confirm", json={"person_id": person["id"]}).status_code == 200
    assert client.get(f"/api/people/{person['id']}").json()["face_count"] == 2
    assert client.post(f"/api/faces/{second['id']}/reject", json={}).status_code == 200
    assert client.get(f"/api/faces/{second['id']}").json()["person_id"] is None
    again = client.post(f"/api/faces/{second['id']}/reject", json={})
    assert again.status_code == 409
    crop = client.get(f"/api/faces/{first['id']}/crop")
    assert Image.open(io.BytesIO(crop.content)).format == "JPEG"


def test_groups_are_split_and_merged(client: Watched) -> None:
    group = max(client.all_of("/api/clusters"), key=lambda each: each["face_count"])
    proposal = client.get(f"/api/clusters/{group['id']}/split").json()
    faces = [face["face_id"] for face in proposal["take_out"]]
    split = client.post(f"/api/clusters/{group['id']}/split", json={"face_ids": faces}).json()
    assert split["left"] == group["face_count"] - len(faces)
    other = next(each for each in client.all_of("/api/clusters") if each["label"] == split["label"])
    assert other["face_count"] == len(faces)
    merged = client.post(f"/api/clusters/{other['id']}/merge", json={"cluster_id": group["id"]})
    assert merged.status_code == 200
    assert client.get(f"/api/clusters/{group['id']}").json()["face_count"] == group["face_count"]
    both = client.post(f"/api/clusters/{other['id']}/merge", json={"cluster_id": group["id"], "person_id": 1})
    assert both.status_code == 422
    cy = client.post("/api/people", json={"name": "Cy"})
    assert cy.status_code == 201
    assert client.post("/api/people", json={"name": "cy"}).status_code == 409
    no = client.post(f"/api/clusters/{group['id']}/reject", json={"person_id": cy.json()["id"]})
    assert no.status_code == 200
    assert client.post(f"/api/clusters/{group['id']}/name", json={"name": "Cy"}).status_code == 409
    dee = client.post("/api/people", json={"name": "Dee", "kind": "character"}).json()
    assert client.post(f"/api/people/{dee['id']}/merge", json={"into": cy.json()["id"]}).status_code == 200
    assert client.get(f"/api/people/{dee['id']}").status_code == 404
    assert client.get(f"/api/people/{cy.json()['id']}").json()["aliases"] == ["Dee"]
    assert client.get(f"/api/people/{cy.json()['id']}/record").json()["together"]["name"] == "Cy"


def test_pages_hold_all_and_nothing_twice(client: Watched) -> None:
    stats = client.get("/api/stats").json()
    for path, count in (("/api/images", stats["images"]), ("/api/faces", stats["faces"] + stats["refused_faces"]),
                        ("/api/clusters", stats["clusters"])):  # fmt: skip
        for limit in (7, 1000):
            ids = [each["id"] for each in client.all_of(path, limit)]
            assert len(set(ids)) == len(ids) == count
    alone = client.all_of("/api/faces", 50, unknown=True, unclustered=True)
    assert len(alone) == stats["single_faces"]
    assert len(client.all_of("/api/images", 50, refused=False)) == stats["images"]
    decided = client.all_of("/api/decisions", 1)
    assert [each["id"] for each in decided] == sorted((each["id"] for each in decided), reverse=True)


def test_a_picture_is_taken_in_once_and_kept(client: Watched, server: Served) -> None:
    client.delete("/api/calibration")
    data = io.BytesIO()
    Image.open(originals()["obama"]).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(data, "PNG")
    sent = {"picture": ("a name.png", data.getvalue(), "image/png")}
    first = client.post("/api/images", files=sent)
    assert first.status_code == 201
    assert len(first.json()["faces"]) == 1
    again = client.post("/api/images", files=sent)
    assert again.status_code == 200
    assert again.json()["image"] == first.json()["image"]
    image_id = first.json()["image"]["id"]
    assert client.get(f"/api/images/{image_id}").json() == first.json()["image"]
    assert client.get(f"/api/images/{image_id}/faces").json() == first.json()["faces"]
    small = Image.open(io.BytesIO(client.get(f"/api/images/{image_id}/thumbnail").content))
    assert small.format == "JPEG"
    assert max(small.size) <= 960
    assert server.engine.doctor() == []


@pytest.mark.parametrize(
    ("data", "status"),
    [(b"", 415), (b"not a picture", 415), (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415), (b"PK\x03\x04zip", 415),
     (b"\xff\xd8\xff\xe0 cut short", 422)],
)  # fmt: skip
def test_what_is_no_picture_is_refused_and_not_kept(client: Watched, data: bytes, status: int) -> None:
    before = client.get("/api/stats").json()
    for path in ("/api/images", "/api/identify", "/api/detect"):
        assert client.post(path, files={"picture": ("photo.jpg", data, "image/jpeg")}).status_code == status, path
    after = client.get("/api/stats").json()
    # That it was sent, and why it could not be used, is remembered by the one that would have kept it.
    assert after["files"] == before["files"] + 1
    assert sum(after["refused_files"].values()) == sum(before["refused_files"].values()) + 1
    for told in ("files", "refused_files"):
        del before[told], after[told]
    assert after == before


def test_identify_verify_and_detect_keep_nothing(client: Watched) -> None:
    group = max(client.all_of("/api/clusters"), key=lambda each: each["face_count"])
    client.post(f"/api/clusters/{group['id']}/name", json={"name": "Somebody"})
    before = client.get("/api/stats").json()
    best = client.get(f"/api/faces/{group['best_face']}").json()
    (name, *_) = client.get(f"/api/images/{best['image_id']}").json()["files"]
    shown = album() / name
    found = client.post("/api/identify", files={"picture": shown.read_bytes()}).json()
    assert "Somebody" in {face["who"] for face in found["faces"]}
    match = next(face for face in found["faces"] if face["who"] == "Somebody")
    assert match["outcome"] == "match"
    assert match["candidates"][0]["score"] >= match["match_threshold"]
    same = client.post("/api/verify", files={"first": photo("obama"), "second": photo("obama2")}).json()
    assert same["same"]
    other = client.post("/api/verify", files={"first": photo("obama"), "second": photo("biden")}).json()
    assert not other["same"]
    detected = client.post("/api/detect", files={"picture": photo("obama")}).json()
    assert detected["count"] == 1
    assert set(detected["faces"][0]) == {"bounding_box", "confidence"}
    blank = io.BytesIO()
    Image.new("RGB", (300, 300), "white").save(blank, "JPEG")
    assert client.post("/api/verify", files={"first": photo("obama"), "second": blank.getvalue()}).status_code == 404
    assert client.get("/api/stats").json() == before


def test_long_work_runs_as_a_job(client: Watched, tmp_path: Path) -> None:
    queued = client.post("/api/faces/cluster/dual", params={"queue": True}, json={"unknown_min_size": 2})
    assert queued.status_code == 202
    job = ended(client, queued.json()["id"])
    assert (job["state"], job["kind"]) == ("done", "faces.cluster_dual")
    assert job["result"]["unknown_clusters"] == client.get("/api/stats").json()["clusters"]
    folder = tmp_path / "photos"
    folder.mkdir()
    with Image.open(originals()["biden"]) as photo:
        photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "turned.png")
    queued = client.post("/api/images/organise", json={"paths": [str(folder)]})
    assert queued.status_code == 202
    assert ended(client, queued.json()["id"])["result"]["ingest"]["images"] == 1
    assert client.post("/api/images/ingest", json={"paths": [str(tmp_path / "nowhere")]}).status_code == 422
    labels = tmp_path / "labels"
    for name in ("obama", "obama2", "biden"):
        (labels / name.strip("2")).mkdir(parents=True, exist_ok=True)
        shutil.copy(originals()[name], labels / name.strip("2"))
    queued = client.post("/api/evaluations", json={"labels": str(labels)})
    assert ended(client, queued.json()["id"])["result"]["result"]["people"] == 2
    assert client.post(f"/api/jobs/{job['id']}/cancel").status_code == 409
    listed = client.all_of("/api/jobs", 2, state="done")
    assert [each["id"] for each in listed] == sorted((each["id"] for each in listed), reverse=True)
    for wrong in ({"kind": "nothing"}, {"kind": "faces.cluster", "payload": {"more": 1}},
                  {"kind": "images.ingest", "payload": {"paths": [7]}}):  # fmt: skip
        assert client.post("/api/jobs", json=wrong).status_code == 422


def test_upkeep(client: Watched) -> None:
    assert client.get("/api/doctor").json() == {"differences": [], "remaining": 0}
    assert client.post("/api/doctor/fix").json()["remaining"] == 0
    assert {model["model_id"] for model in client.get("/api/models").json()} >= {"centerface", "facenet512"}
    page = client.get("/api/report")
    assert page.headers["content-type"].startswith("text/html")
    assert "unknown_cluster_" in page.text
    assert client.post("/api/group").json()["unchanged"]
    assert client.get("/api/enrich/sources").json() == client.get("/api/enrich/status").json() == []
    assert client.post("/api/enrich/sources/nobody/revoke").status_code == 404
    settings = {row["name"]: row["value"] for row in client.get("/api/settings").json()}
    assert settings["home"] is settings["database_url"] is settings["models_dir"] is None
    assert settings["person_match_threshold"] == 0.7


def ended(client: Watched, job_id: int) -> dict[str, Any]:
    """Wait for a job, and return it."""
    pause = threading.Event()
    for _ in range(2400):
        job: dict[str, Any] = client.get(f"/api/jobs/{job_id}").json()
        if job["state"] in {"done", "failed", "cancelled"}:
            return job
        pause.wait(0.05)
    raise AssertionError(job)
