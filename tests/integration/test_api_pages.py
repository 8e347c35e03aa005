"""Long lists over HTTP, page by page: what waits in quarantine, and the decisions of one operation."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api import watched
from tests.patterns import fill, photo, run
from tests.served import served

pytestmark = pytest.mark.slow


def test_who_waits_is_listed_in_pages_and_without_places(tmp_path: Path) -> None:
    home, sources = tmp_path / "home", tmp_path / "sources"
    fill(sources / "third", {f"Person {number}": [(number, 1)] for number in range(5)})
    run(home, sources)
    with served(home) as running, watched(running) as client:
        whole = client.get("/api/enrich/quarantine").json()
        assert len(whole["items"]) == 5
        assert whole["next"] is None
        for limit in (1, 2, 5):
            assert client.all_of("/api/enrich/quarantine", limit) == whole["items"]
        assert {each["url"] for each in whole["items"]} == {"00.png"}
        assert client.get("/api/enrich/quarantine", params={"after": "WzFd"}).status_code == 422
        assert str(tmp_path) not in client.get("/api/enrich/status").text


def test_the_decisions_of_an_operation_are_listed_in_pages(tmp_path: Path) -> None:
    with served(tmp_path / "home") as running, watched(running) as client:
        for number in range(5):
            client.post("/api/images", files={"picture": photo(1, number)})
        client.post("/api/faces/cluster/dual", json={"unknown_min_size": 2})
        operation = client.post("/api/clusters/1/name", json={"name": "Ann"}).json()["id"]
        shown = client.get(f"/api/decisions/{operation}").json()["decisions"]
        assert len(shown) == 6
        for limit in (1, 4, 6):
            assert client.all_of(f"/api/decisions/{operation}/decisions", limit) == shown
        assert client.get("/api/decisions/999/decisions").status_code == 404
