"""Decisions about two faces, on every store, and on one that an older version made."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from importlib.resources import as_file, files

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext

from personae.adapters.store.engine import MODE, connect, parse
from personae.adapters.store.migrate import migrate
from personae.adapters.store.store import SqlStore
from personae.errors import Conflict, InputError
from personae.types import Decision, DecisionKind, FaceId, Maker
from tests.contract.test_store_people import some_faces

H, M = Maker.HUMAN, Maker.MACHINE


def now() -> datetime:
    return datetime.now(UTC)


def test_links_come_back_as_they_were_given(store: SqlStore) -> None:
    with store.write() as tx:
        one, other = some_faces(tx, "one", 0.5, 0.6)
        given = [
            Decision(DecisionKind.LINK, H, face_id=one, other_face_id=other),
            Decision(DecisionKind.SEPARATE, H, face_id=other, other_face_id=one),
            Decision(DecisionKind.RELEASE, M, face_id=one, score=0.25, threshold=0.5, model_id="a+b"),
        ]
        operation_id = tx.decisions.begin("try", H, "")
        tx.decisions.append(operation_id, given)
        assert tx.decisions.of_operation(operation_id) == tx.decisions.active() == given
        assert tx.decisions.active([other]) == given[1:2]
        assert tx.decisions.active_people() == []
    assert store.check() == []


def test_a_link_to_no_face_is_refused(store: SqlStore) -> None:
    with store.write() as tx:
        (one,) = some_faces(tx, "one", 0.5)
    for wrong, error in ((one, InputError), (None, InputError), (FaceId(10**6), Conflict)):
        decision = Decision(DecisionKind.LINK, H, face_id=one, other_face_id=wrong)
        with pytest.raises(error), store.write() as tx:
            tx.decisions.append(tx.decisions.begin("try", H, ""), [decision])


def test_a_link_into_another_project_is_found(store: SqlStore, store_url: str) -> None:
    with contextlib.closing(SqlStore.open(store_url, "other", now)) as neighbour:
        with neighbour.write() as tx:
            (theirs,) = some_faces(tx, "two", 0.5)
        with store.write() as tx:
            (ours,) = some_faces(tx, "one", 0.5)
            decision = Decision(DecisionKind.LINK, H, face_id=ours, other_face_id=theirs)
            tx.decisions.append(tx.decisions.begin("try", H, ""), [decision])
        assert any("faces that this project does not have" in sentence for sentence in store.check())
        assert neighbour.check() == []


def make_first_version(store_url: str) -> None:
    """Create a store as the first version did."""
    engine = connect(parse(store_url), 20)
    with as_file(files("personae.adapters.store") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        with engine.connect().execution_options(**{MODE: "write"}) as connection, connection.begin():
            config.attributes["connection"] = connection
            command.upgrade(config, "0001")
            connection.execute(sa.text("INSERT INTO projects (name, created_at) VALUES ('test', '2026-01-02')"))
            connection.execute(
                sa.text(
                    "INSERT INTO people (project_id, name, name_key, kind, disambiguation, active, created_at) "
                    "VALUES (1, 'Ada', 'ada', 'real', '', true, '2026-01-02')"
                )
            )
            connection.execute(
                sa.text(
                    "INSERT INTO operations (project_id, kind, maker, summary, created_at) "
                    "VALUES (1, 'name', 'human', 'Ada', '2026-01-02')"
                )
            )
            connection.execute(
                sa.text(
                    "INSERT INTO decisions (operation_id, kind, maker, person_id, name) "
                    "VALUES (1, 'name', 'human', 1, 'Ada')"
                )
            )
    engine.dispose()


def test_a_store_of_the_first_version_is_upgraded(store_url: str) -> None:
    make_first_version(store_url)
    migrate(store_url)
    for _ in range(2):
        with contextlib.closing(SqlStore.open(store_url, "test", now)) as store:
            with store.write() as tx:
                assert [person.name for person in tx.people.all()] == ["Ada"]
                one, other = some_faces(tx, f"photo {tx.events.last()}", 0.5, 0.6)
                before = tx.decisions.active()
                decision = Decision(DecisionKind.LINK, H, face_id=one, other_face_id=other)
                tx.decisions.append(tx.decisions.begin("merge", H, ""), [decision])
                assert tx.decisions.active() == [*before, decision]
                connection = tx.decisions.scope.connection
                assert MigrationContext.configure(connection).get_current_revision() >= "0002"
                indexes = {index["name"] for index in sa.inspect(connection).get_indexes("decisions")}
                assert "ix_decisions_other_face_id" in indexes
            assert store.check() == []
            with pytest.raises(Conflict, match="append-only"), store.write() as tx:
                tx.decisions.scope.connection.execute(sa.text("UPDATE decisions SET other_face_id = NULL"))


def test_an_upgraded_store_still_needs_the_faces_it_links(store_url: str) -> None:
    make_first_version(store_url)
    migrate(store_url)
    with contextlib.closing(SqlStore.open(store_url, "test", now)) as store:
        with store.write() as tx:
            (one,) = some_faces(tx, "one", 0.5)
        decision = Decision(DecisionKind.LINK, H, face_id=one, other_face_id=FaceId(10**6))
        with pytest.raises(Conflict), store.write() as tx:
            tx.decisions.append(tx.decisions.begin("try", H, ""), [decision])
