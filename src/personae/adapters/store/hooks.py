"""Receivers of events, as rows."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from personae.adapters.store.columns import Moment
from personae.adapters.store.schema import webhooks
from personae.adapters.store.scope import Scope
from personae.errors import Conflict, NotFound
from personae.ports import Hook, HookId

_CALM: Mapping[str, Any] = {"failures": 0, "failing_since": None, "not_before": None, "error": ""}


@dataclass(frozen=True, slots=True)
class SqlHooks:
    """`personae.ports.HookTable` in SQL."""

    scope: Scope

    def add(self, url: str, kinds: Sequence[str], secret: str, seq: int) -> HookId:
        """See the port."""
        row = {
            "project_id": self.scope.project_id,
            "url": url,
            "kinds": list(kinds),
            "secret": secret,
            "seq": seq,
            "created_at": self.scope.clock(),
            "paused": False,
            **_CALM,
        }
        return HookId(self.scope.connection.execute(sa.insert(webhooks).returning(webhooks.c.id), row).scalar_one())

    def get(self, hook_id: HookId) -> Hook:
        """See the port."""
        return _hook(self._row(hook_id))

    def all(self) -> list[Hook]:
        """See the port."""
        query = sa.select(webhooks).where(self._mine).order_by(webhooks.c.id)
        return [_hook(row) for row in self.scope.connection.execute(query)]

    def remove(self, hook_id: HookId) -> None:
        """See the port."""
        self._row(hook_id)
        self.scope.connection.execute(sa.delete(webhooks).where(self._mine, webhooks.c.id == hook_id))

    def resume(self, hook_id: HookId) -> None:
        """See the port."""
        self._row(hook_id)
        self._update(hook_id, {"paused": False, **_CALM})

    def claim(self, hook_id: HookId, now: datetime, until: datetime) -> str | None:
        """See the port; the writer's lock keeps two claimers apart."""
        free = sa.and_(
            sa.not_(webhooks.c.paused),
            sa.or_(webhooks.c.not_before.is_(None), webhooks.c.not_before <= now),
            sa.or_(webhooks.c.lease_until.is_(None), webhooks.c.lease_until <= now),
        )
        token = secrets.token_hex(16)
        return token if self._update(hook_id, {"token": token, "lease_until": until}, free) else None

    def delivered(self, hook_id: HookId, token: str, seq: int, until: datetime | None) -> None:
        """See the port."""
        kept = {"lease_until": until, "token": token if until else None}
        self._held(hook_id, token, {"seq": seq, **kept, **_CALM})

    def failed(self, hook_id: HookId, token: str, error: str, now: datetime, not_before: datetime) -> None:
        """See the port."""
        since = sa.func.coalesce(webhooks.c.failing_since, sa.literal(now, Moment()))
        failed = {"failures": webhooks.c.failures + 1, "failing_since": since, "error": error}
        self._held(hook_id, token, {**failed, "not_before": not_before, "token": None, "lease_until": None})

    def pause(self, hook_id: HookId, error: str) -> None:
        """See the port."""
        self._update(hook_id, {"paused": True, "error": error})

    def _held(self, hook_id: HookId, token: str, values: Mapping[str, Any]) -> None:
        if not self._update(hook_id, values, webhooks.c.token == token):
            raise Conflict(f"receiver {hook_id} is gone, or another process tells it of events")

    def _update(
        self, hook_id: HookId, values: Mapping[str, Any], condition: sa.ColumnElement[bool] | None = None
    ) -> bool:
        where = [self._mine, webhooks.c.id == hook_id, *([] if condition is None else [condition])]
        return bool(self.scope.connection.execute(sa.update(webhooks).where(*where).values(**values)).rowcount)

    def _row(self, hook_id: HookId) -> Any:
        row = self.scope.connection.execute(sa.select(webhooks).where(self._mine, webhooks.c.id == hook_id)).first()
        if row is None:
            raise NotFound(f"there is no receiver {hook_id}")
        return row

    @property
    def _mine(self) -> sa.ColumnElement[bool]:
        return webhooks.c.project_id == self.scope.project_id


def _hook(row: Any) -> Hook:
    return Hook(
        HookId(row.id), row.url, tuple(row.kinds), row.secret, row.seq, row.created_at, row.paused, row.failures,
        row.failing_since, row.not_before, row.error,
    )  # fmt: skip
