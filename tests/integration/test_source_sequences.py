"""Whatever sources state and people decide and take back: it is as if only what counts had ever been said."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personae.adapters.store.schema import faces, people
from personae.adapters.store.store import SqlStore
from personae.core.ledger import FaceState, resolve_faces, resolve_people
from personae.engine import ledger
from personae.errors import Conflict
from personae.ports import Transaction
from personae.types import Decision, DecisionKind, FaceId, Maker, PersonId
from tests.contract.test_store_pictures import face, picture
from tests.stores import place_empty

PEOPLE = st.integers(1, 4).map(PersonId)
FACES = st.integers(1, 4).map(FaceId)
SOURCES = st.sampled_from(["wiki", "press"])
NAMES = st.sampled_from(["Ann", "Bob"])
H, S, M = st.just(Maker.HUMAN), st.just(Maker.SOURCE), st.just(Maker.MACHINE)


def kind(which: DecisionKind) -> st.SearchStrategy[DecisionKind]:
    return st.just(which)


def merges(makers: st.SearchStrategy[Maker], sources: st.SearchStrategy[str | None]) -> st.SearchStrategy[Decision]:
    built = st.builds(
        Decision, kind(DecisionKind.MERGE), makers, person_id=PEOPLE, into_person_id=PEOPLE, source=sources
    )
    return built.filter(lambda decision: decision.person_id != decision.into_person_id)


DECISIONS = st.one_of(
    st.builds(Decision, kind(DecisionKind.STATE), S, face_id=FACES, person_id=PEOPLE, source=SOURCES),
    st.builds(Decision, kind(DecisionKind.NAME), S, person_id=PEOPLE, name=NAMES, source=SOURCES),
    st.builds(Decision, kind(DecisionKind.NAME), H, person_id=PEOPLE, name=NAMES),
    st.builds(Decision, kind(DecisionKind.CONFIRM), H, face_id=FACES, person_id=PEOPLE),
    st.builds(Decision, kind(DecisionKind.REJECT), H, face_id=FACES, person_id=PEOPLE),
    st.builds(Decision, kind(DecisionKind.ASSIGN), M, face_id=FACES, person_id=PEOPLE),
    st.builds(Decision, kind(DecisionKind.RELEASE), M, face_id=FACES),
    st.builds(Decision, kind(DecisionKind.REVOKE), H, source=SOURCES),
    merges(H, st.none()),
    merges(S, SOURCES),
)
STEPS = st.lists(st.one_of(st.lists(DECISIONS, min_size=1, max_size=4), st.integers(0, 8)), max_size=10)
"""Decisions of an operation, or the place of an earlier one to undo."""
Steps = Sequence[list[Decision] | int]
examples = settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


def open_store(path: Path) -> SqlStore:
    return SqlStore.open(place_empty(path), "test", lambda: datetime.now(UTC))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with four faces and four people whom nobody has named, but for the first."""
    path = tmp_path_factory.mktemp("template") / "store.db"
    with contextlib.closing(open_store(path)) as store, store.write() as tx:
        tx.images.add(picture("one", *map(face, range(4))))
        for _ in range(4):
            tx.people.add("?")
    return path


@contextlib.contextmanager
def stores(template: Path, count: int) -> Iterator[list[SqlStore]]:
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as open_:
        paths = [Path(shutil.copy(template, Path(folder) / f"{i}.db")) for i in range(count)]
        yield [open_.enter_context(contextlib.closing(open_store(path))) for path in paths]


def live(store: SqlStore, steps: Steps) -> None:
    made = []
    for step in steps:
        with contextlib.suppress(Conflict), store.write() as tx:
            if isinstance(step, list):
                made.append(ledger.record(tx, "step", step[0].maker, "", step))
            elif step < len(made):
                made.append(ledger.undo(tx, made[step]))


def state(store: SqlStore) -> tuple[list[Any], list[Any], dict[FaceId, FaceState]]:
    with store.read() as tx:
        # A person that is nobody now may still be called what it once was.
        known = [(i, name if active else "", active, into) for i, name, active, into in
                 rows(tx, people, "name", "active", "merged_into")]  # fmt: skip
        states = resolve_faces(tx.decisions.active(), resolve_people(tx.decisions.active_people()))
        said = {i: each for i, each in states.items() if each != FaceState()}
        return rows(tx, faces, "person_id"), known, said


def rows(tx: Transaction, table: sa.Table, *columns: str) -> list[Any]:
    connection: sa.Connection = tx.decisions.scope.connection  # type: ignore[attr-defined]
    query = sa.select(*(table.c[name] for name in ("id", *columns))).order_by(table.c.id)
    return [tuple(row) for row in connection.execute(query)]


def standing(store: SqlStore) -> list[list[Decision]]:
    """The decisions that are not undone, by operation, without revocations and what they revoke."""
    with store.read() as tx:
        operations = [each for each in reversed(tx.decisions.operations(1000)) if each.undoes is None]
        every = [tx.decisions.of_operation(each.id) for each in operations if not each.undone]
    gone = {each.source for decisions in every for each in decisions if each.kind is DecisionKind.REVOKE}
    return [[each for each in decisions if each.source is None or each.source not in gone] for decisions in every]


@given(STEPS)
@examples
def test_the_state_is_that_of_what_counts(template: Path, steps: Steps) -> None:
    with stores(template, 2) as (lived, replayed):
        live(lived, steps)
        assert lived.check() == []
        for decisions in filter(None, standing(lived)):
            with replayed.write() as tx:
                ledger.record(tx, "step", decisions[0].maker, "", decisions)
        assert state(lived) == state(replayed)


@given(STEPS, SOURCES)
@examples
def test_undoing_a_revocation_gives_everything_back(template: Path, steps: Steps, source: str) -> None:
    with stores(template, 1) as (store,):
        live(store, steps)
        before = state(store)
        with store.write() as tx:
            decision = Decision(DecisionKind.REVOKE, Maker.HUMAN, source=source)
            operation_id = ledger.record(tx, "revoke", Maker.HUMAN, source, [decision])
            assert source in tx.sources.revoked()
            assert source not in {each.source for each in tx.decisions.active() + tx.decisions.active_people()}
        assert store.check() == []
        with store.write() as tx:
            ledger.undo(tx, operation_id)
        assert state(store) == before
