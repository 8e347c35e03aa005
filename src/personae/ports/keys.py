"""Ports of what belongs to the whole database, not to one project: keys of the HTTP API, and the projects."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from personae.access import ApiKey, KeyId, Project, Role
from personae.types import Digest


class KeyTable(Protocol):
    """Keys by the SHA-256 of their text; the text itself is kept nowhere."""

    def add(self, name: str, role: Role, digest: Digest) -> ApiKey:
        """Insert. Raises Conflict when a key in force has this name."""
        ...

    def all(self) -> list[tuple[ApiKey, Digest]]:
        """Every key, revoked ones too, oldest first."""
        ...

    def revoke(self, name: str) -> ApiKey:
        """End the key in force of this name. Raises NotFound."""
        ...

    def used(self, key_id: KeyId, moment: datetime) -> None:
        """Note when it was last used."""
        ...


class SignInTable(Protocol):
    """Passwords of keys, and who is signed in, by the SHA-256 of what the browser keeps; its text is kept nowhere."""

    def set_password(self, name: str, encoded: str | None) -> ApiKey:
        """Set the password of the key in force, None for none, and end its sign-ins. Raises NotFound."""
        ...

    def password(self, name: str) -> tuple[ApiKey, str] | None:
        """The key in force of this name, and its encoded password; None where either is missing."""
        ...

    def begin(self, key_id: KeyId, digest: Digest, until: datetime) -> None:
        """Insert a sign-in; those whose time has passed go."""
        ...

    def who(self, digest: Digest) -> ApiKey | None:
        """The key of a sign-in whose time has not passed, if it is in force."""
        ...

    def end(self, digest: Digest) -> None:
        """Delete a sign-in, if it is there."""
        ...


class ProjectTable(Protocol):
    def all(self) -> list[Project]:
        """By name."""
        ...

    def add(self, name: str) -> Project:
        """Insert. Raises Conflict when there is one of this name."""
        ...

    def rename(self, name: str, to: str) -> Project:
        """Give another name. Raises NotFound, and Conflict when it is taken, or jobs of it have not ended."""
        ...

    def remove(self, name: str) -> Project:
        """Delete it with every row that is its; return what it was. Raises NotFound, and Conflict while jobs run."""
        ...

    def busy(self) -> list[str]:
        """Names of those with jobs that have not ended, or with receivers of their events."""
        ...


class House(Protocol):
    """One database. Each call is a transaction of its own; safe to use from several threads."""

    @property
    def keys(self) -> KeyTable: ...
    @property
    def sign_ins(self) -> SignInTable: ...
    @property
    def projects(self) -> ProjectTable: ...

    def ping(self) -> None:
        """Raise BackendError when the database does not answer."""
        ...

    def close(self) -> None: ...
