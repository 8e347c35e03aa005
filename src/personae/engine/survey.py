"""All that a human could be asked about, found in one go: a look at every open face, kept until it is outdated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from personae.core.open_set import Placed
from personae.core.probability import Question
from personae.engine.chances import Chances, chance, chances
from personae.engine.gallery import load_gallery
from personae.engine.known import recall
from personae.engine.parts import Parts
from personae.engine.preferences import rules_now
from personae.engine.suggest import (
    OpenFaces,
    best_first,
    group_rejections,
    likeliest_first,
    mean_faces,
    open_faces,
    place_groups,
)
from personae.engine.thresholds import thresholds
from personae.ports import Transaction
from personae.types import Cluster, ClusterId, FaceId, Ids, Outcome, PersonId, Vectors

TOGETHER = 12
"""Single faces of one question at the most."""
CANDIDATES = 9
"""People that are proposed for one question: as many as there are number keys."""
ODD = 4
"""Faces of a large group that are shown because they look least like the others."""
LARGE = 12
"""Faces from which on a group has odd ones."""
ROWS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class Likely:
    """A person whom faces resemble."""

    person_id: PersonId
    score: float
    probability: float | None = None
    """That it is this one, of the likeliest; None: it was not learnt how often such scores are right."""


@dataclass(frozen=True, slots=True)
class Open:
    """What one answer may settle: an unknown group, or single faces that resemble the same person."""

    cluster_id: ClusterId | None
    """None: single faces."""
    face_ids: tuple[FaceId, ...]
    """The single faces, the likeliest first; of a group those least like the others, the oddest first."""
    likely: tuple[Likely, ...]
    """The likeliest first; their score is that of the faces' mean."""
    suggested: bool
    """Whether the first is likely enough to ask about."""
    scores: tuple[float, ...] = ()
    """Of single faces, with the first person."""
    face_count: int = 1
    """Faces that one answer settles."""

    @property
    def probability(self) -> float | None:
        """That it is the first person; of single faces, how many of them are."""
        return self.likely[0].probability if self.likely else None


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything to ask about, best first: suggested groups, suggested faces, then the other groups, largest first.

    Where it was learnt how often scores are right, what is suggested is in the order of that; see `suggestions`.
    """

    event: int
    """The latest event that it has seen; -1: it has not looked at faces, only at groups."""
    items: tuple[Open, ...]
    review: float
    match: float
    model_id: str


@dataclass(frozen=True, slots=True)
class AlikeGroup:
    """An unknown group, and how much it is like the one asked about."""

    cluster: Cluster
    score: float


def survey(parts: Parts) -> Survey:
    """Look at every face that is nobody's.

    What `suggest.suggestions` would ask is in it, single faces of one person together, and every other group.
    """
    vision = parts.vision()
    with parts.store.read() as tx:
        event = tx.events.last()
        gallery = load_gallery(tx, vision.model_ids, parts.vectors)
        review, match = thresholds(tx, vision).review, rules_now(tx, parts.rules).match_threshold
        known = recall(parts.known, tx, gallery, review, vision.model_ids)
        sizes = _sizes(tx)
        learnt = chances(tx, vision.model_id)
    still_open = open_faces(gallery, known, review, match)
    return Survey(event, tuple(_items(still_open, sizes, learnt)), review, match, vision.model_id)


def groups_only(parts: Parts) -> Survey:
    """Return the unknown groups, largest first: what can be asked about before faces have been compared."""
    with parts.store.read() as tx:
        items = [Open(ClusterId(cluster_id), (), (), suggested=False) for cluster_id in _sizes(tx)]
    return Survey(-1, tuple(items), 0.0, 0.0, "")


def alike_groups(parts: Parts, cluster_id: int, limit: int = 8) -> list[AlikeGroup]:
    """Return the unknown groups whose mean face is most like that of one, the most alike first; those of one face too.

    Raises:
        NotFound: there is no such group.
    """
    vision = parts.vision()
    with parts.store.read() as tx:
        wanted = tx.clusters.get(ClusterId(cluster_id)).id
        gallery = load_gallery(tx, vision.model_ids, parts.vectors)
        names, means = mean_faces(gallery.at((gallery.person_ids < 0) & (gallery.cluster_ids >= 0)))
        own = np.flatnonzero(names == wanted)
        if not len(own):
            return []
        scores = means @ means[own[0]]
        scores[own[0]] = -np.inf
        best = [row for row in np.argsort(-scores, kind="stable")[:limit].tolist() if row != own[0]]
        clusters = {
            cluster.id: cluster for cluster in tx.clusters.several([ClusterId(int(names[row])) for row in best])
        }
    found = [(clusters.get(ClusterId(int(names[row]))), float(scores[row])) for row in best]
    return [AlikeGroup(cluster, min(1.0, score)) for cluster, score in found if cluster is not None]


def _sizes(tx: Transaction) -> dict[int, int]:
    """Return the faces of each group that has more than one, largest first."""
    return {int(cluster_id): count for cluster_id, count in tx.browse.group_sizes().items() if count > 1}


def _items(still_open: OpenFaces, sizes: dict[int, int], learnt: Chances | None) -> Iterator[Open]:
    cluster_ids, means = mean_faces(still_open)
    groups = place_groups(still_open, (cluster_ids, means)) if len(still_open.people.people_) else None
    likely = _likely(still_open, means, cluster_ids, group_rejections(still_open))
    odd = _odd(still_open, cluster_ids, means)
    row_of = {cluster_id: row for row, cluster_id in enumerate(cluster_ids.tolist()) if cluster_id in sizes}

    def group(cluster_id: int, suggested: bool) -> Open:
        row = row_of.get(cluster_id)
        first = () if row is None else likely[row]
        if first:
            sure = chance(learnt, Question.GROUP, first[0].score)
            first = (replace(first[0], probability=sure), *first[1:])
        return Open(ClusterId(cluster_id), odd.get(cluster_id, ()), first, suggested, face_count=sizes[cluster_id])

    asked: list[int] = []
    if groups is not None:
        rows = np.union1d(groups.rows(Outcome.MATCH), groups.rows(Outcome.REVIEW))
        asked = [int(groups.face_ids[row]) for row in best_first(groups, rows)]
        asked = [cluster_id for cluster_id in asked if cluster_id in sizes]
        suggested = [group(cluster_id, suggested=True) for cluster_id in asked]
        yield from likeliest_first([*suggested, *_singles(still_open, asked, learnt)])
    rest = set(asked)
    yield from (group(cluster_id, suggested=False) for cluster_id in sizes if cluster_id not in rest)


def _singles(still_open: OpenFaces, covered: Sequence[int], learnt: Chances | None) -> Iterator[Open]:
    """Yield the faces to ask about that are in none of these groups, those of one person together."""
    rows = ~np.isin(still_open.cluster_ids, np.array(covered, np.int64))
    faces = still_open.vectors[rows]
    placed = still_open.place(faces, still_open.face_ids[rows], still_open.rejected)
    batches: dict[tuple[int, int], list[int]] = {}
    met: dict[int, int] = {}
    for row in best_first(placed, placed.rows(Outcome.REVIEW)):
        person = int(placed.person_ids[row])
        batches.setdefault((person, met.get(person, 0) // TOGETHER), []).append(row)
        met[person] = met.get(person, 0) + 1
    if not batches:
        return
    means = np.stack([_mean(faces[members]) for members in batches.values()])
    number_of = {
        face_id: number
        for number, members in enumerate(batches.values())
        for face_id in placed.face_ids[members].tolist()
    }
    rejected = {(number_of[face_id], person) for face_id, person in still_open.rejected if face_id in number_of}
    likely = _likely(still_open, means, np.arange(len(means)), rejected)
    for members, each in zip(batches.values(), likely, strict=True):
        yield _batch(placed, members, each, learnt)


def _batch(placed: Placed, members: Sequence[int], likely: Sequence[Likely], learnt: Chances | None) -> Open:
    person = PersonId(int(placed.person_ids[members[0]]))
    scores = tuple(placed.scores[list(members)].tolist())
    sure = [each for score in scores if (each := chance(learnt, Question.FACE, score)) is not None]
    first = next((each for each in likely if each.person_id == person), Likely(person, scores[0]))
    first = replace(first, probability=sum(sure) / len(sure) if sure else None)
    others = [each for each in likely if each.person_id != person]
    ids = tuple(FaceId(i) for i in placed.face_ids[list(members)].tolist())
    return Open(None, ids, (first, *others)[:CANDIDATES], suggested=True, scores=scores, face_count=len(ids))


def _likely(
    still_open: OpenFaces, means: Vectors, names: Ids, rejected: set[tuple[int, int]]
) -> list[tuple[Likely, ...]]:
    """Return the people whom each mean face is most like, but for (name, person) pairs that were rejected."""
    people = still_open.people.people_
    if not len(people) or not len(means):
        return [()] * len(means)
    found: list[tuple[Likely, ...]] = []
    column_of = {person: column for column, person in enumerate(people.tolist())}
    refused: dict[int, list[int]] = {}
    for name, person in rejected:
        if person in column_of:
            refused.setdefault(name, []).append(column_of[person])
    for start in range(0, len(means), ROWS_AT_ONCE):
        scores = still_open.people.scores(means[start : start + ROWS_AT_ONCE])
        for row, name in enumerate(names[start : start + ROWS_AT_ONCE].tolist()):
            scores[row, refused.get(name, [])] = -np.inf
            best = np.argsort(-scores[row], kind="stable")[:CANDIDATES]
            found.append(tuple(
                Likely(PersonId(int(people[at])), min(1.0, float(scores[row, at])))
                for at in best.tolist() if np.isfinite(scores[row, at])
            ))  # fmt: skip
    return found


def _odd(still_open: OpenFaces, cluster_ids: Ids, means: Vectors) -> dict[int, tuple[FaceId, ...]]:
    """Return for each large group the faces that are least like its mean, the oddest first."""
    rows = np.flatnonzero(np.isin(still_open.cluster_ids, cluster_ids))
    if not len(rows):
        return {}
    at = np.searchsorted(cluster_ids, still_open.cluster_ids[rows])
    cosines = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        cosines[part] = np.einsum("nd,nd->n", still_open.vectors[rows[part]], means[at[part]])
    order = np.lexsort((still_open.face_ids[rows], cosines, at))
    starts = np.append(np.flatnonzero(np.diff(at[order], prepend=-1)), len(order))
    ids = still_open.face_ids[rows][order]
    return {
        int(cluster_ids[at[order[first]]]): tuple(FaceId(i) for i in ids[first : first + ODD].tolist())
        for first, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)
        if end - first >= LARGE
    }


def _mean(vectors: Vectors) -> Vectors:
    total = vectors.sum(axis=0, dtype=np.float64)
    length = float(np.linalg.norm(total))
    mean: Vectors = (total / length).astype(np.float32) if length > 0 else vectors[0]
    return mean
