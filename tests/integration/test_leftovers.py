"""What is removed leaves nothing behind, and `doctor` finds what an interruption has left."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from PIL import Image

from personae import Engine, open_engine
from personae.bootstrap import open_house, remove_project
from personae.engine.parts import Vision
from personae.types import Digest
from tests.patterns import PatternDetector, PatternEmbedder, photo
from tests.served import pattern_settings

SOMEBODY = Digest("ab" * 32)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with open_engine(pattern_settings(tmp_path / "home")) as opened:
        embedder = PatternEmbedder()
        vision = Vision(PatternDetector(), (embedder,), embedder.thresholds)
        opened.parts = replace(opened.parts, vision=lambda: vision)
        yield opened


def kinds(engine: Engine) -> list[str]:
    return sorted(each.kind for each in engine.doctor())


def test_files_that_nothing_names_any_more(engine: Engine) -> None:
    engine.take_in(photo(1, 1))
    engine.draw_map()
    assert kinds(engine) == []
    engine.parts.maps.put(b"another")
    engine.parts.photos.put(b"sent, and the power failed")
    for copies in (engine.parts.copies, engine.parts.checked):
        copies.put(SOMEBODY, 640, b"of nobody")
    (engine.folder / "map" / "ab").mkdir()
    (engine.folder / "map" / "ab" / "half.new").write_bytes(b"half")
    assert kinds(engine) == ["copy_orphan", "copy_orphan", "leftover", "map_orphan", "sent_orphan"]
    assert all(each.fixed for each in engine.doctor(fix=True))
    assert kinds(engine) == []
    (drawn,) = engine.parts.maps
    engine.parts.maps.path(drawn).write_bytes(b"nothing")
    assert kinds(engine) == ["map_damaged"]
    engine.doctor(fix=True)
    assert (kinds(engine), list(engine.parts.maps)) == ([], [])


def test_the_project_in_the_home_goes_with_all_its_files(engine: Engine) -> None:
    engine.take_in(photo(1, 1))
    engine.draw_map()
    for copies in (engine.parts.copies, engine.parts.checked):
        copies.put(SOMEBODY, 640, b"small")
    for files in (engine.parts.pictures, engine.parts.crops):
        files.put(b"a picture")
    engine.close()
    settings = pattern_settings(engine.home)
    with closing(open_house(settings)) as house:
        remove_project(settings, house, "default")
    assert {
        path.name for path in engine.home.iterdir() if path.is_dir() or not path.name.startswith("personae.db")
    } <= {"projects"}


def test_dates_of_photos_that_were_here_before_dates_were_kept(engine: Engine, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2009:01:13 14:02:11"
    folder = tmp_path / "album"
    folder.mkdir()
    for number, said in enumerate((exif.tobytes(), b"", exif.tobytes())):
        Image.open(io.BytesIO(photo(3, number))).save(folder / f"{number}.jpg", exif=said)
    engine.ingest(folder)
    with engine.parts.store.write() as tx:
        scope = tx.images.scope  # type: ignore[attr-defined]
        assert [image.taken_at for image in tx.images.get([1, 2, 3])].count(None) == 1  # type: ignore[list-item]
        scope.connection.execute(sa.text("UPDATE images SET taken_at = NULL"))
    (folder / "2.jpg").unlink()
    assert kinds(engine) == ["photo_gone", "photo_undated"]
    engine.doctor(fix=True)
    assert kinds(engine) == ["photo_gone"]
    with engine.parts.store.read() as tx:
        found = {image.uris[0][-5:]: image.taken_at for image in tx.images.get([1, 2, 3])}  # type: ignore[list-item]
        assert len(tx.photos.undated()) == 1
    assert found == {"0.jpg": datetime(2009, 1, 13, 14, 2, 11), "1.jpg": None, "2.jpg": None}
