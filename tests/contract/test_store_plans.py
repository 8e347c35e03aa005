"""What is asked with every person that a source brings goes by indexes, however many people there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from personae.adapters.store.store import SqlStore
from personae.engine import ledger
from personae.records import Claim, ClaimState, PersonRecord, Trust
from personae.types import Decision, DecisionKind, Maker, PersonId
from tests.contract.test_store_people import active

Asked = list[tuple[str, Any]]
H = Maker.HUMAN


@contextmanager
def listening() -> Iterator[Asked]:
    """Give the statements that are run meanwhile."""
    asked: Asked = []

    def hear(_c: object, _k: object, statement: str, given: Any, _x: object, _m: bool) -> None:
        asked.append((statement, given))

    sa.event.listen(sa.Engine, "before_cursor_execute", hear)
    try:
        yield asked
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", hear)


@pytest.fixture
def crowd(tmp_path: Path) -> Iterator[SqlStore]:
    """People with a record and a claim each; the first five have become the sixth."""
    store = SqlStore.open(f"sqlite:///{tmp_path / 'store.db'}", "test", lambda: datetime.now(UTC))
    with store.write() as tx:
        ids = [active(tx, f"Person {i}") for i in range(60)]
        for i, person_id in enumerate(ids):
            tx.people.set_record(person_id, "box", PersonRecord(str(i), f"Person {i}", urls=((f"u{i}", "x"),)))
            tx.sources.add_claims(
                [Claim("box", str(i), f"r{i}", "u", person_id, None, ClaimState.REFUSED, "x", Trust.LOW)]
            )
            said = Decision(DecisionKind.NAME, H, person_id=person_id, name=f"Person {i}")
            ledger.record(tx, "name", H, "", [said])
        merge = [Decision(DecisionKind.MERGE, H, person_id=gone, into_person_id=ids[5]) for gone in ids[:5]]
        ledger.record(tx, "merge", H, "", merge)
    yield store
    store.close()


ASKED: dict[str, Callable[[Any], object]] = {
    "get": lambda tx: tx.people.get(PersonId(6)),
    "find": lambda tx: tx.people.find("Person 3"),
    "record": lambda tx: tx.people.record(PersonId(6)),
    "by_external_id": lambda tx: tx.people.by_external_id("box", "3"),
    "claims": lambda tx: tx.sources.claims(person_id=PersonId(6)),
    "claims of a source": lambda tx: tx.sources.claims(source="box", person_id=PersonId(6)),
}


@pytest.mark.parametrize("name", ASKED)
def test_nobody_is_gone_through(crowd: SqlStore, name: str) -> None:
    with crowd.read() as tx:
        tx.sources.revoked()
        with listening() as asked:
            ASKED[name](tx)
        assert asked
        connection = tx.people.scope.connection
        plans = [row[3] for statement, given in list(asked)
                 for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)]  # fmt: skip
    tables = ("people", "claims", "faces", "aliases", "external_ids", "urls", "person_facts")
    assert not [plan for plan in plans if plan.startswith(tuple(f"SCAN {table}" for table in tables))]
    # By the project alone is as good as by nothing.
    assert not [plan for plan in plans if plan.endswith("(project_id=?)")]


def test_what_is_found_by_index_follows_those_who_were_merged(crowd: SqlStore) -> None:
    with crowd.read() as tx:
        found = tx.people.get(PersonId(6))
        assert [person.id for person in tx.people.find("Person 3")] == [6]
        assert set(found.aliases) == {f"Person {i}" for i in range(5)}
        assert set(found.urls) == {f"u{i}" for i in range(6)}
        assert [url for url, _ in tx.people.record(PersonId(6)).urls] == [f"u{i}" for i in range(6)]
        assert [claim.image_ref for claim in tx.sources.claims(person_id=PersonId(6))] == [
            f"r{i}" for i in (5, 4, 3, 2, 1, 0)
        ]
        assert tx.sources.claims(person_id=PersonId(3)) == []
        everybody = {person.id: person for person in tx.people.all()}
        assert everybody[PersonId(6)] == found
        assert len(everybody) == 55
