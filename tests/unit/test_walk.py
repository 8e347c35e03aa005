from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from personae.engine.walk import expand, path_of, walk
from personae.errors import InputError
from personae.types import Reason


def _names(root: Path, leave_out: Path | None = None) -> list[str]:
    return [found.path.relative_to(root).as_posix() for found in walk([root], leave_out)]


def test_folders_are_walked_in_order_of_names(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.jpg", "c/d.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert _names(tmp_path) == ["a.jpg", "b.jpg", "c/d.jpg"]


def test_a_folder_can_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "crop.jpg").write_bytes(b"x")
    (tmp_path / "a.jpg").write_bytes(b"x")
    assert _names(tmp_path, tmp_path / "home") == ["a.jpg"]


def test_links_to_folders_are_followed_once(tmp_path: Path) -> None:
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "a.jpg").write_bytes(b"x")
    (tmp_path / "album" / "again").symlink_to(tmp_path / "album", target_is_directory=True)
    assert _names(tmp_path) == ["album/a.jpg"]


def test_a_link_that_leads_nowhere_or_to_itself_is_recorded(tmp_path: Path) -> None:
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    (tmp_path / "nowhere.jpg").symlink_to("missing.jpg")
    found = list(walk([tmp_path]))
    assert [item.reason for item in found] == [Reason.UNREADABLE] * 2
    assert all(item.detail for item in found)


def test_any_name_survives_the_uri(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path)
    for name in (b"caf\xc3\xa9.jpg", b"\xff\xfe.jpg", b"a\nb.jpg", b"quote'\".jpg", b"50%41.jpg", b"#?.jpg"):
        path = Path(os.fsdecode(folder + b"/" + name))
        path.write_bytes(b"x")
        assert path_of(path.as_uri()) == path
    for found in walk([tmp_path]):
        assert path_of(found.uri) == found.path


def test_what_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        expand([tmp_path / "missing"])
    with pytest.raises(InputError, match="no such file"):
        expand([tmp_path / "*.jpg"])


def test_globs_are_expanded(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.png"):
        (tmp_path / name).write_bytes(b"x")
    assert [path.name for path in expand([tmp_path / "*.jpg"])] == ["a.jpg"]


def test_a_name_with_brackets_is_a_file_before_it_is_a_pattern(tmp_path: Path) -> None:
    (tmp_path / "[a].jpg").write_bytes(b"x")
    assert [path.name for path in expand([tmp_path / "[a].jpg"])] == ["[a].jpg"]


def test_a_folder_that_may_not_be_read_is_recorded() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "closed").mkdir(mode=0o000)
        (folder / "open.jpg").write_bytes(b"x")
        before = os.geteuid()
        if before == 0:
            os.seteuid(65534)  # root may read everything
        try:
            found = list(walk([folder]))
        finally:
            os.seteuid(before)
        assert [(item.path.name, item.reason) for item in found] == [("closed", Reason.UNREADABLE), ("open.jpg", None)]


def test_a_folder_left_out_is_known_by_any_name(tmp_path: Path) -> None:
    (tmp_path / "album" / "home").mkdir(parents=True)
    (tmp_path / "album" / "home" / "crop.jpg").write_bytes(b"x")
    (tmp_path / "album" / "a.jpg").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "album" / "home", target_is_directory=True)
    assert _names(tmp_path / "album", tmp_path / "link") == ["a.jpg"]


def test_a_user_who_does_not_exist_is_an_input_error() -> None:
    with pytest.raises(InputError, match="nosuchuser"):
        expand(["~nosuchuser/photos"])
