"""What the review asks, and what an answer does, on every store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from personae import Engine
from personae.engine.answer import About
from personae.engine.questions import GROUPS, SUGGESTED, Question
from personae.engine.survey import TOGETHER
from personae.errors import Conflict, InputError, NotFound
from personae.types import ClusterId, FaceId
from tests.likenesses import MATCH, MODEL, THRESHOLDS, add_faces, engine_at, like, put_together

ANN, BOB = 0, 1
GROUP, STRANGERS = "group-1", "group-2"


@pytest.fixture
def engine(store_url: str, tmp_path: Path) -> Iterator[Engine]:
    """Faces 1 to 3 are Ann, 4 and 5 Bob; 6 to 8 a group like Ann, 9 and 10 one like nobody; 11 to 14 are single."""
    with engine_at(tmp_path / "home", store_url) as opened:
        with opened.parts.store.write() as tx:
            known = add_faces(tx, [*(like(ANN, seed=i) for i in range(3)), *(like(BOB, seed=i) for i in range(2))])
            group = add_faces(tx, [like(ANN, 0.65, seed=10 + i) for i in range(3)])
            strangers = add_faces(tx, [like(5, seed=i) for i in range(2)])
            add_faces(tx, [like(ANN, 0.55, 21), like(BOB, 0.65, 22), like(ANN, 0.97, 23), like(ANN, 0.6, 24)])
            put_together(tx, group)
            put_together(tx, strangers)
        for face_id in known:
            opened.name(f"unknown_noise_{face_id}", "Ann" if face_id < 4 else "Bob")
        yield opened
        assert opened.parts.store.check() == []


def questions(engine: Engine, *skip: str, only: str = "") -> list[Question]:
    return list(engine.ask(engine.survey(), 20, skip, only).questions)


def shown(engine: Engine, *skip: str, only: str = "") -> list[tuple[tuple[str, ...], str]]:
    """What is asked about, and who it may be; empty: nobody is proposed."""
    return [(q.keys, q.candidates[0].person.name if q.suggested else "") for q in questions(engine, *skip, only=only)]


def test_suggested_groups_come_first_then_faces_of_one_person_together_then_strangers(engine: Engine) -> None:
    assert shown(engine) == [
        ((GROUP,), "Ann"), (("face-12",), "Bob"), (("face-14", "face-11"), "Ann"), ((STRANGERS,), ""),
    ]  # fmt: skip
    found = engine.survey()
    assert (found.review, found.match, found.model_id) == (THRESHOLDS.review, MATCH, MODEL)
    group, bob, ann, strangers = questions(engine)
    assert (group.face_count, bob.face_count, ann.face_count, strangers.face_count) == (3, 1, 2, 2)
    assert [each.person.name for each in group.candidates] == ["Ann", "Bob"]
    assert {each.person.name for each in strangers.candidates} == {"Ann", "Bob"}
    assert set(group.compared) == {1, 2, 3}
    assert ann.scores[FaceId(14)] > ann.scores[FaceId(11)] > THRESHOLDS.review
    with engine.parts.store.read() as tx:
        assert [tx.clusters.get(ClusterId(1))] == tx.clusters.several([ClusterId(1)]) == [group.cluster]


def test_some_of_the_questions(engine: Engine) -> None:
    asked = engine.ask(engine.survey(), 1)
    assert (len(asked.questions), asked.left, asked.suggested) == (1, 4, 3)
    assert [keys for keys, _ in shown(engine, only=SUGGESTED)] == [(GROUP,), ("face-12",), ("face-14", "face-11")]
    assert [keys for keys, _ in shown(engine, only=GROUPS)] == [(STRANGERS,)]
    assert [keys for keys, _ in shown(engine, GROUP, "face-14", "face-12")] == [("face-11",), (STRANGERS,)]
    ann, bob = (int(person.id) for person in engine.people()[0])
    for person, keys in ((ann, [(GROUP,), ("face-14", "face-11")]), (bob, [("face-12",)])):
        assert [q.keys for q in engine.ask(engine.survey(), person_id=person).questions] == keys
    for limit in (0, 101):
        with pytest.raises(InputError, match="1 to 100"):
            engine.ask(engine.survey(), limit)
    with pytest.raises(InputError, match="not 'faces'"):
        engine.ask(engine.survey(), 1, only="faces")


def test_an_old_survey_asks_nothing_that_was_settled_since(engine: Engine) -> None:
    old = engine.survey()
    assert not engine.outdated(old)
    engine.answer_no(About(1), questions(engine)[0].candidates[0].person.id)
    engine.name("unknown_noise_14", "Ann")
    engine.reject(12, "Bob")
    assert engine.outdated(old)
    now = engine.ask(old).questions
    assert [(q.keys, q.suggested) for q in now] == [((GROUP,), False), (("face-11",), True), ((STRANGERS,), False)]
    assert [each.person.name for each in now[0].candidates] == ["Bob"]
    assert [q.keys for q in engine.ask(old, person_id=old.items[0].likely[0].person_id).questions] == [("face-11",)]
    engine.hide("unknown_cluster_2")
    assert [q.keys for q in engine.ask(old).questions] == [(GROUP,), ("face-11",)]


def test_groups_alone_need_no_comparing(engine: Engine) -> None:
    found = engine.groups_only()
    assert found.event == -1
    assert [(q.keys, q.suggested, q.candidates) for q in engine.ask(found).questions] == [
        ((GROUP,), False, ()), ((STRANGERS,), False, ()),
    ]  # fmt: skip


def test_faces_of_one_person_come_in_batches(engine: Engine) -> None:
    with engine.parts.store.write() as tx:
        add_faces(tx, [like(BOB, 0.6, 100 + i) for i in range(TOGETHER)])
    batches = [q for q in questions(engine) if q.cluster is None and q.candidates[0].person.name == "Bob"]
    assert [q.face_count for q in batches] == [TOGETHER, 1]


def test_a_large_group_shows_which_faces_are_odd(engine: Engine) -> None:
    with engine.parts.store.write() as tx:
        usual = add_faces(tx, [like(6, 0.95, i) for i in range(14)])
        odd = add_faces(tx, [like(6, 0.4, 90 + i) for i in range(2)])
        put_together(tx, [*usual, *odd])
    large = next(q for q in questions(engine) if q.face_count == 16)
    assert set(odd) <= large.odd
    assert len(large.faces) == 16
    assert {face.id for face in large.faces[-len(large.odd) :]} == large.odd


def test_a_group_that_has_grown_is_not_answered_for(engine: Engine) -> None:
    asked = questions(engine)[0]
    seen = About(1, face_count=asked.face_count)
    engine.merge("unknown_cluster_2", "unknown_cluster_1")
    for answer in (engine.answer_yes, engine.answer_no):
        with pytest.raises(Conflict, match="has 5 faces by now"):
            answer(seen, asked.candidates[0].person.id)
    engine.undo()
    assert engine.answer_yes(seen, name="Dan").summary == "unknown_cluster_1 is Dan"


def test_one_answer_settles_a_group_but_for_the_faces_set_aside(engine: Engine) -> None:
    ann = questions(engine)[0].candidates[0].person.id
    done = engine.answer_yes(About(1, but=(7,)), person_id=ann)
    assert {face.face_id for face in engine.show("Ann").faces} == {1, 2, 3, 6, 8}
    assert done.summary == "unknown_cluster_1 is Ann, 1 face left out"
    assert (GROUP,) not in [keys for keys, _ in shown(engine)]
    engine.name("unknown_noise_14", "Ann")
    assert "face-7" not in [key for keys, _ in shown(engine) for key in keys]
    engine.undo(done.id)
    assert shown(engine)[0] == ((GROUP,), "Ann")


def test_several_faces_are_answered_for_at_once(engine: Engine) -> None:
    done = engine.answer_yes(About(face_ids=(11, 14)), name="Cid")
    assert {face.face_id for face in engine.show("Cid").faces} == {11, 14}
    engine.undo(done.id)
    with pytest.raises(NotFound):
        engine.show("Cid")
    engine.answer_no(About(face_ids=(11, 14)), questions(engine)[0].candidates[0].person.id)
    assert shown(engine) == [((GROUP,), "Ann"), (("face-12",), "Bob"), ((STRANGERS,), "")]


def test_two_who_decide_the_same_do_not_overrule_each_other(engine: Engine) -> None:
    engine.answer_yes(About(face_ids=(11,)), name="Cid")
    with pytest.raises(Conflict, match="face 11 has become Cid meanwhile"):
        engine.answer_yes(About(face_ids=(11, 14)), name="Dan")
    engine.answer_yes(About(2), name="Eve")
    for answer in (lambda: engine.answer_yes(About(2), name="Dan"), lambda: engine.answer_no(About(2), 1)):
        with pytest.raises(Conflict, match="given a name, or to another group, meanwhile"):
            answer()
    engine.split("unknown_cluster_1", [7])
    with pytest.raises(Conflict, match="face 7 is not among these any more"):
        engine.answer_yes(About(1, but=(7,)), name="Dan")


def test_answers_that_say_nothing_are_refused(engine: Engine) -> None:
    for about in (About(), About(1, (11,))):
        with pytest.raises(InputError, match="which group or which faces"):
            engine.answer_yes(about, name="Dan")
    with pytest.raises(InputError, match="person_id or name"):
        engine.answer_yes(About(1))
    with pytest.raises(InputError, match="every face is excepted"):
        engine.answer_yes(About(1, but=(6, 7, 8)), name="Dan")
    with pytest.raises(InputError, match="at most 1,000"):
        engine.answer_yes(About(face_ids=tuple(range(1, 1002))), name="Dan")
    with pytest.raises(NotFound):
        engine.answer_no(About(1), 99)


def test_the_groups_most_alike_are_found(engine: Engine) -> None:
    with engine.parts.store.write() as tx:
        put_together(tx, add_faces(tx, [like(5, 0.8, 50 + i) for i in range(2)]))
    best, other = engine.alike_groups(2)
    assert (best.cluster.label, other.cluster.label) == ("unknown_cluster_3", "unknown_cluster_1")
    assert best.score > other.score
    assert [each.cluster.id for each in engine.alike_groups(2, 1)] == [3]
    with pytest.raises(NotFound):
        engine.alike_groups(99)


def test_the_parts_of_a_split_are_asked_about(engine: Engine) -> None:
    found = engine.survey()
    engine.split("unknown_cluster_1", [7])
    old, new = engine.ask_about(found, [1, 3]).questions
    assert (old.face_count, new.face_count) == (2, 1)
    assert [each.person.name for each in new.candidates] == ["Ann", "Bob"]
