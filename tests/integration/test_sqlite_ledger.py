"""Whatever is recorded, undone and done again: what the store keeps is what the ledger says."""

from __future__ import annotations

import contextlib
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personae.adapters.store.store import SqlStore
from personae.engine import ledger
from personae.errors import Conflict
from personae.types import ClusterId, Decision, DecisionKind, FaceId, Maker, PersonId
from tests.contract.test_store_pictures import face, picture
from tests.stores import place_empty

PEOPLE = st.sampled_from([PersonId(i) for i in range(1, 5)])
FACES = st.sampled_from([FaceId(i) for i in range(1, 5)])
HUMAN, MACHINE = st.just(Maker.HUMAN), st.just(Maker.MACHINE)


def kind(which: DecisionKind) -> st.SearchStrategy[DecisionKind]:
    return st.just(which)


DECISIONS = st.one_of(
    st.builds(Decision, kind(DecisionKind.NAME), HUMAN, person_id=PEOPLE, name=st.sampled_from("xyz")),
    st.builds(Decision, kind(DecisionKind.MERGE), HUMAN, person_id=PEOPLE, into_person_id=PEOPLE).filter(
        lambda decision: decision.person_id != decision.into_person_id
    ),
    st.builds(Decision, kind(DecisionKind.CONFIRM), HUMAN, face_id=FACES, person_id=PEOPLE),
    st.builds(Decision, kind(DecisionKind.REJECT), HUMAN, face_id=FACES, person_id=PEOPLE),
    st.builds(Decision, kind(DecisionKind.ASSIGN), MACHINE, face_id=FACES, person_id=PEOPLE),
    st.builds(
        Decision, kind(DecisionKind.CLUSTER), MACHINE, face_id=FACES, cluster_id=st.sampled_from([None, ClusterId(1)])
    ),
    st.builds(Decision, kind(DecisionKind.RELEASE), MACHINE, face_id=FACES),
    st.builds(
        Decision,
        st.sampled_from([DecisionKind.LINK, DecisionKind.SEPARATE]),
        HUMAN,
        face_id=FACES,
        other_face_id=FACES,
    ).filter(lambda decision: decision.face_id != decision.other_face_id),
)
STEPS = st.lists(st.one_of(st.lists(DECISIONS, min_size=1, max_size=3), st.integers(0, 12)), max_size=10)
"""Decisions of an operation, or the place of an earlier one to undo."""


@given(STEPS)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_store_keeps_what_the_ledger_says(steps: list[list[Decision] | int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = place_empty(Path(folder) / "store.db")
        with contextlib.closing(SqlStore.open(url, "test", lambda: datetime.now(UTC))) as store:
            with store.write() as tx:
                tx.images.add(picture("one", *map(face, range(4))))
                for name in "abcd":
                    tx.people.add(name)
                tx.clusters.add(1)
            made = []
            for step in steps:
                with contextlib.suppress(Conflict), store.write() as tx:
                    if isinstance(step, list):
                        made.append(ledger.record(tx, "step", step[0].maker, "", step))
                    elif step < len(made):
                        made.append(ledger.undo(tx, made[step]))
            assert store.check() == []


def test_settling_does_not_go_through_the_whole_ledger(tmp_path: Path) -> None:
    """What a decision costs must not grow with all the decisions before it."""
    url = place_empty(tmp_path / "store.db")
    person, face_id, source = PersonId(1), FaceId(1), Maker.SOURCE
    with contextlib.closing(SqlStore.open(url, "test", lambda: datetime.now(UTC))) as store:
        with store.write() as tx:
            tx.images.add(picture("one", face()))
            tx.people.add("Ada")
        said: list[tuple[str, Any]] = []

        @sa.event.listens_for(store._engine, "before_cursor_execute")
        def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
            if statement.startswith("SELECT") and "decisions" in statement:
                said.append((statement, parameters))

        with store.write() as tx:
            for decision in (
                Decision(DecisionKind.NAME, source, person_id=person, name="Ada", source="wiki"),
                Decision(DecisionKind.STATE, source, face_id=face_id, person_id=person, source="wiki"),
                Decision(DecisionKind.REVOKE, Maker.HUMAN, source="wiki"),
            ):
                operation_id = ledger.record(tx, "step", decision.maker, "", [decision])
            explained = list(said)
            for statement, parameters in explained:
                connection = tx.decisions.scope.connection
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
                assert plan[0].detail.startswith("SEARCH decisions USING"), (statement, plan)
            assert len(explained) > 10
            ledger.undo(tx, operation_id)
