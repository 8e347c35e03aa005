"""Passwords of keys and who is signed in, on every store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from personae.access import Role
from personae.adapters.store.keys import SqlHouse
from personae.errors import Conflict, NotFound
from personae.types import Digest

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
LATER = NOW + timedelta(days=1)


def digest(number: int) -> Digest:
    return Digest(f"{number:064x}")


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def house(store_url: str, clock: Clock) -> Iterator[SqlHouse]:
    opened = SqlHouse.open(store_url, clock, patience=20)
    yield opened
    opened.close()


def test_a_password_comes_back_for_the_key_in_force(house: SqlHouse) -> None:
    key = house.keys.add("ann", Role.WRITE, digest(1))
    assert house.sign_ins.password("ann") is None
    assert house.sign_ins.set_password("ann", "$argon2id$one") == key
    assert house.sign_ins.password("ann") == (key, "$argon2id$one")
    assert house.sign_ins.password("bob") is None
    house.sign_ins.set_password("ann", None)
    assert house.sign_ins.password("ann") is None


def test_a_key_that_is_not_in_force_has_no_password(house: SqlHouse) -> None:
    house.keys.add("ann", Role.WRITE, digest(1))
    house.sign_ins.set_password("ann", "one")
    house.keys.revoke("ann")
    assert house.sign_ins.password("ann") is None
    for name in ("ann", "bob"):
        with pytest.raises(NotFound, match=name):
            house.sign_ins.set_password(name, "two")
    house.keys.add("ann", Role.READ, digest(2))
    assert house.sign_ins.password("ann") is None


def test_who_is_signed_in_is_known_until_its_time_has_passed(house: SqlHouse, clock: Clock) -> None:
    ann = house.keys.add("ann", Role.WRITE, digest(1))
    house.sign_ins.begin(ann.id, digest(11), LATER)
    assert house.sign_ins.who(digest(11)) == ann
    assert house.sign_ins.who(digest(12)) is None
    clock.now = LATER
    assert house.sign_ins.who(digest(11)) is None
    # The next one to sign in clears it away: its digest is free again.
    house.sign_ins.begin(ann.id, digest(11), LATER + timedelta(days=1))
    assert house.sign_ins.who(digest(11)) == ann


def test_signing_out_ends_one_sign_in_and_no_other(house: SqlHouse) -> None:
    ann = house.keys.add("ann", Role.WRITE, digest(1))
    for number in (11, 12):
        house.sign_ins.begin(ann.id, digest(number), LATER)
    house.sign_ins.end(digest(11))
    house.sign_ins.end(digest(99))
    assert (house.sign_ins.who(digest(11)), house.sign_ins.who(digest(12))) == (None, ann)


def test_a_new_password_and_a_revoked_key_end_all_of_them(house: SqlHouse) -> None:
    ann, bob = house.keys.add("ann", Role.WRITE, digest(1)), house.keys.add("bob", Role.READ, digest(2))
    house.sign_ins.begin(ann.id, digest(11), LATER)
    house.sign_ins.begin(bob.id, digest(12), LATER)
    house.sign_ins.set_password("ann", "one")
    assert (house.sign_ins.who(digest(11)), house.sign_ins.who(digest(12))) == (None, bob)
    house.keys.revoke("bob")
    assert house.sign_ins.who(digest(12)) is None


def test_no_two_sign_ins_are_the_same(house: SqlHouse) -> None:
    ann = house.keys.add("ann", Role.WRITE, digest(1))
    house.sign_ins.begin(ann.id, digest(11), LATER)
    with pytest.raises(Conflict):
        house.sign_ins.begin(ann.id, digest(11), LATER)
