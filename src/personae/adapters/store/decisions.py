"""The ledger (law 4): operations and the decisions made in them, written once and never changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from personae.adapters.store.schema import decisions, operations
from personae.adapters.store.scope import Scope, in_parts
from personae.core.ledger import kin, undone, validate
from personae.errors import Conflict, NotFound
from personae.types import (
    ClusterId,
    Decision,
    DecisionKind,
    FaceId,
    Maker,
    Operation,
    OperationId,
    PersonId,
)

_COLUMNS = tuple(field.name for field in fields(Decision))
_AT_ONCE = 10_000
"""Decisions sent together; bounds the memory of a large operation."""


@dataclass(frozen=True, slots=True)
class SqlDecisions:
    """`personae.ports.DecisionTable` in SQL."""

    scope: Scope

    def begin(self, kind: str, maker: Maker, summary: str, undoes: OperationId | None = None) -> OperationId:
        """See the port."""
        if undoes is not None and self.operation(undoes).undone:
            raise Conflict(f"operation {undoes} is undone already")
        row = {
            "project_id": self.scope.project_id,
            "kind": kind,
            "maker": maker,
            "summary": summary,
            "created_at": self.scope.clock(),
            "undoes": undoes,
        }
        statement = sa.insert(operations).returning(operations.c.id)
        return OperationId(self.scope.connection.execute(statement, row).scalar_one())

    def append(self, operation_id: OperationId, decisions: Iterable[Decision]) -> None:
        """See the port.

        Raises:
            NotFound: there is no such operation.
            InputError: a decision lacks what its kind needs, or its maker may not make it.
        """
        self.operation(operation_id)
        rows: list[dict[str, Any]] = []
        for decision in decisions:
            validate(decision)
            rows.append(_row(operation_id, decision))
            if len(rows) == _AT_ONCE:
                self._insert(rows)
                rows = []
        self._insert(rows)

    def _insert(self, rows: list[dict[str, Any]]) -> None:
        if not rows:
            return
        if self.scope.on_postgres:
            # A column at a time: binding row by row takes several times as long.
            columns = [decisions.c[name] for name in rows[0]]
            arrays = [sa.literal([row[c.name] for row in rows], ARRAY(c.type)) for c in columns]
            given = sa.func.unnest(*arrays).table_valued(*rows[0], with_ordinality="place").render_derived()
            ordered = sa.select(*(given.c[c.name] for c in columns)).order_by(given.c.place)
            self.scope.connection.execute(sa.insert(decisions).from_select(columns, ordered))
        else:
            self.scope.connection.execute(sa.insert(decisions), rows)

    def operation(self, operation_id: OperationId) -> Operation:
        """See the port."""
        row = self.scope.connection.execute(self._mine().where(operations.c.id == operation_id)).first()
        if row is None:
            raise NotFound(f"there is no operation {operation_id}")
        return _operation(row, self._undone())

    def operations(self, limit: int = 50) -> list[Operation]:
        """See the port."""
        rows = self.scope.connection.execute(self._mine().order_by(operations.c.id.desc()).limit(limit)).all()
        gone = self._undone()
        return [_operation(row, gone) for row in rows]

    def of_operation(self, operation_id: OperationId) -> list[Decision]:
        """See the port; oldest first."""
        return self._read(self._all().where(operations.c.id == operation_id))

    def active(self, face_ids: Sequence[FaceId] | None = None) -> list[Decision]:
        """See the port."""
        query = self._standing().where(decisions.c.face_id.is_not(None))
        if face_ids is None:
            return self._read(query)
        found: list[Any] = []
        for part in in_parts(sorted({int(i) for i in face_ids})):
            found.extend(self.scope.connection.execute(query.where(decisions.c.face_id.in_(part))))
        return [_decision(row) for row in sorted(found, key=lambda row: row.id)]

    def active_people(self) -> list[Decision]:
        """See the port."""
        return self._read(self._standing().where(decisions.c.kind.in_([DecisionKind.NAME, DecisionKind.MERGE])))

    def kin(self, person_ids: Iterable[PersonId]) -> set[PersonId]:
        """See the port."""
        first = set(person_ids)
        if not first:
            return first
        return kin(self._read(self._all().where(decisions.c.kind == DecisionKind.MERGE)), first)

    def faces_of(self, person_ids: Sequence[PersonId]) -> list[FaceId]:
        """See the port."""
        query = sa.select(decisions.c.face_id).distinct().where(decisions.c.face_id.is_not(None))
        found: set[int] = set()
        for part in in_parts(sorted(set(person_ids))):
            found.update(self.scope.connection.execute(query.where(decisions.c.person_id.in_(part))).scalars())
        return [FaceId(i) for i in sorted(found)]

    def _undone(self) -> set[OperationId]:
        query = sa.select(operations.c.id, operations.c.undoes).where(
            operations.c.project_id == self.scope.project_id, operations.c.undoes.is_not(None)
        )
        pairs = self.scope.connection.execute(query)
        return undone((OperationId(i), OperationId(target)) for i, target in pairs)

    def _mine(self) -> sa.Select[Any]:
        return sa.select(operations).where(operations.c.project_id == self.scope.project_id)

    def _all(self) -> sa.Select[Any]:
        joined = decisions.join(operations, decisions.c.operation_id == operations.c.id)
        columns = [decisions.c.id, *(decisions.c[name] for name in _COLUMNS)]
        return sa.select(*columns).select_from(joined).where(operations.c.project_id == self.scope.project_id)

    def _standing(self) -> sa.Select[Any]:
        return self._all().where(operations.c.id.not_in(self._undone()))

    def _read(self, query: sa.Select[Any]) -> list[Decision]:
        return [_decision(row) for row in self.scope.connection.execute(query.order_by(decisions.c.id))]


def _row(operation_id: OperationId, decision: Decision) -> dict[str, Any]:
    return {
        "operation_id": operation_id,
        "kind": decision.kind,
        "maker": decision.maker,
        "face_id": _int(decision.face_id),
        "person_id": _int(decision.person_id),
        "into_person_id": _int(decision.into_person_id),
        "cluster_id": _int(decision.cluster_id),
        "name": decision.name,
        "score": _float(decision.score),
        "threshold": _float(decision.threshold),
        "model_id": decision.model_id,
        "runner_up": _float(decision.runner_up),
    }


def _int(value: int | None) -> int | None:
    """Take NumPy's integers too, which SQLite would store as bytes."""
    return None if value is None else int(value)


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)


_KINDS = {kind.value: kind for kind in DecisionKind}
_MAKERS = {maker.value: maker for maker in Maker}


def _decision(row: Any) -> Decision:
    _, kind, maker, face_id, person_id, into_person_id, cluster_id, *rest = row
    return Decision(
        _KINDS[kind],
        _MAKERS[maker],
        None if face_id is None else FaceId(face_id),
        None if person_id is None else PersonId(person_id),
        None if into_person_id is None else PersonId(into_person_id),
        None if cluster_id is None else ClusterId(cluster_id),
        *rest,
    )


def _operation(row: Any, gone: set[OperationId]) -> Operation:
    undoes = None if row.undoes is None else OperationId(row.undoes)
    return Operation(
        OperationId(row.id), row.kind, Maker(row.maker), row.summary, row.created_at, undoes, row.id in gone
    )
