"""Corrections on real photos with the real models: they hold through grouping again and another model."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from personae import Engine, Settings, open_engine
from personae.engine.walk import path_of
from tests.photos import album


@pytest.fixture(scope="module")
def organised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("organised")
    with open_engine(Settings(home=home)) as engine:
        engine.organise(album())
    return home


@pytest.fixture
def home(organised: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(organised, tmp_path / "home"))


@pytest.fixture
def engine(home: Path) -> Iterator[Engine]:
    with open_engine(Settings(home=home)) as opened:
        yield opened


def faces(engine: Engine, who: str) -> set[int]:
    return {face.face_id for face in engine.show(who).faces}


def groups(engine: Engine) -> list[set[int]]:
    return [faces(engine, cluster.label) for cluster in engine.people()[1]]


def test_a_split_and_a_merge_outlast_grouping_again_and_another_model(engine: Engine, home: Path) -> None:
    first, second, third = (cluster.label for cluster in engine.people()[1][:3])
    proposed = engine.propose_split(first)
    chosen, left = ({face.face_id for face in half} for half in (proposed.take_out, proposed.leave))
    assert chosen | left == faces(engine, first)
    both = faces(engine, second) | faces(engine, third)
    done = engine.split(first, sorted(chosen))
    engine.merge(third, second)
    engine.cluster_dual()
    assert (faces(engine, first), faces(engine, done.label), faces(engine, second)) == (left, chosen, both)
    assert engine.doctor() == []
    with open_engine(Settings(home=home, embedders=("facenet512",))) as other:
        other.cluster_dual()
        found = groups(other)
        assert any(both <= group for group in found)
        assert any(chosen <= group for group in found)
        assert not any(chosen & group and left & group for group in found)
    engine.cluster_dual()
    assert {first, done.label, second} <= {cluster.label for cluster in engine.people()[1]}
    engine.undo()
    engine.undo()
    engine.cluster_dual()
    assert any(chosen | left <= group for group in groups(engine))
    assert not any(both <= group for group in groups(engine))


def test_answers_to_suggestions_find_a_persons_other_faces(engine: Engine) -> None:
    label = engine.people()[1][0].label
    members = faces(engine, label)
    best = engine.show(label).faces[0].face_id
    assert engine.suggestions() == []
    engine.name(f"unknown_noise_{best}", "Ann")
    question = next(each for each in engine.suggestions() if each.person == "Ann")
    assert (question.who, question.face_count) == (label, len(members) - 1)
    assert path_of(question.photo).parent == album()
    assert question.crop in engine.parts.crops
    engine.merge(question.who, f"#{question.person_id}")
    assert faces(engine, "Ann") == members
    assert label not in {each.who for each in engine.suggestions()}


def test_a_no_to_a_suggestion_is_for_ever(engine: Engine, home: Path) -> None:
    label = engine.people()[1][0].label
    members = faces(engine, label)
    best = engine.show(label).faces[0].face_id
    engine.name(f"unknown_noise_{best}", "Ann")
    engine.reject(label, "Ann")
    for models in (("facenet512",), ("facenet512", "arcface512")):
        with open_engine(Settings(home=home, embedders=models, person_match_threshold=0.5)) as other:
            other.cluster_dual()
            other.reassign()
            assert not faces(other, "Ann") & (members - {best})
            asked = {each.who for each in other.suggestions(None) if each.person == "Ann"}
            assert not asked & {f"unknown_noise_{face_id}" for face_id in members}
            assert label not in asked
