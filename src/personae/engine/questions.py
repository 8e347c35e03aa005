"""Questions to a human, with all that is needed to answer them at a glance; and the answers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from personae.core.ledger import hidden, resolve_faces, resolve_people
from personae.engine.parts import Parts
from personae.engine.survey import Likely, Open, Survey
from personae.errors import InputError
from personae.ports import Transaction
from personae.types import Cluster, ClusterId, Face, FaceId, Person, PersonId

SHOWN = 18
"""Faces of a group that are shown."""
COMPARED = 5
"""Faces of the likeliest person that are shown beside."""
MOST = 100
SUGGESTED, GROUPS = "suggested", "groups"
"""Questions that propose a person, and groups that are like nobody; otherwise all are asked."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person who may be the one."""

    person: Person
    score: float
    probability: float | None = None
    """That it is this one; None: it was not learnt how often such scores are right, or others are likelier."""


@dataclass(frozen=True, slots=True)
class Question:
    """Who is this unknown group, or: are these faces this person?"""

    cluster: Cluster | None
    """None: single faces."""
    faces: tuple[Face, ...]
    """Those that are shown, best first; the odd ones of a group are the last."""
    odd: frozenset[FaceId]
    """Faces of a large group that look least like the others."""
    scores: Mapping[FaceId, float]
    """Of single faces, with the first candidate."""
    candidates: tuple[Candidate, ...]
    """The likeliest first."""
    compared: tuple[FaceId, ...]
    """The best faces of the first candidate."""
    suggested: bool
    """Whether the first candidate is likely enough to ask about."""

    @property
    def keys(self) -> tuple[str, ...]:
        """What the question is known by: `group-7`, or `face-3` for each single face."""
        if self.cluster is not None:
            return (f"group-{self.cluster.id}",)
        return tuple(f"face-{face.id}" for face in self.faces)

    @property
    def face_count(self) -> int:
        """Faces that one answer settles."""
        return len(self.faces) if self.cluster is None else self.cluster.face_count


@dataclass(frozen=True, slots=True)
class Asked:
    """The next questions, and how many there are in all."""

    questions: tuple[Question, ...]
    left: int
    """Questions that the survey has, without those that are left out."""
    suggested: int
    """Of these how many propose a person."""


def ask(
    parts: Parts, found: Survey, limit: int = 20, skip: Collection[str] = (), only: str = "",
    person_id: int | None = None,
) -> Asked:  # fmt: skip
    """Return the next questions of a survey, as things are now: what was decided since is left out.

    Args:
        parts: the outfit.
        found: the survey; it may be older than the latest decisions.
        limit: how many at most.
        skip: keys (`Question.keys`) of what is not to be asked now.
        only: SUGGESTED or GROUPS; empty: all.
        person_id: only whether they are this person; None: whoever they may be.

    Raises:
        InputError: limit is not 1 to 100, or `only` is something else.
    """
    if not 1 <= limit <= MOST:
        raise InputError(f"1 to {MOST} questions are asked at once, not {limit}")
    if only not in ("", SUGGESTED, GROUPS):
        raise InputError(f"there are {SUGGESTED} questions and {GROUPS}, not {only!r}")
    left_out = frozenset(skip)
    items = [item for each in found.items if (item := _without(each, left_out)) is not None]
    wanted = [item for item in items if not only or item.suggested is (only == SUGGESTED)]
    if person_id is not None:
        wanted = [item for item in wanted if item.suggested and item.likely[0].person_id == person_id]
    questions: list[Question] = []
    with parts.store.read() as tx:
        away = hidden(tx.decisions.hides())
        for start in range(0, len(wanted), limit):
            still = _still(tx, wanted[start : start + limit], away)
            # Whom a human has rejected meanwhile is not proposed again: somebody else is then.
            questions += still if person_id is None else (each for each in still if each.suggested)
            if len(questions) >= limit:
                break
    suggested = sum(item.suggested for item in items)
    return Asked(tuple(questions[:limit]), len(items), suggested)


def ask_about(parts: Parts, found: Survey, cluster_ids: Sequence[int]) -> Asked:
    """Ask who these groups are, whether or not a survey has met them: of a split the parts, the old group first.

    To a group that is new the candidates of the first are proposed.
    """
    known = {item.cluster_id: item.likely for item in found.items if item.cluster_id in cluster_ids}
    first = known.get(ClusterId(cluster_ids[0]), ()) if cluster_ids else ()
    # How likely that group was says nothing of its parts.
    first = tuple(replace(each, probability=None) for each in first)
    items = [
        Open(ClusterId(cluster_id), (), known.get(ClusterId(cluster_id), first), suggested=False)
        for cluster_id in cluster_ids
    ]
    with parts.store.read() as tx:
        questions = tuple(_still(tx, items, hidden(tx.decisions.hides())))
    return Asked(questions, len(questions), 0)


