"""Keys and projects of a whole database, on every store."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from personae.access import Role
from personae.adapters.store.keys import SqlHouse
from personae.adapters.store.store import SqlStore
from personae.errors import Conflict, NotFound
from personae.types import Digest

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)


def digest(number: int) -> Digest:
    return Digest(f"{number:064x}")


@pytest.fixture
def house(store_url: str) -> Iterator[SqlHouse]:
    opened = SqlHouse.open(store_url, lambda: NOW, patience=20)
    yield opened
    opened.close()


def test_a_key_comes_back_as_it_was_given(house: SqlHouse) -> None:
    key = house.keys.add("Ann's laptop \udc80", Role.WRITE, digest(1))
    assert (key.name, key.role, key.created_at) == ("Ann's laptop \\udc80", Role.WRITE, NOW)
    assert key.active
    assert key.last_used_at is None
    assert house.keys.all() == [(key, digest(1))]


def test_of_one_name_one_key_is_in_force(house: SqlHouse) -> None:
    first = house.keys.add("ann", Role.READ, digest(1))
    with pytest.raises(Conflict, match="ann"):
        house.keys.add("ann", Role.ADMIN, digest(2))
    ended = house.keys.revoke("ann")
    assert (ended.id, ended.revoked_at, ended.active) == (first.id, NOW, False)
    second = house.keys.add("ann", Role.ADMIN, digest(2))
    assert [key.id for key, _ in house.keys.all()] == [first.id, second.id]
    assert house.keys.revoke("ann").id == second.id
    for name in ("ann", "bob"):
        with pytest.raises(NotFound, match=name):
            house.keys.revoke(name)


def test_two_keys_are_never_the_same(house: SqlHouse) -> None:
    house.keys.add("ann", Role.READ, digest(1))
    with pytest.raises(Conflict):
        house.keys.add("bob", Role.READ, digest(1))


def test_the_last_use_is_kept(house: SqlHouse) -> None:
    key = house.keys.add("ann", Role.READ, digest(1))
    other = house.keys.add("bob", Role.READ, digest(2))
    house.keys.used(key.id, NOW + timedelta(minutes=1))
    assert [each.last_used_at for each, _ in house.keys.all()] == [NOW + timedelta(minutes=1), None]
    house.keys.used(other.id, NOW)


def test_keys_of_one_name_made_at_once_leave_one(house: SqlHouse) -> None:
    def make(number: int) -> bool:
        try:
            house.keys.add("ann", Role.READ, digest(number))
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(make, range(8)))
    assert sum(made) == len(house.keys.all()) == 1


def test_projects_are_listed_by_name(house: SqlHouse, store_url: str) -> None:
    added = house.projects.add("film")
    assert house.projects.all() == [added]
    with pytest.raises(Conflict, match="film"):
        house.projects.add("film")
    SqlStore.open(store_url, "album", lambda: NOW).close()
    assert [project.name for project in house.projects.all()] == ["album", "film"]


def test_projects_in_which_work_waits_are_known(house: SqlHouse, store_url: str) -> None:
    for name in ("quiet", "queued", "running", "ended"):
        store = SqlStore.open(store_url, name, lambda: NOW)
        if name != "quiet":
            with store.write() as tx:
                job_id = tx.jobs.add("group", {})
                if name != "queued":
                    job = tx.jobs.claim(["group"], NOW, 30)
                    assert job
                    if name == "ended":
                        tx.jobs.finish(job_id, job.token or "", "done", {})
                assert sum(tx.jobs.counts().values()) == 1
        store.close()
    assert house.projects.busy() == ["queued", "running"]


def test_the_stamp_stays_until_something_is_committed_by_whomever(house: SqlHouse, store_url: str) -> None:
    with closing(SqlStore.open(store_url, "one", lambda: NOW)) as one, closing(
        SqlStore.open(store_url, "two", lambda: NOW)
    ) as two:  # fmt: skip
        before = one.stamp()
        with one.read() as tx:
            tx.jobs.unfinished()
        assert one.stamp() == before
        for change in (lambda: add_job(one), lambda: add_job(two), lambda: house.keys.add("ann", Role.READ, digest(1))):
            change()
            after = one.stamp()
            assert after != before
            before = after


def add_job(store: SqlStore) -> None:
    with store.write() as tx:
        tx.jobs.add("group", {})
