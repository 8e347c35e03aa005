"""Signing in: passwords, tokens, and who is wrong too often."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from personae.access import ApiKey, KeyId, Role
from personae.engine import sign_in
from personae.engine.attempts import WINDOW_SECONDS, Attempts
from personae.engine.sign_in import LASTS, SignIns
from personae.errors import InputError, NotFound, TooManyAttempts, Unauthenticated
from personae.types import Digest

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ANN = ApiKey(KeyId(1), "ann", Role.WRITE, NOW)
SECRET = "four words are enough"  # noqa: S105


class Table:
    """`SignInTable` in memory."""

    def __init__(self) -> None:
        self.encoded: str | None = None
        self.rows: dict[Digest, datetime] = {}
        self.reads = 0

    def set_password(self, name: str, encoded: str | None) -> ApiKey:
        if name != ANN.name:
            raise NotFound(name)
        self.encoded = encoded
        return ANN

    def password(self, name: str) -> tuple[ApiKey, str] | None:
        return (ANN, self.encoded) if name == ANN.name and self.encoded else None

    def begin(self, key_id: KeyId, digest: Digest, until: datetime) -> None:
        self.rows[digest] = until

    def who(self, digest: Digest) -> ApiKey | None:
        self.reads += 1
        return ANN if digest in self.rows else None

    def end(self, digest: Digest) -> None:
        self.rows.pop(digest, None)


class Ticking:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def seconds(self) -> float:
        return self.now

    def clock(self) -> datetime:
        return NOW + timedelta(seconds=self.now)


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def ticking() -> Ticking:
    return Ticking()


@pytest.fixture
def sign_ins(table: Table, ticking: Ticking) -> SignIns:
    return SignIns(table, ticking.clock, ticking.seconds)


def test_a_password_is_kept_as_argon2_with_a_salt_of_its_own(table: Table) -> None:
    kept = set()
    for _ in range(2):
        assert sign_in.set_password(table, "ann", SECRET) == ANN
        kept.add(table.encoded)
    assert len(kept) == 2
    for encoded in kept:
        assert encoded is not None
        assert encoded.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
        assert SECRET not in encoded


@pytest.mark.parametrize("password", ["", "eleven char", "x" * 1001])
def test_a_password_has_a_length(table: Table, password: str) -> None:
    with pytest.raises(InputError, match="12 to 1,000"):
        sign_in.set_password(table, "ann", password)
    assert table.encoded is None


def test_a_password_opens_however_its_letters_were_typed(table: Table, sign_ins: SignIns) -> None:
    sign_in.set_password(table, "ann", "Zo\u00eb's \ufb01ne album")
    assert sign_ins.by_password("ann", "Zoe\u0308's fine album", "here") == ANN
    for wrong in ("zo\u00eb's fine album", "", "\udc80" * 12, "x" * 5000):
        with pytest.raises(Unauthenticated):
            sign_ins.by_password("ann", wrong, "here")


def test_what_is_wrong_is_not_told_apart(table: Table, sign_ins: SignIns) -> None:
    said = set()
    for encoded, name in (("$argon2id$v=19$broken", "ann"), (None, "ann"), (None, "nobody")):
        table.encoded = encoded
        with pytest.raises(Unauthenticated) as caught:
            sign_ins.by_password(name, SECRET, "here")
        said.add(str(caught.value))
    assert len(said) == 1


def test_who_is_wrong_too_often_waits_and_nobody_else_does(table: Table, sign_ins: SignIns, ticking: Ticking) -> None:
    sign_in.set_password(table, "ann", SECRET)
    for _ in range(10):
        with pytest.raises(Unauthenticated):
            sign_ins.by_password("ann", "wrong", "there")
    with pytest.raises(TooManyAttempts, match="15 minutes"):
        sign_ins.by_password("ann", SECRET, "there")
    assert sign_ins.by_password("ann", SECRET, "here") == ANN
    ticking.now += WINDOW_SECONDS
    assert sign_ins.by_password("ann", SECRET, "there") == ANN


def test_an_address_that_tries_many_names_waits() -> None:
    ticking = Ticking()
    attempts = Attempts(ticking.seconds)
    for number in range(3):
        attempts.begin({("", "there"): 3, (number, "there"): 2})
    with pytest.raises(TooManyAttempts):
        attempts.begin({("", "there"): 3})
    attempts.begin({("", "here"): 3})
    attempts.give_back(("", "there"))
    attempts.begin({("", "there"): 3})
    with pytest.raises(TooManyAttempts):
        attempts.begin({("", "there"): 3})
    attempts.right(("", "there"))
    attempts.begin({("", "there"): 3})


def test_strangers_lock_nobody_out_and_who_tries_at_once_is_counted(table: Table, sign_ins: SignIns) -> None:
    sign_in.set_password(table, "ann", SECRET)

    def tried(number: int) -> str:
        try:
            sign_ins.by_password("ann", "wrong", "there")
        except (Unauthenticated, TooManyAttempts) as error:
            return type(error).__name__
        return "in"

    with ThreadPoolExecutor(13) as pool:
        said = Counter(pool.map(tried, range(13)))
    assert said == {"Unauthenticated": 10, "TooManyAttempts": 3}
    for _ in range(12):
        assert sign_ins.by_password("ann", SECRET, "here") == ANN


def test_a_token_says_who_is_signed_in_and_is_kept_nowhere(table: Table, sign_ins: SignIns) -> None:
    token = sign_ins.begin(ANN)
    assert token not in str(table.rows)
    assert list(table.rows.values()) == [NOW + LASTS]
    assert not sign_ins.fresh(token)
    assert sign_ins.who(token) == ANN
    assert sign_ins.fresh(token)
    for other in (token + "x", "", "\udc80"):
        with pytest.raises(Unauthenticated):
            sign_ins.who(other)


def test_the_table_is_asked_once_a_second(table: Table, sign_ins: SignIns, ticking: Ticking) -> None:
    token = sign_ins.begin(ANN)
    for _ in range(5):
        sign_ins.who(token)
    assert table.reads == 1
    table.rows.clear()
    assert sign_ins.who(token) == ANN
    ticking.now += 1.0
    with pytest.raises(Unauthenticated):
        sign_ins.who(token)


def test_who_signs_out_is_out_at_once(sign_ins: SignIns) -> None:
    token = sign_ins.begin(ANN)
    assert sign_ins.who(token) == ANN
    sign_ins.end(token)
    with pytest.raises(Unauthenticated):
        sign_ins.who(token)
