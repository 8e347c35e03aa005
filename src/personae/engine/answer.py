"""The answers to `questions`: many faces at once, some of them excepted, one operation each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from personae.engine.parts import Parts
from personae.engine.review import Unknown, called, clean_name, get_face, record, ties
from personae.errors import Conflict, InputError
from personae.ports import Transaction
from personae.types import ClusterId, Decision, DecisionKind, Face, FaceId, Maker, Operation, PersonId

MOST_FACES = 1000
"""Single faces of one answer."""


@dataclass(frozen=True, slots=True)
class About:
    """Whom an answer is about: an unknown group, or single faces."""

    cluster_id: int | None = None
    face_ids: tuple[int, ...] = ()
    but: tuple[int, ...] = ()
    """Faces among these that are somebody else."""
    face_count: int | None = None
    """How many the group had when it was asked about; None: however many it has by now."""


def answer_yes(parts: Parts, about: About, person_id: int | None = None, name: str | None = None) -> Operation:
    """Say who faces are: a person that is known, or one by name, who is made when there is none.

    The faces that are excepted are never proposed as that person again.

    Raises:
        InputError: neither a person nor a name is given, or both; no face is left; the name cannot be used.
        NotFound: there is no such group, face or person.
        Conflict: the faces have been given to somebody meanwhile, or others have come into the group, or every face was
            rejected as this person before.
    """
    if (person_id is None) == (name is None):
        raise InputError("say either person_id or name")
    wanted = None if name is None else clean_name(name)
    with parts.store.write() as tx:
        title, faces, excepted = _still_unknown(tx, about)
        if not faces:
            raise InputError("every face is excepted: then it is not this person at all")
        made: list[Decision] = []
        if wanted is not None:
            who, made = called(tx, wanted)
        else:
            who = tx.people.get(PersonId(person_id or 0)).id
        alone = about.cluster_id is None
        decisions, left_out = ties(tx, Unknown(title, faces, None, alone=alone), who)
        decisions += _not_this(excepted, who)
        said = wanted if wanted is not None else tx.people.get(who).name
        without = f", {_faces(len(excepted))} left out" if excepted else ""
        return record(tx, "confirm", f"{title} is {said}{without}{left_out}", made + decisions)


def answer_no(parts: Parts, about: About, person_id: int) -> Operation:
    """Say that none of the faces is this person; they are never proposed as that person again.

    Raises:
        InputError: there are no faces.
        NotFound: there is no such group, face or person.
        Conflict: the faces have been given to somebody meanwhile, or others have come into the group.
    """
    with parts.store.write() as tx:
        title, faces, excepted = _still_unknown(tx, about)
        person = tx.people.get(PersonId(person_id))
        return record(tx, "reject", f"{title} is not {person.name}", _not_this((*faces, *excepted), person.id))


def _still_unknown(tx: Transaction, about: About) -> tuple[str, tuple[Face, ...], tuple[Face, ...]]:
    """Return what to call the faces, those that the answer is about, and those that are excepted."""
    if (about.cluster_id is None) == (not about.face_ids):
        raise InputError("say either which group or which faces")
    if len(about.face_ids) > MOST_FACES:
        raise InputError(f"at most {MOST_FACES:,} faces are answered for at once")
    if about.cluster_id is not None:
        cluster = tx.clusters.get(ClusterId(about.cluster_id))
        faces = tx.faces.select(cluster_id=cluster.id, unknown=True)
        if not faces:
            raise Conflict("these faces have been given a name, or to another group, meanwhile")
        if about.face_count is not None and len(faces) > about.face_count:
            raise Conflict(f"the group has {_faces(len(faces))} by now, {about.face_count:,} when it was asked about")
        title = cluster.label
    else:
        faces = [get_face(tx, FaceId(i)) for i in dict.fromkeys(about.face_ids)]
        _require_nobody(tx, faces)
        title = f"face {faces[0].id}" if len(faces) == 1 else _faces(len(faces))
    there = {face.id for face in faces}
    if strange := [i for i in about.but if i not in there]:
        raise Conflict(f"face {strange[0]} is not among these any more: somebody has decided on it meanwhile")
    but = set(about.but)
    kept, excepted = [face for face in faces if face.id not in but], [face for face in faces if face.id in but]
    return title, tuple(kept), tuple(excepted)


def _require_nobody(tx: Transaction, faces: Sequence[Face]) -> None:
    for face in faces:
        if face.person_id is not None:
            raise Conflict(f"face {face.id} has become {tx.people.get(face.person_id).name} meanwhile")


def _not_this(faces: Sequence[Face], person_id: PersonId) -> list[Decision]:
    return [Decision(DecisionKind.REJECT, Maker.HUMAN, face_id=face.id, person_id=person_id) for face in faces]


def _faces(count: int) -> str:
    return "1 face" if count == 1 else f"{count:,} faces"
