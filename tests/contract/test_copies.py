"""Reduced copies of photos: in a folder and in memory."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from personae.adapters.copies import FolderCopies
from personae.ports import Copies
from personae.testing import MemoryCopies
from personae.types import Digest

ONE, TWO = (Digest(hashlib.sha256(name).hexdigest()) for name in (b"one", b"two"))


@pytest.fixture(params=["folder", "memory"])
def copies(request: pytest.FixtureRequest, tmp_path: Path) -> Copies:
    return FolderCopies(tmp_path / "copies") if request.param == "folder" else MemoryCopies()


def test_what_is_put_is_got(copies: Copies) -> None:
    assert copies.get(ONE, 640) is None
    copies.put(ONE, 640, b"small")
    copies.put(ONE, 2048, b"large")
    copies.put(ONE, 640, b"small again")
    assert copies.get(ONE, 640) == b"small again"
    assert copies.get(ONE, 2048) == b"large"
    assert copies.get(ONE, 64) is None
    assert (copies.has(ONE, 2048), copies.has(ONE, 64)) == (True, False)
    assert copies.get(TWO, 640) is None


def test_a_photo_goes_with_its_copies(copies: Copies) -> None:
    for photo in (ONE, TWO):
        for side in (640, 2048):
            copies.put(photo, side, b"x")
    assert sorted(copies) == sorted((ONE, TWO))
    copies.delete(ONE)
    copies.delete(ONE)
    assert list(copies) == [TWO]
    assert copies.get(ONE, 640) is None
    assert copies.get(TWO, 640) == b"x"


def test_what_was_cut_off_is_made_again(tmp_path: Path) -> None:
    copies = FolderCopies(tmp_path)
    copies.put(ONE, 640, b"x")
    (kept,) = tmp_path.glob("*/*")
    kept.write_bytes(b"")
    assert copies.get(ONE, 640) is None
    assert not copies.has(ONE, 640)


def test_a_disk_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    (tmp_path / "copies").write_bytes(b"in the way")
    copies = FolderCopies(tmp_path / "copies")
    copies.put(ONE, 640, b"x")
    assert copies.get(ONE, 640) is None
    assert list(copies) == []


def test_attempts_of_a_process_that_was_killed_go_with_the_photo(tmp_path: Path) -> None:
    copies = FolderCopies(tmp_path)
    copies.put(ONE, 640, b"x")
    (kept,) = tmp_path.glob("*/*")
    kept.rename(kept.with_name(f"{kept.name}.01234567.new"))
    assert list(copies) == [ONE]
    copies.delete(ONE)
    assert list(tmp_path.glob("*/*")) == []
