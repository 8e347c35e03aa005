"""Operations, decisions, events and settings, on every store."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from personae.adapters.store.store import SqlStore
from personae.errors import Conflict, InputError, NotFound
from personae.types import Decision, DecisionKind, FaceId, Maker, OperationId, PersonId
from tests.contract.test_store_people import active, some_faces

H, M = Maker.HUMAN, Maker.MACHINE
NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)


def name(person_id: PersonId, text: str) -> Decision:
    return Decision(DecisionKind.NAME, H, person_id=person_id, name=text)


def confirm(face_id: FaceId, person_id: PersonId) -> Decision:
    return Decision(DecisionKind.CONFIRM, H, face_id=face_id, person_id=person_id)


def test_decisions_come_back_as_they_were_given(store: SqlStore) -> None:
    with store.write() as tx:
        person, other = tx.people.add("Ada"), tx.people.add("Bob")
        (face_id,) = some_faces(tx, "one", 0.5)
        cluster = tx.clusters.add(1)[0]
        given = [
            name(person, "Ada"),
            Decision(DecisionKind.ASSIGN, M, face_id, person, None, None, None, 0.75, 0.5, "a+b", 0.25),
            Decision(DecisionKind.CLUSTER, M, face_id, cluster_id=cluster, score=0.5),
            Decision(DecisionKind.CLUSTER, M, face_id),
            Decision(DecisionKind.REJECT, H, face_id, other),
            Decision(DecisionKind.MERGE, H, person_id=other, into_person_id=person),
        ]
        operation_id = tx.decisions.begin("try", H, "all kinds")
        tx.decisions.append(operation_id, iter(given))
        assert tx.decisions.of_operation(operation_id) == given
        assert tx.decisions.active() == given[1:5]
        assert tx.decisions.active([face_id]) == given[1:5]
        assert tx.decisions.active([FaceId(10**6)]) == []
        assert tx.decisions.active_people() == [given[0], given[5]]
        assert tx.decisions.faces_of([person]) == tx.decisions.faces_of([other, person]) == [face_id]
        assert tx.decisions.kin([other]) == {person, other}
        operation = tx.decisions.operation(operation_id)
    assert (operation.kind, operation.maker, operation.summary) == ("try", H, "all kinds")
    assert (operation.undoes, operation.undone) == (None, False)
    assert operation.created_at.tzinfo is not None


def test_undo_and_redo_and_undo_again(store: SqlStore) -> None:
    with store.write() as tx:
        person = tx.people.add("Ada")
        first = tx.decisions.begin("name", H, "Ada")
        tx.decisions.append(first, [name(person, "Ada")])
        undo = tx.decisions.begin("undo", H, "", undoes=first)
        assert tx.decisions.operation(first).undone
        assert tx.decisions.active_people() == []
        with pytest.raises(Conflict):
            tx.decisions.begin("undo", H, "", undoes=first)
        redo = tx.decisions.begin("undo", H, "", undoes=undo)
        assert not tx.decisions.operation(first).undone
        assert len(tx.decisions.active_people()) == 1
        again = tx.decisions.begin("undo", H, "", undoes=first)
        assert tx.decisions.active_people() == []
        assert [op.id for op in tx.decisions.operations()] == [again, redo, undo, first]
        assert [op.undone for op in tx.decisions.operations()] == [False, False, True, True]
        assert [op.id for op in tx.decisions.operations(limit=1)] == [again]
        with pytest.raises(NotFound):
            tx.decisions.begin("undo", H, "", undoes=OperationId(10**6))


def test_the_ledger_refuses_nonsense(store: SqlStore) -> None:
    with store.write() as tx:
        person = tx.people.add("Ada")
        operation_id = tx.decisions.begin("try", H, "")
        for wrong in (
            Decision(DecisionKind.NAME, H, person_id=person),
            Decision(DecisionKind.CONFIRM, H, person_id=person),
            Decision(DecisionKind.ASSIGN, H, FaceId(1), person),
            Decision(DecisionKind.CONFIRM, M, FaceId(1), person),
            Decision(DecisionKind.MERGE, H, person_id=person, into_person_id=person),
        ):
            with pytest.raises(InputError):
                tx.decisions.append(operation_id, [wrong])
        with pytest.raises(NotFound):
            tx.decisions.append(OperationId(10**6), [])
    with pytest.raises(Conflict), store.write() as tx:
        tx.decisions.append(operation_id, [confirm(FaceId(10**6), person)])


@pytest.mark.parametrize("table", ["operations", "decisions", "events"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET kind = 'x'", "DELETE FROM {}"])
def test_nobody_changes_what_was_written(store: SqlStore, table: str, verb: str) -> None:
    with store.write() as tx:
        operation_id = tx.decisions.begin("name", H, "Ada")
        tx.decisions.append(operation_id, [name(active(tx, "Ada"), "Ada")])
        tx.events.emit("x", {})
    with pytest.raises(Conflict, match="append-only"), store.write() as tx:
        tx.events.scope.connection.execute(sa.text(verb.format(table)))


def test_events_are_read_in_order_by_each_reader(store: SqlStore) -> None:
    with store.write() as tx:
        assert tx.events.last() == 0
        seqs = [tx.events.emit(kind, {"n": n, "text": "é\udce9"}) for n, kind in enumerate("abab")]
        assert seqs == sorted(set(seqs))
        assert tx.events.last() == seqs[-1]
        assert [event.seq for event in tx.events.after(seqs[0], limit=2)] == seqs[1:3]
        assert [event.seq for event in tx.events.after(0, kinds=["b"])] == [seqs[1], seqs[3]]
        assert tx.events.after(0)[2].payload == {"n": 2, "text": "é?"}
        assert tx.events.cursor("index") == 0
        tx.events.set_cursor("index", 3)
        tx.events.set_cursor("index", 2)
        tx.events.set_cursor("web", 1)
        assert (tx.events.cursor("index"), tx.events.cursor("web")) == (2, 1)


def test_settings_are_json(store: SqlStore) -> None:
    with store.write() as tx:
        assert tx.settings.get("rules") is None
        tx.settings.set("rules", {"a": [1, 2.5, None, "é"]})
        tx.settings.set("rules", {"a": [1, 2.5, None, "ü"]})
        tx.settings.set("flag", False)
        assert tx.settings.get("rules") == {"a": [1, 2.5, None, "ü"]}
        assert tx.settings.all() == {"flag": False, "rules": {"a": [1, 2.5, None, "ü"]}}
    for wrong in (float("nan"), object()):
        with pytest.raises(InputError), store.write() as tx:
            tx.settings.set("rules", wrong)
