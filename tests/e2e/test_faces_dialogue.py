"""`personae faces review` as a person at a terminal meets it, and the other verbs on faces as scripts do."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from personae import Settings, open_engine
from personae.types import ModelId
from tests.commands import COMMAND, as_json, typed
from tests.likenesses import add_faces, like, put_together

MODELS = (ModelId("facenet512"), ModelId("arcface512"))
ANN, BOB, SOMEBODY = 0, 1, 5
SECONDS = 120
PROMPT = "or a name: "


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1 to 3 are Ann, 4 and 5 Bob; 6 to 8 a group like Ann; 9 and 10 one like nobody; 11 is like Ann, 12 like Bob."""
    home = tmp_path_factory.mktemp("filled")
    people = [(ANN, 0.9), (ANN, 0.9), (ANN, 0.9), (BOB, 0.9), (BOB, 0.9), *[(ANN, 0.65)] * 3, *[(SOMEBODY, 0.9)] * 2,
              (ANN, 0.6), (BOB, 0.68)]  # fmt: skip
    with open_engine(Settings(home=home)) as engine:
        with engine.parts.store.write() as tx:
            ids = add_faces(tx, [like(*who, seed=i, dimension=512) for i, who in enumerate(people)], MODELS)
            put_together(tx, ids[5:8])
            put_together(tx, ids[8:10])
        for face_id in ids[:5]:
            engine.name(f"unknown_noise_{face_id}", "Ann" if face_id < 4 else "Bob")
    return home


@pytest.fixture
def home(filled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(filled, tmp_path / "home"))


def members(home: Path, who: str) -> set[int]:
    return {face["face_id"] for face in as_json(home, "show", who)["faces"]}


class Terminal:
    """A process at a terminal of its own."""

    def __init__(self, arguments: list[str]) -> None:
        self._side, other = pty.openpty()
        environment = {**os.environ, "TERM": "dumb", "COLUMNS": "200"}
        self.process = subprocess.Popen(arguments, stdin=other, stdout=other, stderr=other, env=environment)
        os.close(other)
        self.said = ""

    def until(self, text: str) -> str:
        """Read until `text` comes, and return what came up to it."""
        end = time.monotonic() + SECONDS
        while text not in self.said:
            assert time.monotonic() < end, self.said
            assert self._read(), f"it ended without {text!r}: {self.said}"
        before, _, self.said = self.said.partition(text)
        return before

    def type(self, text: str) -> str:
        """Type a line, and return what is said up to the next prompt."""
        self.send(f"{text}\n")
        return self.until(PROMPT)

    def send(self, text: str) -> None:
        os.write(self._side, text.encode())

    def rest(self) -> str:
        """Read until it ends."""
        while self._read():
            pass
        self.process.wait(SECONDS)
        return self.said

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._side)

    def _read(self) -> bool:
        if not select.select([self._side], [], [], SECONDS)[0]:
            return False
        try:
            data = os.read(self._side, 4096)
        except OSError:  # the other side is closed
            return False
        self.said += data.decode().replace("\r\n", "\n")
        return bool(data)


@pytest.fixture
def terminal(home: Path) -> Iterator[Terminal]:
    opened = Terminal([*COMMAND, "--home", os.fspath(home), "faces", "review"])
    yield opened
    opened.close()


def test_a_dialogue(home: Path, terminal: Terminal) -> None:
    first = terminal.until(PROMPT)
    assert "unknown_cluster_1, 3 faces: is this Ann?" in first
    assert "asked from 0.390, sure from 0.700" in first
    assert "photo /album/" in first
    assert "face 6" in first
    assert "next Bob" in first
    assert "nothing has been decided here yet" in terminal.type("u")
    second = terminal.type("y")
    assert "merge unknown_cluster_1 into Ann" in second
    assert "unknown_noise_12: is this Bob?" in second
    third = terminal.type("no")
    assert "unknown_noise_12 is not Bob" in third
    assert "unknown_noise_11: is this Ann?" in third
    assert "unknown_noise_12: is this Bob?" in terminal.type("u")
    assert "n: it is not, and is never asked again" in terminal.type("x")
    assert "there is no person #99" in terminal.type("#99")
    assert "is how personae itself refers to people" in terminal.type("unknown_cluster_9")
    named = terminal.type("  Cid   Ñandú ")
    assert "Cid Ñandú is new here" in named
    assert "unknown_noise_11: is this Ann?" in named
    terminal.send("s\n")
    said = terminal.rest()
    assert "nothing is left to ask" in said
    assert "2 decided, 1 skipped" in said
    assert terminal.process.returncode == 0
    assert members(home, "Ann") == {1, 2, 3, 6, 7, 8}
    assert members(home, "Cid Ñandú") == {12}
    assert {each["who"] for each in as_json(home, "faces", "review")} == {"unknown_noise_11"}


