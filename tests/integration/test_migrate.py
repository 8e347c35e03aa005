"""Stores of older versions: brought up on purpose on a server, by themselves in a file."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from typer.testing import CliRunner

from personae.adapters.store.engine import MODE
from personae.adapters.store.migrate import found_version, migrate, opened
from personae.adapters.store.pgvector import install
from personae.adapters.store.schema import VERSION
from personae.adapters.store.store import SqlStore
from personae.cli.main import app
from personae.errors import BackendError, InputError
from personae.ports import FaceFilter, FaceOrder, PhotoFilter
from personae.types import FaceId, ImageId, ModelId, Vectors
from tests.generate import unit_rows
from tests.postgres import Server

FACES = 5_200
"""More than the migration takes at a time."""
MODELS = {ModelId("one"): unit_rows(FACES, 8, 1), ModelId("other"): unit_rows(FACES, 5, 2)}


def now() -> datetime:
    return datetime.now(UTC)


@contextlib.contextmanager
def writing(url: str) -> Iterator[sa.Connection]:
    with opened(url) as engine, engine.execution_options(**{MODE: "write"}).begin() as connection:
        yield connection


def make_version(url: str, version: str) -> None:
    """Create a store as that version did."""
    with as_file(files("personae.adapters.store") / "migrations") as folder, writing(url) as connection:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, version)


def fill_third_version(url: str) -> None:
    """Put faces into a store of version 0003, whose embeddings were bytes."""
    make_version(url, "0003")
    day = {"day": now()}
    with writing(url) as connection:
        for text in (
            "INSERT INTO projects (name, created_at) VALUES ('test', :day)",
            "INSERT INTO images (project_id, digest, size, width, height, format, profile, detail, created_at) "
            "VALUES (1, 'x', 1, 1, 1, 'jpeg', '', '', :day)",
        ):
            connection.execute(sa.text(text), day)
        connection.execute(
            sa.text(
                "INSERT INTO faces (project_id, image_id, box_x, box_y, box_width, box_height, landmarks, det_score, "
                "side, sharpness, yaw, roll, quality, role, reasons) "
                "VALUES (1, 1, 0, 0, 1, 1, '[]', 1, 1, 1, 0, 0, 1, 'founding', '[]')"
            ),
            [{} for _ in range(FACES)],
        )
        for model_id, rows in MODELS.items():
            cells = [{"i": i, "m": model_id, "v": row.astype("<f4").tobytes()} for i, row in enumerate(rows, 1)]
            connection.execute(sa.text("INSERT INTO embeddings (face_id, model_id, vector) VALUES (:i, :m, :v)"), cells)


def test_embeddings_become_vectors_bit_for_bit(new_url: str) -> None:
    fill_third_version(new_url)
    on_server = new_url.startswith("postgresql")
    if on_server:
        with pytest.raises(BackendError, match=r"version 0003.*personae migrate"):
            SqlStore.open(new_url, "test", now)
    told = migrate(new_url, dry_run=True)
    assert (told.before, told.after) == ("0003", VERSION)
    with opened(new_url) as engine, engine.connect() as connection:
        assert found_version(connection) == "0003"
    done = migrate(new_url)
    assert (done.before, done.after) == ("0003", VERSION)
    assert migrate(new_url).before == VERSION
    with contextlib.closing(SqlStore.open(new_url, "test", now)) as store:
        check_faces(store)
        if on_server:
            check_table(store)


def check_faces(store: SqlStore) -> None:
    with store.read() as tx:
        for model_id, rows in MODELS.items():
            face_ids, vectors = tx.faces.embeddings(model_id)
            assert (face_ids == np.arange(1, FACES + 1)).all()
            assert (vectors.view(np.uint32) == rows.view(np.uint32)).all()
        assert tx.photos.undated() == [1]
        taken_in = tx.photos.taken_in(ImageId(1))
        assert tx.photos.count(PhotoFilter(since=taken_in, until=taken_in + timedelta(seconds=1))) == 1
        first = tx.browse.members(FaceFilter(image_id=ImageId(1)), FaceOrder.NEWEST, None, 1)
        assert [found.id for found in first] == [FACES]
    found = store.check()
    assert len(found) == 1  # there are no events: this test has written past the store
    assert "without an event" in found[0]
    with store.write() as tx:
        tx.faces.add_embeddings(ModelId("third"), {FaceId(1): MODELS[ModelId("one")][0]})


def check_table(store: SqlStore) -> None:
    """What the table had besides is there still."""
    with store._engine.connect() as connection:
        keys = sa.inspect(connection).get_foreign_keys("embeddings")
        assert [key["name"] for key in keys] == ["fk_embeddings_face_id_faces"]
        query = (
            "SELECT format_type(atttypid, atttypmod), attnotnull, attstorage::text, reloptions FROM pg_attribute "
            "JOIN pg_class c ON c.oid = attrelid WHERE attrelid = 'embeddings'::regclass AND attname = 'vector'"
        )
        row = connection.execute(sa.text(query)).one()
        assert tuple(row) == ("vector", True, "e", ["toast_tuple_target=8160"])


def test_a_new_store_needs_no_migration(new_url: str, tmp_path: Path) -> None:
    told = migrate(new_url, dry_run=True)
    assert (told.before, told.after) == ("", VERSION)
    assert list(tmp_path.iterdir()) == []
    SqlStore.open(new_url, "test", now).close()
    assert migrate(new_url).before == VERSION


def test_a_newer_store_is_left_alone(new_url: str) -> None:
    migrate(new_url)
    with writing(new_url) as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    for dry_run in (True, False):
        with pytest.raises(BackendError, match="newer personae"):
            migrate(new_url, dry_run)


def test_a_store_that_was_upgraded_under_its_feet_is_not_written(new_url: str) -> None:
    with contextlib.closing(SqlStore.open(new_url, "test", now)) as store:
        with writing(new_url) as connection:
            connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(BackendError, match="9999"), store.write() as tx:
            tx.settings.set("a", 1)


def test_the_command(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run = CliRunner()
    for dry_run in (["--dry-run"], []):
        done = run.invoke(app, ["--home", str(home), "migrate", *dry_run, "--json"])
        assert done.exit_code == 0, done.output
        said = json.loads(done.stdout)
        assert (said["from"], said["to"], said["dry_run"]) == (None, VERSION, bool(dry_run))
        assert (home / "personae.db").exists() == (not dry_run)
    assert f"is of version {VERSION} already" in run.invoke(app, ["--home", str(home), "migrate"]).output


# --- pgvector ---------------------------------------------------------------------------------


def test_a_user_who_may_not_add_the_extension_is_told(postgres: Server) -> None:
    url = postgres.new_database()
    postgres.sql("CREATE ROLE guest LOGIN")
    with writing(url) as connection:
        connection.execute(sa.text("GRANT ALL ON SCHEMA public TO guest"))
    as_guest = url.replace("postgres@", "guest@")
    with pytest.raises(BackendError, match="let its administrator run CREATE EXTENSION vector"):
        SqlStore.open(as_guest, "test", now)
    with writing(url) as connection:
        connection.execute(sa.text("CREATE EXTENSION vector"))
    SqlStore.open(as_guest, "test", now).close()


class Answers:
    """A connection to a server that offers these extensions."""

    def __init__(self, row: object) -> None:
        self._row = row

    def execute(self, statement: object) -> Answers:
        return self

    def first(self) -> object:
        return self._row


def test_a_server_without_pgvector_is_told() -> None:
    with pytest.raises(BackendError, match=r"lacks pgvector 0\.8"):
        install(Answers(None))  # type: ignore[arg-type]


def test_an_old_pgvector_is_told() -> None:
    class Row:
        default_version, installed_version = "0.8.1", "0.7.4"

    with pytest.raises(BackendError, match=r"0\.7\.4.*UPDATE"):
        install(Answers(Row))  # type: ignore[arg-type]


def test_an_index_of_pgvector_needs_postgresql(tmp_path: Path) -> None:
    with (
        contextlib.closing(SqlStore.open(f"sqlite:///{tmp_path / 'a.db'}", "test", now)) as store,
        pytest.raises(InputError, match="PostgreSQL"),
    ):
        store.nearest(ModelId("one"), 8)


def test_vectors_of_several_lengths_lie_in_one_table(store: SqlStore) -> None:
    from tests.contract.test_store_pictures import face, picture  # noqa: PLC0415

    rows: dict[ModelId, Vectors] = {ModelId("short"): unit_rows(1, 2), ModelId("long"): unit_rows(1, 3000)}
    with store.write() as tx:
        tx.images.add(picture("one", face(1)))
        (face_id,) = tx.faces.lacking(ModelId("short"))
        for model_id, vectors in rows.items():
            tx.faces.add_embeddings(model_id, {face_id: vectors[0]})
    with store.read() as tx:
        for model_id, vectors in rows.items():
            assert (tx.faces.embeddings(model_id)[1] == vectors).all()
