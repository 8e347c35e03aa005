"""Events over HTTP: after a number, and as a stream that goes on."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from personae.engine import events
from personae.engine.parts import Parts
from tests.served import Served, served
from tests.web import Web, status


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "home") as found:
        yield found


def happen(parts: Parts, count: int, kind: str = "test.happened") -> list[int]:
    """Let something happen, and return the numbers of the events."""
    with parts.store.write() as tx:
        return [tx.events.emit(kind, {"number": number}) for number in range(count)]


@contextmanager
def stream(site: Served, **headers: str) -> Iterator[Iterator[dict[str, str]]]:
    """The messages of a stream, as they come."""
    query = headers.pop("query", "")
    told = {"Accept": "text/event-stream"} | {name.replace("_", "-"): text for name, text in headers.items()}
    with httpx.stream("GET", f"{site.url}/api/events{query}", headers=told, timeout=60, trust_env=False) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield _messages(answer.iter_lines())


def _messages(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    message: dict[str, str] = {}
    for line in lines:
        if line.startswith(":"):
            continue
        if line:
            name, _, text = line.partition(": ")
            message[name] = text
        elif message:
            yield message
            message = {}


def test_events_are_listed_after_a_number(site: Served) -> None:
    found = happen(site.engine.parts, 5)
    with site.client() as client:
        page = client.get("/api/events").json()
        assert [event["seq"] for event in page["items"]] == found
        assert page["next"] == found[-1]
        assert set(page["items"][0]) == {"seq", "kind", "payload", "created_at"}
        some = client.get("/api/events", params={"after": found[1], "limit": 2}).json()
        assert [event["seq"] for event in some["items"]] == found[2:4]
        assert some["next"] == found[3]
        end = client.get("/api/events", params={"after": found[-1]}).json()
        assert (end["items"], end["next"]) == ([], found[-1])
        other = happen(site.engine.parts, 1, "test.other")
        kind = client.get("/api/events", params={"kind": "test.other"}).json()
        assert [event["seq"] for event in kind["items"]] == other


@pytest.mark.parametrize("query", ["after=-1", "after=x", "limit=0", "limit=100000", f"after={2**70}"])
def test_what_is_no_number_is_refused(site: Served, query: str) -> None:
    with site.client() as client:
        answer = client.get(f"/api/events?{query}")
        assert (answer.status_code, set(answer.json())) == (422, {"error", "detail"})


def test_a_stream_goes_on_as_things_happen(site: Served) -> None:
    before = happen(site.engine.parts, 2)
    with stream(site, query=f"?after={before[0]}") as messages:
        first = next(messages)
        assert (first["id"], first["event"]) == (str(before[1]), "test.happened")
        later = happen(site.engine.parts, 3)
        got = [json.loads(next(messages)["data"]) for _ in later]
        assert [event["seq"] for event in got] == later
        assert got[2]["payload"] == {"number": 2}


def test_a_stream_begins_now_or_where_it_broke_off(site: Served) -> None:
    before = happen(site.engine.parts, 3)
    with stream(site, Last_Event_ID=str(before[1]), query="?after=0") as messages:
        assert next(messages)["id"] == str(before[2])
    with stream(site) as messages:
        (later,) = happen(site.engine.parts, 1)
        assert next(messages)["id"] == str(later)
    for wrong in ("x", "-1", str(2**70)):
        with site.client() as client:
            answer = client.get("/api/events", headers={"Accept": "text/event-stream", "Last-Event-ID": wrong})
            assert answer.status_code == 422


def test_a_stream_of_one_kind_leaves_the_others_out(site: Served) -> None:
    with stream(site, query="?after=0&kind=test.wanted") as messages:
        happen(site.engine.parts, 3)
        (wanted,) = happen(site.engine.parts, 1, "test.wanted")
        assert next(messages)["id"] == str(wanted)


def test_streams_end_when_the_server_stops(tmp_path: Path) -> None:
    with served(tmp_path / "home") as site, stream(site) as messages:
        happen(site.engine.parts, 1)
        next(messages)
        site.server.should_exit = True
        assert list(messages) == []


def test_who_waits_is_given_what_comes(site: Served) -> None:
    parts, pauses = site.engine.parts, iter([False, False, True])
    assert events.wait(parts, events.last(parts), lambda _: next(pauses)) == []
    timer = threading.Timer(0.2, lambda: happen(parts, 2))
    timer.start()
    found = events.wait(parts, events.last(parts), lambda seconds: time.sleep(seconds) is not None)
    timer.join()
    assert [event.kind for event in found][:1] == ["test.happened"]


def test_receivers_over_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONAE_HOOKS_ALLOW_PRIVATE", "true")
    web = Web()
    url = web.at("/told", status(200))
    with served(tmp_path / "home") as site, site.client() as client:
        added = client.post("/api/hooks", json={"url": url, "kinds": ["test.happened"]})
        assert added.status_code == 201
        hook = added.json()
        assert len(hook["secret"]) == 64
        (listed,) = client.get("/api/hooks").json()
        assert listed == {name: value for name, value in hook.items() if name != "secret"}
        (seq,) = happen(site.engine.parts, 1)
        until = time.monotonic() + 60
        while not web.asked and time.monotonic() < until:
            time.sleep(0.02)
        assert json.loads(web.asked[0].body)["seq"] == seq, "the server tells it by itself"
        assert client.post("/api/hooks/deliver").status_code == 200
        assert client.post(f"/api/hooks/{hook['id']}/resume").json()["failures"] == 0
        assert client.delete(f"/api/hooks/{hook['id']}").status_code == 204
        assert client.delete(f"/api/hooks/{hook['id']}").status_code == 404
        assert client.get("/api/hooks").json() == []
        for wrong in ({"url": "ftp://x/"}, {"url": url, "kinds": ["?"]}, {"url": "http://169.254.169.254/"}, {}):
            assert client.post("/api/hooks", json=wrong).status_code == 422
    web.close()
    assert os.fspath(tmp_path) not in json.dumps(hook)
