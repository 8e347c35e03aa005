"""The server itself: health, keys, refusals, uploads, figures, stopping; on a real port."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from personae import Settings, open_engine
from personae.access import Role
from personae.bootstrap import Shared, open_house
from personae.errors import BackendError, InputError
from personae.web.serve import listen, open_site
from tests import patterns
from tests.postgres import Server
from tests.served import Served, make_key, pattern_settings, served

SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'


def zipped() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("a.txt", "a")
    return data.getvalue()


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server for tests that leave nothing behind."""
    with served(tmp_path_factory.mktemp("home")) as server:
        yield server


@pytest.fixture
def client(web: Served) -> Iterator[httpx.Client]:
    with web.client() as opened:
        yield opened


# --- health -----------------------------------------------------------------------------------


def test_it_is_alive(client: httpx.Client) -> None:
    assert client.get("/health").json() == {"status": "ok"}


def test_it_is_not_ready_without_models_and_says_which(client: httpx.Client) -> None:
    answer = client.get("/ready")
    assert answer.status_code == 503
    assert list(answer.json()["reasons"]) == ["models"]


def test_the_figures_count_requests_by_route(tmp_path: Path) -> None:
    with served(tmp_path / "home") as web, web.client() as client:
        for path in ("/health", "/health", "/no/such/place", "/api/people/77"):
            client.get(path)
        text = client.get("/metrics").text
    assert 'personae_requests_total{method="GET",route="/health",status="200"} 2.0' in text
    assert 'route="unmatched",status="404"} 1.0' in text
    assert "no/such/place" not in text
    assert "/api/people/77" not in text
    assert 'personae_store_up{project="default"} 1.0' in text
    assert 'personae_faces{project="default",role="founding"} 0.0' in text


def test_the_document_names_errors_keys_and_tags(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    assert set(document["components"]["securitySchemes"]) == {"HTTPBearer", "APIKeyHeader"}
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            assert said["tags"], (method, path)
            if path.startswith("/api"):
                for status in ("401", "403", "422", "503"):
                    shape = said["responses"][status]["content"]["application/json"]["schema"]
                    assert shape == {"$ref": "#/components/schemas/Problem"}, (method, path, status)
    names = [said["operationId"] for methods in document["paths"].values() for said in methods.values()]
    assert len(set(names)) == len(names)


# --- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/nowhere", 404, "NotFound"),
        ("DELETE", "/health", 405, "NotAllowed"),
        ("GET", "/metrics?project=", 200, ""),
        ("GET", "/api/people?project=unknown", 404, "NotFound"),
        ("GET", "/api/people?limit=0", 422, "InputError"),
        ("GET", "/api/people?after=nonsense", 422, "InputError"),
    ],
)
def test_errors_have_one_shape(client: httpx.Client, method: str, path: str, status: int, error: str) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    if error:
        assert set(answer.json()) == {"error", "detail"}
        assert answer.json()["error"] == error


def test_a_mistake_of_the_server_tells_nothing_of_the_inside(web: Served, client: httpx.Client) -> None:
    @web.server.config.app.get("/broken")  # type: ignore[union-attr]
    async def broken() -> None:
        raise RuntimeError("the secret path /srv/x")

    answer = client.get("/broken")
    assert answer.status_code == 500
    assert answer.json() == {"error": "InternalError", "detail": "the server made a mistake; its log says which"}


# --- projects ---------------------------------------------------------------------------------


def test_projects_are_apart_and_not_made_by_asking(tmp_path: Path) -> None:
    with served(tmp_path / "home") as web, web.client() as client:
        check_projects(web, client)


