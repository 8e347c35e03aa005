"""Keys of the HTTP API: made once, shown once, kept as a hash, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from personae.access import ApiKey, KeyId, Role
from personae.errors import InputError, Unauthenticated
from personae.ports import Clock, KeyTable
from personae.types import Digest

PREFIX = "personae_"
"""Tells a key that leaked into a file or a log for what it is."""
KEY_BYTES = 32
"""256 random bits cannot be guessed, so a fast hash is enough; slow ones are for passwords."""
FRESH_SECONDS = 1.0
"""How long the keys are trusted as read: a key that is revoked opens nothing a second later."""
USED_EVERY = timedelta(minutes=1)
"""A key's last use is not written for every request."""
_NAME = re.compile(r"[\w][\w .@-]{0,99}")


def create(keys: KeyTable, name: str, role: Role) -> tuple[ApiKey, str]:
    """Make a key.

    Args:
        keys: where it is kept.
        name: of whom or what uses it.
        role: what it may do.

    Returns:
        The key's record, and its text, which cannot be had again.

    Raises:
        InputError: the name is none.
        Conflict: a key in force has this name.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            "a key's name has up to 100 letters, digits, spaces, dots, dashes or @, and begins with a letter"
        )
    secret = PREFIX + secrets.token_urlsafe(KEY_BYTES)
    return keys.add(name, role, digest_of(secret)), secret


def listed(keys: KeyTable) -> list[ApiKey]:
    """Return every key, revoked ones too, oldest first."""
    return [key for key, _ in keys.all()]


def digest_of(secret: str) -> Digest:
    """Return what is kept of a key's text."""
    return Digest(hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest())


class Keyring:
    """Knows the keys, and checks what a request shows. Safe to use from several threads.

    Args:
        keys: where they are kept.
        clock: gives the time of use.
        seconds: gives seconds that never go back.
    """

    def __init__(self, keys: KeyTable, clock: Clock, seconds: Callable[[], float] = time.monotonic) -> None:
        self._keys = keys
        self._clock = clock
        self._seconds = seconds
        self._known: tuple[float, list[tuple[ApiKey, Digest]]] | None = None
        self._noted: dict[KeyId, datetime] = {}

    @property
    def fresh(self) -> bool:
        """Whether `check` answers without asking the database."""
        return self._known is not None and self._seconds() - self._known[0] < FRESH_SECONDS

    @property
    def asked_for(self) -> bool:
        """Whether there is a key, or ever was: revoking the last one opens no door."""
        return bool(self._read())

    @property
    def opens(self) -> bool:
        """Whether there is a key in force."""
        return any(key.active for key, _ in self._read())

    def check(self, secret: str | None, open_without: bool) -> ApiKey | None:
        """Return the key of this text.

        Args:
            secret: what the request shows; None: nothing.
            open_without: let everybody in while there has never been a key; None is returned then.

        Raises:
            Unauthenticated: it shows nothing, or what is no key in force.
            BackendError: the database does not answer.
        """
        known = self._read()
        if open_without and not known:
            return None
        if not secret:
            raise Unauthenticated("this server asks for a key: send the header Authorization: Bearer KEY")
        shown = digest_of(secret)
        found = None
        for key, digest in known:
            # Every one is compared, and each in constant time: how long it takes tells nothing.
            if hmac.compare_digest(shown, digest) and key.active:
                found = key
        if found is None:
            raise Unauthenticated("this key is not known, or was revoked")
        return found

    def note(self, key: ApiKey) -> bool:
        """Write when a key was used, unless that was done a moment ago; return whether it was written."""
        now = self._clock()
        before = self._noted.get(key.id) or key.last_used_at
        if before is not None and now - before < USED_EVERY:
            return False
        self._noted[key.id] = now
        self._keys.used(key.id, now)
        return True

    def due(self, key: ApiKey) -> bool:
        """Whether `note` would write."""
        before = self._noted.get(key.id) or key.last_used_at
        return before is None or self._clock() - before >= USED_EVERY

    def _read(self) -> list[tuple[ApiKey, Digest]]:
        known = self._known
        if known is None or self._seconds() - known[0] >= FRESH_SECONDS:
            known = self._known = self._seconds(), self._keys.all()
        return known[1]
