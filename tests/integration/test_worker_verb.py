"""The verb worker as a process, and what is said while Redis is away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from personae import Settings, open_engine
from personae.cli.main import app
from personae.engine import jobs
from personae.engine.hooks import add
from personae.engine.runner import Runner
from tests.served import pattern_settings, served
from tests.valkey import Server, UnavailableError
from tests.web import Web, status

PATIENCE = 60
"""Seconds after which a test no longer believes that something will happen."""
NOWHERE = "redis://127.0.0.1:1/0"
"""Nothing listens there."""


@pytest.fixture(scope="module")
def valkey() -> Iterator[Server]:
    try:
        server = Server()
    except UnavailableError as error:
        pytest.skip(str(error))
    yield server
    server.close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PERSONAE_HOME", os.fspath(tmp_path / "home"))
    monkeypatch.setenv("PERSONAE_HOOKS_ALLOW_PRIVATE", "true")
    return tmp_path / "home"


def wait_for(happened: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["store", "redis"])
def test_a_worker_runs_what_comes_until_it_is_stopped(how: str, home: Path, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("valkey").url if how == "redis" else ""
    web = Web()
    command = [sys.executable, "-m", "personae.cli.main", "worker", *(["--redis", url] if url else ["--threads", "2"])]
    worker = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert worker.stderr is not None
    assert "waiting for jobs" in worker.stderr.readline()
    with open_engine(Settings(redis_url=url)) as engine:
        add(engine.parts, web.at("/told", status(200)), ["test.happened"])
        job = jobs.submit(engine.parts, "faces.cluster_dual", {})
        if url:
            jobs.carry(engine.parts, job)
        wait_for(lambda: engine.job(job.id).state == "done")
        with engine.parts.store.write() as tx:
            seq = tx.events.emit("test.happened", {})
        wait_for(lambda: [json.loads(asked.body)["seq"] for asked in web.asked] == [seq])
    worker.send_signal(signal.SIGTERM)
    _, said = worker.communicate(timeout=PATIENCE)
    assert (worker.returncode, f"job {job.id}, faces.cluster_dual: done" in said) == (0, True), said
    web.close()


def test_a_worker_says_that_redis_is_away_and_ends_when_asked(home: Path) -> None:
    command = [sys.executable, "-m", "personae.cli.main", "worker", "--redis", NOWHERE]
    worker = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert worker.stderr is not None
    assert "Redis on 127.0.0.1 does not answer" in worker.stderr.readline()
    worker.send_signal(signal.SIGINT)
    worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 0


def test_the_command_line_says_that_a_job_waits_for_redis(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", NOWHERE)
    done = CliRunner().invoke(app, ["faces", "cluster-dual", "--queue", "--json"])
    job = json.loads(done.stdout)
    assert (done.exit_code, job["state"], job["result"]) == (0, "queued", {})
    assert "Redis on 127.0.0.1 does not answer" in job["waiting"]
    said = CliRunner().invoke(app, ["faces", "cluster-dual", "--queue"])
    assert "does not answer" in said.stderr
    shown = CliRunner().invoke(app, ["jobs", "show", str(job["id"])])
    assert "does not answer" in shown.stdout
    ran = CliRunner().invoke(app, ["jobs", "run", "--json"])
    assert [each["state"] for each in json.loads(ran.stdout)["jobs"]] == ["done", "done"], (
        "by hand it runs all the same"
    )


def test_the_api_says_that_redis_is_away_and_jobs_go_on_when_it_is_back(tmp_path: Path, valkey: Server) -> None:
    with served(pattern_settings(tmp_path / "home", redis_url=valkey.url)) as site, site.client() as client:
        post = {"json": {"kind": "faces.cluster_dual"}}
        found = [client.post("/api/jobs", **post).json()]
        assert "queue" not in client.get("/ready").json()["reasons"]
        valkey.stop()
        try:
            found.append(client.post("/api/jobs", **post).json())
            assert client.get("/ready").json()["reasons"]["queue"] == "the queue does not answer; jobs wait"
            listed = client.get("/api/jobs").json()["items"]
            assert [(job["id"], job["state"]) for job in listed] == [(job["id"], "queued") for job in found[::-1]]
            assert all("Redis on 127.0.0.1 does not answer" in job["waiting"] for job in listed)
            assert client.get("/health").status_code == 200
        finally:
            valkey.start()
        runner = Runner(site.engine.parts)
        runner.start()
        try:
            wait_for(lambda: all(job["state"] == "done" for job in client.get("/api/jobs").json()["items"]))
        finally:
            assert runner.stop(PATIENCE)
        assert [job["waiting"] for job in client.get("/api/jobs").json()["items"]] == ["", ""]
        wait_for(lambda: "queue" not in client.get("/ready").json()["reasons"])


def test_the_api_says_that_a_job_waits_for_redis(tmp_path: Path) -> None:
    with served(pattern_settings(tmp_path / "home", redis_url=NOWHERE)) as site, site.client() as client:
        answer = client.post("/api/jobs", json={"kind": "faces.cluster_dual"})
        assert answer.status_code == 202
        job = answer.json()
        assert (job["state"], "Redis on 127.0.0.1 does not answer" in job["waiting"]) == ("queued", True)
        assert client.get(f"/api/jobs/{job['id']}").json()["waiting"] == job["waiting"]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("personae-work")]
