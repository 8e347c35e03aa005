"""Keys of the HTTP API: making, checking, noting their use."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from personae.access import ApiKey, KeyId, Role
from personae.engine import keys
from personae.engine.keys import FRESH_SECONDS, Keyring, digest_of
from personae.errors import Conflict, InputError, NotFound, Unauthenticated
from personae.types import Digest

NOW = datetime(2026, 1, 2, tzinfo=UTC)


class Table:
    """`KeyTable` in memory."""

    def __init__(self) -> None:
        self.rows: list[tuple[ApiKey, Digest]] = []
        self.reads = 0
        self.uses: list[datetime] = []

    def add(self, name: str, role: Role, digest: Digest) -> ApiKey:
        if any(key.name == name and key.active for key, _ in self.rows):
            raise Conflict(name)
        key = ApiKey(KeyId(len(self.rows) + 1), name, role, NOW)
        self.rows.append((key, digest))
        return key

    def all(self) -> list[tuple[ApiKey, Digest]]:
        self.reads += 1
        return list(self.rows)

    def revoke(self, name: str) -> ApiKey:
        for place, (key, digest) in enumerate(self.rows):
            if key.name == name and key.active:
                ended = ApiKey(key.id, key.name, key.role, key.created_at, key.last_used_at, NOW)
                self.rows[place] = ended, digest
                return ended
        raise NotFound(name)

    def used(self, key_id: KeyId, moment: datetime) -> None:
        self.uses.append(moment)


class Ticking:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def seconds(self) -> float:
        return self.now

    def clock(self) -> datetime:
        return NOW + timedelta(seconds=self.now)


def ring(table: Table, time: Ticking | None = None) -> Keyring:
    time = time or Ticking()
    return Keyring(table, time.clock, time.seconds)


def test_roles_include_those_below() -> None:
    assert [[a.includes(b) for b in Role] for a in Role] == [[True, False, False], [True, True, False], [True] * 3]


def test_a_key_is_long_random_and_kept_as_a_hash_alone() -> None:
    table = Table()
    made = [keys.create(table, f"key {number}", Role.READ)[1] for number in range(100)]
    assert len(set(made)) == 100
    assert all(len(secret) == len("personae_") + 43 for secret in made), "43 characters of base64 are 256 bits"
    kept = repr(table.rows)
    assert not any(secret[len("personae_") :] in kept for secret in made)
    assert [digest for _, digest in table.rows] == [digest_of(secret) for secret in made]


@pytest.mark.parametrize("name", ["", " ann", "a\nb", "-x", "x" * 101, "a/b"])
def test_a_key_has_a_name(name: str) -> None:
    with pytest.raises(InputError, match="name"):
        keys.create(Table(), name, Role.READ)


def test_without_any_key_everybody_may_come_in_where_that_is_so() -> None:
    table = Table()
    assert ring(table).check(None, open_without=True) is None
    assert ring(table).check("anything", open_without=True) is None
    with pytest.raises(Unauthenticated, match="Authorization"):
        ring(table).check(None, open_without=False)
    with pytest.raises(Unauthenticated, match="not known"):
        ring(table).check("anything", open_without=False)


@pytest.mark.parametrize("wrong", [None, "", "personae_", "é\udc80", "x" * 100_000])
def test_once_there_is_a_key_it_is_asked_for(wrong: str | None) -> None:
    table = Table()
    key, secret = keys.create(table, "ann", Role.READ)
    keyring = ring(table)
    assert keyring.asked_for
    assert keyring.opens
    assert keyring.check(secret, open_without=True) == key
    with pytest.raises(Unauthenticated):
        keyring.check(wrong, open_without=True)
    with pytest.raises(Unauthenticated):
        keyring.check(secret[:-1], open_without=True)


def test_a_revoked_key_opens_nothing_and_keys_are_asked_for_all_the_same() -> None:
    table, time = Table(), Ticking()
    _, secret = keys.create(table, "ann", Role.ADMIN)
    keyring = ring(table, time)
    assert keyring.check(secret, open_without=True)
    table.revoke("ann")
    time.now += FRESH_SECONDS
    with pytest.raises(Unauthenticated, match="revoked"):
        keyring.check(secret, open_without=True)
    assert keyring.asked_for
    assert not keyring.opens
    assert keys.listed(table)[0].revoked_at == NOW


def test_the_keys_are_read_once_a_second_however_many_ask() -> None:
    table, time = Table(), Ticking()
    _, secret = keys.create(table, "ann", Role.READ)
    keyring = ring(table, time)
    assert not keyring.fresh
    for _ in range(50):
        keyring.check(secret, open_without=False)
    assert keyring.fresh
    assert table.reads == 1
    time.now += FRESH_SECONDS
    assert not keyring.fresh
    keyring.check(secret, open_without=False)
    assert table.reads == 2


def test_the_last_use_is_written_once_a_minute() -> None:
    table, time = Table(), Ticking()
    key, _ = keys.create(table, "ann", Role.READ)
    keyring = ring(table, time)
    for second in range(150):
        time.now = second
        assert keyring.due(key) == keyring.note(key)
    assert table.uses == [NOW, NOW + timedelta(seconds=60), NOW + timedelta(seconds=120)]
