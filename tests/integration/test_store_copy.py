"""A store moves to another database and back, whole."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from personae.adapters.store import copy as copying
from personae.adapters.store.carried import carried
from personae.adapters.store.columns import Moment
from personae.adapters.store.copy import copy_store
from personae.adapters.store.engine import MODE
from personae.adapters.store.migrate import opened
from personae.adapters.store.schema import VERSION, metadata
from personae.adapters.store.store import SqlStore
from personae.cli.main import app
from personae.errors import BackendError, Conflict, InputError
from personae.records import PersonRecord
from tests.contract.test_store_pictures import face, picture
from tests.generate import unit_rows
from tests.postgres import Server


def now() -> datetime:
    return datetime.now(UTC)


@contextlib.contextmanager
def writing(url: str) -> Iterator[sa.Connection]:
    with opened(url) as engine, engine.execution_options(**{MODE: "write"}).begin() as connection:
        yield connection


def fill(url: str) -> None:
    """Put something into a store of two projects, whatever a row may hold that is not the same everywhere."""
    for project in ("test", "other"):
        with contextlib.closing(SqlStore.open(url, project, now)) as store, store.write() as tx:
            for seed in range(3):
                tx.images.add(picture(f"{project} {seed}", face(seed), face(seed + 10)))
            ada, bob = tx.people.add("Ada \udcff"), tx.people.add("Bob")
            tx.people.set_state(ada, name=None, merged_into=bob)
            tx.people.set_state(bob, name="Bob", merged_into=None)
            tx.people.add_alias(bob, "Bobby")
            tx.people.set_record(bob, "wiki", PersonRecord("Q1", "Bob", height_cm=180))
            tx.settings.set("numbers", {"z": 1e22, "a": 1.0, "b": [0.1, -5, True, None], "ß": "\udc80 ü"})
            tx.settings.set("nothing", None)
            job = tx.jobs.add("x", {"a": 1})
            assert job
    with writing(url) as connection:
        # Ids that were given, and whose rows are gone.
        connection.execute(sa.text("INSERT INTO clusters (id, project_id, number) VALUES (77, 1, 77)"))
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT setval(pg_get_serial_sequence('clusters', 'id'), 77)"))
        connection.execute(sa.text("DELETE FROM clusters WHERE id = 77"))


def everything(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table, JSON as what it says."""
    found = {}
    with opened(url) as engine, engine.connect() as connection:
        for table in metadata.sorted_tables:
            plain = carried(table)
            rows = connection.execute(sa.select(plain).order_by(*plain.primary_key)).all()
            js = [isinstance(column.type, sa.JSON) for column in table.columns]
            found[table.name] = [
                tuple(json.loads(cell) if said and cell else cell for cell, said in zip(row, js, strict=True))
                for row in rows
            ]
    return found


def test_there_and_back_every_row_is_the_same(tmp_path: Path, postgres: Server) -> None:
    one, other = (f"sqlite:///{tmp_path / name}" for name in ("one.db", "other.db"))
    server = postgres.new_database()
    fill(one)
    steps: list[tuple[int, int, str]] = []
    there = copy_store(one, server, lambda *told: steps.append(told))
    back = copy_store(server, other)
    assert there.digests == back.digests
    assert there.tables == back.tables
    assert there.tables["embeddings"] == 24
    assert everything(one) == everything(server) == everything(other)
    assert steps[-1][0] == steps[-1][1] == 2 * sum(there.tables.values())
    assert [done for done, _, _ in steps] == sorted(done for done, _, _ in steps)
    with sqlite3.connect(tmp_path / "one.db") as first, sqlite3.connect(tmp_path / "other.db") as last:
        query = "SELECT name, seq FROM sqlite_sequence WHERE seq ORDER BY name"
        assert first.execute(query).fetchall() == last.execute(query).fetchall()
        query = "SELECT count(*) FROM settings WHERE value IS NULL"
        assert first.execute(query).fetchone() == last.execute(query).fetchone()
    first.close()
    last.close()
    said = []
    for url in (one, server, other):
        with contextlib.closing(SqlStore.open(url, "test", now)) as store:
            with store.write() as tx:
                assert tx.clusters.add(1) == [78]
                tx.images.add(picture("new", face(5)))
            said.append(store.check())
    assert said[0] == said[1] == said[2]


BARE, FULL = 1000, 1001
"""Ids of two rows of each table: one with no more than it must have, and one with everything."""


def put_rows(url: str) -> None:
    """Put two rows into every table of every part, also of those that are yet to come."""
    with writing(url) as connection:
        connection.execute(sa.text("PRAGMA defer_foreign_keys = ON"))
        for table in metadata.sorted_tables:
            for number in (BARE, FULL):
                row = {column.name: value_of(column, number) for column in table.columns}
                connection.execute(sa.insert(table), row)


def value_of(column: sa.Column[Any], number: int) -> Any:
    """Return something for a column; each row has others."""
    if number == BARE and column.nullable:
        return sa.null() if isinstance(column.type, sa.JSON) else None
    if any(key.column.table is column.table for key in column.foreign_keys):
        return BARE
    made = {
        sa.LargeBinary: unit_rows(1, 8, number)[0].astype("<f4").tobytes(),
        sa.JSON: {"z": [1.5, None, "é"], "a": {"of": column.name, "row": number}},
        Moment: datetime(2024, 2, 29, 23, 59, 58, number, UTC),
        sa.Boolean: number == FULL,
        sa.Integer: number,
        sa.Double: number / 7,
    }
    return next((made[kind] for kind in made if isinstance(column.type, kind)), f"{column.key} {number}")


