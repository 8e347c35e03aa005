"""Indexes follow the store: whatever happens there, a search confined to people or clusters says the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from personae.adapters.index.exact import ExactIndex
from personae.adapters.store.schema import embeddings
from personae.adapters.store.store import SqlStore
from personae.engine.follow import PLACED, PLACED_AT_ONCE, announce, catch_up
from personae.engine.ledger import record, undo
from personae.ports import Transaction, VectorIndex
from personae.types import (
    Box,
    ClusterId,
    Decision,
    DecisionKind,
    Digest,
    FaceId,
    FaceRole,
    Filter,
    Maker,
    NewFace,
    NewImage,
    OperationId,
    PersonId,
    Quality,
)
from tests.generate import unit_rows
from tests.indexes import DIMENSION, IN_THE_STORE, KINDS, LASTING, MODEL, opened
from tests.stores import place_empty


@contextmanager
def open_store(folder: Path) -> Iterator[SqlStore]:
    store = SqlStore.open(place_empty(folder / "store.db"), "test", lambda: datetime.now(UTC))
    yield store
    store.close()


def add_faces(tx: Transaction, name: str, count: int, seed: int = 0) -> list[FaceId]:
    """Add one image with so many faces; return their ids."""
    rows = unit_rows(count, DIMENSION, seed)
    faces = tuple(
        NewFace(
            box=Box(0, 0, 9, 9),
            landmarks=np.zeros((5, 2), np.float32),
            det_score=0.9,
            quality=Quality(9, 9, 0, 0, 0.5),
            role=FaceRole.FOUNDING,
            embeddings={MODEL: row},
        )
        for row in rows
    )
    digest = Digest(f"{hash((name, seed)) & (2**256 - 1):064x}")
    image_id = tx.images.add(NewImage(digest, 1, 9, 9, "jpeg", faces=faces))
    return [face.id for face in tx.faces.of_images([image_id])]


def name_them(tx: Transaction, name: str, faces: list[FaceId]) -> tuple[PersonId, OperationId]:
    person_id = tx.people.add(name)
    decisions = [Decision(DecisionKind.NAME, Maker.HUMAN, person_id=person_id, name=name)]
    decisions += [Decision(DecisionKind.CONFIRM, Maker.HUMAN, face_id, person_id) for face_id in faces]
    return person_id, record(tx, "name", Maker.HUMAN, name, decisions)


def group_them(tx: Transaction, faces: list[FaceId]) -> ClusterId:
    cluster_id = tx.clusters.add(1)[0]
    decisions = [Decision(DecisionKind.CLUSTER, Maker.MACHINE, each, cluster_id=cluster_id) for each in faces]
    record(tx, "group", Maker.MACHINE, "", decisions)
    return cluster_id


def assert_follows(store: SqlStore, index: VectorIndex) -> None:
    """After catching up the index answers every filtered search as one that was filled just now."""
    truth = ExactIndex(MODEL, DIMENSION)
    with store.read() as tx:
        catch_up(tx, index)
        index.save()
        assert catch_up(tx, index) is False
        face_ids, vectors = tx.faces.embeddings(MODEL)
        people, clusters = tx.faces.identities(face_ids)
    if len(face_ids):
        truth.add(face_ids, vectors, people, clusters)
    assert index.face_ids().tolist() == face_ids.tolist()
    filters: list[Filter | None] = [None, Filter(unknown=True)]
    filters += [Filter(people=(PersonId(person),)) for person in np.unique(people).tolist()]
    filters += [Filter(clusters=(ClusterId(cluster),)) for cluster in np.unique(clusters).tolist()]
    query = unit_rows(2, DIMENSION, 99)
    for where in filters:
        expected, found = truth.search(query, 300, where), index.search(query, 300, where)
        assert found[0].tolist() == expected[0].tolist(), where
        assert np.allclose(found[1], expected[1], atol=1e-6)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in IN_THE_STORE])
def test_an_index_follows_everything(kind: str, tmp_path: Path) -> None:
    with open_store(tmp_path) as store, opened(kind, tmp_path) as index:
        assert_follows(store, index)
        with store.write() as tx:
            faces = add_faces(tx, "one", 30)
        assert_follows(store, index)
        with store.write() as tx:
            ann, first = name_them(tx, "Ann", faces[:7])
            bob, _ = name_them(tx, "Bob", faces[7:12])
            group_them(tx, faces[10:20])
        assert_follows(store, index)
        with store.write() as tx:
            more = add_faces(tx, "two", 5, seed=1)
            record(tx, "merge", Maker.HUMAN, "", [Decision(DecisionKind.MERGE, Maker.HUMAN, person_id=bob, into_person_id=ann)])  # fmt: skip  # noqa: E501
            group_them(tx, [*faces[15:25], *more])
        assert_follows(store, index)
        with store.write() as tx:
            undo(tx, first)
        assert_follows(store, index)
        with store.write() as tx:
            tx.faces.scope.connection.execute(sa.delete(embeddings).where(embeddings.c.face_id == faces[3]))  # type: ignore[attr-defined]
            tx.events.emit("face.removed", {"face_id": int(faces[3])})
        assert_follows(store, index)
        assert faces[3] not in index


@pytest.mark.parametrize("kind", LASTING)
@pytest.mark.slow
def test_opened_again_it_goes_on(kind: str, tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        with opened(kind, tmp_path) as index:
            with store.write() as tx:
                faces = add_faces(tx, "one", 20)
                name_them(tx, "Ann", faces[:7])
            assert_follows(store, index)
        with store.write() as tx:
            name_them(tx, "Bob", faces[7:12])
        with opened(kind, tmp_path) as index:
            assert (index.damage, len(index)) == ("", 20)
            assert_follows(store, index)
        # Put in, and left before that was noted: nothing is lost, nothing is stale.
        with opened(kind, tmp_path) as index, store.write() as tx:
            more = add_faces(tx, "two", 5, seed=1)
            name_them(tx, "Eve", [*faces[5:9], more[0]])
            index.add(np.array(more[:3]), unit_rows(3, DIMENSION, 7), np.array([1, 1, 1]))
            index.remove(np.array(faces[:2]))
            index.label(np.array(faces[10:12]), np.array([9, 9]), np.array([9, 9]))
        with opened(kind, tmp_path) as index, store.read() as tx:
            assert index.damage == ""
            assert index.cursor < tx.events.last()


def test_an_index_that_is_ahead_is_filled_again(tmp_path: Path) -> None:
    with open_store(tmp_path) as store, opened("voyager", tmp_path) as index:
        with store.write() as tx:
            name_them(tx, "Ann", add_faces(tx, "one", 20)[:5])
        index.add(np.array([10**6]), unit_rows(1, DIMENSION), np.array([1]))
        index.advance(10**6)
        assert_follows(store, index)


def test_only_faces_that_moved_are_told(tmp_path: Path) -> None:
    with open_store(tmp_path) as store, store.write() as tx:
        faces = add_faces(tx, "one", 9)
        ann, _ = name_them(tx, "Ann", faces[:4])
        seen = tx.events.last()
        record(tx, "again", Maker.HUMAN, "", [Decision(DecisionKind.CONFIRM, Maker.HUMAN, i, ann) for i in faces[2:6]])
        told = [event.payload for event in tx.events.after(seen, kinds=[PLACED])]
        assert told == [{"face_ids": [int(i) for i in faces[4:6]]}]
        seen = tx.events.last()
        record(tx, "again", Maker.HUMAN, "", [Decision(DecisionKind.CONFIRM, Maker.HUMAN, faces[0], ann)])
        assert tx.events.after(seen, kinds=[PLACED]) == []


def test_many_faces_are_told_in_parts(tmp_path: Path) -> None:
    with open_store(tmp_path) as store, store.write() as tx:
        seen = tx.events.last()
        announce(tx, np.arange(2 * PLACED_AT_ONCE + 1))
        told = [np.array(event.payload["face_ids"]) for event in tx.events.after(seen)]
        assert [len(ids) for ids in told] == [PLACED_AT_ONCE, PLACED_AT_ONCE, 1]
        assert np.concatenate(told).tolist() == list(range(2 * PLACED_AT_ONCE + 1))


FOLLOWER = """
import sys
from pathlib import Path
from tests.indexes import open_index
from tests.integration.test_follow import add_faces, group_them, name_them, open_store
from personae.engine.follow import catch_up
folder, kind, turn = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
with open_store(folder) as store:
    print("ready", flush=True)
    while True:
        turn += 1
        with store.write() as tx:
            faces = add_faces(tx, "more", 8, seed=turn)
            name_them(tx, f"person {turn}", faces[:3])
            group_them(tx, faces[2:])
        index = open_index(kind, folder)
        with store.read() as tx:
            catch_up(tx, index)
            index.save()
        index.close()
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", LASTING)
def test_killed_at_any_moment_it_is_caught_up(kind: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONHASHSEED": "0"}
    rng = np.random.default_rng(5)
    for turn in range(5):
        command = [sys.executable, "-W", "error", "-c", FOLLOWER, os.fspath(tmp_path), kind, str(1000 * turn)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            time.sleep(float(rng.uniform(0.3, 1.5)))
            assert child.poll() is None
            child.send_signal(signal.SIGKILL)
        with open_store(tmp_path) as store, opened(kind, tmp_path) as index:
            assert_follows(store, index)
