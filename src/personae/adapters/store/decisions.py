"""The ledger (law 4): operations and the decisions made in them, written once and never changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from personae.adapters.store.columns import storable
from personae.adapters.store.schema import ABOUT_PEOPLE, decisions, operations
from personae.adapters.store.scope import Scope
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
_TABLE = decisions
"""Under a name that `append` does not use otherwise."""
_REVOKED = "revoked"
"""Under which name the sources that are revoked stand among what was read once."""
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
        self.scope.found.pop(_REVOKED, None)
        statement = sa.insert(operations).returning(operations.c.id)
        return OperationId(self.scope.connection.execute(statement, row).scalar_one())

    def append(self, operation_id: OperationId, decisions: Iterable[Decision]) -> None:
        """See the port.

        Raises:
            NotFound: there is no such operation.
            InputError: a decision lacks what its kind needs, or its maker may not make it.
        """
        self.operation(operation_id)
        self.scope.found.pop(_REVOKED, None)
        rows: list[tuple[Any, ...]] = []
        for decision in decisions:
            validate(decision)
            rows.append(_row(operation_id, decision))
            if len(rows) == _AT_ONCE:
                self.scope.insert(_TABLE, ("operation_id", *_COLUMNS), rows)
                rows = []
        self.scope.insert(_TABLE, ("operation_id", *_COLUMNS), rows)

    def operation(self, operation_id: OperationId) -> Operation:
        """See the port."""
        row = self.scope.connection.execute(self._mine().where(operations.c.id == operation_id)).first()
        if row is None:
            raise NotFound(f"there is no operation {operation_id}")
        return to_operation(row, self._undone())

    def operations(self, limit: int = 50) -> list[Operation]:
        """See the port."""
        rows = self.scope.connection.execute(self._mine().order_by(operations.c.id.desc()).limit(limit)).all()
        gone = self._undone()
        return [to_operation(row, gone) for row in rows]

    def last(self, maker: Maker) -> int:
        """See the port."""
        query = sa.select(sa.func.max(operations.c.id)).where(
            operations.c.project_id == self.scope.project_id, operations.c.maker == maker
        )
        return self.scope.connection.execute(query).scalar() or 0

    def of_operation(self, operation_id: OperationId) -> list[Decision]:
        """See the port; oldest first."""
        return self._read(self._all().where(operations.c.id == operation_id))

    def active(self, face_ids: Sequence[FaceId] | None = None, makers: Collection[Maker] = ()) -> list[Decision]:
        """See the port."""
        query = self._standing(few=face_ids is not None).where(decisions.c.face_id.is_not(None))
        if makers:
            query = query.where(decisions.c.maker.in_(sorted(makers)))
        if face_ids is None:
            return self._read(query)
        return self._read(query.where(self.scope.among(decisions.c.face_id, face_ids)))

    def active_people(self, person_ids: Collection[PersonId] | None = None) -> list[Decision]:
        """See the port."""
        query = self._standing().where(ABOUT_PEOPLE, decisions.c.kind.in_([DecisionKind.NAME, DecisionKind.MERGE]))
        if person_ids is None:
            return self._read(query)
        return self._read(query.where(self.scope.among(decisions.c.person_id, person_ids)))

    def hides(self) -> list[Decision]:
        """See the port."""
        # By their operations, of which there are few, to which an index leads.
        return self._read(self._standing().where(operations.c.kind.in_([DecisionKind.HIDE, DecisionKind.SHOW])))

    def of_source(self, source: str) -> list[Decision]:
        """See the port."""
        said = sa.and_(decisions.c.maker == Maker.SOURCE, decisions.c.source == source)
        return self._read(self._all().where(decisions.c.source.is_not(None), said))

    def kin(self, person_ids: Iterable[PersonId]) -> set[PersonId]:
        """See the port."""
        first = set(person_ids)
        if not first:
            return first
        return kin(self._read(self._all().where(ABOUT_PEOPLE, decisions.c.kind == DecisionKind.MERGE)), first)

    def faces_of(self, person_ids: Sequence[PersonId]) -> list[FaceId]:
        """See the port."""
        if not person_ids:
            return []
        # Without DISTINCT, for which SQLite would go through all faces in order.
        query = sa.select(decisions.c.face_id).where(self.scope.among(decisions.c.person_id, person_ids))
        return [FaceId(i) for i in sorted(set(self.scope.connection.execute(query).scalars()) - {None})]

    def _undone(self) -> set[OperationId]:
        return undone_in(self.scope)

    def _mine(self) -> sa.Select[Any]:
        return sa.select(operations).where(operations.c.project_id == self.scope.project_id)

    def _all(self, *, few: bool = False) -> sa.Select[Any]:
        """Every decision; `few` when the query goes on to ask for some of them by an index of their own."""
        joined = decisions.join(operations, decisions.c.operation_id == operations.c.id)
        columns = [decisions.c.id, *(decisions.c[name] for name in _COLUMNS)]
        # As a sum it has no index: SQLite would rather go through all operations of the project.
        project = operations.c.project_id + 0 if few else operations.c.project_id
        return sa.select(*columns).select_from(joined).where(project == self.scope.project_id)

    def _standing(self, *, few: bool = False) -> sa.Select[Any]:
        """What is neither undone nor of a revoked source."""
        query = self._all(few=few).where(operations.c.id.not_in(self._undone()))
        gone = revoked_sources(self.scope)
        if not gone:
            return query
        return query.where(sa.or_(decisions.c.source.is_(None), decisions.c.source.not_in(sorted(gone))))

    def _read(self, query: sa.Select[Any]) -> list[Decision]:
        return [_decision(row) for row in self.scope.connection.execute(query.order_by(decisions.c.id)).all()]


def revoked_sources(scope: Scope) -> set[str]:
    """Return the sources that a decision which is not undone revokes; asked with nearly every query."""
    if _REVOKED not in scope.found:
        scope.found[_REVOKED] = _revoked(scope)
    return set(scope.found[_REVOKED])


def _revoked(scope: Scope) -> set[str]:
    query = (
        sa.select(decisions.c.operation_id, decisions.c.source)
        .select_from(decisions.join(operations, decisions.c.operation_id == operations.c.id))
        .where(
            operations.c.project_id == scope.project_id, ABOUT_PEOPLE, decisions.c.kind == DecisionKind.REVOKE,
        )
    )  # fmt: skip
    rows = scope.connection.execute(query).all()
    gone = undone_in(scope) if rows else set()
    return {source for operation_id, source in rows if operation_id not in gone}


def undone_in(scope: Scope) -> set[OperationId]:
    """Return the operations of a project that are undone."""
    query = sa.select(operations.c.id, operations.c.undoes).where(
        operations.c.project_id == scope.project_id, operations.c.undoes.is_not(None)
    )
    return undone((OperationId(i), OperationId(target)) for i, target in scope.connection.execute(query))


def _row(operation_id: OperationId, decision: Decision) -> tuple[Any, ...]:
    return (
        operation_id, _TEXTS[decision.kind], _TEXTS[decision.maker], _int(decision.face_id), _int(decision.person_id),
        _int(decision.into_person_id), _int(decision.cluster_id),
        None if decision.name is None else storable(decision.name), _float(decision.score),
        _float(decision.threshold), decision.model_id, _float(decision.runner_up), _int(decision.other_face_id),
        None if decision.source is None else storable(decision.source),
    )  # fmt: skip


def _int(value: int | None) -> int | None:
    """Take NumPy's integers too, which SQLite would store as bytes."""
    return None if value is None else int(value)


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)


_TEXTS: dict[StrEnum, str] = {member: member.value for kind in (DecisionKind, Maker) for member in kind}
"""An enum's own look-up of its value takes longer than all else of a row."""
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


def to_operation(row: Any, gone: set[OperationId]) -> Operation:
    """Return the operation of a row of all columns; `gone` are those that are undone."""
    undoes = None if row.undoes is None else OperationId(row.undoes)
    return Operation(
        OperationId(row.id), row.kind, Maker(row.maker), row.summary, row.created_at, undoes, row.id in gone
    )
