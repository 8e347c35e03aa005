"""What only SQLite's file can suffer: kills, other processes, full disks, foreign files."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from personae.adapters.store.engine import MODE
from personae.adapters.store.store import SqlStore
from personae.errors import BackendError, Conflict, InputError
from tests.contract.test_store_pictures import A, face, picture

FILL = """
import sys
from datetime import UTC, datetime
from personae.adapters.store.store import SqlStore
from personae.types import *

store = SqlStore.open(sys.argv[1], "test", lambda: datetime.now(UTC))
with store.write() as tx:
    tx.events.emit("whole", {})
with store.write() as tx:
    for number in range(3000):
        tx.images.add(NewImage(Digest(f"{number:064}"), 1))
    print("ready", flush=True)
    sys.stdin.read()
"""
COUNT = """
import sys
from datetime import UTC, datetime
from personae.adapters.store.store import SqlStore

store = SqlStore.open(sys.argv[1], "test", lambda: datetime.now(UTC))
for _ in range(int(sys.argv[2])):
    with store.write() as tx:
        tx.settings.set("count", int(str(tx.settings.get("count") or 0)) + 1)
"""
NOBODY = 65534


def now() -> datetime:
    return datetime.now(UTC)


def open_store(path: Path, patience: float = 20) -> SqlStore:
    return SqlStore.open(f"sqlite:///{path}", "test", now, patience)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def opened(path: Path) -> Iterator[SqlStore]:
    with contextlib.closing(open_store(path)) as store:
        yield store


@contextlib.contextmanager
def filling(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds a transaction open after it wrote a lot."""
    command = [sys.executable, "-c", FILL, f"sqlite:///{path}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        yield child
        child.kill()


def test_a_kill_in_the_middle_of_a_transaction_leaves_nothing_of_it(path: Path) -> None:
    with filling(path) as child:
        child.send_signal(signal.SIGKILL)
        child.wait()
    with contextlib.closing(open_store(path)) as store:
        with store.read() as tx:
            assert tx.images.counts()["images"] == 0
            assert [event.kind for event in tx.events.after(0)] == ["whole"]
        assert store.check() == []
        with store.write() as tx:
            tx.images.add(picture("one", face()))


def test_another_process_is_waited_for_then_told(path: Path) -> None:
    open_store(path).close()
    with filling(path), contextlib.closing(open_store(path, patience=0.1)) as store:
        with store.read() as tx:
            assert tx.images.counts()["images"] == 0
        with pytest.raises(BackendError, match="another process"), store.write():
            pass


def test_two_processes_and_a_thread_lose_no_write(path: Path, opened: SqlStore) -> None:
    command = [sys.executable, "-c", COUNT, f"sqlite:///{path}", "50"]
    children = [subprocess.Popen(command) for _ in range(2)]
    for _ in range(50):
        with opened.write() as tx:
            tx.settings.set("count", int(str(tx.settings.get("count") or 0)) + 1)
    assert [child.wait() for child in children] == [0, 0]
    with opened.read() as tx:
        assert tx.settings.get("count") == 150


def test_two_processes_create_one_store(path: Path) -> None:
    command = [sys.executable, "-c", COUNT, f"sqlite:///{path}", "1"]
    children = [subprocess.Popen(command) for _ in range(3)]
    assert [child.wait() for child in children] == [0, 0, 0]
    with contextlib.closing(open_store(path)) as store, store.read() as tx:
        assert tx.settings.get("count") == 3


def test_a_full_disk_is_told_and_loses_nothing(opened: SqlStore) -> None:
    with opened.write() as tx:
        tx.images.add(picture("one", face()))
    # The limit belongs to one connection, so hold it: the pool hands it out again.
    with opened._engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    def fill() -> None:
        with opened.write() as tx:
            for number in range(1000):
                tx.images.add(picture(str(number), face(number)))

    with pytest.raises(BackendError, match="full"):
        fill()
    with opened.read() as tx:
        assert tx.images.counts()["images"] == 1
    with opened._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1073741823")
    with opened.write() as tx:
        tx.images.add(picture("two", face(2)))
    assert opened.check() == []


@pytest.mark.parametrize(
    "content", [b"this is a text file, and long enough to be looked at" * 50, b"SQLite format 3\0" + b"x" * 5000]
)
def test_a_file_that_is_no_database_is_told_and_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(BackendError, match=r"not a SQLite database|damaged"):
        open_store(path)
    assert path.read_bytes() == content


def test_a_database_of_another_program_is_left_alone(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE projects (name TEXT)")
    with pytest.raises(BackendError, match="another program"):
        open_store(path)


def test_a_store_of_a_newer_version_is_left_alone(path: Path) -> None:
    open_store(path).close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(BackendError, match="newer personae"):
        open_store(path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(BackendError, match="cannot be made"):
        open_store(tmp_path / "home" / "store.db")
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(BackendError, match="cannot be opened"):
        open_store(tmp_path / "folder.db")


@pytest.mark.parametrize("url", ["no url", "mysql://localhost/x", "sqlite://", "sqlite:///:memory:"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(InputError):
        SqlStore.open(url, "test", now)


def test_a_store_of_another_user_is_told() -> None:
    """Reading works where the system lets it; writing ends with a sentence."""
    # Not pytest's own folder: no other user may enter that.
    folder = Path(tempfile.mkdtemp())
    try:
        store = open_store(folder / "store.db")
        with store.write() as tx:
            tx.settings.set("a", 1)
        folder.chmod(0o555)
        (folder / "store.db").chmod(0o444)
        child = os.fork() if os.geteuid() == 0 else None
        if child == 0:
            os.setresuid(NOBODY, NOBODY, NOBODY)
        if not child:
            code = _try_to_write(folder / "store.db")
            if child == 0:
                os._exit(code)
        else:
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code == 3
        store.close()
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def _try_to_write(path: Path) -> int:
    try:
        with contextlib.closing(open_store(path, 1)) as store, store.write() as tx:
            tx.settings.set("a", 2)
    except BackendError as error:
        return 3 if "cannot be" in str(error) else 4
    return 0


def test_pragmas_are_set_on_every_connection(opened: SqlStore, path: Path) -> None:
    with opened.read(), opened.read() as tx:
        connection = tx.events.scope.connection
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "temp_store", "query_only", "page_size")
        }
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "temp_store": 2,
        "query_only": 1,
        "page_size": 16384,
    }


def test_closing_leaves_one_file(path: Path) -> None:
    store = open_store(path)
    with store.write() as tx:
        tx.images.add(picture("one", face()))
    store.close()
    assert list(path.parent.iterdir()) == [path]


def test_an_up_to_date_store_opens_without_alembic(path: Path) -> None:
    open_store(path).close()
    program = (
        "import sys; from datetime import UTC, datetime; from personae.adapters.store.store import SqlStore;"
        "SqlStore.open(sys.argv[1], 'test', lambda: datetime.now(UTC)).close(); print('alembic' in sys.modules)"
    )
    command = [sys.executable, "-c", program, f"sqlite:///{path}"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"


def test_check_names_what_is_wrong(opened: SqlStore) -> None:
    with opened.write() as tx:
        image_id = tx.images.add(picture("one", *map(face, range(6))))
        a, b, c, d, _, _ = [found.id for found in tx.faces.of_images([image_id])]
        ada = tx.people.add("Ada")
        tx.people.set_state(ada, name="Ada", merged_into=None)
        tx.faces.set_people({a: ada})
        tx.faces.set_clusters({b: tx.clusters.add(1)[0]})
    with opened._engine.connect().execution_options(**{MODE: "write"}) as connection, connection.begin():
        connection.execute(sa.text("UPDATE embeddings SET vector = zeroblob(32) WHERE face_id = :i AND model_id = :m"),
                           {"i": c, "m": A})  # fmt: skip
        connection.execute(sa.text("DELETE FROM embeddings WHERE face_id = :i"), {"i": d})
    found = opened.check()
    for text in (
        f"1 embeddings of {A} are not unit vectors of its dimension: {c}",
        f"1 faces that are not refused have no embedding: {d}",
        f"1 people are not what the ledger says: {ada}",
        f"1 faces have another person than the ledger says: {a}",
        f"1 faces have another cluster than the ledger says: {b}",
    ):
        assert text in found
    assert len(found) == 5


def test_check_names_keys_that_lead_nowhere(opened: SqlStore, path: Path) -> None:
    with opened.write() as tx:
        tx.images.add(picture("one", face()))
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM faces")
        connection.commit()
    assert "2 rows of embeddings point to no row of faces: 1, 2" in opened.check()


def test_writing_twice_in_one_thread_is_refused(opened: SqlStore) -> None:
    with opened.write() as tx:
        with pytest.raises(Conflict, match="already"), opened.write():
            pass
        tx.settings.set("a", 1)
    with opened.read() as tx:
        assert tx.settings.get("a") == 1