def check_projects(web: Served, client: httpx.Client) -> None:
    web.site.engines.create("film")
    web.site.engines.open("film").add_character("Ann")
    assert [each.name for each in web.site.engines.projects()] == ["default", "film"]
    asked = {"project": "film"}
    assert [person["name"] for person in client.get("/api/characters", params=asked).json()["items"]] == ["Ann"]
    assert client.get("/api/characters", headers={"X-Project": "film"}).json()["items"]
    assert client.get("/api/characters").json()["items"] == []
    assert client.get("/api/characters", params={"project": "other"}).status_code == 404
    assert [each.name for each in web.site.engines.projects()] == ["default", "film"]


@pytest.mark.parametrize("name", ["", "..", ".", "a/b", "a\0", "x" * 101, "\n"])
def test_a_project_has_a_name(web: Served, name: str) -> None:
    with pytest.raises(InputError):
        web.site.engines.create(name)


# --- keys -------------------------------------------------------------------------------------


def test_from_the_first_key_on_everybody_is_asked(tmp_path: Path) -> None:
    settings = pattern_settings(tmp_path / "home")
    keys = {role: make_key(settings, role) for role in Role}
    with served(settings) as web, web.client() as client:

        def status(key: str, method: str, path: str) -> int:
            return client.request(method, path, headers={"X-API-Key": key} if key else {}).status_code

        assert client.get("/health").status_code == 200
        assert client.get("/ready").status_code == 503
        assert status("", "GET", "/api/people") == status("", "GET", "/metrics") == 401
        assert status("personae_wrong", "GET", "/api/people") == 401
        assert status(keys[Role.READ], "GET", "/api/people") == 200
        assert status(keys[Role.READ], "DELETE", "/api/characters/1") == 403
        assert status(keys[Role.WRITE], "DELETE", "/api/characters/1") == 404
        assert status(keys[Role.ADMIN], "DELETE", "/api/characters/1") == 404
        refused = client.get("/api/people")
        assert refused.headers["www-authenticate"] == "Bearer"
        assert refused.json()["error"] == "Unauthenticated"
        with web.client(keys[Role.READ]) as bearer:
            assert bearer.get("/metrics").status_code == 200


def test_a_revoked_key_opens_nothing_and_its_last_use_is_known(tmp_path: Path) -> None:
    settings = pattern_settings(tmp_path / "home")
    key = make_key(settings, Role.READ, "ann")
    with served(settings) as web, web.client(key) as client:
        assert client.get("/api/people").status_code == 200
        house = open_house(settings)
        pause = threading.Event()
        for _ in range(200):
            if house.keys.all()[0][0].last_used_at is not None:
                break
            pause.wait(0.05)
        assert house.keys.all()[0][0].last_used_at is not None
        house.keys.revoke("ann")
        house.close()
        pause.wait(1.1)
        assert client.get("/api/people").status_code == 401
    with served(settings) as web, web.client() as client:
        assert client.get("/api/people").status_code == 401, "revoking the last key opens no door"


def test_it_listens_elsewhere_only_with_a_key(tmp_path: Path) -> None:
    settings = pattern_settings(tmp_path / "home")
    for host in ("0.0.0.0", "::", "192.168.1.7", "example.test"):  # noqa: S104
        with pytest.raises(InputError, match="personae keys create"):
            open_site(settings, host)
    key = make_key(settings)
    with served(settings, host="0.0.0.0") as web, httpx.Client(trust_env=False) as client:  # noqa: S104
        url = web.url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104
        assert client.get(f"{url}/api/people").status_code == 401
        assert client.get(f"{url}/api/people", headers={"X-API-Key": key, "Host": "box.lan"}).status_code == 200


def test_a_port_that_is_taken_is_said(web: Served) -> None:
    with pytest.raises(BackendError, match="--port"):
        listen("127.0.0.1", int(web.url.rpartition(":")[2]))


# --- web pages elsewhere ----------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.test", "evil.test:8000", "127.0.0.1.evil.test", "localhost.evil.test", "[", ""])
def test_another_name_for_this_machine_is_refused(client: httpx.Client, host: str) -> None:
    assert client.get("/api/people", headers={"Host": host}).status_code in {400, 403}


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:1", "[::1]:8000"])
def test_its_own_names_are_taken(client: httpx.Client, host: str) -> None:
    assert client.get("/api/people", headers={"Host": host}).status_code == 200


