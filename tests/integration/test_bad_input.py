"""Every awkward input ends as a recorded reason or a typed error, and the rest of the album is processed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from personae import Settings, open_engine
from personae.engine.walk import path_of
from personae.errors import BackendError, InputError
from personae.types import FaceRole
from tests import bad_images
from tests.photos import album, originals


@pytest.fixture
def awkward(tmp_path: Path) -> Iterator[tuple[Path, list[bad_images.Awkward]]]:
    folder = tmp_path / "awkward"
    folder.mkdir()
    made = bad_images.make(folder, originals()["obama"].read_bytes())
    yield folder, made
    bad_images.open_up(folder)


def test_every_awkward_input_ends_as_it_should(awkward: tuple[Path, list[bad_images.Awkward]], tmp_path: Path) -> None:
    folder, made = awkward
    with open_engine(Settings(home=tmp_path / "home")) as engine:
        summary = engine.ingest(folder)
        with engine.parts.store.read() as tx:
            refusals = {path_of(uri): reason for uri, reason, _ in tx.images.refusals()}
            assert refusals == {item.reported or item.path: item.reason for item in made if item.reason}
            for item in made:
                if item.reason is None:
                    image = tx.images.by_uri(item.path.as_uri())
                    assert image is not None, item.path
                    faces = [face for face in tx.faces.of_images([image.id]) if face.role is not FaceRole.REFUSED]
                    assert len(faces) == 1, item.path
        assert summary.refused_files.keys() == {str(reason) for reason in refusals.values()}
        engine.group()
        people, clusters = engine.people()
        assert not people
        assert len(clusters) == 1  # one man, however he was turned, cut or named
        page = engine.report().read_text(encoding="utf-8")
        assert "too many pixels" in page.lower()
        assert engine.doctor() == []
        again = engine.ingest(folder)
        assert again.images == 0
        assert again.refused_files.get("unreadable", 0) == summary.refused_files.get("unreadable", 0)


def test_one_bad_picture_asked_about_is_an_error(
    awkward: tuple[Path, list[bad_images.Awkward]], tmp_path: Path
) -> None:
    _, made = awkward
    with open_engine(Settings(home=tmp_path / "home")) as engine:
        for item in made:
            if item.reason and not item.reported:
                with pytest.raises(InputError, match=r".+"):
                    engine.who(item.path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of four megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("a file system cannot be mounted here")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_stops_the_run_and_loses_nothing(small_disk: Path) -> None:
    settings = Settings(home=small_disk / "home", batch_size=2)
    with pytest.raises(BackendError, match=r"(?i)space|full"), open_engine(settings) as engine:
        engine.ingest(album())
    subprocess.run(["mount", "-o", "remount,size=300m", small_disk], check=True)
    with open_engine(settings) as engine:
        rest = engine.ingest(album())
        assert rest.known + rest.images + rest.ignored == rest.files
        assert all(difference.fixed for difference in engine.doctor(fix=True))
        assert engine.doctor() == []


def test_a_read_only_store_is_an_error_that_says_so(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=300m", small_disk], check=True)
    settings = Settings(home=small_disk / "home")
    with open_engine(settings) as engine:
        engine.ingest(originals()["obama"])
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(BackendError, match=r"(?i)read-only|cannot"), open_engine(settings) as engine:
        engine.ingest(album())
    assert os.statvfs(small_disk).f_flag & os.ST_RDONLY
