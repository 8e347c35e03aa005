"""Look through people, unknown groups and their faces as humans do: in an order, by a part of a name."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from personae.core.ledger import hidden
from personae.engine.chances import of_ties
from personae.engine.hiding import group_is_hidden, person_is_hidden
from personae.engine.parts import Parts
from personae.engine.people import last_ties
from personae.engine.review import find_person, get_face
from personae.errors import InputError
from personae.ports import FaceFilter, FaceOrder, Key, PeopleFilter, PeopleOrder, Transaction
from personae.types import Cluster, ClusterId, Decision, DecisionKind, Face, FaceId, Operation, Person, PersonId

MOST = 1001
"""Members of the longest page, and one to see whether another follows."""
SHOWN = PeopleFilter()


@dataclass(frozen=True, slots=True)
class ListedFace:
    """A face, with the decision that put it where it is."""

    face: Face
    tie: Decision | None
    probability: float | None = None
    """That the machine's tie is right; None: it was not learnt how often such scores are."""


class PeopleLooks:
    """What `Browse` shows of people. `limit` is 1 to 1,001; a page that is shorter is the last one."""

    _parts: Parts

    def named(
        self, which: PeopleFilter = SHOWN, order: PeopleOrder = PeopleOrder.FACES,
        after: tuple[Key, int] | None = None, limit: int = 50,
    ) -> list[Person]:  # fmt: skip
        """Return the people behind one; `after`: what the order goes by of that one, and its id."""
        with self._parts.store.read() as tx:
            return tx.browse.named(which, order, after, within(limit))

    def groups(
        self, after: tuple[int, int] | None = None, limit: int = 50, hidden: bool | None = False
    ) -> list[Cluster]:
        """Return the unknown groups behind one of so many faces and this id, largest first."""
        with self._parts.store.read() as tx:
            return tx.browse.groups(after, within(limit), hidden)

    def members(
        self, which: FaceFilter, order: FaceOrder = FaceOrder.BEST, after: int | None = None, limit: int = 50
    ) -> list[ListedFace]:
        """Return the faces behind one that are asked for, each with its receipt."""
        with self._parts.store.read() as tx:
            return listed(tx, tx.browse.members(which, order, None if after is None else FaceId(after), within(limit)))

    def least_sure(self, person_id: int, start: int = 0, limit: int = 50) -> list[ListedFace]:
        """Return the faces that the machine tied to a person, the lowest scores first."""
        with self._parts.store.read() as tx:
            faces = listed(tx, tx.faces.select(person_id=PersonId(person_id)))
        unsure = [each for each in faces if each.tie is not None and each.tie.kind is DecisionKind.ASSIGN]
        unsure.sort(key=lambda each: (each.tie.score or 0.0 if each.tie else 0.0, each.face.id))
        return unsure[start : start + within(limit)]

    def said_of_person(self, person_id: int, before: int | None = None, limit: int = 50) -> list[Operation]:
        """Return what humans and sources said of a person, and of those it was merged with, newest first."""
        with self._parts.store.read() as tx:
            kin = sorted(tx.decisions.kin([PersonId(person_id)]))
            return tx.browse.said_of(kin, (), before, within(limit))

    def said_of_group(self, cluster_id: int, before: int | None = None, limit: int = 50) -> list[Operation]:
        """Return what humans and sources said of the faces of an unknown group, newest first."""
        with self._parts.store.read() as tx:
            faces = tx.faces.select(cluster_id=ClusterId(cluster_id), unknown=True)
            return tx.browse.said_of((), [face.id for face in faces], before, within(limit))

    def person_now(self, person_id: int) -> PersonId:
        """Return whom merges have made of a person, or itself. Raises NotFound when there never was one."""
        with self._parts.store.read() as tx:
            return tx.people.now(PersonId(person_id))

    def person_called(self, who: str) -> Person:
        """Return the person of this name, or number (#12). Raises NotFound, Conflict."""
        with self._parts.store.read() as tx:
            return find_person(tx, who)

    def people_now(self, person_ids: Collection[PersonId]) -> dict[PersonId, Person]:
        """Return who each of these people is now; who is nobody any more is left out."""
        with self._parts.store.read() as tx:
            now = tx.people.all_now(person_ids)
            people = {person.id: person for person in tx.people.in_order(sorted(set(now.values())))}
        return {before: people[after] for before, after in now.items() if after in people}

    def any_hidden(self) -> bool:
        """Whether anybody is hidden."""
        with self._parts.store.read() as tx:
            return any(hidden(tx.decisions.hides()))

    def person_hidden(self, person_id: int) -> bool:
        """Whether a person is hidden."""
        with self._parts.store.read() as tx:
            return person_is_hidden(tx, PersonId(person_id))

    def group_hidden(self, cluster_id: int) -> bool:
        """Whether an unknown group is hidden."""
        with self._parts.store.read() as tx:
            return group_is_hidden(tx, ClusterId(cluster_id))

    def home_of(self, face_id: int) -> tuple[PersonId | None, ClusterId | None]:
        """Return the person and the group that a face is in now. Raises NotFound."""
        with self._parts.store.read() as tx:
            face = get_face(tx, FaceId(face_id))
            return face.person_id, face.cluster_id

    def former_group(self, person_id: int) -> ClusterId | None:
        """Return the unknown group that faces of somebody who is nobody any more are in; None: in none."""
        with self._parts.store.read() as tx:
            faces = tx.faces.get(tx.decisions.faces_of([PersonId(person_id)]))
        return next((f.cluster_id for f in faces if f.person_id is None and f.cluster_id is not None), None)


def listed(tx: Transaction, faces: Sequence[Face]) -> list[ListedFace]:
    """Return faces with the decisions that put them where they are."""
    ties = last_ties(tx, [face.id for face in faces])
    sure = of_ties(tx, [ties.get(face.id) for face in faces])
    return [ListedFace(face, ties.get(face.id), chance) for face, chance in zip(faces, sure, strict=True)]


def within(limit: int) -> int:
    """Return the limit of a page. Raises InputError when it is out of range."""
    if not 1 <= limit <= MOST:
        raise InputError(f"1 to {MOST} are listed at once, not {limit}")
    return limit
