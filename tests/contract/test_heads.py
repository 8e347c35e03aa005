"""Heads and their notes: in a folder and in memory."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from personae.adapters.heads.folder import FolderHeads
from personae.adapters.heads.tensors import pack, unpack
from personae.errors import InputError, ModelError, NotFound
from personae.ports import HeadFiles, Learnt
from personae.testing import MemoryHeads

NOTE = {"base": "arc", "seed": 0, "metrics": {"fnir": 0.1}}


def learnt(by: float = 1.0, **more: object) -> Learnt:
    return Learnt({"weight": by * np.eye(4, dtype=np.float32), "b": np.zeros(3, np.float32)}, {**NOTE, **more})


@pytest.fixture(params=["folder", "memory"])
def heads(request: pytest.FixtureRequest, tmp_path: Path) -> HeadFiles:
    return FolderHeads(tmp_path / "heads") if request.param == "folder" else MemoryHeads()


def test_what_is_saved_is_loaded(heads: HeadFiles) -> None:
    heads.save("head-1", learnt())
    found = heads.load("head-1")
    assert found.note == NOTE
    assert np.array_equal(found.arrays["weight"], np.eye(4))
    assert found.arrays["weight"].dtype == np.float32
    assert heads.names() == ["head-1"]


def test_the_last_one_saved_counts(heads: HeadFiles) -> None:
    heads.save("a", learnt())
    heads.save("a", learnt(2.0, seed=1))
    heads.save("a.b-c", learnt(3.0))
    assert heads.load("a").arrays["weight"][0, 0] == 2
    assert heads.load("a").note["seed"] == 1
    assert heads.load("a.b-c").arrays["weight"][0, 0] == 3
    assert heads.names() == ["a", "a.b-c"]


def test_what_is_deleted_is_no_more(heads: HeadFiles) -> None:
    heads.save("a", learnt())
    heads.delete("a")
    heads.delete("a")
    assert heads.names() == []
    with pytest.raises(NotFound):
        heads.load("a")


def test_what_cannot_be_kept_is_refused(heads: HeadFiles) -> None:
    for name in ("", "../a", "a/b", "-a", "a" * 101, "a_b"):
        with pytest.raises(InputError):
            heads.save(name, learnt())
    with pytest.raises(InputError):
        heads.save("a", Learnt({"weight": np.eye(2)}, {}))  # type: ignore[dict-item]
    with pytest.raises(InputError):
        heads.save("a", learnt(loss=float("nan")))
    assert heads.names() == []


# --- the folder -------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "heads"


def test_a_flipped_byte_is_noticed(folder: Path) -> None:
    heads = FolderHeads(folder)
    heads.save("a", learnt())
    numbers = next(folder.glob("*.safetensors"))
    whole = numbers.read_bytes()
    for at in (0, len(whole) // 2, len(whole) - 1):
        numbers.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(ModelError, match="SHA-256"):
            heads.load("a")
    numbers.unlink()
    with pytest.raises(ModelError, match="missing"):
        heads.load("a")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 1, "sha256": "0", "note": 3}'])
def test_a_torn_note_is_noticed(folder: Path, text: str) -> None:
    heads = FolderHeads(folder)
    heads.save("a", learnt())
    (folder / "a.json").write_text(text)
    with pytest.raises(ModelError, match="damaged"):
        heads.load("a")


def test_a_later_format_is_not_read(folder: Path) -> None:
    heads = FolderHeads(folder)
    heads.save("a", learnt())
    kept = json.loads((folder / "a.json").read_text())
    (folder / "a.json").write_text(json.dumps({**kept, "format": 2}))
    with pytest.raises(ModelError, match="format 2"):
        heads.load("a")


def test_nothing_of_a_former_head_stays(folder: Path) -> None:
    heads = FolderHeads(folder)
    for by in (1.0, 2.0, 3.0):
        heads.save("a", learnt(by))
    (folder / "a_0123.safetensors.deadbeef.new").write_bytes(b"half")
    heads.save("a", learnt(4.0))
    assert len(list(folder.iterdir())) == 2
    heads.delete("a")
    assert list(folder.iterdir()) == []


SAVE = """
import sys
from pathlib import Path
import numpy as np
from personae.adapters.heads.folder import FolderHeads
from personae.errors import BackendError
from personae.ports import Learnt
heads = FolderHeads(Path(sys.argv[1]) / "heads")
heads.save("a", Learnt({"weight": np.eye(4, dtype=np.float32)}, {"seed": 0}))
try:
    heads.save("a", Learnt({"weight": np.ones((1024, 1024), np.float32)}, {"seed": 1}))
except BackendError as error:
    print(error)
print(heads.load("a").note, len(list((Path(sys.argv[1]) / "heads").iterdir())))
"""


def test_a_full_disk_is_told_and_the_former_head_stays(tmp_path: Path) -> None:
    mount = 'mount -t tmpfs -o size=256k tmpfs "$1" && exec "$2" -c "$3" "$1"'
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh", tmp_path, sys.executable, SAVE],
        capture_output=True,
        text=True,
        check=False,
    ) if shutil.which("unshare") else None  # fmt: skip
    if done is None or done.returncode:
        pytest.skip("a small disk cannot be mounted here")
    assert "the disk is full" in done.stdout
    assert done.stdout.endswith("{'seed': 0} 2\n")


def test_the_numbers_are_those_that_safetensors_reads(folder: Path) -> None:
    numpy = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
    arrays = {
        "weight": np.random.default_rng(0).standard_normal((3, 5)).astype(np.float32),
        "b": np.zeros(0, np.float32),
    }
    theirs = numpy.load(pack(arrays))
    ours = unpack(numpy.save(arrays))
    for name, array in arrays.items():
        assert np.array_equal(theirs[name], array)
        assert np.array_equal(ours[name], array)


@pytest.mark.parametrize(
    "header",
    [b"[]", b"{", b'{"a": 1}', b'{"a": {"dtype": "F64", "shape": [1], "data_offsets": [0, 4]}}',
     b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}',
     b'{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}',
     b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 400]}}'],
)  # fmt: skip
def test_what_is_no_safetensors_file_is_refused(header: bytes) -> None:
    with pytest.raises(ModelError):
        unpack(len(header).to_bytes(8, "little") + header + bytes(4))
    for data in (b"", b"\xff" * 8, b"\xff" * 100):
        with pytest.raises(ModelError):
            unpack(data)
