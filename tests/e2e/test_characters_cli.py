"""Characters on the command line, on real photos."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests import photos
from tests.commands import as_json, typed

pytestmark = pytest.mark.slow


def run(home: Path, *words: object, code: int = 0) -> str:
    done = typed(home, "character", *words)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


def ask(home: Path, *words: object) -> Any:
    return json.loads(run(home, *words, "--json"))


def test_a_character_from_its_first_image_to_its_end(tmp_path: Path) -> None:
    home = tmp_path / "home"
    several, one = photos.originals()["party2"], photos.originals()["obama"]
    assert "nobody yet" in run(home, "list")
    assert ask(home, "add", "Ada")["name"] == "Ada"
    assert "no source image" in run(home, "list")
    assert "give it one first" in run(home, "extract", "Ada", code=2)

    made = ask(home, "reference", "Ada", several, "--wait")
    assert (made["status"], made["face_count"], made["bounding_box"]) == ("multi_face_pending", 3, None)
    assert made["quality"]["measures"]["width"] == 1920
    faces = ask(home, "faces", "Ada")
    assert set(faces[0]) == {"id", "reference_id", "bounding_box", "confidence", "is_primary"}
    assert ask(home, "select", "Ada", faces[0]["id"])["status"] == "completed"
    assert "primary" in run(home, "faces", "Ada")

    assert ask(home, "reference", "Ada", one, "--label", "profile", "--wait")["status"] == "completed"
    assert ask(home, "extract", "Ada", "--label", "profile", "--wait")["generation"] == 1
    assert len(ask(home, "history", "Ada")) == 1
    status = ask(home, "status", "#1")
    assert (status["status"], status["face_count"], status["threshold"]) == ("completed", 3, 0.7)
    assert [each["label"] for each in ask(home, "show", "Ada")["references"]] == ["", "profile"]
    for verb in ("show", "status", "history", "list"):
        assert run(home, verb, *([] if verb == "list" else ["Ada"]))

    assert len(ask(home, "reference", "Ada", "--label", "profile", "--remove")["references"]) == 1
    assert ask(home, "delete", "Ada")["summary"] == "Ada is deleted"
    assert "nobody" in run(home, "status", "Ada", code=2)
    assert [path for path in (home / "references").rglob("*") if path.is_file()] == []


def test_an_upload_is_looked_at_in_the_background(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run(home, "add", "Ada")
    assert "pending" in run(home, "reference", "Ada", photos.originals()["obama"])
    done = as_json(home, "jobs", "show", "1", "--watch")
    assert done["result"] == {"reference_id": 1, "status": "completed", "faces": 1, "error": ""}
    assert "completed" in run(home, "status", "Ada")


def test_what_cannot_be_done_is_told(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run(home, "add", "Ada")
    (tmp_path / "letter.jpg").write_text("This is a letter.")
    assert "not that of a picture" in run(home, "reference", "Ada", tmp_path / "letter.jpg", code=2)
    assert "No such file" in run(home, "reference", "Ada", tmp_path / "none.jpg", code=2)
    run(home, "reference", "Ada", code=2)
    assert "already" in run(home, "add", "ADA", code=2)
    assert "no source image" in run(home, "reference", "Ada", "--remove", code=2)
