"""What people decide: names, merges, "not this person", and taking any of it back."""

from __future__ import annotations

import re
from collections.abc import Sequence

from personae.engine import ledger
from personae.engine.parts import Parts
from personae.errors import Conflict, InputError, NotFound
from personae.ports import Transaction
from personae.types import (
    Cluster,
    Decision,
    DecisionKind,
    Face,
    FaceId,
    Maker,
    Operation,
    OperationId,
    Person,
    PersonId,
)

CLUSTER_LABEL = "unknown_cluster_"
NOISE_LABEL = "unknown_noise_"
"""Labels of an unknown group (by its number) and of a face in no group (by its face id)."""
MAX_NAME = 300
REFERENCE = re.compile(rf"#?\d+|({CLUSTER_LABEL}|{NOISE_LABEL})\d+")
ZWNJ, ZWJ = "\u200c", "\u200d"
"""Invisible, but part of Persian and Indic spelling."""


def find_person(tx: Transaction, reference: str) -> Person:
    """Return the person of this name, or of this number (#12).

    Raises:
        NotFound: nobody is called so.
        Conflict: several people are; the sentence gives their numbers.
    """
    if reference.startswith("#") and reference[1:].isdecimal():
        return tx.people.get(PersonId(int(reference[1:])))
    found = tx.people.find(" ".join(reference.split()))
    if not found:
        raise NotFound(f"nobody is called {reference!r}; `personae people` lists who is known")
    if len(found) > 1:
        numbers = ", ".join(f"#{person.id}" for person in found)
        raise Conflict(f"{len(found)} people are called {reference!r}: say which by number ({numbers})")
    return found[0]


def find_cluster(tx: Transaction, reference: str) -> Cluster | None:
    """Return the unknown group of this label or number; None when the reference is neither.

    Raises:
        NotFound: it is a label or number, but of no group.
    """
    return tx.clusters.find(reference) if reference.removeprefix(CLUSTER_LABEL).isdecimal() else None


def find_face(tx: Transaction, reference: str) -> Face | None:
    """Return the face of a label unknown_noise_FACEID; None when the reference is no such label.

    Raises:
        NotFound: there is no such face.
    """
    number = reference.removeprefix(NOISE_LABEL)
    return get_face(tx, FaceId(int(number))) if number != reference and number.isdecimal() else None


def get_face(tx: Transaction, face_id: FaceId) -> Face:
    """Return one face. Raises NotFound."""
    for face in tx.faces.get([face_id]):
        return face
    raise NotFound(f"there is no face {face_id}")


def name(parts: Parts, reference: str, new_name: str) -> Operation:
    """Give a name to an unknown group or face (who becomes, or joins, the person so called), or rename a person.

    Raises:
        InputError: the name is empty, too long or cannot be shown.
        NotFound: there is no such group, face or person.
        Conflict: the name of a person is to become another person's.
    """
    wanted = clean_name(new_name)
    with parts.store.write() as tx:
        faces = _unknown_faces(tx, reference)
        decisions = _rename(tx, reference, wanted) if faces is None else _tie(tx, faces, wanted)
        return _record(tx, "name", f"{reference} is {wanted}", decisions)


def merge(parts: Parts, reference: str, into: str) -> Operation:
    """Make two people one: all faces of the first belong to the second.

    Raises:
        NotFound: one of them does not exist.
        Conflict: they are the same person already.
    """
    with parts.store.write() as tx:
        gone, stays = find_person(tx, reference), find_person(tx, into)
        if gone.id == stays.id:
            raise Conflict(f"{reference} and {into} are the same person already")
        decision = Decision(DecisionKind.MERGE, Maker.HUMAN, person_id=gone.id, into_person_id=stays.id)
        return _record(tx, "merge", f"merge {gone.name} into {stays.name}", [decision])


