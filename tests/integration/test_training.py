"""Learning from what humans said: what is learnt from, what judges, what is kept, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from personae import Engine, Settings, open_engine
from personae.engine import jobs, ledger
from personae.engine.kinds import KINDS
from personae.engine.lesson import divide, gather, make_lesson
from personae.engine.parts import Parts
from personae.engine.progress import Unwatched
from personae.engine.train import CHECKPOINT, TrainOptions, load_head, reports, train
from personae.errors import BackendError, Cancelled, Conflict, InputError, ModelError, ModelMismatch
from personae.ports import Learnt, Transaction
from personae.testing import MemoryHeads
from personae.types import (
    Decision,
    DecisionKind,
    Maker,
    PersonId,
)
from tests.teaching import Teacher, album, loud, store, vision


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with open_engine(Settings(home=tmp_path / "home")) as opened:
        yield opened


@pytest.fixture
def teacher() -> Teacher:
    return Teacher()


@pytest.fixture
def parts(engine: Engine, teacher: Teacher) -> Parts:
    return replace(engine.parts, vision=vision, train=teacher)


def test_a_head_that_helps_is_accepted_and_kept_with_its_report(parts: Parts, teacher: Teacher) -> None:
    album(parts)
    report = train(parts, TrainOptions(epochs=3))
    assert report.accepted, report.reasons
    assert report.verdict.faces.after < report.verdict.faces.before
    assert (report.base, report.people, report.new_people) == ("model", 60, 40)
    assert report.faces == report.held_faces == 60 * 4 == len(teacher.lessons[0].people)
    assert report.losses == (1.0, 0.5, pytest.approx(1 / 3))
    assert report.plan.epochs == 3
    head = load_head(parts.heads, report.head, "model")
    assert np.diag(head.weight)[-1] == pytest.approx(0.3)
    assert [note["head"] for note in reports(parts)] == [report.head] == parts.heads.names()
    assert reports(parts)[0]["accepted"] is True
    with parts.store.read() as tx:
        event = tx.events.after(0, kinds=["head.trained"])[-1]
    assert event.payload == {"head": report.head, "base": "model", "accepted": True}


def test_a_head_that_harms_is_refused_and_kept_with_the_reason(parts: Parts, teacher: Teacher) -> None:
    album(parts)
    teacher.noise = 3.0
    report = train(parts, TrainOptions(epochs=2))
    assert not report.accepted
    assert any("not surely better" in reason for reason in report.reasons)
    assert reports(parts)[0]["accepted"] is False
    assert load_head(parts.heads, report.head, "model").model_id == report.head


def test_the_same_labels_give_the_same_report(parts: Parts) -> None:
    album(parts)
    first, second = (train(parts, TrainOptions(epochs=2)) for _ in range(2))
    assert replace(first, created_at="") == replace(second, created_at="")
    assert train(parts, TrainOptions(epochs=2, seed=1)).data != first.data


def test_few_labels_are_refused_with_what_is_missing(parts: Parts) -> None:
    with pytest.raises(InputError, match="10 more people with confirmed faces on two photos or more"):
        train(parts)
    album(parts, 7)
    with pytest.raises(InputError, match=r"3 more people .* and \d+ more confirmed faces of people"):
        train(parts)
    assert parts.heads.names() == []


def test_one_face_each_teaches_nothing(parts: Parts) -> None:
    store(parts, *loud([1] * 300))
    with pytest.raises(InputError, match=r"10 more people .*there are 0 people with several photos"):
        train(parts)


def test_one_person_alone_teaches_nothing(parts: Parts) -> None:
    store(parts, *loud([300]))
    with pytest.raises(InputError, match="9 more people"):
        train(parts)


def test_what_machines_and_sources_say_is_not_learnt(parts: Parts) -> None:
    vectors, people = loud([6] * 20)
    face_ids = store(parts, vectors, np.where(people < 10, people, -1))
    with parts.store.write() as tx:
        one = tx.people.find("P0")[0].id
        tied = [
            Decision(DecisionKind.ASSIGN, Maker.MACHINE, face_id=face_ids[row], person_id=one, score=0.9, threshold=0.7)
            for row in np.flatnonzero(people == 15).tolist()
        ]  # fmt: skip
        ledger.record(tx, "assign", Maker.MACHINE, "some", tied)
    with parts.store.read() as tx:
        assert len(gather(tx, vision()).people) == 60


def reject(tx: Transaction, face_id: int, name: str) -> PersonId:
    person_id = tx.people.find(name)[0].id
    ledger.record(tx, "reject", Maker.HUMAN, "no",
                  [Decision(DecisionKind.REJECT, Maker.HUMAN, face_id=face_id, person_id=person_id)])  # fmt: skip
    return person_id


def test_rejections_are_learnt_unless_they_judge(parts: Parts) -> None:
    vectors, people = loud([8] * 80)
    # The last face is nobody's, on a photo of its own; the one before is on a photo of somebody.
    vectors = np.concatenate([vectors, loud([2], seed=9)[0]])
    face_ids = store(parts, vectors, np.append(people, [-1, -1]), [*range(640), 0, 641])
    with parts.store.read() as tx:
        material = gather(tx, vision())
        before = divide(material, 0)
    learnt = int(material.people[before.train[0]])
    judged_photo = 0 in material.photos[before.held] or material.photos[before.fresh].min() == material.photos.min()
    with parts.store.write() as tx:
        for face_id in face_ids[-2:]:
            decision = Decision(DecisionKind.REJECT, Maker.HUMAN, face_id=face_id, person_id=PersonId(learnt))
            ledger.record(tx, "reject", Maker.HUMAN, "no", [decision])
    with parts.store.read() as tx:
        material = gather(tx, vision())
    assert len(material.rejected) == 2
    lesson = make_lesson(material, divide(material, 0))
    assert set(lesson.rejected[:, 1]) == {learnt}
    assert len(lesson.rejected) == (1 if judged_photo else 2)
    assert (lesson.people[lesson.rejected[:, 0]] == -1).all()
    assert np.array_equal(divide(material, 0).train.shape, before.train.shape)


def test_a_contradicted_face_counts_as_the_last_word_says(parts: Parts) -> None:
    vectors, people = loud([8] * 80)
    face_ids = store(parts, vectors, people)
    row = int(np.flatnonzero(people == 0)[0])
    with parts.store.write() as tx:
        reject(tx, face_ids[row], "P0")
    with parts.store.read() as tx:
        material = gather(tx, vision())
    at = int(np.flatnonzero(material.face_ids == face_ids[row])[0])
    assert material.people[at] == -1
    assert material.rejected[:, 0].tolist() == [at]


# --- broken off -------------------------------------------------------------------------------


class Killed(BaseException):
    """The process is gone."""


def test_it_goes_on_after_a_kill(parts: Parts, teacher: Teacher) -> None:
    album(parts)
    teacher.breaks_after, teacher.error = 2, Killed  # type: ignore[assignment]
    with pytest.raises(Killed):
        train(parts, TrainOptions(epochs=4))
    (left,) = parts.heads.names()
    assert left.startswith(CHECKPOINT)
    assert parts.heads.load(left).note["epoch"] == 2
    teacher.breaks_after = 99
    report = train(parts, TrainOptions(epochs=4))
    assert teacher.begun == [0, 2]
    assert len(report.losses) == 4
    assert parts.heads.names() == [report.head]


def test_a_damaged_checkpoint_is_made_again(parts: Parts, teacher: Teacher, engine: Engine) -> None:
    album(parts)
    teacher.breaks_after, teacher.error = 2, Killed  # type: ignore[assignment]
    with pytest.raises(Killed):
        train(parts, TrainOptions(epochs=3))
    numbers = next((engine.folder / "heads").glob("*.safetensors"))
    data = bytearray(numbers.read_bytes())
    data[-1] ^= 1
    numbers.write_bytes(bytes(data))
    teacher.breaks_after = 99
    train(parts, TrainOptions(epochs=3))
    assert teacher.begun == [0, 0]


def test_other_labels_begin_anew(parts: Parts, teacher: Teacher) -> None:
    vectors, people = loud([8] * 100)
    face_ids = store(parts, vectors, people)
    teacher.breaks_after, teacher.error = 2, Killed  # type: ignore[assignment]
    with pytest.raises(Killed):
        train(parts, TrainOptions(epochs=3))
    with parts.store.write() as tx:
        reject(tx, face_ids[0], f"P{people[0]}")
    teacher.breaks_after = 99
    report = train(parts, TrainOptions(epochs=3))
    assert teacher.begun == [0, 0]
    assert parts.heads.names() == [report.head]


@pytest.mark.parametrize("error", [Cancelled, InputError])
def test_what_was_stopped_leaves_nothing(parts: Parts, teacher: Teacher, error: type[Exception]) -> None:
    album(parts)
    teacher.breaks_after, teacher.error = 2, error
    with pytest.raises(error):
        train(parts, TrainOptions(epochs=3))
    assert parts.heads.names() == []


class Stopping(Unwatched):
    """Somebody asks to stop after some steps."""

    def __init__(self, after: int) -> None:
        self.left = after

    def step(self, done: int, total: int, doing: str = "") -> None:
        self.left -= 1
        if self.left < 0:
            raise Cancelled("stop")


def test_cancelling_stops_at_the_next_step(parts: Parts) -> None:
    album(parts)
    with pytest.raises(Cancelled):
        train(parts, TrainOptions(epochs=3), Stopping(1))
    assert parts.heads.names() == []


class Late(Unwatched):
    """Another runner has taken the work over, or somebody cancels it at the last moment."""

    def __init__(self, error: type[Exception]) -> None:
        self.error = error

    def hold(self, tx: Transaction) -> None:
        raise self.error("too late")


def test_who_comes_too_late_keeps_no_head(parts: Parts) -> None:
    album(parts)
    with pytest.raises(Conflict):
        train(parts, TrainOptions(epochs=2), Late(Conflict))
    # The other runner goes on from it.
    assert [name[: len(CHECKPOINT)] for name in parts.heads.names()] == [CHECKPOINT]
    with pytest.raises(Cancelled):
        train(parts, TrainOptions(epochs=2), Late(Cancelled))
    assert parts.heads.names() == []


def test_a_full_disk_leaves_what_was_there(parts: Parts) -> None:
    class Full(MemoryHeads):
        def save(self, name: str, learnt: Learnt) -> None:
            raise BackendError("the disk is full")

    album(parts)
    full = Full()
    with pytest.raises(BackendError, match="full"):
        train(replace(parts, heads=full), TrainOptions(epochs=2))
    assert full.names() == []


# --- heads that were kept ---------------------------------------------------------------------


def test_a_head_is_loaded_only_for_its_base_and_as_itself(parts: Parts, engine: Engine) -> None:
    album(parts)
    name = train(parts, TrainOptions(epochs=1)).head
    with pytest.raises(ModelMismatch, match="trained on model, and other is in use"):
        load_head(parts.heads, name, "other")
    kept = parts.heads.load(name)
    parts.heads.save("head-0", kept)
    with pytest.raises(ModelError, match="not what its name says"):
        load_head(parts.heads, "head-0", "model")
    numbers = next((engine.folder / "heads").glob(f"{name}_*.safetensors"))
    numbers.write_bytes(numbers.read_bytes()[:-1])
    with pytest.raises(ModelError, match="damaged"):
        load_head(parts.heads, name, "model")
    assert {str(note["head"]) for note in reports(parts)} == {name}
    assert any("damaged" in str(note.get("error")) for note in reports(parts))


# --- as a job ---------------------------------------------------------------------------------


def test_a_job_trains_and_tells_how_far_it_is(parts: Parts) -> None:
    album(parts)
    job = jobs.submit(parts, "faces.train", {"epochs": 2, "loss": "triplet"})
    told: list[str] = []

    class Listening(Unwatched):
        def step(self, done: int, total: int, doing: str = "") -> None:
            told.append(doing)

    ended = jobs.run_next(parts, KINDS, watcher=Listening())
    assert ended is not None
    assert (ended.id, ended.state) == (job.id, "done")
    assert ended.result["accepted"] is True
    assert ended.result["plan"]["loss"] == "triplet"  # type: ignore[index]
    assert "epoch 1 of 2: loss 1.0000, 50.0% wrong" in told


@pytest.mark.parametrize(
    "payload", [{"loss": "hope"}, {"epochs": 0}, {"margin": "wide"}, {"learning_rate": 2}, {"batch_size": 3}, {"x": 1}]
)
def test_a_job_that_cannot_run_is_not_queued(parts: Parts, payload: dict[str, object]) -> None:
    with pytest.raises(InputError):
        jobs.submit(parts, "faces.train", payload)


def test_few_labels_fail_the_job_with_the_sentence(parts: Parts) -> None:
    jobs.submit(parts, "faces.train", {})
    ended = jobs.run_next(parts, KINDS)
    assert ended is not None
    assert ended.state == "failed"
    assert "too few labels" in str(ended.result["error"])


# --- with PyTorch -----------------------------------------------------------------------------


@pytest.mark.slow
def test_pytorch_learns_what_the_labels_show(engine: Engine) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'personae[train]'")
    parts = replace(engine.parts, vision=vision)
    album(parts)
    report = train(parts, TrainOptions(epochs=10, learning_rate=3e-3))
    assert report.losses[-1] < report.losses[0]
    again = train(parts, TrainOptions(epochs=10, learning_rate=3e-3))
    assert again.head == report.head
