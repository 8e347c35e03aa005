"""What the decisions say, taken together: who people are, and which face is whose.

Pure functions over the active decisions, oldest first. Nothing is forgotten between calls: the same
decisions always resolve to the same state, so that undoing is leaving an operation out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from personae.errors import InputError
from personae.types import ClusterId, Decision, DecisionKind, FaceId, Maker, OperationId, PersonId

_NEEDS = {
    DecisionKind.NAME: ("person_id", "name"),
    DecisionKind.CONFIRM: ("face_id", "person_id"),
    DecisionKind.REJECT: ("face_id", "person_id"),
    DecisionKind.ASSIGN: ("face_id", "person_id"),
    DecisionKind.CLUSTER: ("face_id",),
    DecisionKind.MERGE: ("person_id", "into_person_id"),
    DecisionKind.LINK: ("face_id", "other_face_id"),
    DecisionKind.SEPARATE: ("face_id", "other_face_id"),
    DecisionKind.RELEASE: ("face_id",),
}
_MAKER = {
    DecisionKind.CONFIRM: Maker.HUMAN,
    DecisionKind.REJECT: Maker.HUMAN,
    DecisionKind.ASSIGN: Maker.MACHINE,
    DecisionKind.LINK: Maker.HUMAN,
    DecisionKind.SEPARATE: Maker.HUMAN,
    DecisionKind.RELEASE: Maker.MACHINE,
}


@dataclass(frozen=True, slots=True)
class PersonState:
    """What the ledger says of a person."""

    name: str | None
    """None: no active decision gives it a name, so it is nobody."""
    merged_into: PersonId | None
    """The person it is now, at the end of all merges; None when it stands for itself."""


@dataclass(frozen=True, slots=True)
class FaceState:
    """What the ledger says of a face."""

    person_id: PersonId | None = None
    by: Maker | None = None
    """Who tied it to the person."""
    cluster_id: ClusterId | None = None
    rejected: frozenset[PersonId] = frozenset()
    """People that it is not, as a human said."""


class _Draft:
    """A face's state while decisions are applied to it."""

    __slots__ = ("by", "cluster_id", "person_id", "rejected")

    def __init__(self) -> None:
        self.person_id: PersonId | None = None
        self.by: Maker | None = None
        self.cluster_id: ClusterId | None = None
        self.rejected: set[PersonId] = set()

    def apply(self, decision: Decision, person_id: PersonId) -> None:
        """Apply a decision on the face and this person; a human's outranks a machine's."""
        if decision.kind is DecisionKind.CONFIRM:
            self.person_id, self.by = person_id, Maker.HUMAN
            self.rejected.discard(person_id)
        elif decision.kind is DecisionKind.REJECT:
            self.rejected.add(person_id)
            if self.person_id == person_id:
                self.person_id, self.by = None, None
        elif decision.kind is DecisionKind.ASSIGN and self.by is not Maker.HUMAN and person_id not in self.rejected:
            self.person_id, self.by = person_id, Maker.MACHINE

    def release(self) -> None:
        """Take back what a machine tied."""
        if self.by is Maker.MACHINE:
            self.person_id, self.by = None, None


def resolve_people(decisions: Iterable[Decision]) -> dict[PersonId, PersonState]:
    """Return the state of every person that was named or merged.

    The last name wins. A merge joins all that either side was merged with before; it is passed over
    when the two are one already, or when the person merged into has no name.

    Args:
        decisions: active ones, oldest first; kinds other than name and merge are passed over.
    """
    names: dict[PersonId, str | None] = {}
    merges: list[tuple[PersonId, PersonId]] = []
    for decision in decisions:
        if decision.person_id is None:
            continue
        if decision.kind is DecisionKind.NAME:
            names[decision.person_id] = decision.name
        elif decision.kind is DecisionKind.MERGE and decision.into_person_id is not None:
            merges.append((decision.person_id, decision.into_person_id))
    parents: dict[PersonId, PersonId] = {}
    for gone, stays in merges:
        root, end = _root(parents, gone), _root(parents, stays)
        if root != end and names.get(end) is not None:
            parents[root] = end
    everyone = dict.fromkeys([*names, *(person_id for pair in merges for person_id in pair)])
    return {i: PersonState(names.get(i), _root(parents, i) if i in parents else None) for i in everyone}


