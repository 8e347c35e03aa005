"""The files of the Voyager index: kept, checked, and never believed when they are torn."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from personae.adapters.index.saved import note_path
from personae.adapters.index.voyager import VoyagerIndex
from personae.errors import BackendError
from personae.types import Ids, ModelId, Vectors
from tests.generate import unit_rows

MODEL = ModelId("some-model")
DIMENSION = 16


def open_index(file: Path, model: ModelId = MODEL, dimension: int = DIMENSION) -> VoyagerIndex:
    return VoyagerIndex(file, model, dimension)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An index of fifty faces, two of them forgotten, saved at event 7. The name holds a newline and no UTF-8."""
    place = tmp_path / os.fsdecode(b"an 'odd'\n\xff*name") / "face_some.voy"
    index = open_index(place)
    index.add(np.arange(50), unit_rows(50, DIMENSION))
    index.remove(np.array([3, 4]))
    index.advance(7)
    index.save()
    return place


def test_what_was_saved_is_there_again(file: Path) -> None:
    again = open_index(file)
    rows = unit_rows(50, DIMENSION)
    assert (again.cursor, len(again), again.damage) == (7, 48, "")
    assert 3 not in again.face_ids()
    assert again.search(rows[5:6], 1)[0].tolist() == [[5]]
    assert 3 not in again.search(rows[3:4], 48)[0]
    again.add(np.array([3, 60]), rows[3:5])
    again.remove(np.array([0]))
    again.save()
    third = open_index(file)
    assert (len(third), third.search(rows[3:4], 1)[0].tolist()) == (49, [[3]])


def test_only_the_index_and_its_note_are_left(file: Path) -> None:
    open_index(file).save()
    assert sorted(path.name for path in file.parent.iterdir()) == [file.name, note_path(file).name]
    assert set(json.loads(note_path(file).read_text())) == {
        "model_id", "dimension", "cursor", "count", "deleted", "labels", "library", "sha256", "format",
    }  # fmt: skip


def test_what_a_killed_save_left_is_swept_up_in_time(file: Path) -> None:
    old, fresh = (file.with_name(f"{file.name}.{name}.new") for name in ("01234567", "89abcdef"))
    for path in (old, fresh):
        path.write_bytes(b"half an index")
    os.utime(old, (0, 0))
    open_index(file).save()
    assert [path.exists() for path in (old, fresh)] == [False, True]


def assert_starts_empty(index: VoyagerIndex) -> None:
    assert (len(index), index.cursor) == (0, 0)
    assert index.damage
    index.add(np.arange(5), unit_rows(5, index.dimension))
    index.advance(8)
    index.save()
    assert index.damage == ""


@pytest.mark.parametrize("place", [0, 40, -1])
def test_a_flipped_bit_is_noticed(file: Path, place: int) -> None:
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)
    assert_starts_empty(open_index(file))
    assert len(open_index(file)) == 5


def test_a_torn_file_is_noticed(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])
    assert_starts_empty(open_index(file))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"model_id": "some-model"}', '"\\ud800"'])
def test_a_torn_note_is_noticed(file: Path, text: str) -> None:
    note_path(file).write_text(text)
    assert_starts_empty(open_index(file))


def test_a_missing_half_is_noticed(file: Path) -> None:
    kept = file.read_bytes()
    file.unlink()
    assert_starts_empty(open_index(file))
    note_path(file).unlink()
    file.write_bytes(kept)
    assert_starts_empty(open_index(file))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("library", "0.0"),
        ("format", 99),
        ("count", 1),
        ("deleted", []),
        ("labels", ""),
        ("labels", "AAAA"),
        ("labels", None),
        ("dimension", 8),
        ("model_id", "other"),
    ],
)
def test_a_note_of_something_else_is_noticed(file: Path, field: str, value: object) -> None:
    note = json.loads(note_path(file).read_text())
    note_path(file).write_text(json.dumps({**note, field: value}))
    assert_starts_empty(open_index(file))


