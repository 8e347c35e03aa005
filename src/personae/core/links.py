"""What humans said of faces beside names: these are one person, those are two.

A link or a separation holds for all whom other links join with its two faces. Where what was said contradicts
itself, names come before links and later words before earlier ones; what is left out is listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations, pairwise

from personae.core.ledger import FaceState
from personae.types import Decision, DecisionKind, FaceId, Maker, PersonId

Pair = tuple[FaceId, FaceId]


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A link or separation that is left out, since names or later words say the opposite."""

    kind: DecisionKind
    """link or separate: what was said."""
    face_id: FaceId
    other_face_id: FaceId


@dataclass(frozen=True, slots=True)
class Links:
    """What grouping has to keep to. Faces of different `people` are never one group either."""

    must: tuple[Pair, ...] = ()
    """Faces of one person, as chains: each is linked with the next one of that person."""
    cannot: tuple[Pair, ...] = ()
    """Faces of two people: one pair speaks for all whom `must` joins with either."""
    conflicts: tuple[Contradiction, ...] = ()
    """Left out of the above, latest first."""
    people: Mapping[FaceId, PersonId] = field(default_factory=dict)
    """Who a face is by a human's word: on the face itself, or on one that it is linked with."""
    rejected: Mapping[FaceId, frozenset[PersonId]] = field(default_factory=dict)
    """Who a face is not, likewise."""

    def among(self, face_ids: Iterable[int]) -> Links:
        """Return what holds between these faces, also where it does through faces that are not among them.

        All pairs of different people are listed in `cannot` here. They are few among unknown faces.
        """
        heads: dict[FaceId, FaceId] = {}
        for face_id, following in self.must:
            heads[following] = heads.setdefault(face_id, face_id)
        groups: dict[FaceId, list[FaceId]] = {}
        for face_id in sorted({FaceId(int(i)) for i in face_ids}):
            groups.setdefault(heads.get(face_id, face_id), []).append(face_id)
        apart = {_ordered(heads.get(one, one), heads.get(other, other)) for one, other in self.cannot}
        known = {self.people[group[0]]: head for head, group in groups.items() if group[0] in self.people}
        apart.update(_ordered(one, other) for one, other in combinations(known.values(), 2))
        present = {face_id for group in groups.values() for face_id in group}
        return Links(
            tuple(pair for group in groups.values() for pair in pairwise(group)),
            tuple(sorted(_ordered(groups[a][0], groups[b][0]) for a, b in apart if a in groups and b in groups)),
            self.conflicts,
            {face_id: person_id for face_id, person_id in self.people.items() if face_id in present},
            {face_id: refused for face_id, refused in self.rejected.items() if face_id in present},
        )


class _Groups:
    """Disjoint sets of faces, with the sets that each must be kept apart from.

    A person is a member too, under its negative number: to confirm a face is to join it with the person.
    """

    def __init__(self) -> None:
        self.parents: dict[int, int] = {}
        self.enemies: dict[int, set[int]] = {}
        self.person: dict[int, PersonId] = {}

    def find(self, member: int) -> int:
        """Return the member that stands for the set, which is made when there is none."""
        parents = self.parents
        if member not in parents:
            parents[member] = member
            self.enemies[member] = set()
            if member < 0:
                self.person[member] = PersonId(-member)
        while parents[member] != member:
            parents[member] = member = parents[parents[member]]
        return member

    def join(self, one: int, other: int) -> bool:
        """Make two sets one; False when they must be kept apart."""
        few, many = sorted((self.find(one), self.find(other)), key=lambda root: len(self.enemies[root]))
        if few == many:
            return True
        if many in self.enemies[few] or (few in self.person and many in self.person):
            return False
        self.parents[few] = many
        # The smaller set of enemies moves, so that each moves only as often as its set can double.
        for enemy in self.enemies.pop(few):
            self.enemies[enemy].discard(few)
            self.enemies[enemy].add(many)
            self.enemies[many].add(enemy)
        if few in self.person:
            self.person[many] = self.person.pop(few)
        return True

    def part(self, one: int, other: int) -> bool:
        """Keep two sets apart from now on; False when they are one."""
        first, second = self.find(one), self.find(other)
        if first == second:
            return False
        self.enemies[first].add(second)
        self.enemies[second].add(first)
        return True

    def faces(self) -> dict[int, list[FaceId]]:
        """Return the faces of each set that has any, ascending."""
        found: dict[int, list[FaceId]] = {}
        for member in sorted(self.parents):
            if member > 0:
                found.setdefault(self.find(member), []).append(FaceId(member))
        return found


def resolve_links(decisions: Iterable[Decision], states: Mapping[FaceId, FaceState] | None = None) -> Links:
    """Return who belongs together and who does not, by all that humans said.

    What humans said by name (confirm, reject) is never given up for a link. Of links and separations that contradict
    each other, the latest holds and the older one is a conflict.

    Args:
        decisions: active ones, oldest first; kinds other than link and separate are passed over.
        states: what the ledger says of the faces, from `resolve_faces`; None leaves names out.
    """
    groups = _Groups()
    for face_id, state in (states or {}).items():
        if state.by is Maker.HUMAN and state.person_id is not None:
            groups.join(face_id, -state.person_id)
        for person_id in state.rejected:
            groups.part(face_id, -person_id)
    said = [decision for decision in decisions if decision.kind in (DecisionKind.LINK, DecisionKind.SEPARATE)]
    conflicts = []
    for decision in reversed(said):
        one, other = decision.face_id, decision.other_face_id
        if one is not None and other is not None:
            follow = groups.join if decision.kind is DecisionKind.LINK else groups.part
            if not follow(one, other):
                conflicts.append(Contradiction(decision.kind, one, other))
    return _result(groups, tuple(conflicts))


def _result(groups: _Groups, conflicts: tuple[Contradiction, ...]) -> Links:
    faces = groups.faces()
    apart: list[Pair] = []
    people: dict[FaceId, PersonId] = {}
    rejected: dict[FaceId, frozenset[PersonId]] = {}
    for root, members in faces.items():
        enemies = groups.enemies[root]
        apart.extend((members[0], faces[i][0]) for i in enemies if i in faces and members[0] < faces[i][0])
        if root in groups.person:
            people.update(dict.fromkeys(members, groups.person[root]))
        if refused := frozenset(groups.person[i] for i in enemies if i in groups.person):
            rejected.update(dict.fromkeys(members, refused))
    must = tuple(pair for members in faces.values() for pair in pairwise(members))
    return Links(must, tuple(sorted(apart)), conflicts, people, rejected)


def _ordered(one: FaceId, other: FaceId) -> Pair:
    return (one, other) if one < other else (other, one)
