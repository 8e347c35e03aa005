"""Write decisions, and make people and faces say what the ledger resolves to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from personae.core.ledger import resolve_faces, resolve_people
from personae.engine.follow import announce
from personae.ports import Transaction
from personae.types import Decision, DecisionKind, FaceId, Maker, OperationId, PersonId


def record(tx: Transaction, kind: str, maker: Maker, summary: str, decisions: Sequence[Decision]) -> OperationId:
    """Append `decisions` as one operation and bring what they touch up to date."""
    operation_id = tx.decisions.begin(kind, maker, summary)
    tx.decisions.append(operation_id, decisions)
    if all(decision.kind is DecisionKind.CLUSTER for decision in decisions):
        _move(tx, decisions)
    else:
        _settle(tx, decisions)
    tx.events.emit("decision.made", {"operation_id": operation_id, "kind": kind, "decisions": len(decisions)})
    return operation_id


def undo(tx: Transaction, operation_id: OperationId, maker: Maker = Maker.HUMAN) -> OperationId:
    """Take an operation back; everything is again as if it had not been made.

    Raises:
        NotFound: there is no such operation.
        Conflict: it is undone already.
    """
    target = tx.decisions.operation(operation_id)
    undo_id = tx.decisions.begin("undo", maker, f"undo {target.id}: {target.summary}", undoes=operation_id)
    origin = target
    while origin.undoes is not None:
        origin = tx.decisions.operation(origin.undoes)
    _settle(tx, tx.decisions.of_operation(origin.id))
    tx.events.emit("decision.undone", {"operation_id": operation_id, "by": undo_id})
    return undo_id


def _move(tx: Transaction, decisions: Sequence[Decision]) -> None:
    """Put faces where these decisions say: the latest word on a face's cluster holds, whatever was said before."""
    clusters = {decision.face_id: decision.cluster_id for decision in decisions if decision.face_id is not None}
    tx.faces.set_clusters(clusters)
    announce(tx, np.array(sorted(clusters), dtype=np.int64))


def _settle(tx: Transaction, decisions: Sequence[Decision]) -> None:
    """Resolve the ledger for the people and faces that `decisions` speak of, and write the result."""
    # What a revoked source said speaks of them, and of no others.
    revoked = {decision.source for decision in decisions if decision.kind is DecisionKind.REVOKE and decision.source}
    decisions = [*decisions, *(said for source in sorted(revoked) for said in tx.decisions.of_source(source))]
    about_people = {DecisionKind.NAME, DecisionKind.MERGE}
    touched_people: set[PersonId] = {
        person_id
        for decision in decisions
        if decision.kind in about_people
        for person_id in (decision.person_id, decision.into_person_id)
        if person_id is not None
    }
    # A name or a merge that comes or goes changes what everybody it is connected with resolves to.
    touched_people = tx.decisions.kin(touched_people)
    touched_faces: set[FaceId] = {decision.face_id for decision in decisions if decision.face_id is not None}
    touched_faces.update(tx.decisions.faces_of(sorted(touched_people)))

    said = tx.decisions.active(sorted(touched_faces))
    # Only those whom the faces speak of, and all whom these are connected with: resolving everybody takes ever longer.
    concerned = touched_people | {decision.person_id for decision in said if decision.person_id is not None}
    people = resolve_people(tx.decisions.active_people(tx.decisions.kin(concerned)))
    for person_id in touched_people:
        state = people.get(person_id)
        tx.people.set_state(
            person_id, name=state.name if state else None, merged_into=state.merged_into if state else None
        )
    faces = resolve_faces(said, people)
    face_ids = np.array(sorted(touched_faces), dtype=np.int64)
    before = tx.faces.identities(face_ids)
    tx.faces.set_people({face_id: faces[face_id].person_id if face_id in faces else None for face_id in touched_faces})
    tx.faces.set_clusters(
        {face_id: faces[face_id].cluster_id if face_id in faces else None for face_id in touched_faces}
    )
    announce(tx, face_ids[np.not_equal(before, tx.faces.identities(face_ids)).any(axis=0)])
