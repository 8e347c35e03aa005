"""Decisions: what was decided, by whom, and taking it back."""

from __future__ import annotations

from fastapi import APIRouter

from personae.web.api.ids import OperationNumber
from personae.web.deps import EngineDep, Reader, Writer
from personae.web.errors import responses
from personae.web.models import DecisionShape, OperationShape
from personae.web.once import OnceRoute
from personae.web.paging import Page, PagingDep

router = APIRouter(prefix="/api/decisions", tags=["decisions"], dependencies=[Reader], route_class=OnceRoute)
CHANGED = responses(404, 409)


class OperationDetail(OperationShape):
    """An operation with its decisions."""

    decisions: list[DecisionShape]
    """The first 1,000."""


@router.get("", name="list")
def list_operations(engine: EngineDep, paging: PagingDep) -> Page[OperationShape]:
    """List the operations, newest first."""
    start = paging.start(int)
    rows = engine.browse.operations(int(start[0]) if start else None, paging.limit + 1)
    return paging.page(rows, lambda operation: (int(operation.id),), OperationShape.of)


@router.post("/undo", name="undo_latest", dependencies=[Writer], responses=CHANGED)
def undo_latest(engine: EngineDep) -> OperationShape:
    """Take back the latest operation of a human that still stands."""
    return OperationShape.of(engine.undo())


@router.get("/{operation_id}", name="show", responses=responses(404))
def show_operation(engine: EngineDep, operation_id: OperationNumber) -> OperationDetail:
    """Show one operation with the first 1,000 of its decisions; all are at .../decisions."""
    shown = OperationShape.of(engine.browse.operation(operation_id))
    said = [DecisionShape.of(decision) for decision in engine.browse.decisions(operation_id)]
    return OperationDetail(**shown.model_dump(), decisions=said)


@router.get("/{operation_id}/decisions", name="decisions", responses=responses(404))
def decisions_of_operation(engine: EngineDep, operation_id: OperationNumber, paging: PagingDep) -> Page[DecisionShape]:
    """List all decisions of an operation, in the order in which they were made."""
    start = paging.start(int)
    behind = max(0, int(start[0])) if start else 0
    rows = list(enumerate(engine.browse.decisions(operation_id, behind, paging.limit + 1), behind + 1))
    return paging.page(rows, lambda row: (row[0],), lambda row: DecisionShape.of(row[1]))


@router.post("/{operation_id}/undo", name="undo", dependencies=[Writer], responses=CHANGED)
def undo_operation(engine: EngineDep, operation_id: OperationNumber) -> OperationShape:
    """Take an operation back; undoing an undo does it again."""
    return OperationShape.of(engine.undo(operation_id))
