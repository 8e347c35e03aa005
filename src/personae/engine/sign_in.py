"""Signing in with a browser: a key, or the name of one with its password, for a token that ends."""

from __future__ import annotations

import secrets
import threading
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from personae.access import ApiKey
from personae.engine.attempts import Attempts
from personae.engine.keys import FRESH_SECONDS, digest_of
from personae.errors import BackendError, InputError, Unauthenticated
from personae.ports import Clock, SignInTable
from personae.types import Digest

if TYPE_CHECKING:
    from argon2 import PasswordHasher

LASTS = timedelta(days=30)
TOKEN_BYTES = 32
SHORTEST = 12
LONGEST = 1000
AT_ONCE = 2
"""Passwords that are compared at the same time: each takes 64 MiB."""
REMEMBERED = 4096
WRONG = "no key in force has this name and this password"


def set_password(table: SignInTable, name: str, password: str) -> ApiKey:
    """Give a key a password; who is signed in with it, is no longer.

    Raises:
        InputError: the password is too short or too long.
        NotFound: there is no such key in force.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise InputError(f"a password has {SHORTEST} to {LONGEST:,} characters; several words are easy to keep in mind")
    return table.set_password(name, _hasher().hash(_plain(password)))


class SignIns:
    """Knows who is signed in. Safe to use from several threads.

    Args:
        table: where it is kept.
        clock: gives the time.
        seconds: gives seconds that never go back.
    """

    def __init__(self, table: SignInTable, clock: Clock, seconds: Callable[[], float] = time.monotonic) -> None:
        self._table = table
        self._clock = clock
        self._seconds = seconds
        self._attempts = Attempts(seconds)
        self._turn = threading.Semaphore(AT_ONCE)
        self._known: OrderedDict[Digest, tuple[float, ApiKey]] = OrderedDict()
        self._lock = threading.Lock()

    def by_password(self, name: str, password: str, address: str) -> ApiKey:
        """Return the key of a name and password.

        Args:
            name: of the key.
            password: as it was typed.
            address: whence it comes; who is wrong too often from there must wait.

        Raises:
            Unauthenticated: there is no such key, or that is not its password.
            TooManyAttempts: it was wrong too often from there.
            BackendError: the database does not answer.
        """
        # Nothing is counted by name alone: strangers could lock out whoever is called so.
        allowed: dict[Hashable, int] = {(name, address): 10, ("", address): 30}
        self._attempts.begin(allowed)
        try:
            found = self._table.password(name)
        except BackendError:
            self._attempts.give_back(*allowed)
            raise
        # A name that nobody has takes as long as one that somebody has.
        with self._turn:
            fits = _fits(found[1] if found else _nobodys(), password)
        if found is None or not fits:
            raise Unauthenticated(WRONG)
        self._attempts.give_back(("", address))
        self._attempts.right((name, address))
        return found[0]

    def begin(self, key: ApiKey) -> str:
        """Sign in; return the token that the browser keeps."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._table.begin(key.id, digest_of(token), self._clock() + LASTS)
        return token

    def fresh(self, token: str) -> bool:
        """Whether `who` answers without asking the database."""
        return self._remembered(digest_of(token)) is not None

    def who(self, token: str) -> ApiKey:
        """Return the key that somebody is signed in with.

        Raises:
            Unauthenticated: nobody is, with this token.
            BackendError: the database does not answer.
        """
        digest = digest_of(token)
        key = self._remembered(digest)
        if key is None:
            key = self._table.who(digest)
            if key is None:
                raise Unauthenticated("you are signed out: sign in again")
            with self._lock:
                self._known[digest] = self._seconds(), key
                while len(self._known) > REMEMBERED:
                    self._known.popitem(last=False)
        return key

    def end(self, token: str) -> None:
        """Sign out."""
        digest = digest_of(token)
        self._table.end(digest)
        with self._lock:
            self._known.pop(digest, None)

    def _remembered(self, digest: Digest) -> ApiKey | None:
        with self._lock:
            known = self._known.get(digest)
            if known is not None and self._seconds() - known[0] >= FRESH_SECONDS:
                del self._known[digest]
                known = None
        return None if known is None else known[1]


def _plain(password: str) -> str:
    """Return a password as it is compared: the same letters may be typed in several ways."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _fits(encoded: str, password: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError  # noqa: PLC0415

    try:
        return len(password) <= LONGEST and _hasher().verify(encoded, _plain(password))
    except (VerificationError, InvalidHashError):
        return False


@cache
def _hasher() -> PasswordHasher:
    """Return Argon2id with the parameters of RFC 9106 for little memory: 64 MiB, three passes."""
    from argon2 import PasswordHasher  # noqa: PLC0415

    return PasswordHasher()


@cache
def _nobodys() -> str:
    """Return the password of nobody."""
    return _hasher().hash(secrets.token_urlsafe(TOKEN_BYTES))
