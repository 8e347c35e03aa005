"""What a transaction is, on every store; and that migrations make the tables that queries are built from."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects.postgresql.base import ischema_names

from personae.adapters.store import schema
from personae.adapters.store.pgvector import PgVector
from personae.adapters.store.store import SqlStore
from personae.errors import Conflict
from tests.contract.test_store_pictures import A, face, picture


def test_an_exception_takes_everything_back(store: SqlStore) -> None:
    def fail() -> None:
        with store.write() as tx:
            tx.images.add(picture("one", face()))
            tx.people.add("Ada")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with store.read() as tx:
        assert tx.images.counts()["images"] == 0
        assert tx.events.last() == 0


def test_a_view_does_not_write(store: SqlStore) -> None:
    with pytest.raises(Conflict, match="only reads"), store.read() as tx:
        tx.settings.set("a", 1)
    with store.write() as tx:
        assert tx.settings.get("a") is None
        tx.settings.set("a", 1)


def test_a_view_stays_as_it_was_when_it_was_opened(store: SqlStore) -> None:
    with store.read() as view:
        with store.write() as tx:
            tx.images.add(picture("one", face()))
        assert view.images.counts()["images"] == 0
        assert len(view.faces.embeddings(A)[0]) == 0
        with store.read() as later:
            assert later.images.counts()["images"] == 1


def test_a_transaction_ends_with_its_block(store: SqlStore) -> None:
    with store.write() as tx:
        pass
    with pytest.raises(sa.exc.ResourceClosedError):
        tx.settings.get("a")


def test_threads_write_one_after_another(store: SqlStore) -> None:
    def count() -> None:
        for _ in range(10):
            with store.write() as tx:
                tx.settings.set("count", int(str(tx.settings.get("count") or 0)) + 1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as tx:
        assert tx.settings.get("count") == 40


def test_two_stores_write_one_after_another(store: SqlStore, store_url: str) -> None:
    other = SqlStore.open(store_url, "test", store._clock)

    def count(which: SqlStore) -> None:
        for _ in range(10):
            with which.write() as tx:
                tx.settings.set("count", int(str(tx.settings.get("count") or 0)) + 1)

    threads = [threading.Thread(target=count, args=(which,)) for which in (store, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with other.read() as tx:
        assert tx.settings.get("count") == 20
    other.close()


def test_a_claimed_job_is_claimed_once(store: SqlStore) -> None:
    with store.write() as tx:
        for _ in range(20):
            tx.jobs.add("x", {})
    claimed: list[int] = []

    def claim() -> None:
        while True:
            with store.write() as tx:
                job = tx.jobs.claim(["x"], store._clock(), 60)
            if job is None:
                return
            claimed.append(job.id)

    threads = [threading.Thread(target=claim) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == sorted(set(claimed))
    assert len(claimed) == 20


def test_what_was_written_is_there_after_closing(store: SqlStore, store_url: str) -> None:
    with store.write() as tx:
        tx.images.add(picture("one", face(7)))
    store.close()
    again = SqlStore.open(store_url, "test", store._clock)
    with again.read() as tx:
        assert np.allclose(tx.faces.embeddings(A)[1], face(7).embeddings[A])
    assert again.check() == []
    again.close()


def test_migrations_make_the_tables_of_the_schema(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ischema_names, "vector", PgVector)  # SQLAlchemy knows it as soon as it is told
    with store._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, schema.metadata) == []


def test_the_newest_migration_is_the_version_of_the_schema() -> None:
    config = Config()
    config.set_main_option("script_location", "personae:adapters/store/migrations")
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == schema.VERSION
