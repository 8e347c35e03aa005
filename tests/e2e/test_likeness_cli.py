"""`personae character likeness | checks | duplicates | continuity` as a user types them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.commands import Done, typed
from tests.likeness import write_video
from tests.photos import originals

pytestmark = pytest.mark.slow


def personae(home: Path, *arguments: object) -> Done:
    return typed(home, "character", *arguments)


def as_json(home: Path, *arguments: object) -> Any:
    return personae(home, *arguments, "--json").json()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("likeness") / "home"
    for name, photo in (("President", "obama"), ("Double", "obama2")):
        as_json(place, "add", name)
        done = personae(place, "reference", name, originals()[photo], "--wait")
        assert done.returncode == 0, done.stderr
    return place


def test_likeness_and_checks(home: Path) -> None:
    images = [originals()["obama3"], originals()["biden"]]
    made = as_json(home, "likeness", "President", *images)
    assert [each["file"] for each in made] == [str(image) for image in images]
    assert [each["passed"] for each in made] == [True, False]
    assert not any(isinstance(value, list) and len(value) > 9 for each in made for value in each.values())
    kept = as_json(home, "checks", "President", "--limit", "2")
    assert [each["id"] for each in kept] == [made[1]["id"], made[0]["id"]]
    assert as_json(home, "checks", "President", "--before", str(made[0]["id"])) == []
    said = personae(home, "likeness", "President", *images)
    assert "1 of 2 images passed" in said.stdout
    assert "below threshold" in said.stdout
    listed = personae(home, "checks", "President").stdout
    assert listed.count("passed") == listed.count("failed") == 2
    assert "nothing has been checked" in personae(home, "checks", "Double").stdout


def test_duplicates(home: Path) -> None:
    found = as_json(home, "duplicates")
    assert [(pair["first"], pair["second"]) for pair in found["pairs"]] == [("President", "Double")]
    assert "President" in personae(home, "duplicates", "--limit", "1").stdout
    assert "0 pairs" in personae(home, "duplicates", "--threshold", "0.99").stdout
    assert personae(home, "duplicates", "--threshold", "7").returncode == 2


def test_continuity(home: Path, tmp_path: Path) -> None:
    video = write_video(tmp_path / "shot.mov", ["obama", "obama", "biden", "obama", "obama", "obama"])
    drawn = tmp_path / "plot.svg"
    found = as_json(home, "continuity", "President", video, "--to", drawn)
    assert [(spell["first"], spell["last"], spell["drop"]) for spell in found["drops"]] == [(2, 2, "below_threshold")]
    assert drawn.read_bytes().startswith(b"<?xml")
    said = personae(home, "continuity", "President", video, "--every", "2")
    assert "below threshold" in said.stdout
    assert "3 frames" in said.stdout
    assert "no drops" in personae(home, "continuity", "President", originals()["obama2"]).stdout


def test_what_cannot_be_done_ends_with_2_and_a_sentence(home: Path, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    for words in (
        ("likeness", "Nobody", originals()["obama"]),
        ("likeness", "President", tmp_path / "none.jpg"),
        ("likeness", "President"),
        ("checks", "Nobody"),
        ("continuity", "President", tmp_path / "text.mp4"),
        ("continuity", "President", originals()["obama"], "--every", "0"),
        ("continuity", "President", originals()["obama"], "--to", tmp_path / "plot.gif"),
    ):
        done = personae(home, *words)
        assert done.returncode == 2, (words, done.stdout, done.stderr)
        assert done.stderr
        assert "Traceback" not in done.stderr
