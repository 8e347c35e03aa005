"""The outbox (law 5) and how far each reader has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from personae.adapters.store.schema import cursors, events
from personae.adapters.store.scope import Scope
from personae.types import Event


def add_events(scope: Scope, kind: str, payloads: Sequence[Mapping[str, object]]) -> None:
    """Append many events of one kind."""
    if payloads:
        now = scope.clock()
        rows = [{"project_id": scope.project_id, "kind": kind, "payload": p, "created_at": now} for p in payloads]
        scope.connection.execute(sa.insert(events), rows)


@dataclass(frozen=True, slots=True)
class SqlEvents:
    """`personae.ports.EventTable` in SQL."""

    scope: Scope

    def emit(self, kind: str, payload: Mapping[str, object]) -> int:
        """See the port."""
        row = {
            "project_id": self.scope.project_id,
            "kind": kind,
            "payload": dict(payload),
            "created_at": self.scope.clock(),
        }
        seq: int = self.scope.connection.execute(sa.insert(events).returning(events.c.seq), row).scalar_one()
        return seq

    def after(self, seq: int, limit: int = 1000, kinds: Sequence[str] = ()) -> list[Event]:
        """See the port."""
        query = (
            sa.select(events)
            .where(events.c.project_id == self.scope.project_id, events.c.seq > seq)
            .order_by(events.c.seq)
            .limit(limit)
        )
        if kinds:
            query = query.where(events.c.kind.in_(kinds))
        rows = self.scope.connection.execute(query)
        return [Event(row.seq, row.kind, row.payload, row.created_at) for row in rows]

    def last(self) -> int:
        """See the port."""
        query = sa.select(sa.func.max(events.c.seq)).where(events.c.project_id == self.scope.project_id)
        return self.scope.connection.execute(query).scalar() or 0

    def cursor(self, reader: str) -> int:
        """See the port; 0 for a reader that has set none."""
        query = sa.select(cursors.c.seq).where(
            cursors.c.project_id == self.scope.project_id, cursors.c.reader == reader
        )
        return self.scope.connection.execute(query).scalar() or 0

    def set_cursor(self, reader: str, seq: int) -> None:
        """See the port."""
        statement = self.scope.upsert(cursors)
        self.scope.connection.execute(
            statement.on_conflict_do_update(
                index_elements=["project_id", "reader"], set_={"seq": statement.excluded.seq}
            ),
            {"project_id": self.scope.project_id, "reader": reader, "seq": seq},
        )