def resolve_faces(decisions: Iterable[Decision], people: Mapping[PersonId, PersonState]) -> dict[FaceId, FaceState]:
    """Return the state of every face that was decided on.

    A human's tie stands until a human says otherwise; a release takes back only what a machine tied. A face
    that a human said is not a person is tied to that person again only by a human. Decisions on people
    without a name count for nothing.

    Args:
        decisions: active ones, oldest first; kinds not about one face are passed over.
        people: from `resolve_people`; ids are read through the merges.
    """
    now = {i: state.merged_into or i for i, state in people.items()}
    named = {i: end for i, end in now.items() if people[end].name is not None}
    drafts: dict[FaceId, _Draft] = {}
    for decision in decisions:
        if decision.face_id is None:
            continue
        draft = drafts.get(decision.face_id)
        if draft is None:
            draft = drafts[decision.face_id] = _Draft()
        if decision.kind is DecisionKind.CLUSTER:
            draft.cluster_id = decision.cluster_id
        elif decision.kind is DecisionKind.RELEASE:
            draft.release()
        elif decision.person_id in named:
            draft.apply(decision, named[decision.person_id])
    return {i: FaceState(d.person_id, d.by, d.cluster_id, frozenset(d.rejected)) for i, d in drafts.items()}


def undone(undos: Iterable[tuple[OperationId, OperationId]]) -> set[OperationId]:
    """Return the operations that are undone now.

    An operation is undone when an operation that is not itself undone undoes it.

    Args:
        undos: (operation, the earlier one that it undoes), in any order.
    """
    gone: set[OperationId] = set()
    for operation_id, target in sorted(undos, reverse=True):
        if operation_id not in gone:
            gone.add(target)
    return gone


def kin(merges: Iterable[Decision], person_ids: Iterable[PersonId]) -> set[PersonId]:
    """Return these people and all whom merges connect with them, in either direction.

    Args:
        merges: merge decisions, active or not: when one of them comes or goes, all of these may change.
        person_ids: whom to begin with.
    """
    neighbours: dict[PersonId, set[PersonId]] = {}
    for decision in merges:
        if decision.person_id is not None and decision.into_person_id is not None:
            neighbours.setdefault(decision.person_id, set()).add(decision.into_person_id)
            neighbours.setdefault(decision.into_person_id, set()).add(decision.person_id)
    found = set(person_ids)
    waiting = list(found)
    while waiting:
        new = neighbours.get(waiting.pop(), set()) - found
        found |= new
        waiting.extend(new)
    return found


def validate(decision: Decision) -> None:
    """Refuse a decision that lacks what its kind needs.

    Raises:
        InputError: a field is missing, the maker may not make it, or a person is merged into itself.
    """
    for name in _NEEDS[decision.kind]:
        if getattr(decision, name) is None:
            raise InputError(f"a {decision.kind} decision needs {name}")
    maker = _MAKER.get(decision.kind)
    if maker is not None and decision.maker is not maker:
        raise InputError(f"a {decision.kind} decision is made by a {maker}, not by a {decision.maker}")
    if decision.kind is DecisionKind.MERGE and decision.person_id == decision.into_person_id:
        raise InputError("a person cannot be merged into itself")
    if decision.other_face_id is not None and decision.face_id == decision.other_face_id:
        raise InputError(f"face {decision.face_id} cannot be linked with, or separated from, itself")


def _root(parents: Mapping[PersonId, PersonId], person_id: PersonId) -> PersonId:
    while person_id in parents:
        person_id = parents[person_id]
    return person_id
