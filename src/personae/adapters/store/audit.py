"""Which operations are asked for: by kind, by maker, by whom they are about."""

from __future__ import annotations

import sqlalchemy as sa

from personae.adapters.store.kin import IDS_OF
from personae.adapters.store.schema import ABOUT_PEOPLE, decisions, operations
from personae.adapters.store.scope import Scope
from personae.ports import OperationFilter
from personae.types import DecisionKind, PersonId


def asked_for(scope: Scope, which: OperationFilter) -> list[sa.ColumnElement[bool]]:
    """Return the conditions on operations; an undo is about whom the operation is that it takes back."""
    found: list[sa.ColumnElement[bool]] = []
    if which.kinds:
        found.append(operations.c.kind.in_(which.kinds))
    if which.makers:
        found.append(operations.c.maker.in_([str(maker) for maker in which.makers]))
    if which.person_id is not None:
        found.append(_with(_about_person(scope, which.person_id)))
    if which.face_id is not None:
        found.append(_with(sa.select(decisions.c.operation_id).where(decisions.c.face_id == int(which.face_id))))
    return found


def _with(about: sa.Select[tuple[int]] | sa.CompoundSelect[tuple[int]]) -> sa.ColumnElement[bool]:
    return sa.or_(operations.c.id.in_(about), operations.c.undoes.in_(about))


def _about_person(scope: Scope, person_id: PersonId) -> sa.CompoundSelect[tuple[int]]:
    ids = scope.connection.execute(IDS_OF, {"owners": [int(person_id)]}).scalars().all() or [int(person_id)]
    merged = sa.select(decisions.c.operation_id).where(
        ABOUT_PEOPLE, decisions.c.kind == DecisionKind.MERGE.value, decisions.c.into_person_id.in_(ids)
    )
    return sa.union_all(sa.select(decisions.c.operation_id).where(decisions.c.person_id.in_(ids)), merged)
