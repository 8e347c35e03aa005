"""Settings of the studio and of projects, on every store; projects renamed and removed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from personae.access import Role
from personae.adapters.store.engine import MODE, connect, parse
from personae.adapters.store.keys import SqlHouse
from personae.adapters.store.schema import metadata, projects
from personae.adapters.store.store import SqlStore
from personae.errors import Conflict, NotFound
from personae.preferences import PreferenceScope
from personae.types import Digest
from tests.contract.test_store_pictures import face, picture

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
STUDIO, PROJECT = PreferenceScope


@pytest.fixture
def house(store_url: str) -> Iterator[SqlHouse]:
    opened = SqlHouse.open(store_url, lambda: NOW, patience=20)
    yield opened
    opened.close()


def opened(url: str, project: str) -> SqlStore:
    return SqlStore.open(url, project, lambda: NOW, patience=20)


def test_what_was_set_comes_back_with_who_and_when(store: SqlStore) -> None:
    with store.write() as tx:
        tx.preferences.set(PROJECT, "eps", 0.25, "ann")
        tx.preferences.set(STUDIO, "eps", 0.5, "bob \udc80")
        tx.preferences.set(STUDIO, "method", "dbscan", "bob")
        tx.preferences.set(PROJECT, "eps", 0.75, "eve")
    with store.read() as tx:
        found = tx.preferences.all()
    assert [(each.name, each.value, each.scope, each.set_by) for each in found] == [
        ("eps", 0.5, STUDIO, "bob \\udc80"),
        ("eps", 0.75, PROJECT, "eve"),
        ("method", "dbscan", STUDIO, "bob"),
    ]
    assert all(each.set_at.tzinfo for each in found)


def test_the_studios_reach_every_project_and_a_projects_none_but_itself(store_url: str) -> None:
    film, series = opened(store_url, "film"), opened(store_url, "series")
    with film.write() as tx:
        tx.preferences.set(STUDIO, "a", 1, "ann")
        tx.preferences.set(PROJECT, "b", 2, "ann")
    with series.write() as tx:
        assert [each.name for each in tx.preferences.all()] == ["a"]
        assert not tx.preferences.unset(PROJECT, "b")
        assert tx.preferences.unset(STUDIO, "a")
        assert not tx.preferences.unset(STUDIO, "a")
    with film.read() as tx:
        assert [each.name for each in tx.preferences.all()] == ["b"]
    film.close()
    series.close()


def test_a_renamed_project_keeps_its_rows_and_its_folder(store_url: str, house: SqlHouse) -> None:
    store = opened(store_url, "film")
    with store.write() as tx:
        tx.settings.set("a", "kept")
    store.close()
    assert house.projects.rename("film", "the film").folder == "film"
    store = opened(store_url, "the film")
    with store.read() as tx:
        assert tx.settings.get("a") == "kept"
    assert store.folder == "film"
    store.close()
    again = opened(store_url, "film")
    assert again.folder == "film+2", "the folder of this name is another's"
    again.close()
    with pytest.raises(Conflict, match="film"):
        house.projects.rename("the film", "film")
    with pytest.raises(NotFound):
        house.projects.rename("nothing", "something")
    assert house.projects.rename("film", "film").name == "film"


def test_folders_are_apart_also_where_upper_and_lower_case_are_one(house: SqlHouse) -> None:
    names = ["Film", "film", "FILM", "ä" * 100, "ä" * 99 + "ö", "default"]
    folders = [house.projects.add(name).folder for name in names]
    assert len({folder.casefold() for folder in folders}) == len(names)
    assert folders[-1] == ""
    assert all(len(folder.encode()) < 200 for folder in folders)


def counts(url: str) -> dict[str, int]:
    engine = connect(parse(url), 20)
    with engine.connect() as connection:
        found = {
            table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }
    engine.dispose()
    return found


def fill(url: str, project: str) -> None:
    store = opened(url, project)
    with store.write() as tx:
        tx.images.add(picture("one", face()))
        tx.people.add("Ann")
        tx.people.add("Ada", "character")
        tx.hooks.add("https://example.org/", [], "secret", 0)
        tx.settings.set("a", 1)
        tx.preferences.set(PROJECT, "eps", 0.25, "ann")
        tx.events.emit("something", {})
    store.close()


def test_a_removed_project_leaves_no_row_and_others_theirs(store_url: str, house: SqlHouse) -> None:
    house.keys.add("ann", Role.READ, Digest("0" * 64))
    fill(store_url, "film")
    before = counts(store_url)
    fill(store_url, "series")
    assert counts(store_url) != before
    assert house.projects.remove("series").name == "series"
    assert counts(store_url) == before
    with pytest.raises(NotFound):
        house.projects.remove("series")
    engine = connect(parse(store_url), 20)
    writing = engine.connect().execution_options(**{MODE: "write"})
    with writing as connection, pytest.raises(sa.exc.DatabaseError, match="append-only"):
        connection.execute(sa.text("DELETE FROM events"))
    engine.dispose()


def test_a_project_with_work_is_left_alone(store_url: str, house: SqlHouse) -> None:
    store = opened(store_url, "film")
    with store.write() as tx:
        job_id = tx.jobs.add("images.ingest", {})
    for change in (lambda: house.projects.remove("film"), lambda: house.projects.rename("film", "other")):
        with pytest.raises(Conflict, match="have not ended"):
            change()
    del job_id
    store.close()
    assert [project.name for project in house.projects.all()] == ["film"]


def test_what_a_removed_project_held_is_overwritten(tmp_path: object) -> None:
    file = f"{tmp_path}/personae.db"
    store = opened(f"sqlite:///{file}", "film")
    with store.write() as tx:
        tx.people.add("Somebody who wants to be forgotten")
    store.close()
    house = SqlHouse.open(f"sqlite:///{file}", lambda: NOW)
    house.projects.remove("film")
    house.close()
    with open(file, "rb") as opened_file:  # noqa: PTH123
        assert b"wants to be forgotten" not in opened_file.read()
    engine = connect(parse(f"sqlite:///{file}"), 20)
    with engine.connect() as connection:
        assert connection.execute(sa.select(projects)).all() == []
    engine.dispose()