def test_another_models_file_is_not_taken(file: Path) -> None:
    assert_starts_empty(open_index(file, ModelId("other")))


def test_a_kill_between_the_two_files_is_noticed(file: Path) -> None:
    note = note_path(file).read_bytes()
    index = open_index(file)
    index.add(np.array([99]), unit_rows(1, DIMENSION))
    index.save()
    note_path(file).write_bytes(note)
    assert_starts_empty(open_index(file))


def test_clearing_leaves_no_byte(file: Path) -> None:
    (file.parent / f"{file.name}.0123abcd.new").write_bytes(b"left by an interrupted save")
    open_index(file).clear()
    assert list(file.parent.iterdir()) == []
    assert (len(open_index(file)), open_index(file).damage) == (0, "")


def test_scores_come_from_the_store(tmp_path: Path) -> None:
    rows, asked = unit_rows(20, DIMENSION), []

    def fetch(face_ids: Ids) -> tuple[Ids, Vectors]:
        asked.append(face_ids)
        there = face_ids[face_ids != 6]
        return there, rows[there]

    index = VoyagerIndex(tmp_path / "some.voy", MODEL, DIMENSION, fetch)
    index.add(np.arange(20), unit_rows(20, DIMENSION, 1))
    ids, scores = index.search(unit_rows(1, DIMENSION, 2), 20)
    expected = np.sort((rows @ unit_rows(1, DIMENSION, 2)[0])[np.arange(20) != 6])[::-1]
    # The store has lost face 6, and its vectors count, not the index's.
    assert np.allclose(scores[0, :19], expected, atol=1e-6)
    assert ids[0, 19] == -1
    assert np.isnan(index.compare(rows[0], np.array([6, 0]))).tolist() == [True, False]
    assert all((np.diff(face_ids) > 0).all() for face_ids in asked)


def test_a_folder_that_cannot_be_made_is_a_backend_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    index = open_index(tmp_path / "file" / "some.voy")
    index.add(np.array([1]), unit_rows(1, DIMENSION))
    with pytest.raises(BackendError):
        index.save()


def test_hard_data_is_found_though_the_graph_is_approximate(tmp_path: Path) -> None:
    # Faces so alike that a graph search loses its way, most of them forgotten again.
    rng = np.random.default_rng(0)
    rows = np.repeat(unit_rows(4, DIMENSION), 500, axis=0) + 1e-3 * rng.standard_normal((2000, DIMENSION))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    index = open_index(tmp_path / "some.voy")
    index.add(np.arange(2000), rows)
    index.remove(np.setdiff1d(np.arange(2000), np.arange(0, 2000, 100)))
    ids, _ = index.search(rows[:1], 20)
    assert sorted(ids[0].tolist()) == list(range(0, 2000, 100))


KILLED = """
import sys
from pathlib import Path
import numpy as np
from personae.adapters.index.voyager import VoyagerIndex
from tests.generate import unit_rows
index = VoyagerIndex(Path(sys.argv[1]), "some-model", 16)
rows = unit_rows(20000, 16)
index.add(np.arange(2000), rows[:2000])
for turn in range(10_000):
    index.add(np.arange(2000 + turn, 2001 + turn), rows[2000 + turn : 2001 + turn])
    index.advance(turn + 1)
    index.save()
    print(turn, flush=True)
"""


@pytest.mark.slow
def test_killed_while_saving_it_is_whole_or_starts_again(tmp_path: Path) -> None:
    file, rng = tmp_path / "some.voy", np.random.default_rng(1)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    for _ in range(8):
        running = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(file)], stdout=subprocess.PIPE, text=True, env=environment
        )
        with running:
            assert running.stdout is not None
            running.stdout.readline()
            time.sleep(float(rng.uniform(0, 0.2)))
            running.send_signal(signal.SIGKILL)
        index = open_index(file)
        if index.damage:
            assert (len(index), index.cursor) == (0, 0)
        else:
            assert len(index) == 2000 + index.cursor
        index.clear()
        assert list(tmp_path.iterdir()) == []
