"""Numbers that no database holds are bad input, on the command line and over HTTP, and never a mistake of ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from personae.cli.main import app
from personae.errors import InputError, NotFound
from tests.api import Watched, watched
from tests.patterns import photo
from tests.served import Served, served

pytestmark = pytest.mark.slow

TOO_LARGE = (2**63, 2**64, 10**40)
THOUSANDS = "9" * 5000
"""More digits than Python reads by itself."""
VERBS = (
    "show #N", "show N", "show unknown_noise_N", "show unknown_cluster_N", "name #N X", "name unknown_noise_N X",
    "name unknown_cluster_N X", "merge #N #N", "merge Mara #N", "reject N #N", "reject N", "undo N", "jobs show N",
    "jobs cancel N", "character show #N", "character select Mara N", "character delete #N", "character status #N",
    "character faces #N", "character extract #N", "character history #N", "character checks #N", "hooks remove N",
    "hooks resume N", "faces split #N N", "faces split Mara N", "faces split unknown_noise_N", "faces merge N N",
    "keys revoke N", "hide #N", "show-again N", "faces confirm Mara N", "faces reject #N N",
)  # fmt: skip
BODIES: dict[str, list[dict[str, Any]]] = {
    "/api/people/1/merge": [{"into": 1}],
    "/api/people/1/faces/confirm": [{"face_ids": [1]}],
    "/api/people/1/faces/reject": [{"face_ids": [1]}],
    "/api/review": [{"answer": "no", "cluster_id": 2, "but": [1], "person_id": 1}, {"answer": "yes", "face_ids": [1]}],
    "/api/people/1/split": [{"face_ids": [1]}],
    "/api/clusters/2/split": [{"face_ids": [1, 1]}],
    "/api/clusters/2/merge": [{"person_id": 1}, {"cluster_id": 1}],
    "/api/clusters/2/reject": [{"person_id": 1}],
    "/api/faces/1/confirm": [{"person_id": 1}],
    "/api/faces/1/reject": [{"person_id": 1}],
    "/api/faces/1/merge": [{"face_id": 1}],
    "/api/characters/2/select-face": [{"face_id": 1}],
    "/api/faces/cluster": [{"unknown_min_size": 1}, {"max_faces": 1}],
    "/api/faces/cluster/dual": [{"unknown_min_size": 1}, {"max_faces": 1}],
    "/api/faces/backfill": [{"limit": 1}],
    "/api/enrich": [{"save_interval": 1}, {"max_faces_total": 1}, {"source_max_faces": 1}],
    "/api/hooks": [{"url": "http://example.org/", "after": 1}],
    "/api/jobs": [
        {"kind": "faces.cluster", "payload": {"max_faces": 1}}, {"kind": "faces.backfill", "payload": {"limit": 1}},
        {"kind": "people.enrich", "payload": {"save_interval": 1}},
        {"kind": "reference.extract", "payload": {"reference_id": 1, "generation": 1}},
    ],
}  # fmt: skip
"""What is sent; each number in it is put in place of by one that is too large."""
QUERIES = (
    "/api/people?limit=N", "/api/faces?person_id=N", "/api/faces?image_id=N", "/api/faces?cluster_id=N",
    "/api/faces/1/alike?limit=N", "/api/review?limit=N", "/api/enrich/quarantine?limit=N", "/api/events?after=N",
    "/api/events?limit=N", "/api/characters/2/likeness?limit=N",
)  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("home")) as running, watched(running) as client:
        for number in range(6):
            client.post("/api/images", files={"picture": photo(number // 3, number)})
        client.post("/api/faces/cluster/dual", json={"unknown_min_size": 2})
        client.post("/api/clusters/1/name", json={"name": "Ann"})
        client.post("/api/characters", json={"name": "Mara"})
        yield running


@pytest.fixture(scope="module")
def client(server: Served) -> Iterator[Watched]:
    with watched(server) as opened:
        yield opened


@pytest.mark.parametrize("number", [str(2**63), THOUSANDS], ids=["2^63", "5000 digits"])
def test_on_the_command_line(server: Served, number: str) -> None:
    home = ["--home", str(server.site.settings.home)]
    for verb in VERBS:
        result = CliRunner().invoke(app, [*home, *verb.replace("N", number).split()])
        refused = isinstance(result.exception, InputError | NotFound)
        assert refused or result.exit_code == 2, (verb, result.exception)


@pytest.mark.parametrize("path", sorted(BODIES))
def test_in_a_body(client: Watched, path: str) -> None:
    for body in BODIES[path]:
        for number in TOO_LARGE:
            answer = client.post(path, json=_with(body, number))
            assert answer.status_code == 422, (body, answer.text)
        digits = str(_with(body, 7)).replace("'", '"').replace("7", THOUSANDS)
        headers = {"content-type": "application/json"}
        assert client.post(path, content=digits.encode(), headers=headers).status_code in {400, 422}


def test_in_a_query_and_in_a_path(client: Watched) -> None:
    for query in QUERIES:
        for number in (*map(str, TOO_LARGE), THOUSANDS):
            assert client.get(query.replace("N", number)).status_code == 422, query
    for number in ("1" * 25, THOUSANDS):
        for place in ("people", "faces", "images", "clusters", "characters", "jobs", "decisions"):
            assert client.get(f"/api/{place}/{number}").status_code == 422
        stream = {"accept": "text/event-stream", "last-event-id": number}
        assert client.get("/api/events", headers=stream).status_code == 422


def test_a_job_that_lacks_what_it_needs_is_refused(client: Watched) -> None:
    for payload in ({}, {"reference_id": 1}, {"generation": 1}):
        answer = client.post("/api/jobs", json={"kind": "reference.extract", "payload": payload})
        assert answer.status_code == 422, answer.text


def _with(value: Any, number: int) -> Any:
    """Return the value with this number in place of each of its numbers."""
    if isinstance(value, dict):
        return {name: _with(member, number) for name, member in value.items()}
    if isinstance(value, list):
        return [_with(member, number) for member in value]
    return number if isinstance(value, int) else value
