"""Look at people and unknown groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from personae.engine.chances import of_ties
from personae.engine.parts import Parts
from personae.engine.review import clean_name, find_cluster, find_face, find_person, no_longer, record
from personae.errors import Conflict
from personae.ports import Transaction
from personae.types import Cluster, Decision, DecisionKind, Face, FaceId, Maker, Person, PersonId

_RANKS = {DecisionKind.ASSIGN: 0, DecisionKind.STATE: 1, DecisionKind.CONFIRM: 2}
"""Decisions that tie a face to a person; one gives way to those of its own rank and above."""


@dataclass(frozen=True, slots=True)
class ShownFace:
    """One face of a person or group, and why it is there."""

    face_id: int
    photo: str
    """URI of the photo: of the file, or where a source has it."""
    quality: float
    made_by: str
    """human, source or machine: who tied it."""
    score: float | None
    """Of a machine's or source's decision."""
    probability: float | None
    """That a machine's decision is right; None: it was not learnt how often such scores are."""
    threshold: float | None
    model_id: str | None
    source: str = ""
    """Which source brought it."""
    reason: str = ""
    """Why the source was believed: high_trust, matched_existing, corroborated, clustered."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A person or an unknown group, with every face, best first."""

    title: str
    aliases: tuple[str, ...]
    faces: tuple[ShownFace, ...]


def people(parts: Parts) -> tuple[list[Person], list[Cluster]]:
    """Return the named people and the unknown groups, largest first."""
    with parts.store.read() as tx:
        return tx.people.all(), tx.clusters.all()


def add(parts: Parts, new_name: str, kind: str = "real") -> Person:
    """Make a person, of whom there is no face yet.

    Raises:
        InputError: the name cannot be used, or a person is neither real nor character.
        Conflict: somebody is called so already.
    """
    wanted = clean_name(new_name)
    with parts.store.write() as tx:
        if found := tx.people.find(wanted):
            raise Conflict(f"#{found[0].id} is called {wanted!r} already")
        person_id = tx.people.add(wanted, kind)
        named = Decision(DecisionKind.NAME, Maker.HUMAN, person_id=person_id, name=wanted)
        record(tx, "name", f"{wanted} is known", [named])
        return tx.people.get(person_id)


def show(parts: Parts, reference: str) -> Shown:
    """Return one person, unknown group or single face, with every face. Raises NotFound, Conflict."""
    with parts.store.read() as tx:
        face = find_face(tx, reference)
        if face is not None:
            return Shown(reference, (), _shown(tx, [face]))
        cluster = find_cluster(tx, reference)
        if cluster is not None:
            faces = tx.faces.select(cluster_id=cluster.id, unknown=True)
            if not faces:
                raise no_longer(cluster)
            return Shown(cluster.label, (), _shown(tx, faces))
        person = find_person(tx, reference)
        return Shown(person.name, person.aliases, _shown(tx, tx.faces.select(person_id=person.id)))


def _shown(tx: Transaction, faces: Sequence[Face]) -> tuple[ShownFace, ...]:
    images = {image.id: image for image in tx.images.get([face.image_id for face in faces])}
    last = last_ties(tx, [face.id for face in faces])
    claims = {(claim.face_id, claim.source): claim for claim in tx.sources.claims_on([face.id for face in faces])}
    rows = []
    sure = of_ties(tx, [last.get(face.id) for face in faces])
    for face, probability in zip(faces, sure, strict=True):
        tie = last.get(face.id)
        claim = claims.get((face.id, tie.source or "")) if tie else None
        uris = images[face.image_id].uris or ((claim.url,) if claim else ("",))
        rows.append(ShownFace(
            face.id, uris[0], face.quality.score,
            tie.maker.value if tie else "", tie.score if tie else None, probability, tie.threshold if tie else None,
            tie.model_id if tie else None, claim.source if claim else "", claim.reason if claim else "",
        ))  # fmt: skip
    return tuple(rows)


def last_ties(tx: Transaction, face_ids: Sequence[FaceId]) -> dict[FaceId, Decision]:
    """Return for each face the decision that put it where it is: a human's tie before a source's and a machine's."""
    groups: dict[FaceId, Decision] = {}
    people: dict[FaceId, Decision] = {}
    rejected: set[tuple[FaceId, PersonId | None]] = set()
    for decision in tx.decisions.active(face_ids):
        face_id, kind = decision.face_id, decision.kind
        if face_id is None:
            continue
        present = people.get(face_id)
        if kind is DecisionKind.CLUSTER:
            groups[face_id] = decision
        elif kind is DecisionKind.REJECT:
            rejected.add((face_id, decision.person_id))
            if present is not None and present.person_id == decision.person_id:
                del people[face_id]
        elif kind is DecisionKind.RELEASE:
            if present is not None and present.kind is DecisionKind.ASSIGN:
                del people[face_id]
        elif kind is DecisionKind.CONFIRM or (
            kind in _RANKS
            and (face_id, decision.person_id) not in rejected
            and (present is None or _RANKS[present.kind] <= _RANKS[kind])
        ):
            people[face_id] = decision
    return groups | people
