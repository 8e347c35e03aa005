"""Whom to ask a human about: unknown groups and faces that may be somebody known, the likeliest first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, TypeVar

import numpy as np

from personae.core.likeness import Likeness
from personae.core.open_set import Placed, Placement, place
from personae.core.probability import Question, in_100
from personae.engine.chances import Chances, chance, chances
from personae.engine.gallery import Gallery, load_gallery
from personae.engine.known import Known, recall
from personae.engine.parts import Parts
from personae.engine.preferences import rules_now
from personae.engine.review import NOISE_LABEL
from personae.engine.thresholds import thresholds
from personae.errors import InputError
from personae.ports import Transaction
from personae.types import Digest, FaceId, Ids, Outcome, PersonId, Vectors

AT_ONCE = 100
"""Questions whose photos are looked up together."""
VANISHED = 1e-6
"""Length of a group's mean face under which it points nowhere."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One question: is this unknown group, or face, this person?"""

    who: str
    """unknown_cluster_N, or unknown_noise_FACEID for a single face, whether or not it is in a group."""
    face_count: int
    """Faces that one answer settles."""
    face_id: FaceId
    """The face, or the group's best one."""
    person_id: PersonId
    person: str
    score: float
    runner_up: float | None
    """Score of the next person; None when there is only one."""
    runner_up_person: str | None
    margin: float | None
    """How far the person is ahead of the next."""
    probability: float | None
    """That it is the person; None: it was not learnt how often such scores are right."""
    review_threshold: float
    match_threshold: float
    model_id: str
    photo: str
    """URI of the photo that shows the face."""
    crop: Digest | None


@dataclass(frozen=True, slots=True)
class _Question:
    """A suggestion before its photo and names are looked up."""

    who: str
    face_count: int
    face_id: FaceId
    receipt: Placement
    probability: float | None


class Asked(Protocol):
    """What is asked about."""

    @property
    def probability(self) -> float | None:
        """That it is the person who is proposed."""

    @property
    def face_count(self) -> int:
        """Faces that one answer settles."""


Item = TypeVar("Item", bound=Asked)


@dataclass(frozen=True, slots=True)
class OpenFaces:
    """The faces that are nobody's, and what is known."""

    face_ids: Ids
    cluster_ids: Ids
    vectors: Vectors
    people: Likeness
    rejected: frozenset[tuple[int, int]]
    """(face, person) pairs, also through links."""
    review: float
    match: float

    def place(self, vectors: Vectors, ids: Ids, rejected: Collection[tuple[int, int]]) -> Placed:
        """Find the person whom each face, or mean face, is most like."""
        return place(vectors, ids, self.people, match=self.match, review=self.review, rejected=rejected)


def suggestions(
    parts: Parts, limit: int | None = 50, skip: Collection[str] = (), person_id: int | None = None
) -> list[Suggestion]:
    """Return whom to ask about, best first: groups before single faces, since one answer settles all their faces.

    Where it was learnt how often scores are right, the likeliest come first, and of those that are equally likely, in
    hundredths, the largest.

    A group is asked about when its mean face is like a person; a face of no such group, when its score lies between
    the thresholds for review and for a match. What a human has rejected is never asked again: nor of faces linked with
    the rejected one, nor of a group that holds it.

    Args:
        parts: the outfit.
        limit: how many at most; None: all.
        skip: labels (`Suggestion.who`) that are left out for now.
        person_id: only whether they are this person; None: whoever they may be.

    Raises:
        InputError: limit is below 1.
    """
    if limit is not None and limit < 1:
        raise InputError("the limit is at least 1")
    vision = parts.vision()
    with parts.store.read() as tx:
        gallery = load_gallery(tx, vision.model_ids, parts.vectors)
        review, match = thresholds(tx, vision).review, rules_now(tx, parts.rules).match_threshold
        known = recall(parts.known, tx, gallery, review, vision.model_ids)
        still_open = open_faces(gallery, known, review, match)
        if not len(still_open.people.people_):
            return []
        found = chances(tx, vision.model_id)
        every: Iterable[_Question] = _questions(tx, still_open, found)
        if found is not None:
            every = likeliest_first(list(every))
        questions = (question for question in every if question.who not in skip)
        if person_id is not None:
            questions = (question for question in questions if question.receipt.person_id == person_id)
        chosen = list(islice(questions, limit))
        names = {person.id: person.name for person in tx.people.all()} if chosen else {}
        return [
            suggestion
            for start in range(0, len(chosen), AT_ONCE)
            for suggestion in _look_up(tx, chosen[start : start + AT_ONCE], names, vision.model_id)
        ]


def open_faces(gallery: Gallery, known: Known, review: float, match: float) -> OpenFaces:
    """Return the faces of the gallery that are nobody's."""
    faces = gallery.at(gallery.person_ids < 0)
    return OpenFaces(faces.face_ids, faces.cluster_ids, faces.vectors, known.people, known.rejected, review, match)


