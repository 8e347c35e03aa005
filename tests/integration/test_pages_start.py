"""The start page and the pages of jobs, as HTML and as a stream of what goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from personae import Settings
from personae.access import Role
from personae.engine.found import found
from tests.patterns import photo
from tests.served import Served, make_key, pattern_settings, served

HTMX = {"HX-Request": "true"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    """A server that runs no jobs by itself."""
    with served(tmp_path / "home") as running:
        yield running


@pytest.fixture
def client(server: Served) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


def bring(client: httpx.Client, people: int, each: int) -> None:
    for person in range(people):
        for number in range(each):
            assert client.post("/api/images", files={"picture": photo(person, number)}).status_code == 201


def told(client: httpx.Client, path: str, until: str, headers: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """Return the messages of the stream up to the first one that has this text in it."""
    messages: list[dict[str, Any]] = []
    fields: dict[str, str] = {}
    with client.stream("GET", path, headers=headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            fields[name] = value
            if name == "data":
                messages.append({"seq": fields["id"], "event": fields["event"], **json.loads(value)})
                if until in line:
                    break
    return messages


def test_an_empty_project_says_what_to_do(client: httpx.Client) -> None:
    page = client.get("/")
    assert page.status_code == 200
    for words in ("Drop photos or folders here", "Choose photos", "server's own disk", 'id="steps"'):
        assert words in page.text
    assert 'id="found" hidden' in page.text


def test_what_was_found_is_counted_and_leads_on(server: Served, client: httpx.Client) -> None:
    bring(client, 2, 3)
    assert "Group them now" in client.get("/found").text
    server.engine.group()
    server.engine.name("unknown_cluster_1", "<b>Ann</b>")
    page = client.get("/").text
    for link in ('href="/people/', 'href="/groups/', 'href="/review"', 'href="/photos"', 'href="/people"'):
        assert link in page
    assert "&lt;b&gt;Ann&lt;/b&gt;" in page
    assert "<b>Ann</b>" not in page
    assert "Group them now" not in page
    seen = found(server.engine.parts)
    assert (seen.photos, seen.faces, seen.people, seen.groups, seen.named_faces) == (6, 6, 1, 1, 3)


def test_refused_photos_are_told_by_reason(server: Served, client: httpx.Client, tmp_path: Path) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    (folder / "letter.jpg").write_text("Dear Ann")
    (folder / "nothing.jpg").write_bytes(b"")
    server.engine.ingest([str(folder)])
    page = client.get("/found").text
    assert "not a picture" in page
    assert "/photos?show=refused&amp;reason=not_an_image" in page
    assert "empty file" in page
    assert str(tmp_path) not in page


def test_a_form_takes_photos_without_a_script(server: Served, client: httpx.Client) -> None:
    files = [("pictures", ("a.png", photo(1, 1))), ("pictures", ("b.png", photo(1, 2)))]
    sent = client.post("/upload", files=files)
    assert sent.status_code == 303
    assert sent.headers["location"] == "/"
    wrong = client.post("/upload", files=[*files, ("pictures", ("<i>c</i>.jpg", b"no picture"))])
    assert wrong.status_code == 422
    assert "&lt;i&gt;c&lt;/i&gt;.jpg" in wrong.text
    assert "not that of a picture" in wrong.text
    # It is there for whoever comes later, until a photo of this name is taken in.
    assert "reason=not_an_image" in client.get("/").text
    assert "&lt;i&gt;c&lt;/i&gt;.jpg" in client.get("/photos?show=refused&reason=not_an_image").text
    assert "&lt;i&gt;c" not in client.get("/photos?show=refused&reason=too_large").text
    client.post("/upload", files=[("pictures", ("<i>c</i>.jpg", photo(1, 3)))])
    assert "reason=not_an_image" not in client.get("/").text
    assert [job.kind for job in server.engine.unfinished_jobs()] == ["faces.group"]


def test_what_is_here_already_need_not_be_sent(client: httpx.Client) -> None:
    data = photo(1, 1)
    known = f"/upload/known/{hashlib.sha256(data).hexdigest()}"
    assert client.get(known).json() == {"known": False}
    assert client.post("/api/images", files={"picture": data}).status_code == 201
    assert client.get(known).json() == {"known": True}
    assert client.get("/upload/known/nothing").status_code == 422


def test_one_grouping_waits_however_often_it_is_asked_for(server: Served, client: httpx.Client) -> None:
    bring(client, 1, 3)
    for _ in range(3):
        assert client.post("/group", headers=HTMX).status_code == 204
    assert client.post("/group").status_code == 303
    assert [job.kind for job in server.engine.unfinished_jobs()] == ["faces.group"]
    (done,) = server.engine.work()
    assert done.result["unknown_clusters"] == 1
    assert client.post("/group", headers=HTMX).status_code == 204
    (done,) = server.engine.work()
    assert done.result["unchanged"] is True
    assert "Nothing had come since the last time." in client.get(f"/jobs/{done.id}").text


def test_a_folder_of_the_server(server: Served, client: httpx.Client, tmp_path: Path) -> None:
    for wrong in ("", "/nowhere/<b>at all</b>"):
        answer = client.post("/folder", data={"path": wrong}, headers=HTMX)
        assert answer.status_code == 200
        assert 'aria-invalid="true"' in answer.text
        assert "<b>at" not in answer.text
        assert client.post("/folder", data={"path": wrong}).status_code == 422
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "a.png").write_bytes(photo(1, 1))
    assert client.post("/folder", data={"path": f" {tmp_path / 'album'} "}).status_code == 303
    (done,) = server.engine.work()
    assert (done.state, done.result["ingest"]["images"]) == ("done", 1)
    row = client.get(f"/jobs/{done.id}/row").text
    assert "new photo" in row
    assert "album" in row
    assert str(tmp_path) not in row


def test_the_list_of_jobs_comes_in_pages_and_by_state(server: Served, client: httpx.Client) -> None:
    for _ in range(35):
        server.engine.queue("faces.assign")
    server.engine.cancel_job(3)
    page = client.get("/jobs").text
    assert page.count('class="job"') == 30
    assert "data-takes-new" in page
    more = page.partition('class="pager"')[2].partition('href="')[2].partition('"')[0].replace("&amp;", "&")
    assert client.get(more).text.count('class="job"') == 5
    stopped = client.get("/jobs?state=cancelled").text
    assert stopped.count('class="job"') == 1
    assert "stopped" in stopped
    assert "None of these" in client.get("/jobs?state=failed").text
    assert client.get("/jobs?state=other").status_code == 422
    assert client.get("/jobs?after=nonsense").status_code == 422


def test_a_job_is_stopped_once(server: Served, client: httpx.Client) -> None:
    job = server.engine.queue("faces.assign")
    row = client.post(f"/jobs/{job.id}/cancel", headers=HTMX)
    assert "stopped" in row.text
    assert "The job is stopped." in row.headers["hx-trigger"]
    assert client.post(f"/jobs/{job.id}/cancel", headers=HTMX).status_code == 409
    again = client.post(f"/jobs/{job.id}/again")
    assert again.status_code == 303
    assert again.headers["location"] == f"/jobs/{job.id + 1}"
    assert client.get("/jobs/999").status_code == 404


def test_jobs_and_changes_are_told_as_they_come(tmp_path: Path) -> None:
    with served(tmp_path / "home", job_threads=1) as server, server.client() as client:
        bring(client, 2, 3)
        job = server.engine.queue("faces.group")
        messages = told(client, "/live?after=0", '"state":"done"')
        jobs = [message for message in messages if message["event"] == "job"]
        assert jobs[-1]["kind"] == job.kind
        changed = told(client, "/live?after=0", "face.added")[-1]
        assert changed["kinds"]["image.added"] == 6
        assert [face["face"] for face in changed["faces"]] == [1, 2, 3, 4, 5, 6]
        assert changed["faces"][0] == {"face": 1, "image": 1}


def test_who_was_cut_off_misses_nothing(server: Served, client: httpx.Client) -> None:
    bring(client, 1, 1)
    seen = told(client, "/live?after=0", "face.added")[-1]["seq"]
    client.post("/api/images", files={"picture": photo(5, 5)})
    missed = told(client, "/live", "face.added", {"Last-Event-ID": seen})[-1]
    assert missed["kinds"] == {"image.added": 1, "face.added": 1}
    for nonsense in ("x", "-1", "9" * 40, "١"):
        server.engine.queue("faces.assign")
        assert told(client, "/live", '"first"', {"Last-Event-ID": nonsense.encode()})  # type: ignore[dict-item]


def test_a_reader_only_looks(tmp_path: Path) -> None:
    settings: Settings = pattern_settings(tmp_path / "home")
    reader, writer = (make_key(settings, role) for role in (Role.READ, Role.WRITE))
    with served(settings) as server:
        with server.client(reader) as client:
            page = client.get("/").text
            assert "Your key may look" in page
            assert "Choose photos" not in page
            for path in ("/group", "/upload", "/folder", "/jobs/1/cancel", "/jobs/1/again"):
                assert client.post(path).status_code == 403, path
            assert client.get(f"/upload/known/{'a' * 64}").status_code == 403
        with server.client(writer) as client:
            page = client.get("/").text
            assert "Choose photos" in page
            assert "own disk" not in page
            assert client.post("/folder", data={"path": "/"}).status_code == 403
        with server.client() as client:
            assert client.get("/").status_code == 303
            assert client.get("/live", headers=HTMX).headers["hx-redirect"].startswith("/signin")
