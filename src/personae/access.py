"""Who may use the HTTP API, and the projects there are: values of the whole database, not of one project."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

DEFAULT_PROJECT = "default"
"""Name of the project that is there where nobody has chosen one."""
KeyId = NewType("KeyId", int)


class Role(StrEnum):
    """What a key may do; each role may do what those before it may."""

    READ = "read"
    """Look."""
    WRITE = "write"
    """Change people, pictures and decisions."""
    ADMIN = "admin"
    """Change settings, projects, webhooks, and erase."""

    def includes(self, other: Role) -> bool:
        """Whether who has this role may do what asks for the other."""
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of the HTTP API. The key itself is kept nowhere."""

    id: KeyId
    name: str
    """Of whom or what uses it; of two keys that are in force each has its own."""
    role: Role
    created_at: datetime
    last_used_at: datetime | None = None
    """To the minute."""
    revoked_at: datetime | None = None

    @property
    def active(self) -> bool:
        """Whether it opens anything."""
        return self.revoked_at is None


@dataclass(frozen=True, slots=True)
class Project:
    """A collection with people and pictures of its own."""

    id: int
    name: str
    created_at: datetime
    folder: str = ""
    """Of its files, in the folder of all projects; it outlives the name. Empty: the home folder itself."""
