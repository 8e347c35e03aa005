"""What people decide: names, merges, "not this person", and taking any of it back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from personae.core.ledger import resolve_faces, resolve_people
from personae.engine import ledger
from personae.engine.parts import Parts
from personae.errors import Conflict, InputError, NotFound
from personae.ports import Transaction
from personae.types import (
    Cluster,
    ClusterId,
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


@dataclass(frozen=True, slots=True)
class Unknown:
    """Faces that have no name: those of an unknown group, or a single one."""

    label: str
    faces: tuple[Face, ...]
    cluster_id: ClusterId | None
    alone: bool
    """Whether it is one face that was asked for by its own label."""


def find_person(tx: Transaction, reference: str) -> Person:
    """Return the person of this name, or of this number (#12).

    Raises:
        NotFound: nobody is called so.
        Conflict: several people are; the sentence gives their numbers.
    """
    if reference.startswith("#") and reference[1:].isdecimal():
        return tx.people.get(PersonId(number_of(reference[1:])))
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
    return get_face(tx, FaceId(number_of(number))) if number != reference and number.isdecimal() else None


def number_of(digits: str) -> int:
    """Return the number that digits say. Raises InputError when they are more than any id has."""
    # Python itself refuses to read thousands of them.
    if len(digits) > MAX_NAME:
        raise InputError("a number is too large")
    return int(digits)


def get_face(tx: Transaction, face_id: FaceId) -> Face:
    """Return one face. Raises NotFound."""
    for face in tx.faces.get([face_id]):
        return face
    raise NotFound(f"there is no face {face_id}")


def find_unknown(tx: Transaction, reference: str) -> Unknown | None:
    """Return the faces behind a group's or a single face's label; None when the reference is neither.

    Raises:
        NotFound: it is a label or number, but of nothing.
        Conflict: all faces of the group have a name.
    """
    face = find_face(tx, reference)
    if face is not None:
        return Unknown(f"{NOISE_LABEL}{face.id}", (face,), face.cluster_id, alone=True)
    cluster = find_cluster(tx, reference)
    if cluster is None:
        return None
    faces = tx.faces.select(cluster_id=cluster.id, unknown=True)
    if not faces:
        raise no_longer(cluster)
    return Unknown(cluster.label, tuple(faces), cluster.id, alone=False)


def no_longer(cluster: Cluster) -> Conflict:
    """Return the error of a group whose faces have all gone to people or other groups."""
    return Conflict(f"{cluster.label} has no unknown faces any more; `personae people` lists who there is")


def name(parts: Parts, reference: str, new_name: str) -> Operation:
    """Give a name to an unknown group or face (who becomes, or joins, the person so called), or rename a person.

    Faces of a group that a human has said are not this person stay out, and the operation's summary names them. A
    single face becomes whom it is said to be.

    Raises:
        InputError: the name is empty, too long or cannot be shown.
        NotFound: there is no such group, face or person.
        Conflict: the name of a person is to become another person's, or no face of the group may become this person.
    """
    wanted = clean_name(new_name)
    with parts.store.write() as tx:
        unknown = find_unknown(tx, reference)
        if unknown is None:
            person, decisions = _rename(tx, reference, wanted)
            return record(tx, "name", f"{person.name} is {wanted}", decisions)
        person_id, made = called(tx, wanted)
        decisions, left_out = ties(tx, unknown, person_id)
        return record(tx, "name", f"{unknown.label} is {wanted}{left_out}", made + decisions)


def merge(parts: Parts, reference: str, into: str) -> Operation:
    """Make two one: people, unknown groups or faces, or an unknown group and the person that it is.

    All faces of the first belong to the second. Faces of a group that becomes a person's are treated as by `name`.

    Raises:
        NotFound: one of them does not exist.
        Conflict: they are the same already, or a person is to become an unknown group.
    """
    with parts.store.write() as tx:
        gone, stays = find_unknown(tx, reference), find_unknown(tx, into)
        left_out = ""
        if gone is None and stays is not None:
            raise Conflict(f"a person is not merged into an unknown group: merge {stays.label} into {reference}")
        if gone is None:
            one, other = find_person(tx, reference), find_person(tx, into)
            if one.id == other.id:
                raise Conflict(f"{reference} and {into} are the same person already")
            titles = one.name, other.name
            decisions = [Decision(DecisionKind.MERGE, Maker.HUMAN, person_id=one.id, into_person_id=other.id)]
        elif stays is None:
            person = find_person(tx, into)
            titles = gone.label, person.name
            decisions, left_out = ties(tx, gone, person.id)
        else:
            titles = gone.label, stays.label
            decisions = _join(tx, gone, stays)
        return record(tx, "merge", f"merge {titles[0]} into {titles[1]}{left_out}", decisions)


def reject(parts: Parts, who: FaceId | str, reference: str | None = None) -> Operation:
    """Say that a face, or no face of an unknown group, is this person; it is never proposed again.

    Args:
        parts: the outfit.
        who: a face's number, or the label of an unknown group or face.
        reference: the person; None: the one that the face is tied to.

    Raises:
        NotFound: there is no such face, group or person.
        Conflict: no person was named and the face is tied to none.
    """
    with parts.store.write() as tx:
        title, faces = _refused_faces(tx, who)
        if reference is not None:
            person = find_person(tx, reference)
        elif faces[0].person_id is not None:
            person = tx.people.get(faces[0].person_id)
        else:
            raise Conflict(f"{title} is tied to nobody: say who it is not")
        decisions = [Decision(DecisionKind.REJECT, Maker.HUMAN, face_id=face.id, person_id=person.id) for face in faces]
        return record(tx, "reject", f"{title} is not {person.name}", decisions)


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


def called(tx: Transaction, wanted: str) -> tuple[PersonId, list[Decision]]:
    """Return the person of this name, who is made when there is none, and the decisions that this takes.

    Raises:
        Conflict: several people are called so.
    """
    if tx.people.find(wanted):
        return find_person(tx, wanted).id, []
    person_id = tx.people.add(wanted)
    return person_id, [Decision(DecisionKind.NAME, Maker.HUMAN, person_id=person_id, name=wanted)]


def ties(tx: Transaction, unknown: Unknown, person_id: PersonId) -> tuple[list[Decision], str]:
    """Return the decisions that make faces this person, and, as the end of a sentence, which ones a "no" keeps out.

    Raises:
        Conflict: a human has said of each that it is not this person.
    """
    face_ids = [face.id for face in unknown.faces]
    refused: list[FaceId] = []
    if not unknown.alone:
        states = resolve_faces(tx.decisions.active(face_ids), resolve_people(tx.decisions.active_people()))
        refused = sorted(i for i in face_ids if i in states and person_id in states[i].rejected)
    if len(refused) == len(face_ids):
        raise Conflict(
            f"every face of {unknown.label} was rejected as this person; if one is, name that face: {NOISE_LABEL}NUMBER"
        )
    out = set(refused)
    decisions = [
        Decision(DecisionKind.CONFIRM, Maker.HUMAN, face_id=i, person_id=person_id) for i in face_ids if i not in out
    ]
    listed = ", ".join(map(str, refused))
    return _vouched(
        tx, person_id
    ) + decisions, f"; not the faces that were rejected before: {listed}" if refused else ""


def _vouched(tx: Transaction, person_id: PersonId) -> list[Decision]:
    """Return what makes a person whom only sources name stay when these are revoked: a human says that it is there."""
    names = [said for said in tx.decisions.active_people([person_id]) if said.kind is DecisionKind.NAME]
    if not names or any(said.maker is Maker.HUMAN for said in names):
        return []
    return [Decision(DecisionKind.NAME, Maker.HUMAN, person_id=person_id, name=tx.people.get(person_id).name)]


def chain(face_ids: Sequence[FaceId]) -> list[Decision]:
    """Return the decisions that say that these faces are one person."""
    return [
        Decision(DecisionKind.LINK, Maker.HUMAN, face_id=face_id, other_face_id=following)
        for face_id, following in pairwise(face_ids)
    ]


def moves(face_ids: Sequence[FaceId], cluster_id: ClusterId) -> list[Decision]:
    """Return the decisions by which a human puts faces into a group."""
    return [Decision(DecisionKind.CLUSTER, Maker.HUMAN, face_id=i, cluster_id=cluster_id) for i in face_ids]


def record(tx: Transaction, kind: str, summary: str, decisions: Sequence[Decision]) -> Operation:
    """Write what a human decided, and return it as it stands in the ledger."""
    return tx.decisions.operation(ledger.record(tx, kind, Maker.HUMAN, summary, decisions))


def _join(tx: Transaction, gone: Unknown, stays: Unknown) -> list[Decision]:
    """Decisions that make two unknown groups or faces one group, now and whenever faces are grouped again."""
    for unknown in (gone, stays):
        if unknown.faces[0].person_id is not None:
            raise Conflict(f"{unknown.label} has a name already: merge it with that person")
    if (gone.cluster_id is not None and gone.cluster_id == stays.cluster_id) or gone.label == stays.label:
        raise Conflict(f"{gone.label} and {stays.label} are together already")
    moving = [face.id for face in gone.faces]
    staying = [face.id for face in stays.faces]
    if stays.cluster_id is None:
        decisions = moves(staying + moving, tx.clusters.add(1)[0])
    else:
        decisions = moves(moving, stays.cluster_id)
    return decisions + chain(sorted(staying + moving))


def _refused_faces(tx: Transaction, who: FaceId | str) -> tuple[str, Sequence[Face]]:
    """What to call whom a rejection is about, and the faces."""
    if not isinstance(who, str):
        return f"face {who}", [get_face(tx, who)]
    unknown = find_unknown(tx, who)
    if unknown is None:
        raise NotFound(f"{who!r} is no unknown group and no face")
    return unknown.label, unknown.faces


def _rename(tx: Transaction, reference: str, wanted: str) -> tuple[Person, list[Decision]]:
    person = find_person(tx, reference)
    if any(other.id != person.id for other in tx.people.find(wanted)):
        raise Conflict(f"another person is called {wanted!r}: merge them if they are one")
    return person, [Decision(DecisionKind.NAME, Maker.HUMAN, person_id=person.id, name=wanted)]


def _latest_standing(tx: Transaction) -> OperationId:
    for operation in tx.decisions.operations(limit=1000):
        if operation.maker is Maker.HUMAN and operation.kind != "undo" and not operation.undone:
            return operation.id
    raise NotFound("there is nothing to undo")