def test_pages_of_other_origins_change_nothing(web: Served, client: httpx.Client) -> None:
    body = {"name": "Ann"}
    for origin in ("https://evil.test", "null", "http://localhost:3000"):
        answer = client.post("/api/characters", json=body, headers={"Origin": origin})
        assert (answer.status_code, answer.json()["error"]) == (403, "Forbidden")
    assert client.post("/api/characters", json=body, headers={"Origin": web.url}).status_code == 201


# --- uploads ----------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", SVG, zipped(), b"<html></html>", b"%PDF-1.7", b"\0" * 600])
def test_what_is_no_picture_is_refused_and_nothing_kept(web: Served, client: httpx.Client, data: bytes) -> None:
    answer = client.post("/api/images", files={"picture": ("photo.jpg", data, "image/jpeg")})
    assert (answer.status_code, answer.json()["error"]) == (415, "UnsupportedMedia")
    assert client.get("/api/images").json()["items"] == []
    assert list(web.engine.parts.photos) == []


def test_a_damaged_picture_is_refused_and_nothing_kept(web: Served, client: httpx.Client) -> None:
    whole = patterns.photo(1, 1)
    answer = client.post("/api/images", files={"picture": ("photo.png", whole[: len(whole) // 2])})
    assert answer.status_code == 422
    assert list(web.engine.parts.photos) == []


def test_too_much_is_refused_whether_it_is_said_before_or_not(tmp_path: Path) -> None:
    settings = pattern_settings(tmp_path / "home", max_upload_bytes=100_000)
    with served(settings) as web, web.client() as client:
        large = {"picture": ("photo.jpg", b"\xff\xd8\xff" + bytes(200_000))}
        answer = client.post("/api/images", files=large)
        assert (answer.status_code, answer.json()["error"]) == (413, "TooLarge")

        def chunks() -> Iterator[bytes]:
            yield b'--x\r\nContent-Disposition: form-data; name="picture"; filename="a.jpg"\r\n\r\n'
            for _ in range(40):
                yield bytes(10_000)
            yield b"\r\n--x--\r\n"

        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        answer = client.post("/api/images", content=chunks(), headers=kind)
        assert (answer.status_code, answer.json()["error"]) == (413, "TooLarge")
        answer = client.post("/api/characters", content=b'"' + bytes(5_000_000), headers={"Content-Type": "text/plain"})
        assert answer.status_code == 413
        assert client.post("/api/images", files={"picture": patterns.photo(1, 1)}).status_code == 201


# --- the store goes away ----------------------------------------------------------------------


def test_a_lost_database_is_503_until_it_is_back(tmp_path: Path, postgres_of_its_own: Server) -> None:
    settings = pattern_settings(tmp_path / "home", database_url=postgres_of_its_own.new_database())
    with served(settings) as web, web.client() as client:
        assert client.get("/api/people").status_code == 200
        postgres_of_its_own.stop()
        answer = client.get("/api/people")
        assert (answer.status_code, answer.json()["error"]) == (503, "BackendError")
        assert answer.headers["retry-after"]
        assert client.get("/health").status_code == 200
        assert client.get("/ready").json()["reasons"]["store"] == "the store does not answer"
        postgres_of_its_own.start()
        assert client.get("/api/people").status_code == 200
        assert "store" not in client.get("/ready").json()["reasons"]


@pytest.fixture
def postgres_of_its_own(postgres: Server) -> Iterator[Server]:
    """A server that a test may stop; the shared one tells whether there can be any."""
    del postgres
    server = Server()
    yield server
    server.close()


# --- stopping ---------------------------------------------------------------------------------


def test_what_has_begun_is_answered_when_it_stops(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()
    answers: list[httpx.Response] = []
    with served(tmp_path / "home") as web, web.client() as client:

        @web.server.config.app.get("/slow")  # type: ignore[union-attr]
        def slow() -> str:
            begun.set()
            go_on.wait(20)
            return "done"

        asking = threading.Thread(target=lambda: answers.append(client.get("/slow")))
        asking.start()
        assert begun.wait(20)
        web.server.should_exit = True
        assert web.site.stopping.wait(20), "what streams is told"
        assert not answers
        go_on.set()
        asking.join(20)
    assert [answer.text for answer in answers] == ['"done"']


def test_real_settings_reach_every_project(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", unknown_min_cluster_size=7)
    with served(settings, shared=Shared()) as web:
        web.site.engines.create("film")
        assert web.site.engines.open("film").parts.rules.min_cluster_size == 7


def test_a_running_job_is_given_back_and_done_by_the_next_server(tmp_path: Path) -> None:
    photos = 60
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(photos):
        (folder / f"{number}.png").write_bytes(patterns.photo(number, 1))
    settings = pattern_settings(tmp_path / "home", batch_size=1)
    pause = threading.Event()

    def state(client: httpx.Client) -> dict[str, Any]:
        return client.get("/api/jobs/1").json()  # type: ignore[no-any-return]

    with served(settings, job_threads=1) as web, web.client() as client:
        assert client.post("/api/images/ingest", json={"paths": [str(folder)]}).status_code == 202
        while not client.get("/api/images?limit=1").json()["items"]:
            pause.wait(0.02)
    with open_engine(settings) as engine:
        job = engine.job(1)
        assert job.state in {"queued", "done"}, "nobody waits for a lease to run out"
        assert job.attempts == (job.state == "done")
    with served(settings, job_threads=1) as web, web.client() as client:
        for _ in range(600):
            if state(client)["state"] == "done":
                break
            pause.wait(0.1)
        assert state(client)["state"] == "done"
        assert len(client.get("/api/images?limit=1000").json()["items"]) == photos


def test_sigterm_ends_the_command_in_order(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "personae.cli.main", "--home", str(tmp_path / "home"), "serve", "--port", "0"]
    environment = {**os.environ, "PERSONAE_MODELS_DIR": str(tmp_path / "models"), "PERSONAE_DETECTOR": "nobody"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr
        said = process.stderr.readline()
        url = re.search(r"http://127\.0\.0\.1:\d+", said)
        assert url, said
        assert httpx.get(f"{url[0]}/health", trust_env=False).status_code == 200
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()
        assert process.wait(60) == 0, rest
    assert rest.rstrip().endswith("stopped")
    assert "Traceback" not in rest


def test_remembered_answers_follow_every_change(tmp_path: Path) -> None:
    settings = pattern_settings(tmp_path / "home")
    with served(settings) as web, web.client() as client:
        number = client.post("/api/characters", json={"name": "Ann"}).json()["id"]
        path = f"/api/characters/{number}/embedding-status"
        assert client.get(path).json() == client.get(path).json()
        assert client.get(path).json()["status"] is None
        with open_engine(settings) as other:
            other.set_reference(f"#{number}", patterns.photo(1, 1))
        assert client.get(path).json()["status"] == "pending"
        assert client.get("/api/characters/999/embedding-status").status_code == 404
        client.delete(f"/api/characters/{number}")
        assert client.get(path).status_code == 404


@pytest.mark.slow
def test_of_two_hundred_uploads_at_once_none_is_lost(tmp_path: Path) -> None:
    with served(tmp_path / "home") as web:
        check_uploads(web)


def check_uploads(web: Served) -> None:
    def send(number: int) -> int:
        with web.client() as client:
            return client.post("/api/images", files={"picture": patterns.photo(number, 3)}).status_code

    with ThreadPoolExecutor(50) as pool:
        assert list(pool.map(send, range(200))) == [201] * 200
    with web.client() as client:
        assert len(client.get("/api/images?limit=1000").json()["items"]) == 200
