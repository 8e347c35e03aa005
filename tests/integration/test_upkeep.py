"""What lies beside the store: projects apart, photos moved or replaced, limits that changed, files in the way."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from personae import Engine, Settings, open_engine
from personae.errors import InputError, NotFound
from personae.types import FaceRole
from tests.photos import originals


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("obama", "biden", "collins"):
        shutil.copy(originals()[name], folder / f"{name}.jpg")
    return folder


def _kinds(engine: Engine, *, fix: bool = False) -> set[str]:
    return {difference.kind for difference in engine.doctor(fix)}


def test_projects_do_not_reach_each_others_files(photos: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with open_engine(Settings(home=home)) as engine:
        engine.organise(photos)
    with open_engine(Settings(home=home, project="a/b c")) as other:
        assert other.doctor(fix=True) == []
        other.ingest(originals()["hopper"])
        assert _kinds(other) == set()
    with open_engine(Settings(home=home)) as engine:
        assert engine.doctor() == []


def test_a_crop_is_cut_again_only_from_the_very_photo(photos: Path, tmp_path: Path) -> None:
    with open_engine(Settings(home=tmp_path / "home")) as engine:
        engine.ingest(photos)
        shutil.copy(originals()["hopper"], photos / "obama.jpg")
        shutil.rmtree(tmp_path / "home" / "crops")
        assert _kinds(engine, fix=True) == {"crop_missing"}
        left = engine.doctor()
        assert [difference.kind for difference in left] == ["crop_missing"]


def test_a_moved_photo_is_no_damage(photos: Path, tmp_path: Path) -> None:
    with open_engine(Settings(home=tmp_path / "home")) as engine:
        engine.ingest(photos)
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        photo = photos / "biden.jpg"
        photo.rename(elsewhere / photo.name)
        assert _kinds(engine) == {"photo_gone"}
        engine.ingest(elsewhere)
        assert _kinds(engine, fix=True) == {"photo_moved"}
        assert engine.doctor() == []


def test_a_limit_that_is_lifted_lets_the_photo_in(photos: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    for limits in ({"max_pixels": 1000}, {"max_file_bytes": 1000}):
        with open_engine(Settings(home=home, **limits)) as engine:
            assert sum(engine.ingest(photos).refused_files.values()) == 3
    with open_engine(Settings(home=home)) as engine:
        assert engine.ingest(photos).images == 3
        assert engine.stats().refused_files == {}


def test_stats_show_the_gates_that_were_used(photos: Path, tmp_path: Path) -> None:
    with open_engine(Settings(home=tmp_path / "home", min_face_side=3000)) as engine:
        engine.ingest(photos)
    with open_engine(Settings(home=tmp_path / "home")) as engine:
        numbers = engine.stats()
        gate = next(gate for gate in numbers.gates if gate.gate == "min_face_side")
        assert (gate.value, gate.count, numbers.gate_sets) == ("3000", numbers.refused_faces, 1)
        with engine.parts.store.read() as tx:
            refused = tx.faces.select(roles=[FaceRole.REFUSED])[0]
        engine.name(f"unknown_noise_{refused.id}", "Ann")
        assert engine.stats().single_faces == 0
        engine.ingest(originals()["hopper"])
        assert engine.stats().gate_sets == 2


def test_a_report_goes_into_a_file_and_leaves_nothing_beside_it(photos: Path, tmp_path: Path) -> None:
    with open_engine(Settings(home=tmp_path / "home")) as engine:
        engine.ingest(photos)
        with pytest.raises(InputError, match="not a file"):
            engine.report(photos)
        before = set(tmp_path.iterdir())
        assert engine.report(tmp_path / "page.html").is_file()
        assert set(tmp_path.iterdir()) - before == {tmp_path / "page.html"}


def test_numbers_beyond_all_bounds_are_refused_in_words(photos: Path, tmp_path: Path) -> None:
    huge = 10**30
    with open_engine(Settings(home=tmp_path / "home")) as engine:
        engine.ingest(photos)
        for ask in (
            lambda: engine.show(f"#{huge}"),
            lambda: engine.show(f"unknown_noise_{huge}"),
            lambda: engine.undo(huge),
            lambda: engine.reject(huge),
            lambda: engine.history(huge),
        ):
            with pytest.raises((InputError, NotFound)):
                ask()
