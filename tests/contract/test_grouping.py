"""Recognising and grouping, on every store, over faces of chosen likeness."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from personae import Engine
from personae.engine.methods import GroupOptions
from personae.engine.parts import Vision
from personae.engine.progress import Unwatched
from personae.errors import Cancelled, Conflict, InputError
from personae.ports import Transaction
from personae.types import DecisionKind, FaceId, Maker, ModelId
from tests.likenesses import MODEL, add_faces, engine_at, like

ANN, BOB, EVE = 0, 1, 2
State = tuple[object, ...]


@pytest.fixture
def engine(store_url: str, tmp_path: Path) -> Iterator[Engine]:
    """Faces 1 to 4 are Ann, 5 to 8 Bob, 9 to 12 Eve, 13 nobody else; nobody is named."""
    with engine_at(tmp_path / "home", store_url) as opened:
        with opened.parts.store.write() as tx:
            for person in (ANN, BOB, EVE):
                add_faces(tx, [like(person, 0.95, i) for i in range(4)])
            add_faces(tx, [like(7, 0.3, 99)])
        yield opened
        assert opened.parts.store.check() == []


def state(engine: Engine) -> State:
    with engine.parts.store.read() as tx:
        return tuple(tuple(column.tolist()) for column in tx.faces.gallery()[:4])


def groups(engine: Engine) -> dict[str, set[int]]:
    _, clusters = engine.people()
    return {cluster.label: {face.face_id for face in engine.show(cluster.label).faces} for cluster in clusters}


def test_known_people_are_recognised_and_the_others_grouped(engine: Engine) -> None:
    engine.name("unknown_noise_1", "Ann")
    engine.name("unknown_noise_2", "Ann")
    done = engine.cluster_dual()
    assert (done.assigned_to_people, done.unknown_clusters, done.total_processed) == (2, 2, 13)
    assert {face.face_id for face in engine.show("Ann").faces} == {1, 2, 3, 4}
    assert sorted(map(sorted, groups(engine).values())) == [[5, 6, 7, 8], [9, 10, 11, 12]]
    assert done.single == 1


def test_a_second_run_changes_nothing(engine: Engine) -> None:
    engine.name("unknown_noise_1", "Ann")
    engine.cluster_dual()
    before, count = state(engine), len(engine.history(100))
    assert engine.cluster_dual().assigned_to_people == 0
    assert (state(engine), len(engine.history(100))) == (before, count)


def test_undo_restores_the_exact_state(engine: Engine) -> None:
    engine.name("unknown_noise_1", "Ann")
    before = state(engine)
    engine.cluster_dual()
    for operation in engine.history(2):
        assert operation.maker is Maker.MACHINE
        engine.undo(operation.id)
    assert state(engine) == before


def test_the_verbs_do_their_part_only(engine: Engine) -> None:
    engine.name("unknown_noise_1", "Ann")
    assert engine.cluster().assigned_to_people == 0
    assert len(groups(engine)) == 3
    grouped = groups(engine)
    assert engine.assign().assigned_to_people == 3
    assert len(groups(engine)) == 2
    assert all(faces == grouped[label] for label, faces in groups(engine).items())


def test_a_rejected_pair_is_never_made_again_whatever_is_run(engine: Engine) -> None:
    engine.name("unknown_noise_1", "Ann")
    engine.cluster_dual()
    engine.reject(3)
    engine.reject(9, "Ann")
    for verb in (engine.cluster_dual, engine.assign, engine.reassign, engine.group, engine.cluster):
        verb()
        assert {face.face_id for face in engine.show("Ann").faces} == {1, 2, 4}


def test_labels_and_rejections_outlive_a_change_of_model(engine: Engine) -> None:
    engine.name("unknown_noise_1", "Ann")
    engine.name("unknown_noise_9", "Eve")
    engine.cluster_dual()
    engine.reject(2)
    engine.split(next(iter(groups(engine))), [5, 6])
    other = ModelId("another")
    with engine.parts.store.write() as tx:
        vectors = dict(zip(*tx.faces.embeddings(MODEL), strict=True))
        tx.faces.add_embeddings(other, {FaceId(int(i)): vector[::-1].copy() for i, vector in vectors.items()})
    present = engine.parts.vision()
    embedder = replace(present.embedders[0], model_id=other)  # type: ignore[type-var]
    changed = Vision(present.detector, (embedder,), present.thresholds)
    engine.parts = replace(engine.parts, vision=lambda: changed)
    engine.reassign()
    engine.cluster_dual()
    assert {face.face_id for face in engine.show("Ann").faces} == {1, 3, 4}
    assert {face.face_id for face in engine.show("Eve").faces} == {9, 10, 11, 12}
    together = groups(engine).values()
    assert not any({5, 7} <= faces or {6, 8} <= faces for faces in together)
    assert any({5, 6} <= faces for faces in together)


def test_ties_that_no_longer_hold_are_taken_back(engine: Engine) -> None:
    engine.name("unknown_noise_1", "Ann")
    engine.cluster_dual(GroupOptions(person_threshold=0.5))
    assert len(engine.show("Ann").faces) == 4
    done = engine.reassign(GroupOptions(person_threshold=0.999))
    assert done.released == 3
    assert {face.face_id for face in engine.show("Ann").faces} == {1}


def test_a_face_linked_with_a_person_is_that_person(engine: Engine) -> None:
    engine.cluster_dual()
    label = next(label for label, faces in groups(engine).items() if 5 in faces)
    engine.merge("unknown_noise_13", label)
    engine.name("unknown_noise_5", "Bob")
    engine.assign()
    assert 13 in {face.face_id for face in engine.show("Bob").faces}


def test_new_faces_join_without_moving_the_old(engine: Engine) -> None:
    engine.group()
    before = groups(engine)
    with engine.parts.store.write() as tx:
        new = add_faces(tx, [like(ANN, 0.9, 50), like(5, 0.9, 51)])
    engine.group()
    after = groups(engine)
    assert after.keys() == before.keys()
    grown = {label for label in after if after[label] != before[label]}
    assert len(grown) == 1
    label = grown.pop()
    assert after[label] == before[label] | {new[0]}
    assert engine.group().unchanged


def test_clusters_keep_their_numbers_when_all_is_grouped_anew(engine: Engine) -> None:
    engine.cluster_dual()
    before = groups(engine)
    with engine.parts.store.write() as tx:
        add_faces(tx, [like(5, 0.95, i) for i in range(6)])
    engine.cluster_dual()
    assert before.items() <= groups(engine).items()


def test_some_of_the_faces(engine: Engine) -> None:
    done = engine.cluster_dual(GroupOptions(max_faces=8))
    assert (done.total_processed, done.unknown_clusters) == (8, 2)
    assert engine.cluster_dual().unknown_clusters == 3


@pytest.mark.parametrize("method", ["auto", "linkage", "whispers", "hdbscan", "dbscan", "agglomerative"])
def test_every_method_by_name(engine: Engine, method: str) -> None:
    assert engine.cluster_dual(GroupOptions(unknown_method=method, unknown_min_size=3)).unknown_clusters == 3


@pytest.mark.parametrize(
    "options",
    [
        GroupOptions(max_faces=0),
        GroupOptions(unknown_method="kmeans"),
        GroupOptions(person_threshold=1.1),
        GroupOptions(person_threshold=-1.1),
        GroupOptions(person_threshold=float("nan")),
        GroupOptions(unknown_min_size=1),
        GroupOptions(unknown_eps=0.0),
        GroupOptions(unknown_eps=float("nan")),
    ],
    ids=str,
)
def test_options_that_cannot_be_used(engine: Engine, options: GroupOptions) -> None:
    before = state(engine)
    for verb in (engine.cluster_dual, engine.assign, engine.cluster, engine.reassign):
        with pytest.raises(InputError):
            verb(options)
    assert (state(engine), engine.history()) == (before, [])


def test_no_faces_one_face_and_equal_faces(store_url: str, tmp_path: Path) -> None:
    with engine_at(tmp_path / "home", store_url) as engine:
        assert engine.cluster_dual().total_processed == 0
        with engine.parts.store.write() as tx:
            add_faces(tx, [like(ANN)])
        assert (engine.cluster_dual().unknown_clusters, engine.cluster_dual().single) == (0, 1)
        with engine.parts.store.write() as tx:
            add_faces(tx, [like(ANN)] * 9)
        assert engine.cluster_dual().grouped == 10
        engine.name("unknown_noise_1", "Ann")
        engine.name("unknown_noise_2", "Eve")
        # Who looks exactly like two people is a question, not an answer.
        done = engine.cluster_dual()
        assert (done.assigned_to_people, done.to_review) == (0, 8)


def test_a_person_whose_faces_contradict_each_other_is_named(engine: Engine) -> None:
    for face_id, name in ((1, "Ann"), (2, "Ann"), (5, "Ann"), (6, "Bob"), (7, "Bob")):
        engine.name(f"unknown_noise_{face_id}", name)
    done = engine.cluster_dual()
    assert [each.face_ids for each in done.contradictions] == [(5,)]
    # A human's label stays, and teaches nothing.
    assert {face.face_id for face in engine.show("Ann").faces} == {1, 2, 3, 4, 5}
    assert {face.face_id for face in engine.show("Bob").faces} == {6, 7, 8}


def test_contradictory_links_are_counted(engine: Engine) -> None:
    engine.cluster_dual()
    label = next(label for label, faces in groups(engine).items() if 5 in faces)
    split = engine.split(label, [5, 6])
    engine.merge(split.label, label)
    assert engine.cluster_dual().conflicts > 0


class _Stops(Unwatched):
    def step(self, done: int, total: int, doing: str = "") -> None:
        if doing == "grouping":
            raise Cancelled("enough")


class _LostLease(Unwatched):
    def hold(self, tx: Transaction) -> None:
        raise Conflict("another runner has it")


@pytest.mark.parametrize(("progress", "error"), [(_Stops(), Cancelled), (_LostLease(), Conflict)])
def test_work_that_is_stopped_writes_nothing(engine: Engine, progress: Unwatched, error: type[Exception]) -> None:
    engine.name("unknown_noise_1", "Ann")
    before, count = state(engine), len(engine.history())
    with pytest.raises(error):
        engine.cluster_dual(progress=progress)
    assert (state(engine), len(engine.history())) == (before, count)


class _Meddler(Unwatched):
    """A human who decides something while the machine works."""

    def __init__(self, engine: Engine, times: int) -> None:
        self.engine, self.left = engine, times

    def step(self, done: int, total: int, doing: str = "") -> None:
        if doing == "recognising" and self.left:
            self.left -= 1
            self.engine.reject(3, "Ann")
            self.engine.undo()
            if not self.left:
                self.engine.reject(3, "Ann")


@pytest.mark.parametrize("times", [1, 2, 3])
def test_what_a_human_says_meanwhile_is_heeded(engine: Engine, times: int) -> None:
    engine.name("unknown_noise_1", "Ann")
    engine.cluster_dual(progress=_Meddler(engine, times))
    assert {face.face_id for face in engine.show("Ann").faces} == {1, 2, 4}


def test_two_at_once(engine: Engine) -> None:
    engine.name("unknown_noise_1", "Ann")
    failed: list[BaseException] = []

    def run() -> None:
        try:
            engine.cluster_dual()
        except BaseException as error:  # noqa: BLE001 - shown by the test
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(groups(engine)) == 2
    with engine.parts.store.read() as tx:
        assigned = [each for each in tx.decisions.active() if each.kind is DecisionKind.ASSIGN]
        assert len(assigned) == len({each.face_id for each in assigned}) == 3
        assert np.unique(tx.faces.gallery()[3]).tolist() == sorted({*tx.faces.gallery()[3].tolist()})


def test_group_recognises_what_was_only_grouped_before(engine: Engine) -> None:
    engine.name("unknown_noise_1", "Ann")
    engine.cluster()
    done = engine.group()
    assert (done.unchanged, done.assigned_to_people) == (False, 3)
    assert engine.group().unchanged


def test_ties_to_a_person_who_cannot_be_compared_stay(engine: Engine) -> None:
    engine.name("unknown_noise_1", "Ann")
    engine.assign()
    other = ModelId("another")
    with engine.parts.store.write() as tx:
        vectors = dict(zip(*tx.faces.embeddings(MODEL), strict=True))
        # The model has embedded some faces so far, and none that a human labelled.
        tx.faces.add_embeddings(other, {FaceId(int(i)): vector for i, vector in vectors.items() if i > 2})
    present = engine.parts.vision()
    embedder = replace(present.embedders[0], model_id=other)  # type: ignore[type-var]
    changed = Vision(present.detector, (embedder,), present.thresholds)
    engine.parts = replace(engine.parts, vision=lambda: changed)
    assert engine.reassign().released == 0
    assert {face.face_id for face in engine.show("Ann").faces} == {1, 2, 3, 4}


def test_group_does_not_take_faces_that_lack_an_embedding_for_done(engine: Engine) -> None:
    other = ModelId("another")
    with engine.parts.store.write() as tx:
        vectors = dict(zip(*tx.faces.embeddings(MODEL), strict=True))
        tx.faces.add_embeddings(other, {FaceId(int(i)): vector for i, vector in vectors.items() if i > 4})
    present = engine.parts.vision()
    embedder = replace(present.embedders[0], model_id=other)  # type: ignore[type-var]
    changed = Vision(present.detector, (embedder,), present.thresholds)
    rules = replace(engine.parts.rules, embedders=(other,))
    engine.parts = replace(engine.parts, vision=lambda: changed, rules=rules)
    assert engine.cluster_dual().total_processed == 9
    assert not engine.group().unchanged
    with engine.parts.store.write() as tx:
        tx.faces.add_embeddings(other, {FaceId(int(i)): vector for i, vector in vectors.items() if i <= 4})
    assert engine.group().total_processed == 13
    assert engine.group().unchanged
