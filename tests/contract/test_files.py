"""Small files named by their content: in a folder and in memory."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from personae.adapters.files import FolderFiles
from personae.errors import BackendError, NotFound
from personae.ports import Files
from personae.testing import MemoryFiles
from personae.types import Digest


@pytest.fixture(params=["folder", "memory"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    return FolderFiles(tmp_path / "crops") if request.param == "folder" else MemoryFiles()


def test_what_is_put_is_got(files: Files) -> None:
    digest = files.put(b"one")
    assert digest == hashlib.sha256(b"one").hexdigest()
    assert files.get(digest) == b"one"
    assert digest in files
    assert files.put(b"one") == digest
    assert list(files) == [digest]


def test_many_are_listed_in_order(files: Files) -> None:
    digests = [files.put(bytes([i])) for i in range(50)]
    assert list(files) == sorted(digests)


def test_what_is_deleted_is_gone(files: Files) -> None:
    digest = files.put(b"")
    files.delete(digest)
    files.delete(digest)
    assert digest not in files
    assert list(files) == []
    with pytest.raises(NotFound):
        files.get(digest)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "a" * 63, "A" * 64, "0" * 64])
def test_a_name_that_is_no_digest_is_nothing(files: Files, name: str) -> None:
    assert Digest(name) not in files
    with pytest.raises(NotFound):
        files.get(Digest(name))


def test_nothing_is_left_over(files: Files) -> None:
    digest = files.put(b"one")
    assert files.leftovers() == []
    files.sweep()
    assert files.get(digest) == b"one"


def test_a_folder_keeps_files_apart_by_their_first_digits(tmp_path: Path) -> None:
    digest = FolderFiles(tmp_path).put(b"one")
    assert (tmp_path / digest[:2] / f"{digest}.jpg").read_bytes() == b"one"
    assert list(FolderFiles(tmp_path)) == [digest]


def test_leftovers_are_told_and_swept(tmp_path: Path) -> None:
    files = FolderFiles(tmp_path)
    digest = files.put(b"one")
    left = tmp_path / digest[:2] / f"{digest}.0123abcd.new"
    left.write_bytes(b"on")
    assert list(files) == [digest]
    assert files.leftovers() == [f"{digest[:2]}/{left.name}"]
    files.sweep()
    assert files.leftovers() == []
    assert files.get(digest) == b"one"


def test_an_attempt_that_was_cut_short_goes_with_the_next(tmp_path: Path) -> None:
    files = FolderFiles(tmp_path)
    digest = Digest(hashlib.sha256(b"crop").hexdigest())
    left = files.path(digest).with_name(f"{digest}.0.new")
    left.parent.mkdir()
    left.write_bytes(b"cr")
    assert files.put(b"crop") == digest
    assert files.leftovers() == []
    assert files.get(digest) == b"crop"


def test_damage_is_told(tmp_path: Path) -> None:
    files = FolderFiles(tmp_path)
    digest = files.put(b"one")
    files.path(digest).write_bytes(b"two")
    with pytest.raises(BackendError, match="damaged"):
        files.get(digest)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "crops").write_text("a file stands where the folder should be")
    with pytest.raises(BackendError, match="cannot be written"):
        FolderFiles(tmp_path / "crops").put(b"one")


PUT = """
import sys
from pathlib import Path
from personae.adapters.files import FolderFiles
from personae.errors import BackendError
files = FolderFiles(Path(sys.argv[1]))
try:
    for number in range(1000):
        files.put(bytes([number % 256]) * (1024 + number))
except BackendError as error:
    print(error)
print(files.leftovers(), all(files.get(digest) for digest in files))
"""


@pytest.mark.parametrize(("options", "said"), [("size=256k", "the disk is full"), ("ro", "the disk is read-only")])
def test_a_disk_that_takes_nothing_is_told(tmp_path: Path, options: str, said: str) -> None:
    mount = f'mount -t tmpfs -o {options} tmpfs "$1" && exec "$2" -c "$3" "$1"'
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh", tmp_path, sys.executable, PUT],
        capture_output=True,
        text=True,
        check=False,
    ) if shutil.which("unshare") else None  # fmt: skip
    if done is None or done.returncode:
        pytest.skip("a small disk cannot be mounted here")
    assert said in done.stdout
    assert done.stdout.endswith("[] True\n")