def test_every_table_of_every_part_comes_along(tmp_path: Path, postgres: Server) -> None:
    one, other = (f"sqlite:///{tmp_path / name}" for name in ("one.db", "other.db"))
    server = postgres.new_database()
    SqlStore.open(one, "test", now).close()
    put_rows(one)
    copy_store(one, server)
    copy_store(server, other)
    found = everything(one)
    assert everything(server) == found
    assert everything(other) == found
    assert all(len(rows) >= 2 for rows in found.values())
    with opened(other) as engine, engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


def test_every_table_is_copied(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'one.db'}"
    SqlStore.open(url, "test", now).close()
    with opened(url) as engine:
        assert set(sa.inspect(engine).get_table_names()) == {*metadata.tables, "alembic_version"}


def test_a_target_that_is_not_empty_is_refused(new_url: str, tmp_path: Path) -> None:
    source = f"sqlite:///{tmp_path / 'source.db'}"
    fill(source)
    SqlStore.open(new_url, "test", now).close()
    before = everything(new_url)
    with pytest.raises(Conflict, match="not empty"):
        copy_store(source, new_url)
    assert everything(new_url) == before
    with pytest.raises(Conflict, match="not empty"):
        copy_store(source, source)


def test_another_programs_database_is_refused(new_url: str, tmp_path: Path) -> None:
    source = f"sqlite:///{tmp_path / 'source.db'}"
    fill(source)
    with writing(new_url) as connection:
        connection.execute(sa.text("CREATE TABLE theirs (a int)"))
    with pytest.raises(Conflict, match="not empty"):
        copy_store(source, new_url)


def test_what_is_no_store_cannot_be_copied(tmp_path: Path) -> None:
    target = f"sqlite:///{tmp_path / 'target.db'}"
    with pytest.raises(InputError, match="there is no store"):
        copy_store(f"sqlite:///{tmp_path / 'nowhere.db'}", target)
    assert list(tmp_path.iterdir()) == []
    sqlite3.connect(tmp_path / "empty.db").close()
    (tmp_path / "empty.db").touch()
    with pytest.raises(InputError, match="empty"):
        copy_store(f"sqlite:///{tmp_path / 'empty.db'}", target)
    with pytest.raises(InputError):
        copy_store("mysql://here", target)


def test_an_older_store_is_brought_up_first(tmp_path: Path) -> None:
    source = f"sqlite:///{tmp_path / 'source.db'}"
    SqlStore.open(source, "test", now).close()
    with writing(source) as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0003'"))
    with pytest.raises(BackendError, match="personae migrate"):
        copy_store(source, f"sqlite:///{tmp_path / 'target.db'}")


KILLED = """
import os, sys
from personae.adapters.store.copy import copy_store
def step(done, total, doing):
    if doing == sys.argv[3]:
        os._exit(9)
copy_store(sys.argv[1], sys.argv[2], step)
"""


@pytest.mark.parametrize("doing", ["copying faces", "comparing"])
def test_an_interrupted_copy_is_no_store(new_url: str, tmp_path: Path, doing: str) -> None:
    source = f"sqlite:///{tmp_path / 'source.db'}"
    fill(source)
    command = [sys.executable, "-c", KILLED, source, new_url, doing]
    assert subprocess.run(command, check=False, env=os.environ).returncode == 9
    for use in (
        lambda: SqlStore.open(new_url, "test", now),
        lambda: copy_store(source, new_url),
        lambda: copy_store(new_url, f"sqlite:///{tmp_path / 'more.db'}"),
    ):
        with pytest.raises(BackendError, match="interrupted: drop it"):
            use()


def test_a_copy_that_differs_is_told(tmp_path: Path) -> None:
    source, target = (f"sqlite:///{tmp_path / name}" for name in ("source.db", "target.db"))
    fill(source)

    def meddle(done: int, total: int, doing: str) -> None:
        if doing == "copying embeddings":
            with sqlite3.connect(tmp_path / "target.db") as connection:
                connection.execute("UPDATE people SET name = 'Eve' WHERE id = 2")
            connection.close()

    with pytest.raises(BackendError, match="not the same in people"):
        copy_store(source, target, meddle)
    with pytest.raises(BackendError, match="interrupted"):
        SqlStore.open(target, "test", now)


def test_rows_that_speak_of_later_ones(tmp_path: Path, postgres: Server) -> None:
    source, target = f"sqlite:///{tmp_path / 'source.db'}", postgres.new_database()
    fill(source)
    copy_store(source, target, rows_at_once=1)
    assert everything(target)["people"] == everything(source)["people"]
    assert copying.VERSION == VERSION


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fill(f"sqlite:///{tmp_path / 'one.db'}")
    done = CliRunner().invoke(app, ["copy-store", "one.db", str(tmp_path / "two.db"), "--json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["tables"]["faces"] == 12
    assert (tmp_path / "two.db").stat().st_mode & 0o077 == 0
    assert set(said) == {"source", "target", "tables", "digests"}
    done = CliRunner().invoke(app, ["copy-store", "two.db", "three.db"])
    assert "the two are the same" in done.output
