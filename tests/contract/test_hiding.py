"""Hiding people and groups, and deciding on several faces at once, on every store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from personae import Engine
from personae.errors import Conflict, InputError, NotFound
from personae.ports import PeopleFilter
from personae.types import DecisionKind, Maker
from tests.likenesses import add_faces, engine_at, like, put_together

ANN, GROUP = 0, "unknown_cluster_1"


@pytest.fixture
def engine(store_url: str, tmp_path: Path) -> Iterator[Engine]:
    """Faces 1 to 4 are Ann; 5 to 7 are a group."""
    with engine_at(tmp_path / "home", store_url) as opened:
        with opened.parts.store.write() as tx:
            known = add_faces(tx, [like(ANN, seed=i) for i in range(4)])
            group = add_faces(tx, [like(5, seed=i) for i in range(3)])
            put_together(tx, group)
            put_together(tx, known)
        opened.name("unknown_cluster_2", "Ann")
        yield opened
        assert opened.parts.store.check() == []


def test_a_hidden_person_is_there_but_not_listed(engine: Engine) -> None:
    operation = engine.hide("Ann")
    assert operation.summary == "hide Ann"
    assert engine.browse.named() == []
    assert [person.name for person in engine.browse.named(PeopleFilter(hidden=True))] == ["Ann"]
    ann = engine.browse.person(1)
    assert (ann.face_count, engine.browse.person_hidden(1)) == (4, True)
    with pytest.raises(Conflict, match="hidden already"):
        engine.hide("#1")
    engine.undo(operation.id)
    assert [person.name for person in engine.browse.named()] == ["Ann"]
    with pytest.raises(Conflict, match="not hidden"):
        engine.show_again("Ann")
    engine.hide("Ann")
    engine.show_again("Ann")
    assert not engine.browse.person_hidden(1)
    with pytest.raises(NotFound):
        engine.hide("Nobody")


def test_a_hidden_group_stays_so_when_it_is_grouped_again(engine: Engine) -> None:
    engine.hide(GROUP)
    assert engine.browse.group_hidden(1)
    with engine.parts.store.write() as tx:
        faces = [face.id for face in tx.faces.select(cluster_id=engine.browse.cluster(1).id)]
        again = put_together(tx, faces)
    assert engine.browse.group_hidden(again)
    assert engine.browse.groups() == []
    assert [group.id for group in engine.browse.groups(hidden=True)] == [again]
    label = engine.browse.cluster(again).label
    engine.show_again(label)
    assert [group.id for group in engine.browse.groups()] == [again]


def test_hiding_changes_nothing_else(engine: Engine) -> None:
    before = engine.people()
    engine.hide(GROUP)
    engine.hide("Ann")
    assert engine.people() == before
    engine.name(GROUP, "Bob")
    assert [person.name for person in engine.browse.named()] == ["Bob"]


def test_several_faces_are_rejected_in_one_operation(engine: Engine) -> None:
    operation = engine.reject_faces("Ann", [2, 1])
    assert operation.summary == "2 faces are not Ann"
    decisions = engine.browse.decisions(operation.id)
    assert [(said.kind, said.face_id, said.maker) for said in decisions] == [
        (DecisionKind.REJECT, 1, Maker.HUMAN), (DecisionKind.REJECT, 2, Maker.HUMAN),
    ]  # fmt: skip
    assert engine.browse.person(1).face_count == 2
    with pytest.raises(InputError, match="not in Ann: face 1"):
        engine.reject_faces("Ann", [1, 3])
    with pytest.raises(InputError, match="say which faces are not the person"):
        engine.reject_faces("Ann", [])
    engine.undo(operation.id)
    assert engine.browse.person(1).face_count == 4
    engine.reject_faces("Ann", [1, 2, 3, 4])
    assert engine.browse.person(1).face_count == 0


def test_several_faces_are_confirmed_in_one_operation(engine: Engine) -> None:
    operation = engine.confirm_faces("Ann", [3])
    assert operation.summary == "1 face is Ann"
    assert [said.kind for said in engine.browse.decisions(operation.id)] == [DecisionKind.CONFIRM]
    with pytest.raises(InputError, match="not in Ann: face 5"):
        engine.confirm_faces("Ann", [5])


def test_the_least_sure_are_those_of_the_machine(engine: Engine) -> None:
    with engine.parts.store.write() as tx:
        add_faces(tx, [like(ANN, 0.86, 21), like(ANN, 0.97, 23)])
    engine.assign()
    found = engine.browse.least_sure(1)
    assert [listed.face.id for listed in found] == [8, 9]
    assert [listed.face.id for listed in engine.browse.least_sure(1, start=1)] == [9]


def test_where_a_person_and_a_group_were_decided_on(engine: Engine) -> None:
    engine.hide(GROUP)
    assert [operation.kind for operation in engine.browse.said_of_group(1)] == ["hide"]
    assert [operation.kind for operation in engine.browse.said_of_person(1)] == ["name"]
    assert engine.browse.person_now(1) == 1
