"""What a Qdrant keeps: believed only when it is whole and ours, and its errors are the house's."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from personae.adapters.index.points import MARKER, PointIndex
from personae.errors import BackendError, InputError
from personae.types import Filter, Ids, ModelId, PersonId, Vectors
from tests.generate import unit_rows
from tests.indexes import DIMENSION, MODEL

pytest.importorskip("qdrant_client", reason="qdrant-client is not installed")
pytest.importorskip("qdrant_edge", reason="qdrant-edge-py is not installed")

from qdrant_client import models

from personae.adapters.index.qdrant import FolderPoints, ServerPoints
from personae.adapters.index.qdrant_edge import EdgePoints
from tests.qdrant_server import StandIn

FOLDERS: dict[str, Callable[[Path, int], FolderPoints | EdgePoints]] = {
    "folder": lambda folder, dimension: FolderPoints(folder / "some", "some", dimension),
    "edge": lambda folder, dimension: EdgePoints(folder / "some", dimension),
}
folders = pytest.mark.parametrize("kind", FOLDERS)


def fill(index: PointIndex) -> None:
    """Ten faces, one of them forgotten, as of event 7."""
    index.add(np.arange(10), unit_rows(10, DIMENSION), np.arange(10) % 2)
    index.remove(np.array([3]))
    index.advance(7)
    index.save()


def open_folder(kind: str, folder: Path, model: ModelId = MODEL, dimension: int = DIMENSION) -> PointIndex:
    return PointIndex(FOLDERS[kind](folder, dimension), model, dimension)


def assert_started_anew(index: PointIndex) -> None:
    assert (len(index), index.cursor) == (0, 0)
    assert index.damage
    fill(index)
    assert (index.damage, len(index)) == ("", 9)
    index.close()


@pytest.fixture(params=FOLDERS)
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A kind of folder, and such an index in it."""
    index = open_folder(request.param, tmp_path)
    fill(index)
    index.close()
    return str(request.param)


def test_it_is_there_again(kind: str, tmp_path: Path) -> None:
    index = open_folder(kind, tmp_path)
    assert (index.damage, index.cursor, len(index)) == ("", 7, 9)
    assert index.search(unit_rows(10, DIMENSION)[:1], 9, Filter(people=(PersonId(1),)))[0][0, 4:].tolist() == [-1] * 5
    index.close()


def test_one_at_a_time(kind: str, tmp_path: Path) -> None:
    index = open_folder(kind, tmp_path)
    with pytest.raises(BackendError, match="one process"):
        open_folder(kind, tmp_path)
    assert len(index) == 9
    index.close()
    index.close()
    open_folder(kind, tmp_path).close()


def test_another_model_or_dimension_is_not_taken(kind: str, tmp_path: Path) -> None:
    assert_started_anew(open_folder(kind, tmp_path, ModelId("other")))
    index = open_folder(kind, tmp_path, ModelId("other"), 8)
    assert index.damage
    assert len(index) == 0
    index.close()


def test_a_torn_folder_is_noticed(kind: str, tmp_path: Path) -> None:
    for path in (tmp_path / "some").rglob("*"):
        if path.is_file() and path.stat().st_size:
            path.write_bytes(b"\0" * 100)
    assert_started_anew(open_folder(kind, tmp_path))


def test_a_file_in_the_way_is_a_backend_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for make in FOLDERS.values():
        with pytest.raises(BackendError):
            make(tmp_path / "file", DIMENSION)


def test_clearing_leaves_no_byte(kind: str, tmp_path: Path) -> None:
    row = unit_rows(10, DIMENSION)[5]
    needles = [row.tobytes(), row.astype(np.float64).tobytes()]

    def holds() -> bool:
        files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
        return any(needle in data for needle in needles for data in files)

    index = open_folder(kind, tmp_path)
    index.clear()
    index.save()
    assert not holds()
    index.close()


@pytest.fixture
def server() -> Iterator[StandIn]:
    stand_in = StandIn("a secret")
    yield stand_in
    stand_in.close()


def connect(
    server: StandIn, model: ModelId = MODEL, dimension: int = DIMENSION, key: str = "a secret", history: str = ""
) -> PointIndex:
    points = ServerPoints(server.url, key, "some", dimension)
    return PointIndex(points, model, dimension, history=lambda seq: history if seq else "")


