"""Taking faces out of an unknown group or a person, and proposing which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from personae.core.compare import fuse_vectors
from personae.core.cut import mean_cosines, weakest_cut
from personae.core.links import resolve_links
from personae.engine.parts import Parts
from personae.engine.review import (
    Unknown,
    called,
    chain,
    clean_name,
    find_cluster,
    find_face,
    find_person,
    moves,
    no_longer,
    record,
    ties,
)
from personae.errors import Conflict, InputError
from personae.ports import Transaction
from personae.types import (
    Cluster,
    Decision,
    DecisionKind,
    Face,
    FaceId,
    Ids,
    Maker,
    ModelId,
    Operation,
    PersonId,
    Vectors,
)


@dataclass(frozen=True, slots=True)
class Split:
    """What a split did."""

    operation: Operation
    label: str
    """The group or person that the faces are now."""
    face_ids: tuple[FaceId, ...]
    """The faces that were taken out."""
    left: int
    """Faces that stay where they were."""


@dataclass(frozen=True, slots=True)
class ProposedFace:
    """A face that a proposal speaks of."""

    face_id: FaceId
    photo: str
    """URI of the photo."""


@dataclass(frozen=True, slots=True)
class SplitProposal:
    """Where a group or person comes apart most easily; nothing has been written."""

    who: str
    take_out: tuple[ProposedFace, ...]
    """The smaller half."""
    leave: tuple[ProposedFace, ...]
    across: float
    """Mean cosine between faces of different halves."""
    within: float
    """Mean cosine between faces of one half. Far above `across`, there are two people in it."""
    cluster_threshold: float
    """Mean cosine at which two groups of faces are still taken for one person."""
    model_id: str


@dataclass(frozen=True, slots=True)
class _Whole:
    """What is split: an unknown group, or a person."""

    title: str
    person_id: PersonId | None
    faces: tuple[Face, ...]


def split(parts: Parts, reference: str, face_ids: Sequence[int], new_name: str | None = None) -> Split:
    """Take faces out of an unknown group or a person: they become a group of their own, or the person of this name.

    The faces taken out stay together, and apart from those left, whenever faces are grouped again. Taken out of a
    person, they are never proposed as that person again.

    Args:
        parts: the outfit.
        reference: an unknown group or a person.
        face_ids: the faces to take out.
        new_name: name of the person that they are; None: unknown.

    Raises:
        InputError: the faces are none, or all, or not all in it, or one is given twice; the name cannot be used.
        NotFound: there is no such group or person.
        Conflict: the name is that of the person they are taken out of, or is shared by several people.
    """
    wanted = None if new_name is None else clean_name(new_name)
    with parts.store.write() as tx:
        whole = _whole(tx, reference)
        chosen = _chosen(whole, face_ids)
        rest = [face.id for face in whole.faces if face.id not in set(chosen)]
        cluster = tx.clusters.get(tx.clusters.add(1)[0])
        decisions = [*_taken_out(tx, whole, chosen, rest), *moves(chosen, cluster.id), *chain(chosen)]
        label, left_out = cluster.label, ""
        if wanted is not None:
            named, left_out = _named(tx, whole, cluster, chosen, wanted)
            decisions += named
            label = wanted
        summary = f"split {len(chosen)} of {len(whole.faces)} faces off {whole.title}: {label}{left_out}"
        return Split(record(tx, "split", summary, decisions), label, tuple(chosen), len(rest))


def reject_faces(parts: Parts, reference: str, face_ids: Sequence[int]) -> Operation:
    """Say that these faces are not the person whom they are tied to; they are never proposed as that person again.

    Raises:
        InputError: the faces are none, or not all of that person, or one is given twice.
        NotFound: there is no such person.
    """
    with parts.store.write() as tx:
        person = find_person(tx, reference)
        whole = _Whole(person.name, person.id, tuple(tx.faces.select(person_id=person.id)))
        chosen = _present(whole, face_ids, "are not the person")
        summary = f"{len(chosen)} {'face is' if len(chosen) == 1 else 'faces are'} not {person.name}"
        return record(tx, "reject", summary, _taken_out(tx, whole, chosen, []))


def confirm_faces(parts: Parts, reference: str, face_ids: Sequence[int]) -> Operation:
    """Say that these faces are the person whom they are tied to; no machine takes them away again.

    Raises:
        InputError: the faces are none, or not all of that person, or one is given twice.
        NotFound: there is no such person.
    """
    with parts.store.write() as tx:
        person = find_person(tx, reference)
        whole = _Whole(person.name, person.id, tuple(tx.faces.select(person_id=person.id)))
        chosen = _present(whole, face_ids, "are the person")
        summary = f"{len(chosen)} {'face is' if len(chosen) == 1 else 'faces are'} {person.name}"
        decisions = [Decision(DecisionKind.CONFIRM, Maker.HUMAN, face_id=i, person_id=person.id) for i in chosen]
        return record(tx, "confirm", summary, decisions)


def propose_split(parts: Parts, reference: str) -> SplitProposal:
    """Propose how to split an unknown group or a person in two: where its faces have least in common.

    Raises:
        InputError: it has fewer than two faces that can be compared.
        NotFound: there is no such group or person.
    """
    vision = parts.vision()
    with parts.store.read() as tx:
        whole = _whole(tx, reference)
        ids, vectors = _vectors(tx, vision.model_ids, [face.id for face in whole.faces])
        if len(ids) < 2:
            raise InputError(f"{whole.title} has fewer than two faces that can be compared: there is nothing to split")
        cut = weakest_cut(vectors)
        across, within = mean_cosines(vectors, cut)
        photos = _photos(tx, whole.faces)
    take_out, leave = (
        tuple(ProposedFace(FaceId(i), photos[FaceId(i)]) for i in ids[rows].tolist()) for rows in (cut, ~cut)
    )
    return SplitProposal(whole.title, take_out, leave, across, within, vision.thresholds.cluster, vision.model_id)


def _whole(tx: Transaction, reference: str) -> _Whole:
    if find_face(tx, reference) is not None:
        raise InputError(f"{reference} is a single face: there is nothing to split")
    cluster = find_cluster(tx, reference)
    if cluster is not None:
        faces = tx.faces.select(cluster_id=cluster.id, unknown=True)
        if not faces:
            raise no_longer(cluster)
        return _Whole(cluster.label, None, tuple(faces))
    person = find_person(tx, reference)
    return _Whole(person.name, person.id, tuple(tx.faces.select(person_id=person.id)))


def _chosen(whole: _Whole, face_ids: Sequence[int]) -> list[FaceId]:
    """The faces to take out, ascending."""
    chosen = _present(whole, face_ids, f"to take out of {whole.title}")
    if len(chosen) == len(whole.faces):
        raise InputError(f"these are all the faces of {whole.title}: leave at least one")
    return chosen


def _present(whole: _Whole, face_ids: Sequence[int], what_for: str) -> list[FaceId]:
    """The faces, ascending, which must all be in it."""
    chosen = sorted(FaceId(int(i)) for i in face_ids)
    if not chosen:
        raise InputError(f"say which faces {what_for}")
    if twice := sorted({i for i, following in pairwise(chosen) if i == following}):
        raise InputError(f"given twice: {_listed(twice)}")
    present = {face.id for face in whole.faces}
    if strange := [i for i in chosen if i not in present]:
        raise InputError(f"not in {whole.title}: {_listed(strange)}")
    return chosen


def _taken_out(tx: Transaction, whole: _Whole, chosen: Sequence[FaceId], rest: Sequence[FaceId]) -> list[Decision]:
    """Decisions that part the chosen faces from the others."""
    if whole.person_id is not None:
        return [Decision(DecisionKind.REJECT, Maker.HUMAN, face_id=i, person_id=whole.person_id) for i in chosen]
    # Links through a face that leaves would fall with it: those among the rest are said again without it.
    before = resolve_links(tx.decisions.active([*chosen, *rest])).among(rest)
    again = [Decision(DecisionKind.LINK, Maker.HUMAN, face_id=a, other_face_id=b) for a, b in before.must]
    return again + [Decision(DecisionKind.SEPARATE, Maker.HUMAN, face_id=chosen[0], other_face_id=i) for i in rest]


def _named(
    tx: Transaction, whole: _Whole, cluster: Cluster, chosen: Sequence[FaceId], wanted: str
) -> tuple[list[Decision], str]:
    """Decisions that make the chosen faces the person called `wanted`, and which of them a "no" keeps out."""
    person_id, made = called(tx, wanted)
    if person_id == whole.person_id:
        raise Conflict(f"{wanted} is the person that the faces are taken out of")
    taken = Unknown(cluster.label, tuple(tx.faces.get(chosen)), cluster.id, alone=False)
    decisions, left_out = ties(tx, taken, person_id)
    return made + decisions, left_out


def _vectors(tx: Transaction, model_ids: Sequence[ModelId], face_ids: Sequence[FaceId]) -> tuple[Ids, Vectors]:
    """Those of the faces that have an embedding under each model, and their embeddings, fused."""
    per_model = [tx.faces.embeddings(model_id, np.array(face_ids, np.int64)) for model_id in model_ids]
    common = np.unique(np.array(face_ids, np.int64))
    for ids, _ in per_model:
        common = np.intersect1d(common, ids, assume_unique=True)
    return common, fuse_vectors([rows[np.searchsorted(ids, common)] for ids, rows in per_model])


def _photos(tx: Transaction, faces: Sequence[Face]) -> dict[FaceId, str]:
    images = {image.id: image for image in tx.images.get([face.image_id for face in faces])}
    return {face.id: next(iter(images[face.image_id].uris), "") for face in faces}


def _listed(face_ids: Sequence[FaceId]) -> str:
    return f"face {', '.join(map(str, face_ids))}"