def test_the_end_of_the_input_ends_it(home: Path, terminal: Terminal) -> None:
    terminal.until(PROMPT)
    terminal.type("n")
    terminal.send("\x04")
    assert "1 decided, 0 skipped" in terminal.rest()
    assert terminal.process.returncode == 0
    assert members(home, "unknown_cluster_1") == {6, 7, 8}


def test_somebody_else_may_have_decided_meanwhile(home: Path, terminal: Terminal) -> None:
    terminal.until(PROMPT)
    assert typed(home, "name", "unknown_cluster_1", "Dan").returncode == 0
    said = terminal.type("y")
    assert "no unknown faces any more" in said
    assert "unknown_noise_12: is this Bob?" in said
    terminal.send("q\n")
    assert "0 decided, 0 skipped" in terminal.rest()


def test_control_c_ends_it_and_keeps_what_was_decided(home: Path, terminal: Terminal) -> None:
    terminal.until(PROMPT)
    terminal.type("y")
    terminal.process.send_signal(signal.SIGINT)
    # It may have come after the prompt, but before the process waits for an answer: then Python sees it with the next.
    terminal.send("\n")
    said = terminal.rest()
    assert "what was acknowledged is kept" in said
    assert "1 decided, 0 skipped" in said
    assert terminal.process.returncode == 130
    assert 6 in members(home, "Ann")


def test_elsewhere_the_questions_are_listed(home: Path) -> None:
    listed = typed(home, "faces", "review", "--limit", "2")
    assert listed.returncode == 0, listed.stderr
    assert "unknown_cluster_1" in listed.stdout
    assert "unknown_noise_12" in listed.stdout
    assert "unknown_noise_11" not in listed.stdout
    assert " /album/" in listed.stdout
    every = as_json(home, "faces", "review")
    assert [each["who"] for each in every] == ["unknown_cluster_1", "unknown_noise_12", "unknown_noise_11"]
    assert {"face_id", "face_count", "person", "person_id", "score", "runner_up", "margin", "review_threshold",
            "match_threshold", "model_id", "photo", "crop"} <= every[0].keys()  # fmt: skip
    assert "vector" not in json.dumps(every)


def test_split_and_merge_by_command(home: Path) -> None:
    proposed = as_json(home, "faces", "split", "unknown_cluster_1")
    assert {face["face_id"] for face in proposed["take_out"] + proposed["leave"]} == {6, 7, 8}
    assert "personae faces split unknown_cluster_1 " in typed(home, "faces", "split", "unknown_cluster_1").stdout
    assert "This looks like one person." in typed(home, "faces", "split", "Bob").stdout
    done = as_json(home, "faces", "split", "unknown_cluster_1", "7", "8")
    assert (done["label"], done["face_ids"], done["left"]) == ("unknown_cluster_3", [7, 8], 1)
    assert members(home, "unknown_cluster_3") == {7, 8}
    assert "undo with" in typed(home, "faces", "merge", "unknown_cluster_3", "unknown_cluster_1").stdout
    assert members(home, "unknown_cluster_1") == {6, 7, 8}
    assert typed(home, "faces", "split", "Ann", "1", "--name", "Eve").returncode == 0
    assert members(home, "Eve") == {1}