def test_two_share_a_server(server: StandIn) -> None:
    first, second = connect(server), connect(server)
    fill(first)
    assert (second.cursor, len(second), second.face_ids().tolist()) == (7, 9, [0, 1, 2, 4, 5, 6, 7, 8, 9])
    second.advance(8)
    assert first.cursor == 8
    assert connect(server).damage == ""


def test_people_and_clusters_are_payloads_with_an_index(server: StandIn) -> None:
    index = connect(server)
    index.add(np.array([5]), unit_rows(1, DIMENSION), np.array([3]))
    assert server.client.retrieve("some", [5])[0].payload == {"person_id": 3, "cluster_id": -1}
    assert [path for method, path in server.asked if path.endswith("/index")] == ["/collections/some/index"] * 2


def test_exact_scores_come_from_the_store(server: StandIn) -> None:
    rows, asked = unit_rows(20, DIMENSION), []

    def fetch(face_ids: Ids) -> tuple[Ids, Vectors]:
        asked.append(face_ids)
        there = face_ids[face_ids != 6]
        return there, rows[there]

    index = PointIndex(ServerPoints(server.url, "a secret", "some", DIMENSION), MODEL, DIMENSION, fetch)
    index.add(np.arange(20), unit_rows(20, DIMENSION, 1))
    query = unit_rows(1, DIMENSION, 2)
    ids, scores = index.search(query, 20)
    assert np.allclose(scores[0, :19], np.sort((rows @ query[0])[np.arange(20) != 6])[::-1], atol=1e-6)
    assert ids[0, 19] == -1
    assert np.isnan(index.compare(rows[0], np.array([6, 0]))).tolist() == [True, False]
    assert all((np.diff(face_ids) > 0).all() for face_ids in asked)


def test_a_lost_face_is_noticed(server: StandIn) -> None:
    fill(connect(server))
    server.client.delete("some", models.PointIdsList(points=[4]))
    assert_started_anew(connect(server))


def test_changes_under_way_are_no_damage(server: StandIn) -> None:
    index = connect(server)
    fill(index)
    index.add(np.array([50]), unit_rows(1, DIMENSION))
    again = connect(server)
    assert (again.damage, again.cursor, len(again)) == ("", 7, 10)


@pytest.mark.parametrize(
    "change", [{"format": 99}, {"model_id": "other"}, {"dimension": 8}, {"cursor": -1}, {"cursor": "7"}, {"count": 1}]
)
def test_a_marker_of_something_else_is_noticed(server: StandIn, change: dict[str, object]) -> None:
    fill(connect(server))
    server.client.set_payload("some", change, points=[MARKER])
    assert_started_anew(connect(server))


def test_a_missing_marker_is_noticed(server: StandIn) -> None:
    fill(connect(server))
    server.client.delete("some", models.PointIdsList(points=[MARKER]))
    assert_started_anew(connect(server))


def test_the_index_of_another_store_is_noticed(server: StandIn) -> None:
    fill(connect(server, history="today"))
    assert connect(server, history="today").damage == ""
    index = connect(server, history="yesterday")
    assert (len(index), index.cursor) == (0, 0)
    assert index.damage


def test_a_collection_of_other_vectors_is_not_taken(server: StandIn) -> None:
    server.client.create_collection("some", models.VectorParams(size=4, distance=models.Distance.COSINE))
    assert_started_anew(connect(server))


def test_a_server_that_refuses_is_a_backend_error(server: StandIn) -> None:
    index, key = connect(server), "".join(["not", "the", "key"])
    with pytest.raises(BackendError, match="QDRANT_API_KEY") as refused:
        connect(server, key=key)
    assert key not in "".join(traceback.format_exception(refused.value))
    server.status = 500
    row = unit_rows(1, DIMENSION)
    with pytest.raises(BackendError, match="500") as refused:
        index.add(np.array([1]), row)
    # The server's answer repeats the embedding; no message or traceback does.
    assert json.dumps(float(row[0, 0])) not in "".join(traceback.format_exception(refused.value))


def test_a_server_that_is_not_there_is_a_backend_error(server: StandIn) -> None:
    index = connect(server)
    server.close()
    for call in (lambda: index.cursor, lambda: index.search(unit_rows(1, DIMENSION), 1), lambda: connect(server)):
        with pytest.raises(BackendError, match=r"127\.0\.0\.1.*does not answer"):
            call()


@pytest.mark.parametrize("url", ["", "qdrant", "ftp://qdrant:6333", "http://", "http://host:port"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(InputError, match="address"):
        ServerPoints(url, "", "some", DIMENSION)