def reject(parts: Parts, face_id: FaceId, reference: str | None = None) -> Operation:
    """Say that a face is not this person (by default the one it is tied to); it is never proposed again.

    Raises:
        NotFound: there is no such face or person.
        Conflict: no person was named and the face is tied to none.
    """
    with parts.store.write() as tx:
        face = get_face(tx, face_id)
        if reference is not None:
            person = find_person(tx, reference)
        elif face.person_id is not None:
            person = tx.people.get(face.person_id)
        else:
            raise Conflict(f"face {face_id} is tied to nobody: say who it is not")
        decision = Decision(DecisionKind.REJECT, Maker.HUMAN, face_id=face_id, person_id=person.id)
        return _record(tx, "reject", f"face {face_id} is not {person.name}", [decision])


def undo(parts: Parts, operation_id: OperationId | None = None) -> Operation:
    """Take back an operation, by default the latest one of a human that still stands; undoing an undo does it again.

    Raises:
        NotFound: there is no such operation, or nothing to undo.
        Conflict: it is undone already.
    """
    with parts.store.write() as tx:
        if operation_id is None:
            operation_id = _latest_standing(tx)
        return tx.decisions.operation(ledger.undo(tx, operation_id))


def history(parts: Parts, limit: int = 50) -> list[Operation]:
    """Return the latest operations, newest first."""
    with parts.store.read() as tx:
        return tx.decisions.operations(limit)


def clean_name(text: str) -> str:
    """Return the name without surrounding or doubled white space.

    Raises:
        InputError: nothing is left, it is too long, or it has characters that cannot be shown.
    """
    cleaned = " ".join(text.split())
    if not cleaned:
        raise InputError("the name is empty")
    if len(cleaned) > MAX_NAME:
        raise InputError(f"the name is longer than {MAX_NAME} characters")
    if not cleaned.replace(ZWNJ, "").replace(ZWJ, "").isprintable():
        raise InputError("the name has characters that cannot be shown")
    if REFERENCE.fullmatch(cleaned):
        raise InputError(f"{cleaned!r} is how personae itself refers to people, groups and faces: choose another name")
    return cleaned


def _unknown_faces(tx: Transaction, reference: str) -> list[Face] | None:
    """The faces behind a group's or face's label; None when the reference is neither."""
    face = find_face(tx, reference)
    if face is not None:
        return [face]
    cluster = find_cluster(tx, reference)
    if cluster is None:
        return None
    faces = tx.faces.select(cluster_id=cluster.id, unknown=True)
    if not faces:
        raise Conflict(f"{cluster.label} has no unknown faces any more")
    return faces


def _tie(tx: Transaction, faces: Sequence[Face], wanted: str) -> list[Decision]:
    """Decisions that make these faces the person called `wanted`, who is created if need be."""
    decisions = []
    if tx.people.find(wanted):
        person_id = find_person(tx, wanted).id
    else:
        person_id = tx.people.add(wanted)
        decisions.append(Decision(DecisionKind.NAME, Maker.HUMAN, person_id=person_id, name=wanted))
    return decisions + [
        Decision(DecisionKind.CONFIRM, Maker.HUMAN, face_id=face.id, person_id=person_id) for face in faces
    ]


def _rename(tx: Transaction, reference: str, wanted: str) -> list[Decision]:
    person = find_person(tx, reference)
    if any(other.id != person.id for other in tx.people.find(wanted)):
        raise Conflict(f"another person is called {wanted!r}: merge them if they are one")
    return [Decision(DecisionKind.NAME, Maker.HUMAN, person_id=person.id, name=wanted)]


def _record(tx: Transaction, kind: str, summary: str, decisions: Sequence[Decision]) -> Operation:
    return tx.decisions.operation(ledger.record(tx, kind, Maker.HUMAN, summary, decisions))


def _latest_standing(tx: Transaction) -> OperationId:
    for operation in tx.decisions.operations(limit=1000):
        if operation.maker is Maker.HUMAN and operation.kind != "undo" and not operation.undone:
            return operation.id
    raise NotFound("there is nothing to undo")
