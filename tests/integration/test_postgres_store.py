"""What only a PostgreSQL server can suffer: it stops, it is read-only, it is not there."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from personae.adapters.index.pgvector import PgvectorIndex
from personae.adapters.store.store import SqlStore
from personae.errors import BackendError
from tests.contract.test_store_pictures import A, face, picture
from tests.postgres import Server

THREADS = 8


def now() -> datetime:
    return datetime.now(UTC)


def test_a_server_that_restarts_is_found_again(postgres: Server) -> None:
    with contextlib.closing(SqlStore.open(postgres.new_database(), "test", now)) as store:
        with store.write() as tx:
            tx.images.add(picture("one", face()))

        def write_on() -> None:
            with store.write() as tx:
                tx.images.add(picture("two", face()))
                postgres.stop()
                tx.images.add(picture("three", face()))

        try:
            with pytest.raises(BackendError, match="start it and run"):
                write_on()
            with pytest.raises(BackendError, match="does not answer"), store.read():
                pass
        finally:
            postgres.start()
        with store.read() as tx:
            assert tx.images.counts()["images"] == 1
        assert store.check() == []


def test_every_kept_connection_recovers(postgres: Server) -> None:
    """Several threads have connections open when the server goes; afterwards each of them reads and writes again."""
    everybody = threading.Barrier(THREADS, timeout=60)
    with (
        contextlib.closing(SqlStore.open(postgres.new_database(), "test", now)) as store,
        ThreadPoolExecutor(THREADS) as threads,
    ):

        def read(_: int) -> int:
            with store.read() as tx:
                everybody.wait()  # so that each has a connection of its own
                return tx.images.counts()["images"]

        def lost(_: int) -> str:
            try:
                store.stamp()
            except BackendError as error:
                return str(error)
            return ""

        assert set(threads.map(read, range(THREADS))) == {0}
        before = store.stamp()
        postgres.stop()
        try:
            assert all("does not answer" in said for said in threads.map(lost, range(THREADS)))
        finally:
            postgres.start()
        with store.write() as tx:
            tx.images.add(picture("one", face()))
        assert set(threads.map(read, range(THREADS))) == {1}
        assert store.stamp() != before
        index = PgvectorIndex(store.nearest(A, 8), A, 8, lambda _: pytest.fail("nothing is fetched"))
        postgres.stop()
        try:
            with pytest.raises(BackendError, match="does not answer"):
                index.face_ids()
        finally:
            postgres.start()
        assert len(index.face_ids()) == len(index)


def test_a_database_that_is_not_there_is_told(postgres: Server) -> None:
    with pytest.raises(BackendError, match="create the database first"):
        SqlStore.open(postgres.url("nowhere"), "test", now)


def test_a_password_is_not_told(postgres: Server) -> None:
    url = postgres.url("nowhere").replace("postgres@", "postgres:secret@")
    with pytest.raises(BackendError) as caught:
        SqlStore.open(url, "test", now)
    assert "secret" not in str(caught.value)


def test_a_read_only_database_is_told(postgres: Server) -> None:
    url = postgres.new_database()
    SqlStore.open(url, "test", now).close()
    name = url.split("/")[3].partition("?")[0]
    postgres.sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with contextlib.closing(SqlStore.open(url, "test", now)) as store:
        with store.read() as tx:
            assert tx.events.last() == 0
        with pytest.raises(BackendError, match="read-only"), store.write() as tx:
            tx.settings.set("a", 1)


def test_another_writer_is_waited_for_then_told(postgres: Server) -> None:
    url = postgres.new_database()
    with (
        contextlib.closing(SqlStore.open(url, "test", now)) as one,
        contextlib.closing(SqlStore.open(url, "test", now, patience=0.1)) as other,
        one.write(),
        pytest.raises(BackendError, match="another process"),
        other.write(),
    ):
        pass


def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(BackendError, match="does not answer"):
        SqlStore.open("postgresql://postgres@127.0.0.1:1/x", "test", now, patience=2)
