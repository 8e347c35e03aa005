"""Whom to ask about, on every store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from personae import Engine
from personae.errors import InputError
from tests.likenesses import MATCH, MODEL, THRESHOLDS, add_faces, engine_at, like, put_together

ANN, BOB = 0, 1
GROUP, STRANGERS = "unknown_cluster_1", "unknown_cluster_2"


@pytest.fixture
def engine(store_url: str, tmp_path: Path) -> Iterator[Engine]:
    """Faces 1 to 3 are Ann, 4 and 5 Bob; 6 to 8 a group like Ann, 9 and 10 one like nobody; 11 to 14 are single."""
    with engine_at(tmp_path / "home", store_url) as opened:
        with opened.parts.store.write() as tx:
            known = add_faces(tx, [*(like(ANN, seed=i) for i in range(3)), *(like(BOB, seed=i) for i in range(2))])
            group = add_faces(tx, [like(ANN, 0.65, seed=10 + i) for i in range(3)])
            strangers = add_faces(tx, [like(5, seed=i) for i in range(2)])
            add_faces(tx, [like(ANN, 0.55, 21), like(BOB, 0.65, 22), like(ANN, 0.97, 23), like(6, 0.9, 24)])
            put_together(tx, group)
            put_together(tx, strangers)
        for face_id in known:
            opened.name(f"unknown_noise_{face_id}", "Ann" if face_id < 4 else "Bob")
        yield opened
        assert opened.parts.store.check() == []


def asked(engine: Engine, *skip: str) -> list[tuple[str, str]]:
    return [(each.who, each.person) for each in engine.suggestions(skip=skip)]


def test_groups_come_first_then_faces_the_likeliest_first(engine: Engine) -> None:
    assert asked(engine) == [(GROUP, "Ann"), ("unknown_noise_12", "Bob"), ("unknown_noise_11", "Ann")]
    group, second, third = engine.suggestions()
    assert (group.face_count, second.face_count, second.face_id) == (3, 1, 12)
    assert group.face_id in {6, 7, 8}
    assert second.score > third.score > THRESHOLDS.review
    for each in (group, second, third):
        assert (each.review_threshold, each.match_threshold, each.model_id) == (THRESHOLDS.review, MATCH, MODEL)
        assert each.runner_up is not None
        assert each.margin == each.score - each.runner_up
        assert {each.person, each.runner_up_person} == {"Ann", "Bob"}
        assert each.photo == f"file:///album/{each.face_id}.jpg"
        assert each.crop


def test_some_of_the_questions(engine: Engine) -> None:
    every = engine.suggestions(None)
    assert engine.suggestions(1) == every[:1]
    assert engine.suggestions(2, skip=[GROUP]) == every[1:]
    for limit in (0, -1):
        with pytest.raises(InputError, match="at least 1"):
            engine.suggestions(limit)


def test_a_rejected_pair_is_never_asked_again_but_another_person_may_be(engine: Engine) -> None:
    engine.reject(11, "Ann")
    assert "unknown_noise_11" not in dict(asked(engine))
    engine.reject("unknown_noise_12", "Bob")
    assert asked(engine) == [(GROUP, "Ann")]
    engine.undo()
    assert dict(asked(engine))["unknown_noise_12"] == "Bob"
    with engine.parts.store.write() as tx:
        (twin,) = add_faces(tx, [like(BOB, 0.9, 22) + like(ANN, 0.9, 23)])
    engine.reject(twin, dict(asked(engine))[f"unknown_noise_{twin}"])
    first = dict(asked(engine))[f"unknown_noise_{twin}"]
    engine.reject(twin, first)
    assert f"unknown_noise_{twin}" not in dict(asked(engine))


def test_a_rejected_group_is_not_asked_about_nor_are_its_faces(engine: Engine) -> None:
    engine.reject(GROUP, "Ann")
    assert {who for who, _ in asked(engine)} == {"unknown_noise_12", "unknown_noise_11"}


def test_one_rejected_face_of_a_group_leaves_only_the_others_to_ask_about(engine: Engine) -> None:
    engine.reject(6, "Ann")
    assert {who for who, _ in asked(engine)} == {"unknown_noise_7", "unknown_noise_8", "unknown_noise_12",
                                                 "unknown_noise_11"}  # fmt: skip


def test_what_is_linked_with_a_rejected_face_is_not_asked_about(engine: Engine) -> None:
    engine.merge("unknown_noise_11", "unknown_noise_14")
    engine.reject(14, "Ann")
    assert "unknown_noise_11" not in dict(asked(engine))
    assert "unknown_cluster_3" not in dict(asked(engine))


def test_an_answer_settles_the_whole_group(engine: Engine) -> None:
    group = engine.suggestions()[0]
    engine.merge(group.who, f"#{group.person_id}")
    assert {face.face_id for face in engine.show("Ann").faces} == {1, 2, 3, 6, 7, 8}
    assert GROUP not in dict(asked(engine))
    engine.undo()
    assert asked(engine)[0] == (GROUP, "Ann")


def test_without_anybody_known_there_is_nothing_to_ask(store_url: str, tmp_path: Path) -> None:
    with engine_at(tmp_path / "home", store_url) as opened:
        assert opened.suggestions() == []
        with opened.parts.store.write() as tx:
            put_together(tx, add_faces(tx, [like(ANN), like(ANN, seed=1)]))
        assert opened.suggestions() == []
        opened.name("1", "Ann")
        assert opened.suggestions() == []
        assert opened.suggestions(None) == []