def _without(item: Open, left_out: frozenset[str]) -> Open | None:
    """Return the item without the faces that are left out; None when nothing remains."""
    if item.cluster_id is not None:
        return None if f"group-{item.cluster_id}" in left_out else item
    kept = [at for at, face_id in enumerate(item.face_ids) if f"face-{face_id}" not in left_out]
    if len(kept) == len(item.face_ids):
        return item
    ids, scores = tuple(item.face_ids[at] for at in kept), tuple(item.scores[at] for at in kept)
    return replace(item, face_ids=ids, scores=scores, face_count=len(ids)) if kept else None


def _still(
    tx: Transaction, items: Sequence[Open], away: tuple[frozenset[PersonId], frozenset[FaceId]]
) -> Iterator[Question]:
    """Yield the questions that are still open, with what is shown of them."""
    clusters, known = _clusters(tx, items), _known(tx, items)
    shown = [
        (item, cluster, faces) for item in items for cluster, faces in _faces(tx, item, clusters, known, away[1])
    ]  # fmt: skip
    refused = _refused(tx, [face.id for _, _, faces in shown for face in faces])
    people = _people(tx, (each for item, _, _ in shown for each in item.likely))

    @cache
    def best_of(person_id: PersonId) -> tuple[FaceId, ...]:
        return tuple(face.id for face in tx.faces.select(person_id=person_id, limit=COMPARED))

    for item, cluster, faces in shown:
        no = {person for face in faces for person in refused.get(face.id, ())}
        candidates = tuple(
            Candidate(people[each.person_id], each.score, each.probability)
            for each in item.likely
            if each.person_id in people and each.person_id not in no
        )
        proposed = bool(candidates) and candidates[0].person.id == item.likely[0].person_id
        if cluster is None and not proposed:
            # Single faces are asked about because of one person: without that person there is no question.
            continue
        yield Question(
            cluster, faces, frozenset(item.face_ids) if cluster else frozenset(),
            dict(zip(item.face_ids, item.scores, strict=False)), candidates,
            best_of(candidates[0].person.id) if candidates else (), item.suggested and proposed,
        )  # fmt: skip


def _faces(
    tx: Transaction, item: Open, clusters: Mapping[ClusterId, Cluster], known: Mapping[FaceId, Face],
    away: frozenset[FaceId],
) -> Iterator[tuple[Cluster | None, tuple[Face, ...]]]:  # fmt: skip
    """Yield the group and the faces to show; nothing when a human or the machine has settled them."""
    nameless = [known[i] for i in item.face_ids if i in known and known[i].person_id is None]
    if item.cluster_id is None:
        faces = tuple(face for face in nameless if face.id not in away)
        if faces:
            yield None, faces
        return
    cluster = clusters.get(item.cluster_id)
    if cluster is None:
        return
    best = tx.faces.select(cluster_id=cluster.id, unknown=True, limit=SHOWN)
    if 2 * sum(face.id in away for face in best) >= len(best):
        return
    odd = [face for face in nameless if face.cluster_id == item.cluster_id]
    strange = {face.id for face in odd}
    plain = [face for face in best if face.id not in strange]
    yield cluster, (*plain[: SHOWN - len(odd)], *odd)


def _clusters(tx: Transaction, items: Sequence[Open]) -> dict[ClusterId, Cluster]:
    """Return those of the groups that still have nameless faces."""
    wanted = [item.cluster_id for item in items if item.cluster_id is not None]
    return {cluster.id: cluster for cluster in tx.clusters.several(wanted)} if wanted else {}


def _known(tx: Transaction, items: Sequence[Open]) -> dict[FaceId, Face]:
    """Return the faces that the survey tells one by one."""
    return {face.id: face for face in tx.faces.get(list({i for item in items for i in item.face_ids}))}


def _refused(tx: Transaction, face_ids: Sequence[FaceId]) -> dict[FaceId, frozenset[PersonId]]:
    """Return who humans have said that these faces are not."""
    said = tx.decisions.active(face_ids)
    concerned = {decision.person_id for decision in said if decision.person_id is not None}
    people = resolve_people(tx.decisions.active_people(tx.decisions.kin(concerned)))
    return {face_id: state.rejected for face_id, state in resolve_faces(said, people).items() if state.rejected}


def _people(tx: Transaction, likely: Iterable[Likely]) -> dict[PersonId, Person]:
    """Return those of the people who are still there."""
    return {person.id: person for person in tx.people.in_order(sorted({each.person_id for each in likely}))}
