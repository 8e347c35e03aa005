"""Real photos held against characters: who passes, what is kept, what goes stale, and who looks like whom."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from personae import Engine, Settings, open_engine
from personae.engine.likeness import CHECKED
from personae.engine.thresholds import Calibration, keep
from personae.errors import Conflict, InputError, NotFound
from tests.likeness import anchor, run_jobs
from tests.photos import originals


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with open_engine(Settings(home=tmp_path / "home", workers=2)) as opened:
        yield opened


def photo(name: str) -> Path:
    return originals()[name]


def events(engine: Engine) -> list[dict[str, object]]:
    with engine.parts.store.read() as tx:
        return [dict(event.payload) for event in tx.events.after(0, 1000, [CHECKED])]


def test_one_man_passes_in_other_photos_and_nobody_else_does(engine: Engine) -> None:
    person_id = anchor(engine, "President", "obama")
    shown = ["obama", "obama2", "obama3", "obama4", "biden", "hopper", "collins", "table"]
    made = engine.check_likeness("President", [photo(name) for name in shown])
    assert [check.passed for check in made] == [True] * 4 + [False] * 4
    assert made[0].score == pytest.approx(1, abs=1e-3)
    for check in made[4:]:
        assert check.score is not None
        assert check.score < 0.2
        assert check.reasons[0] == "below_threshold"
    table = made[-1]
    assert "several_faces" in table.reasons
    assert table.box is not None
    with engine.parts.store.read() as tx:
        assert {check.threshold for check in made} == {engine.parts.vision().thresholds.review}
        assert tx.images.counts()["images"] == 0
    assert {(check.person_id, check.model_id, check.version, check.stale) for check in made} == {
        (person_id, "facenet512+arcface512", 1, False)
    }
    assert [check.digest for check in made] == [hashlib.sha256(photo(name).read_bytes()).hexdigest() for name in shown]
    assert engine.likeness_checks("President") == made[::-1]
    assert events(engine) == [{"person_id": person_id, "version": 1, "check_ids": [check.id for check in made]}]


def test_of_several_faces_the_one_that_is_most_alike_is_used(engine: Engine) -> None:
    anchor(engine, "President", "obama")
    left, right = (cv2.imread(str(photo(name))) for name in ("biden", "obama2"))
    height = 700
    sides = [cv2.resize(side, (round(side.shape[1] * height / side.shape[0]), height)) for side in (left, right)]
    done, data = cv2.imencode(".png", np.hstack(sides))
    assert done
    (check,) = engine.check_likeness("President", data.tobytes())
    assert check.passed
    assert check.reasons == ("several_faces",)
    assert check.box is not None
    assert check.box.x > sides[0].shape[1]


@pytest.mark.slow
def test_bad_images_are_kept_with_their_reasons_and_the_others_go_on(engine: Engine, tmp_path: Path) -> None:
    anchor(engine, "President", "obama")
    whole = photo("obama2").read_bytes()
    _, wall = cv2.imencode(".png", np.full((300, 300, 3), 128, np.uint8))
    tiny = cv2.resize(cv2.imread(str(photo("obama2"))), None, fx=0.06, fy=0.06, interpolation=cv2.INTER_AREA)
    _, tiny_data = cv2.imencode(".png", tiny)
    soft = cv2.GaussianBlur(cv2.imread(str(photo("obama2"))), (0, 0), 9)
    _, soft_data = cv2.imencode(".jpg", soft)
    given = [b"", b"no picture", b"<svg xmlns=''></svg>", whole[:3000], wall.tobytes(), whole, soft_data.tobytes(),
             tiny_data.tobytes()]  # fmt: skip
    made = engine.check_likeness("President", given)
    assert [check.reasons for check in made[:6]] == [
        ("empty",), ("not_an_image",), ("unsupported_format",), ("truncated",), ("no_face",), (),
    ]  # fmt: skip
    assert [check.passed for check in made[:6]] == [False] * 5 + [True]
    assert [(check.score, check.box) for check in made[:5]] == [(None, None)] * 5
    assert "blurred" in made[6].reasons
    assert set(made[7].reasons) & {"no_face", "no_usable_face", "small_face"}
    assert len(engine.likeness_checks("President")) == len(given)


@pytest.mark.slow
def test_a_changed_reference_makes_checks_stale(engine: Engine) -> None:
    anchor(engine, "President", "obama")
    first = engine.check_likeness("President", photo("obama2"))
    anchor(engine, "President", "obama3", label="side")
    both = engine.check_likeness("President", photo("obama2"))
    assert both[0].version > first[0].version
    assert both[0].score != first[0].score
    assert [check.stale for check in engine.likeness_checks("President")] == [False, True]
    engine.set_reference("President", photo("biden").read_bytes())
    assert [check.stale for check in engine.likeness_checks("President")] == [True, True]
    run_jobs(engine)
    assert [check.stale for check in engine.likeness_checks("President")] == [True, True]
    assert [check.id for check in engine.likeness_checks("President", limit=1)] == [both[0].id]
    assert [check.id for check in engine.likeness_checks("President", before=both[0].id)] == [first[0].id]


@pytest.mark.slow
def test_the_calibrated_threshold_decides(engine: Engine) -> None:
    anchor(engine, "President", "obama")
    (before,) = engine.check_likeness("President", photo("obama2"))
    assert before.score is not None
    with engine.parts.store.write() as tx:
        found = Calibration(before.model_id, 1e-3, before.score + 0.01, 10**6, "labels", "2026-01-01T00:00:00")
        keep(tx, found)
    (after,) = engine.check_likeness("President", photo("obama2"))
    assert (before.passed, after.passed, after.reasons) == (True, False, ("below_threshold",))
    assert after.threshold == before.score + 0.01


def test_what_cannot_be_checked_is_refused_before_anything_is_kept(engine: Engine, tmp_path: Path) -> None:
    engine.add_character("Nobody yet")
    with pytest.raises(Conflict, match="no completed reference"):
        engine.check_likeness("Nobody yet", photo("obama"))
    anchor(engine, "President", "obama")
    for wrong in ([], [photo("obama"), tmp_path / "none.jpg"], [photo("obama"), tmp_path]):
        with pytest.raises(InputError):
            engine.check_likeness("President", wrong)
    with pytest.raises(NotFound):
        engine.check_likeness("Somebody", photo("obama"))
    with pytest.raises(NotFound):
        engine.likeness_checks("#999")
    assert engine.likeness_checks("President") == []
    assert events(engine) == []


@pytest.mark.slow
def test_a_model_that_has_not_seen_the_reference_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with open_engine(Settings(home=home, embedders=("arcface512",))) as engine:
        anchor(engine, "President", "obama")
        assert engine.check_likeness("President", photo("obama2"))[0].model_id == "arcface512"
    with open_engine(Settings(home=home)) as engine:
        with pytest.raises(Conflict, match="facenet512"):
            engine.check_likeness("President", photo("obama2"))
        assert engine.duplicate_characters(-1).characters == 0


@pytest.mark.slow
def test_characters_that_look_like_one_another(engine: Engine) -> None:
    one, other = anchor(engine, "President", "obama"), anchor(engine, "The lead", "obama2")
    anchor(engine, "Second", "biden")
    engine.add_character("Without a face")
    found = engine.duplicate_characters()
    assert found.characters == 3
    assert [(pair.first_id, pair.second_id, pair.first, pair.second) for pair in found.pairs] == [
        (one, other, "President", "The lead")
    ]
    (check,) = engine.check_likeness("President", photo("obama2"))
    assert found.pairs[0].score == pytest.approx(check.score, abs=1e-5)
    assert found.threshold == check.threshold
    every = engine.duplicate_characters(-1)
    assert len(every.pairs) == 3
    assert every.pairs[0] == found.pairs[0]
    assert len(engine.duplicate_characters(-1, limit=2).pairs) == 2
    assert engine.duplicate_characters(0.99).pairs == ()
    with pytest.raises(InputError):
        engine.duplicate_characters(2)


@pytest.mark.slow
def test_a_deleted_character_leaves_no_checks(engine: Engine) -> None:
    person_id = anchor(engine, "President", "obama")
    engine.check_likeness("President", photo("obama2"))
    engine.delete_character("President")
    with engine.parts.store.read() as tx:
        assert tx.likeness.of_person(person_id) == []
    assert engine.duplicate_characters(-1).characters == 0
