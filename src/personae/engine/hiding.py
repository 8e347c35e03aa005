"""People that nobody wants to see: they are recognised as ever, and left out where people are listed."""

from __future__ import annotations

from personae.core.ledger import hidden
from personae.engine.parts import Parts
from personae.engine.review import find_person, find_unknown, record
from personae.errors import Conflict
from personae.ports import Transaction
from personae.types import ClusterId, Decision, DecisionKind, FaceId, Maker, Operation, PersonId


def hide(parts: Parts, reference: str) -> Operation:
    """Leave a person, or an unknown group, out where people are listed.

    Of a group each face is hidden, so that it stays so however faces are grouped again.

    Raises:
        NotFound: there is no such person or group.
        Conflict: it is hidden already.
    """
    return _say(parts, reference, DecisionKind.HIDE)


def show_again(parts: Parts, reference: str) -> Operation:
    """Show what was hidden.

    Raises:
        NotFound: there is no such person or group.
        Conflict: it is not hidden.
    """
    return _say(parts, reference, DecisionKind.SHOW)


def person_is_hidden(tx: Transaction, person_id: PersonId) -> bool:
    """Whether a person is hidden."""
    return person_id in hidden(tx.decisions.hides())[0]


def group_is_hidden(tx: Transaction, cluster_id: ClusterId) -> bool:
    """Whether half of a group's nameless faces, or more, are hidden."""
    away = hidden(tx.decisions.hides())[1]
    found = [face.id for face in tx.faces.select(cluster_id=cluster_id, unknown=True)] if away else []
    return _mostly(found, away)


def _say(parts: Parts, reference: str, kind: DecisionKind) -> Operation:
    with parts.store.write() as tx:
        people, faces = hidden(tx.decisions.hides())
        unknown = find_unknown(tx, reference)
        if unknown is None:
            person = find_person(tx, reference)
            title, is_so = person.name, person.id in people
            decisions = [Decision(kind, Maker.HUMAN, person_id=person.id)]
        else:
            face_ids = [face.id for face in unknown.faces]
            title, is_so = unknown.label, _mostly(face_ids, faces)
            wanted = [i for i in face_ids if (i in faces) is (kind is DecisionKind.SHOW)]
            decisions = [Decision(kind, Maker.HUMAN, face_id=i) for i in wanted]
        if is_so is (kind is DecisionKind.HIDE):
            raise Conflict(f"{title} is {'hidden already' if is_so else 'not hidden'}")
        return record(tx, kind.value, f"{kind.value} {title}", decisions)


def _mostly(face_ids: list[FaceId], away: frozenset[FaceId]) -> bool:
    return bool(face_ids) and 2 * sum(i in away for i in face_ids) >= len(face_ids)
