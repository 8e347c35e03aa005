"""Passwords of keys, and who is signed in with a browser."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from personae.access import ApiKey, KeyId, Role
from personae.adapters.store.database import Database
from personae.adapters.store.schema import api_keys, sign_ins
from personae.errors import NotFound
from personae.types import Digest


@dataclass(frozen=True, slots=True)
class SqlSignIns:
    """`personae.ports.SignInTable` in SQL."""

    database: Database

    def set_password(self, name: str, encoded: str | None) -> ApiKey:
        """See the port; likewise below."""
        with self.database.write() as connection:
            row = connection.execute(in_force(name)).first()
            if row is None:
                raise NotFound(f"there is no key {name} in force; `personae keys list` shows those there are")
            connection.execute(sa.delete(sign_ins).where(sign_ins.c.key_id == row.id))
            changed = sa.update(api_keys).where(api_keys.c.id == row.id).values(password=encoded)
            return key_of(connection.execute(changed.returning(api_keys)).one())

    def password(self, name: str) -> tuple[ApiKey, str] | None:
        """A key without a password is as one that is not there."""
        with self.database.read() as connection:
            row = connection.execute(in_force(name)).first()
        return None if row is None or row.password is None else (key_of(row), row.password)

    def begin(self, key_id: KeyId, digest: Digest, until: datetime) -> None:
        """What has ended by now goes at the same time."""
        now = self.database.clock()
        row = {"key_id": key_id, "digest": digest, "created_at": now, "ends_at": until}
        with self.database.write() as connection:
            connection.execute(sa.delete(sign_ins).where(sign_ins.c.ends_at <= now))
            connection.execute(sa.insert(sign_ins), row)

    def who(self, digest: Digest) -> ApiKey | None:
        """The clock is the database's own."""
        query = (
            sa.select(api_keys)
            .join(sign_ins, sign_ins.c.key_id == api_keys.c.id)
            .where(
                sign_ins.c.digest == digest,
                sign_ins.c.ends_at > self.database.clock(),
                api_keys.c.revoked_at.is_(None),
            )
        )
        with self.database.read() as connection:
            row = connection.execute(query).first()
        return None if row is None else key_of(row)

    def end(self, digest: Digest) -> None:
        """Delete it."""
        with self.database.write() as connection:
            connection.execute(sa.delete(sign_ins).where(sign_ins.c.digest == digest))


def in_force(name: str) -> sa.Select[Any]:
    """Select the key in force of this name."""
    return sa.select(api_keys).where(api_keys.c.name == name, api_keys.c.revoked_at.is_(None))


def key_of(row: Any) -> ApiKey:
    """Return the key of a row."""
    return ApiKey(KeyId(row.id), row.name, Role(row.role), row.created_at, row.last_used_at, row.revoked_at)
