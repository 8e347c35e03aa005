"""What the decisions say, taken together: who people are, and which face is whose.

Pure functions over the active decisions, oldest first. Nothing is forgotten between calls: the same
decisions always resolve to the same state, so that undoing is leaving an operation out. A human's word outranks a
source's, and that a machine's.
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
    DecisionKind.STATE: ("face_id", "person_id", "source"),
    DecisionKind.REVOKE: ("source",),
    DecisionKind.HIDE: (),
    DecisionKind.SHOW: (),
}
_MAKER = {
    DecisionKind.CONFIRM: Maker.HUMAN,
    DecisionKind.REJECT: Maker.HUMAN,
    DecisionKind.ASSIGN: Maker.MACHINE,
    DecisionKind.LINK: Maker.HUMAN,
    DecisionKind.SEPARATE: Maker.HUMAN,
    DecisionKind.RELEASE: Maker.MACHINE,
    DecisionKind.STATE: Maker.SOURCE,
    DecisionKind.REVOKE: Maker.HUMAN,
    DecisionKind.HIDE: Maker.HUMAN,
    DecisionKind.SHOW: Maker.HUMAN,
}
_BY_SOURCES = frozenset({DecisionKind.STATE, DecisionKind.NAME, DecisionKind.MERGE})
"""What a source may say."""


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
        """Apply a decision on the face and this person, as far as no higher word stands against it."""
        if decision.kind is DecisionKind.CONFIRM:
            self.person_id, self.by = person_id, Maker.HUMAN
            self.rejected.discard(person_id)
        elif decision.kind is DecisionKind.REJECT:
            self.rejected.add(person_id)
            if self.person_id == person_id:
                self.person_id, self.by = None, None
        elif person_id in self.rejected or self.by is Maker.HUMAN:
            return
        elif decision.kind is DecisionKind.STATE:
            self.person_id, self.by = person_id, Maker.SOURCE
        elif decision.kind is DecisionKind.ASSIGN and self.by is not Maker.SOURCE:
            self.person_id, self.by = person_id, Maker.MACHINE

    def release(self) -> None:
        """Take back what a machine tied."""
        if self.by is Maker.MACHINE:
            self.person_id, self.by = None, None


class _Names:
    """What one person is called: by humans, and by each source, the oldest first."""

    __slots__ = ("by_human", "by_source")

    def __init__(self) -> None:
        self.by_human: str | None = None
        self.by_source: dict[str | None, str | None] = {}

    def apply(self, decision: Decision) -> None:
        """Take the name of a decision; a source that says another one keeps its place."""
        if decision.maker is Maker.SOURCE:
            self.by_source[decision.source] = decision.name
        else:
            self.by_human = decision.name

    def name(self) -> str | None:
        """The name that counts; an empty one, with which a human takes the person away, is none."""
        said = self.by_human if self.by_human is not None else next(iter(self.by_source.values()), None)
        return said or None


def revoked(decisions: Iterable[Decision]) -> frozenset[str]:
    """Return the sources that revoke decisions among these speak of."""
    kinds = (decision.source for decision in decisions if decision.kind is DecisionKind.REVOKE)
    return frozenset(source for source in kinds if source is not None)


def counting(decisions: Iterable[Decision]) -> list[Decision]:
    """Return the decisions without those of revoked sources, whether made before or after the revocation."""
    every = list(decisions)
    gone = revoked(every)
    if not gone:
        return every
    return [decision for decision in every if decision.source is None or decision.source not in gone]


def resolve_people(decisions: Iterable[Decision]) -> dict[PersonId, PersonState]:
    """Return the state of every person that was named or merged.

    The last name that a human gave wins; without one, the latest of the source that named the person first. A merge
    joins all that either side was merged with before; it is passed over when the two are one already, or when the
    person merged into has no name. A human's empty name takes a person away, whatever sources call it.

    Args:
        decisions: active ones, oldest first; kinds other than name, merge and revoke are passed over.
    """
    named: dict[PersonId, _Names] = {}
    merges: list[tuple[PersonId, PersonId]] = []
    for decision in counting(decisions):
        if decision.person_id is None:
            continue
        if decision.kind is DecisionKind.NAME:
            named.setdefault(decision.person_id, _Names()).apply(decision)
        elif decision.kind is DecisionKind.MERGE and decision.into_person_id is not None:
            merges.append((decision.person_id, decision.into_person_id))
    names = {person_id: said.name() for person_id, said in named.items()}
    parents: dict[PersonId, PersonId] = {}
    for gone, stays in merges:
        root, end = _root(parents, gone), _root(parents, stays)
        if root != end and names.get(end) is not None:
            parents[root] = end
    everyone = dict.fromkeys([*names, *(person_id for pair in merges for person_id in pair)])
    return {i: PersonState(names.get(i), _root(parents, i) if i in parents else None) for i in everyone}


def resolve_faces(decisions: Iterable[Decision], people: Mapping[PersonId, PersonState]) -> dict[FaceId, FaceState]:
    """Return the state of every face that was decided on.

    A human's tie stands until a human says otherwise, a source's until a human or a source does; a release takes back
    only what a machine tied. A face that a human said is not a person is tied to that person again only by a human.
    Decisions on people without a name count for nothing.

    Args:
        decisions: active ones, oldest first; kinds not about one face are passed over, but for revoke.
        people: from `resolve_people`; ids are read through the merges.
    """
    now = {i: state.merged_into or i for i, state in people.items()}
    named = {i: end for i, end in now.items() if people[end].name is not None}
    drafts: dict[FaceId, _Draft] = {}
    for decision in counting(decisions):
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


def hidden(decisions: Iterable[Decision]) -> tuple[frozenset[PersonId], frozenset[FaceId]]:
    """Return the people and the faces that are hidden: the latest word on each holds.

    Args:
        decisions: active ones, oldest first; kinds other than hide and show are passed over.
    """
    people: set[PersonId] = set()
    faces: set[FaceId] = set()
    for decision in decisions:
        if decision.kind not in (DecisionKind.HIDE, DecisionKind.SHOW):
            continue
        away = decision.kind is DecisionKind.HIDE
        if decision.person_id is not None:
            (people.add if away else people.discard)(decision.person_id)
        if decision.face_id is not None:
            (faces.add if away else faces.discard)(decision.face_id)
    return frozenset(people), frozenset(faces)


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
    if decision.maker is Maker.SOURCE and (decision.kind not in _BY_SOURCES or not decision.source):
        raise InputError(
            f"a source cannot make this {decision.kind} decision: it states, names and merges, by its name"
        )
    if decision.source is not None and decision.maker is not Maker.SOURCE and decision.kind is not DecisionKind.REVOKE:
        raise InputError(f"a {decision.kind} decision of a {decision.maker} has no source")
    if decision.kind in (DecisionKind.HIDE, DecisionKind.SHOW) and (decision.face_id is None) == (
        decision.person_id is None
    ):
        raise InputError(f"a {decision.kind} decision is about either a face or a person")
    if decision.source == "":
        raise InputError(f"a {decision.kind} decision needs the name of a source")
    if decision.kind is DecisionKind.MERGE and decision.person_id == decision.into_person_id:
        raise InputError("a person cannot be merged into itself")
    if decision.other_face_id is not None and decision.face_id == decision.other_face_id:
        raise InputError(f"face {decision.face_id} cannot be linked with, or separated from, itself")


def _root(parents: dict[PersonId, PersonId], person_id: PersonId) -> PersonId:
    """Return whom merges lead to; the way there is halved, so that a long chain is walked once."""
    while person_id in parents:
        above = parents[person_id]
        if above in parents:
            parents[person_id] = parents[above]
        person_id = above
    return person_id