def likeliest_first(items: list[Item]) -> list[Item]:
    """Order what is asked about by how likely it is; as it was, where that is not known of everything."""
    if any(item.probability is None for item in items):
        return items
    return sorted(items, key=lambda item: (-in_100(item.probability or 0.0), -item.face_count))


def _questions(tx: Transaction, still_open: OpenFaces, found: Chances | None) -> Iterator[_Question]:
    """Yield the groups to ask about, best first, then the faces."""
    groups = {int(cluster.id): cluster for cluster in tx.clusters.all() if cluster.face_count > 1}
    placed = place_groups(still_open, mean_faces(still_open))
    likely = np.union1d(placed.rows(Outcome.MATCH), placed.rows(Outcome.REVIEW))
    asked = [row for row in best_first(placed, likely) if int(placed.face_ids[row]) in groups]
    for row in asked:
        group = groups[int(placed.face_ids[row])]
        if group.best_face is not None:
            receipt = placed.receipt(row)
            sure = chance(found, Question.GROUP, receipt.score)
            yield _Question(group.label, group.face_count, group.best_face, receipt, sure)
    covered = placed.face_ids[asked]
    placed = still_open.place(still_open.vectors, still_open.face_ids, still_open.rejected)
    likely = placed.rows(Outcome.REVIEW)
    for row in best_first(placed, likely[~np.isin(still_open.cluster_ids[likely], covered)]):
        receipt = placed.receipt(row)
        sure = chance(found, Question.FACE, receipt.score)
        yield _Question(f"{NOISE_LABEL}{receipt.face_id}", 1, receipt.face_id, receipt, sure)


def place_groups(still_open: OpenFaces, groups: tuple[Ids, Vectors]) -> Placed:
    """Place the mean faces of groups; the receipts speak of the group's id instead of a face's."""
    cluster_ids, means = groups
    return still_open.place(means, cluster_ids, group_rejections(still_open))


def mean_faces(still_open: OpenFaces | Gallery) -> tuple[Ids, Vectors]:
    """Return the groups, ascending, and their mean faces as unit rows; without those whose faces cancel out."""
    in_group = np.flatnonzero(still_open.cluster_ids >= 0)
    cluster_ids, group = np.unique(still_open.cluster_ids[in_group], return_inverse=True)
    sums = np.zeros((len(cluster_ids), still_open.vectors.shape[1]), np.float64)
    order = np.argsort(group, kind="stable")
    ends = np.cumsum(np.bincount(group, minlength=len(cluster_ids))).tolist()
    # One by one: `np.add.reduceat` takes ten times as long to add float32 as float64.
    for row, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
        sums[row] = still_open.vectors[in_group[order[start:end]]].sum(axis=0, dtype=np.float64)
    lengths = np.linalg.norm(sums, axis=1)
    sound = lengths > VANISHED
    return cluster_ids[sound], (sums[sound] / lengths[sound, None]).astype(np.float32)


def group_rejections(still_open: OpenFaces) -> set[tuple[int, int]]:
    """Return the (group, person) pairs that a human has rejected of any face in the group."""
    cluster_of = dict(zip(still_open.face_ids.tolist(), still_open.cluster_ids.tolist(), strict=True))
    return {(cluster_of[face_id], person) for face_id, person in still_open.rejected if face_id in cluster_of}


def best_first(placed: Placed, rows: Ids) -> list[int]:
    """Order rows by score, then by the margin to the next person; one without a next is furthest ahead."""
    margins = np.nan_to_num(placed.scores[rows] - placed.runner_ups[rows], nan=np.inf)
    ordered: list[int] = rows[np.lexsort((placed.face_ids[rows], -margins, -placed.scores[rows]))].tolist()
    return ordered


def _look_up(
    tx: Transaction, questions: Sequence[_Question], names: Mapping[PersonId, str], model_id: str
) -> Iterator[Suggestion]:
    """Add the names and photos."""
    faces = {face.id: face for face in tx.faces.get([question.face_id for question in questions])}
    images = {image.id: image for image in tx.images.get([face.image_id for face in faces.values()])}
    for question in questions:
        receipt, face = question.receipt, faces[question.face_id]
        if receipt.person_id is None or receipt.score is None:
            continue
        yield Suggestion(
            question.who, question.face_count, face.id, receipt.person_id, names[receipt.person_id], receipt.score,
            receipt.runner_up, None if receipt.runner_up_id is None else names[receipt.runner_up_id],
            None if receipt.runner_up is None else receipt.score - receipt.runner_up, question.probability,
            receipt.review, receipt.match, model_id, next(iter(images[face.image_id].uris), ""), face.crop,
        )  # fmt: skip
