"""The command line as a user meets it: exit codes, JSON, errors that say what to do, Ctrl-C."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.commands import COMMAND, as_json, started, typed
from tests.photos import album


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("home")
    done = started(place, "organise", album())
    assert done.returncode == 0, done.stderr
    assert "unknown_cluster_1" in done.stdout
    assert (place / "report.html").is_file()
    return place


def test_the_verbs_in_turn(home: Path, tmp_path: Path) -> None:
    place = tmp_path / "home"
    shutil.copytree(home, place)
    clusters = as_json(place, "people")["clusters"]
    assert clusters[0]["face_count"] >= clusters[-1]["face_count"]
    named = typed(place, "name", clusters[0]["label"], "Ann O'Neill")
    assert named.returncode == 0
    assert "undo" in named.stdout
    shown = as_json(place, "show", "Ann O'Neill")
    assert len(shown["faces"]) == clusters[0]["face_count"]
    rejected = as_json(place, "reject", str(shown["faces"][0]["face_id"]))
    assert len(as_json(place, "show", "ann o'neill")["faces"]) == clusters[0]["face_count"] - 1
    as_json(place, "undo", str(rejected["id"]))
    assert len(as_json(place, "show", "Ann O'Neill")["faces"]) == clusters[0]["face_count"]
    assert [operation["kind"] for operation in as_json(place, "history")][:3] == ["undo", "reject", "name"]
    assert as_json(place, "stats")["people"] == 1
    assert as_json(place, "doctor") == {"differences": [], "remaining": 0}


def test_a_second_organise_recognises_and_keeps(home: Path, tmp_path: Path) -> None:
    place = tmp_path / "home"
    shutil.copytree(home, place)
    before = as_json(place, "people")
    again = as_json(place, "organise", album())
    assert again["ingest"]["images"] == 0
    assert as_json(place, "people") == before


def test_names_are_shown_as_they_are(home: Path, tmp_path: Path) -> None:
    place = tmp_path / "home"
    shutil.copytree(home, place)
    for number, name in enumerate(("a[/b]", "O'Brien [red]x[/red]", "Zoë 😀"), 1):
        assert typed(place, "name", str(number), name).returncode == 0
        for verb in ("people", "history"):
            said = typed(place, verb)
            assert said.returncode == 0, said.stderr
            assert name in said.stdout
    plain = started(place, "people", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert plain.returncode == 0, plain.stderr


def test_who_gives_a_receipt(home: Path) -> None:
    photo = next(iter(sorted(album().glob("*.jpg"))))
    answer = as_json(home, "who", photo)
    assert answer["count"] == len(answer["faces"])
    for face in answer["faces"]:
        assert face["model_id"] == "facenet512+arcface512"
        assert face["outcome"] in {"match", "review", "unknown"}
        assert {"score", "runner_up", "match_threshold", "review_threshold", "candidates"} <= face.keys()
        assert "embeddings" not in face


def test_extract_prints_what_scripts_expect(home: Path, tmp_path: Path) -> None:
    photo = next(iter(sorted(album().glob("*.jpg"))))
    answer = json.loads(typed(home, "extract", photo).stdout)
    assert answer["count"] == len(answer["faces"])
    assert set(answer["faces"][0]) == {"bounding_box", "confidence", "embedding"}
    broken = tmp_path / "broken.jpg"
    broken.write_text("no picture")
    done = typed(home, "extract", broken)
    assert done.returncode == 2
    assert "not that of a picture" in json.loads(done.stdout)["error"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["organise", "/nowhere/at/all"], 2, "no such file or folder"),
        (["who", "/nowhere.jpg"], 2, "No such file"),
        (["show", "Nobody"], 2, "nobody is called"),
        (["name", "unknown_cluster_999", "Ann"], 2, "999"),
        (["reject", "999999"], 2, "no face 999999"),
        (["undo", "999999"], 2, "999999"),
        (["undo"], 2, "nothing to undo"),
        (["merge", "A", "B"], 2, "nobody is called"),
        (["models", "check", "nonsense"], 2, "nonsense"),
        (["nonsense"], 2, "No such command"),
        (["ingest", "--profile", "nonsense", "."], 2, "profile"),
    ],
)
def test_errors_say_what_is_wrong(home: Path, arguments: list[str], code: int, said: str) -> None:
    done = typed(home, *arguments)
    assert done.returncode == code, done.stderr
    assert said.lower() in done.stderr.lower()
    assert "Traceback" not in done.stderr


def _stored_images(home: Path) -> int:
    try:
        with closing(sqlite3.connect(f"{(home / 'personae.db').as_uri()}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM images").fetchone()[0])
    except sqlite3.OperationalError:  # not there yet
        return 0


def test_control_c_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    command = [*COMMAND, "--home", os.fspath(tmp_path / "home"), "ingest", os.fspath(album())]
    slow = {**os.environ, "FACE_BATCH_SIZE": "1", "PERSONAE_WORKERS": "1"}
    child = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=slow)
    while not _stored_images(tmp_path / "home"):
        assert child.poll() is None
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "run the same command again" in said
    kept = _stored_images(tmp_path / "home")
    assert kept
    rest = as_json(tmp_path / "home", "ingest", album())
    assert rest["known"] == kept
    assert as_json(tmp_path / "home", "doctor", "--fix")["remaining"] == 0


def test_wrong_models_are_named(tmp_path: Path) -> None:
    env = {**os.environ, "PERSONAE_MODELS_DIR": os.fspath(tmp_path / "models"), "PERSONAE_DETECTOR": "yunet"}
    photo = next(iter(sorted(album().glob("*.jpg"))))
    done = started(tmp_path / "home", "who", photo, env=env)
    assert done.returncode == 3
    assert "personae models add" in done.stderr


def test_a_file_that_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "personae.db").write_text("this is not a database, however long it may be " * 100)
    done = started(tmp_path, "stats")
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