def test_hiding_and_deciding_on_several_faces_by_command(home: Path) -> None:
    assert as_json(home, "hide", "Ann")["summary"] == "hide Ann"
    assert "hidden already" in typed(home, "hide", "Ann").stderr
    assert "undo with" in typed(home, "show-again", "Ann").stdout
    assert as_json(home, "faces", "confirm", "Ann", "1", "2")["summary"] == "2 faces are Ann"
    assert as_json(home, "faces", "reject", "Ann", "1", "2")["summary"] == "2 faces are not Ann"
    assert not members(home, "Ann") & {1, 2}
    assert typed(home, "faces", "reject", "Ann", "1").returncode == 2
    assert as_json(home, "reject", "unknown_cluster_1", "Bob")["summary"] == "unknown_cluster_1 is not Bob"
    assert as_json(home, "reject", "3")["summary"].startswith("face 3 is not ")
    assert as_json(home, "faces", "map")["faces"] == 12
    assert as_json(home, "faces", "map", "--queue")["kind"] == "map"
    assert "no map" in typed(home, "faces", "map", "--forget").stdout


def test_dual_clustering_by_command(home: Path) -> None:
    done = as_json(home, "faces", "cluster-dual", "--person-threshold", "0.5", "--unknown-min-size", "2")
    assert done["total_processed"] == 12
    assert done["assigned_to_people"] >= 5
    assert done["unknown_clusters"] == 1
    assert as_json(home, "faces", "stats")["named_faces"] == 5 + done["assigned_to_people"]
    text = typed(home, "faces", "cluster-dual")
    assert text.returncode == 0, text.stderr
    for what in ("assigned to people", "unknown clusters", "total processed"):
        assert what in text.stdout
    counts = {"assigned_to_people", "unknown_clusters", "total_processed"}
    for verb in ("assign", "cluster", "reassign"):
        assert counts <= as_json(home, "faces", verb).keys()
    assert as_json(home, "faces", "backfill", "--limit", "5")
    assert "embeddings facenet512" in typed(home, "faces", "stats").stdout


def test_work_can_be_put_into_the_queue(home: Path) -> None:
    job = as_json(home, "faces", "cluster-dual", "--max-faces", "100", "--queue")
    assert (job["kind"], job["payload"]) == ("faces.cluster_dual", {"max_faces": 100})
    ended = as_json(home, "jobs", "show", str(job["id"]), "--watch")
    assert (ended["state"], ended["result"]["total_processed"]) == ("done", 12)
    done = typed(home, "faces", "reassign", "--queue")
    assert f"job {job['id'] + 1} is queued" in done.stdout
    assert as_json(home, "jobs", "show", str(job["id"] + 1), "--watch")["kind"] == "faces.reassign"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("cluster-dual --max-faces 0", "at least 1 face"),
        ("cluster-dual --max-faces 0 --queue", "at least 1 face"),
        ("cluster-dual --unknown-method kmeans", "no method 'kmeans'"),
        ("cluster-dual --person-threshold 1.5", "between -1 and 1"),
        ("assign --person-threshold nan", "between -1 and 1"),
        ("cluster --unknown-min-size 0", "has 2 to"),
        ("cluster --unknown-eps -1", "eps"),
        ("reassign --person-threshold=-2", "between -1 and 1"),
        ("backfill --limit 0", "at least 1"),
        ("backfill --limit 0 --queue", "at least 1"),
        ("review --limit 0", "limit"),
        ("split unknown_cluster_1 6 7 8", "leave at least one"),
        ("split unknown_cluster_1 99", "not in unknown_cluster_1: face 99"),
        ("split Nobody", "nobody is called"),
        ("split unknown_cluster_1 nonsense", "FACE"),
        ("merge Ann unknown_cluster_1", "merge unknown_cluster_1 into Ann"),
    ],
)
def test_errors_say_what_is_wrong(home: Path, arguments: str, said: str) -> None:
    done = typed(home, "faces", *arguments.split())
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_store_that_cannot_be_had_is_told(tmp_path: Path) -> None:
    (tmp_path / "personae.db").write_text("this is not a database, however long it may be " * 100)
    for verb in ("stats", "review", "cluster-dual"):
        done = typed(tmp_path, "faces", verb)
        assert (done.returncode, "Traceback" in done.stderr) == (3, False)
