"""Receivers that are told of events over real HTTP: signed, in order, at least once, whatever happens."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from personae import Settings, open_engine
from personae.cli.main import app
from personae.engine import hooks
from personae.engine.events import as_json, shown
from personae.engine.parts import Parts
from personae.engine.runner import Runner
from personae.errors import InputError, NotFound, PersonaeError
from personae.ports import Hook, Post
from tests.web import Asked, Handler, Web, hang_up, moved, silent, status

PATIENCE = 60
"""Seconds after which a test no longer believes that something will happen."""


class Clock:
    """The time, and as much later as it is told."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def move(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def web() -> Iterator[Web]:
    server = Web()
    yield server
    server.close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of this process and of its children, who may send to this machine."""
    monkeypatch.setenv("PERSONAE_HOME", os.fspath(tmp_path / "home"))
    monkeypatch.setenv("PERSONAE_HOOKS_ALLOW_PRIVATE", "true")
    return tmp_path / "home"


@pytest.fixture
def parts(home: Path, clock: Clock) -> Iterator[Parts]:
    with open_engine(Settings()) as engine:
        yield replace(engine.parts, clock=clock)


def happen(parts: Parts, count: int, kind: str = "test.happened") -> list[int]:
    """Let something happen, and return the numbers of the events."""
    with parts.store.write() as tx:
        return [tx.events.emit(kind, {"number": number}) for number in range(count)]


def seqs(asked: list[Asked]) -> list[int]:
    """The numbers of the events that a receiver was told of, in the order of the messages."""
    return [json.loads(each.body)["seq"] for each in asked]


def told(web: Web, path: str) -> list[int]:
    return seqs([each for each in web.asked if each.path == path])


def wait_for(happened: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.02)


def only(parts: Parts) -> Hook:
    (hook,) = hooks.all_hooks(parts)
    return hook


def test_messages_are_signed_and_say_what_happened(parts: Parts, web: Web) -> None:
    hook = hooks.add(parts, web.at("/told", status(204)))
    (seq,) = happen(parts, 1)
    assert [(each.id, each.events, each.error) for each in hooks.deliver(parts)] == [(hook.id, 1, "")]
    (asked,) = web.asked
    body = json.loads(asked.body)
    assert (asked.method, body["seq"], body["kind"], body["payload"]) == ("POST", seq, "test.happened", {"number": 0})
    assert datetime.fromisoformat(body["created_at"]).tzinfo is not None
    headers = asked.headers
    assert headers["personae-event"] == "test.happened"
    assert headers["personae-delivery"] == f"{hook.id}-{seq}"
    assert headers["content-type"] == "application/json"
    signed = headers["personae-timestamp"].encode() + b"." + asked.body
    expected = hmac.new(hook.secret.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["personae-signature"] == f"v1={expected}"
    assert abs(int(headers["personae-timestamp"]) - time.time()) < 60
    assert hook.secret not in str(asked)
    assert hooks.deliver(parts) == []


def test_a_receiver_is_told_of_its_kinds_from_its_start_in_order(parts: Parts, web: Web) -> None:
    before = happen(parts, 3, "a.b")
    hooks.add(parts, web.at("/all", status(200)))
    hooks.add(parts, web.at("/some", status(200)), ["c.d", "c.d"], after=0)
    hooks.add(parts, web.at("/past", status(200)), after=before[0])
    later = [*happen(parts, 2, "c.d"), *happen(parts, 2, "a.b")]
    hooks.deliver(parts)
    assert told(web, "/all") == later
    assert told(web, "/some") == later[:2]
    assert told(web, "/past") == before[1:] + later


def test_many_events_are_told_in_order(parts: Parts, web: Web) -> None:
    hooks.add(parts, web.at("/told", status(200)))
    expected = happen(parts, 250)
    hooks.deliver(parts)
    assert told(web, "/told") == expected
    assert only(parts).seq == expected[-1]


def test_a_failure_is_tried_again_and_the_order_is_kept(parts: Parts, web: Web, clock: Clock) -> None:
    hooks.add(parts, web.at("/told", status(200), status(500), hang_up, status(200)))
    expected = happen(parts, 3)
    assert [(each.events, each.error) for each in hooks.deliver(parts)] == [(1, "it answered 500")]
    hook = only(parts)
    assert (hook.seq, hook.failures, hook.error) == (expected[0], 1, "it answered 500")
    assert hooks.deliver(parts) == [], "it waits"
    clock.move(5)
    (failed,) = hooks.deliver(parts)
    assert (failed.events, "broke off" in failed.error) == (0, True)
    assert only(parts).failures == 2
    clock.move(9)
    assert hooks.deliver(parts) == [], "it waits longer"
    clock.move(1)
    assert [(each.events, each.error) for each in hooks.deliver(parts)] == [(2, "")]
    assert told(web, "/told") == [expected[0], *[expected[1]] * 3, expected[2]]
    assert (only(parts).failures, only(parts).failing_since, only(parts).error) == (0, None, "")


def test_a_receiver_that_hangs_holds_up_nobody_else(parts: Parts, web: Web) -> None:
    go = threading.Event()
    hooks.add(parts, web.at("/hangs", silent(go)))
    hooks.add(parts, web.at("/fine", status(200)))
    courier = hooks.Courier(parts)
    courier.start()
    try:
        expected = happen(parts, 5)
        wait_for(lambda: len(told(web, "/fine")) == 5 and len(told(web, "/hangs")) == 1)
        expected += happen(parts, 5)
        wait_for(lambda: told(web, "/fine") == expected)
        assert told(web, "/hangs") == expected[:1]
    finally:
        go.set()
        assert courier.stop(PATIENCE)


def test_a_courier_that_a_bug_has_ended_is_put_back(parts: Parts, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    bugs = [ZeroDivisionError()]

    def open_post() -> Post:
        if bugs:
            raise bugs.pop()
        return parts.open_post()

    hooks.add(parts, web.at("/told", status(200)))
    expected = happen(parts, 3)
    runner = Runner(replace(parts, open_post=open_post), kinds={})
    runner.start(0)
    try:
        wait_for(lambda: told(web, "/told") == expected)
        assert bugs == []
    finally:
        assert runner.stop(PATIENCE)


@pytest.mark.slow
def test_a_receiver_that_never_answers_is_given_up_for_now(parts: Parts, web: Web) -> None:
    go = threading.Event()
    hooks.add(parts, web.at("/hangs", silent(go)))
    happen(parts, 1)
    (result,) = hooks.deliver(parts)
    go.set()
    assert result.error.startswith("timeout")
    assert only(parts).not_before is not None


def test_nothing_is_lost_when_the_teller_is_killed(parts: Parts, web: Web, clock: Clock) -> None:
    def slow(handler: Handler) -> None:
        time.sleep(0.05)
        status(200)(handler)

    hooks.add(parts, web.at("/told", slow))
    expected = happen(parts, 60)
    child = subprocess.Popen([sys.executable, "-m", "personae.cli.main", "hooks", "deliver"])
    wait_for(lambda: len(told(web, "/told")) >= 5)
    child.kill()
    child.wait()
    reached = len(told(web, "/told"))
    assert reached < len(expected)
    assert hooks.deliver(parts)[0].events == 0, "it is still the dead one's"
    clock.ahead = hooks.LEASE
    hooks.deliver(parts)
    got = told(web, "/told")
    assert list(dict.fromkeys(got)) == expected, "each in order, none left out"
    assert got[:reached] == expected[:reached]
    assert got[reached:] == sorted(got[reached:])


def test_a_receiver_that_fails_for_days_is_paused_until_it_is_resumed(parts: Parts, web: Web, clock: Clock) -> None:
    hook = hooks.add(parts, web.at("/told", status(503)))
    (seq,) = happen(parts, 1)
    hooks.deliver(parts)
    for _ in range(2):
        clock.move(hooks.PAUSE_AFTER.total_seconds() / 2)
        hooks.deliver(parts)
    assert only(parts).paused
    assert "it has failed since" in only(parts).error
    clock.move(hooks.PAUSE_AFTER.total_seconds())
    assert hooks.deliver(parts) == []
    web.at("/told", status(200))
    assert not hooks.resume(parts, hook.id).paused
    assert hooks.deliver(parts)[0].events == 1
    assert told(web, "/told") == [seq] * 4


def test_a_receiver_that_says_it_is_gone_is_paused_at_once(parts: Parts, web: Web) -> None:
    hooks.add(parts, web.at("/told", status(410)))
    happen(parts, 1)
    hooks.deliver(parts)
    assert only(parts).paused


def test_a_receiver_may_ask_to_be_left_alone(parts: Parts, web: Web, clock: Clock) -> None:
    hooks.add(parts, web.at("/told", status(429, retry_after="600"), status(200)))
    happen(parts, 1)
    hooks.deliver(parts)
    clock.move(590)
    assert hooks.deliver(parts) == []
    clock.move(20)
    assert hooks.deliver(parts)[0].events == 1


def test_redirects_are_not_followed(parts: Parts, web: Web) -> None:
    web.at("/elsewhere", status(200))
    hooks.add(parts, web.at("/told", moved(f"{web.url}/elsewhere", 307)))
    happen(parts, 1)
    assert hooks.deliver(parts)[0].error == "it answered 307"
    assert told(web, "/elsewhere") == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/",
        "http://localhost/",
        "http://[::1]/",
        "http://10.0.0.1/",
        "http://2130706433/",
        "http://169.254.169.254/latest",
        "http://metadata.google.internal/",
        "ftp://example.org/",
        "file:///etc/passwd",
        "nonsense",
        "https://user:password@example.org/",
        "https://" + "a" * 2000,
    ],
)
def test_where_nothing_may_be_sent_nobody_is_added(home: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    with open_engine(Settings(hooks_allow_private=False)) as engine, pytest.raises(InputError):
        engine.outbox.add_hook(url)


def test_metadata_servers_are_refused_even_where_private_addresses_are_allowed(parts: Parts) -> None:
    with pytest.raises(InputError):
        hooks.add(parts, "http://169.254.169.254/")


def test_a_name_that_leads_to_a_private_address_is_refused_when_it_is_told(home: Path, web: Web) -> None:
    web.at("/told", status(200))
    with open_engine(Settings(hooks_allow_private=False)) as engine:
        with engine.parts.store.write() as tx:
            # As if the name had led somewhere else when it was added.
            tx.hooks.add(f"{web.url}/told", [], "secret", 0)
        happen(engine.parts, 1)
        (result,) = engine.outbox.deliver()
    assert result.error.startswith("forbidden_address")
    assert "hooks_allow_private" in result.error
    assert web.asked == []


@pytest.mark.parametrize("kinds", [["Nonsense!"], ["a..b"], [""]])
def test_what_is_no_kind_is_refused(parts: Parts, kinds: list[str]) -> None:
    with pytest.raises(InputError, match="kind of event"):
        hooks.add(parts, "https://example.org/", kinds)


def test_vectors_never_leave(parts: Parts, web: Web) -> None:
    hooks.add(parts, web.at("/told", status(200)))
    with parts.store.write() as tx:
        tx.events.emit("test.happened", {"face_ids": [1, 2], "v": [0.25, 0.5], "deep": {"v": [[0.25]]}, "score": 0.75})
    hooks.deliver(parts)
    assert json.loads(web.asked[0].body)["payload"] == {"face_ids": [1, 2], "score": 0.75}
    with parts.store.read() as tx:
        assert "v" not in str(as_json(shown(tx.events.after(0)[0]))["payload"])


def test_a_receiver_that_is_removed_meanwhile_is_told_no_more(parts: Parts, web: Web) -> None:
    def removing(handler: Handler) -> None:
        hooks.remove(parts, hook.id)
        status(200)(handler)

    hook = hooks.add(parts, web.at("/told", removing))
    happen(parts, 1)
    hooks.deliver(parts)
    assert hooks.all_hooks(parts) == []
    with pytest.raises(NotFound):
        hooks.resume(parts, hook.id)


def test_the_verbs(home: Path, web: Web) -> None:
    url = web.at("/told", status(200))
    added = run("hooks", "add", url, "--kinds", "a.b, c.d", "--json")
    assert set(added) >= {"id", "secret", "kinds"}
    assert added["kinds"] == ["a.b", "c.d"]
    assert added["secret"] not in CliRunner().invoke(app, ["hooks", "list"]).stdout
    assert "secret" not in run("hooks", "list", "--json")[0]
    with open_engine() as engine:
        happen(engine.parts, 2, "a.b")
    assert run("hooks", "deliver", "--json")["told"][0]["events"] == 2
    assert "nothing to tell" in CliRunner().invoke(app, ["hooks", "deliver"]).stdout
    web.at("/told", status(500))
    with open_engine() as engine:
        happen(engine.parts, 1, "c.d")
    failed = CliRunner().invoke(app, ["hooks", "deliver"])
    assert (failed.exit_code, "it answered 500" in failed.stdout) == (1, True)
    assert "tried again at" in CliRunner().invoke(app, ["hooks", "list"]).stdout
    assert run("hooks", "resume", str(added["id"]), "--json")["failures"] == 0
    assert run("hooks", "remove", str(added["id"]), "--json") == {"removed": added["id"]}
    again = CliRunner().invoke(app, ["hooks", "remove", str(added["id"])])
    assert isinstance(again.exception, PersonaeError)
    assert "there are no receivers" in CliRunner().invoke(app, ["hooks", "list"]).stdout


def run(*arguments: str) -> dict:  # type: ignore[type-arg]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)  # type: ignore[no-any-return]
