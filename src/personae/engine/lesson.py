"""What the ledger has to teach: faces that humans named, what they rejected, and who judges what was learnt."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from personae.core.guard import FPIR, halves
from personae.core.holdout import Holdout, hold_out
from personae.core.ledger import resolve_faces, resolve_people
from personae.core.links import resolve_links
from personae.core.search_metrics import Split
from personae.engine.gallery import load_gallery
from personae.engine.parts import Vision
from personae.errors import InputError
from personae.ports import Lesson, Transaction
from personae.types import FaceId, Ids, Labels, Maker, ModelId, PersonId, Vectors

FEWEST_PEOPLE = 10
"""People with several photos from which on there is something to learn, and somebody to judge by."""
FEWEST_STRANGERS = round(1 / FPIR)
"""Searches that can show the rate at which heads are compared."""


@dataclass(frozen=True, slots=True)
class Material:
    """Faces that humans named, and those that they said are not somebody."""

    face_ids: Ids
    people: Labels
    """(n,) the person of each; -1: only rejected."""
    photos: Ids
    vectors: Vectors
    rejected: Ids
    """(m, 2) row and person."""
    blocks: tuple[int, ...]
    """Components of each model."""

    def digest(self, holdout: Holdout) -> str:
        """Return what tells this material, so divided, from any other: 64 hexadecimal digits."""
        found = hashlib.sha256()
        for part in (
            self.face_ids,
            self.people,
            self.photos,
            self.rejected,
            holdout.train,
            holdout.held,
            holdout.fresh,
        ):
            found.update(len(part).to_bytes(8, "little") + np.ascontiguousarray(part, "<i8").tobytes())
        found.update(np.ascontiguousarray(self.vectors, "<f4").tobytes())
        return found.hexdigest()


@dataclass(frozen=True, slots=True)
class Learnable:
    """What there is to learn from."""

    faces: int
    """Confirmed by humans, with embeddings under the models in use."""
    people: int
    """Whose they are."""
    rejections: int
    """Times that a human said of a face that it is not one of them."""
    lacking: str
    """What is missing, as `divide` says it; empty: there is enough."""


def gather(tx: Transaction, vision: Vision) -> Material:
    """Return what humans have said of faces that have embeddings under the models in use.

    Neither the machine's own ties nor those of sources are learnt from: a mistake would teach itself.
    """
    gallery = load_gallery(tx, vision.base.model_ids)
    people, rejected = _labels(tx, gallery.face_ids)
    used = np.flatnonzero((people >= 0) | np.isin(np.arange(len(people)), rejected[:, 0]))
    rejected[:, 0] = np.searchsorted(used, rejected[:, 0])
    return Material(
        gallery.face_ids[used], people[used], gallery.image_ids[used], gallery.vectors[used], rejected,
        tuple(embedder.dimension for embedder in vision.embedders),
    )  # fmt: skip


def count_labels(tx: Transaction, model_ids: Sequence[ModelId], seed: int) -> Learnable:
    """Count what `gather` and `divide` would find, without reading an embedding or loading a model.

    Args:
        tx: the transaction; nothing is written.
        model_ids: the embedders that are learnt on.
        seed: by which people are drawn.
    """
    face_ids, photos, *_ = tx.faces.gallery()
    lacking = [np.array(tx.faces.lacking(model_id), np.int64) for model_id in model_ids]
    there = ~np.isin(face_ids, np.concatenate([np.empty(0, np.int64), *lacking]))
    face_ids, photos = face_ids[there], photos[there]
    people, rejected = _labels(tx, face_ids)
    material = Material(face_ids, people, photos, np.empty((len(people), 0), np.float32), rejected, ())
    missing = ""
    try:
        divide(material, seed)
    except InputError as error:
        missing = str(error)
    named = people[people >= 0]
    return Learnable(len(named), len(np.unique(named)), len(rejected), missing)


def _labels(tx: Transaction, face_ids: Ids) -> tuple[Labels, Ids]:
    """Return whom humans named on each of these faces, -1 for nobody; and rows and known people whom they are not."""
    decisions = tx.decisions.active()
    states = resolve_faces(decisions, resolve_people(tx.decisions.active_people()))
    named = {i: state.person_id for i, state in states.items() if state.by is Maker.HUMAN and state.person_id}
    refused = resolve_links(decisions, states).rejected
    people = np.array([named.get(FaceId(i), -1) or -1 for i in face_ids.tolist()], np.int64)
    return people, _rejections(face_ids, refused, set(named.values()))


def _rejections(face_ids: Ids, refused: Mapping[FaceId, frozenset[PersonId]], known: set[PersonId]) -> Ids:
    """Return rows of these faces and known people whom they are not."""
    row_of = {face_id: row for row, face_id in enumerate(face_ids.tolist())}
    pairs = sorted(
        (row_of[face_id], int(person))
        for face_id, some in refused.items()
        if face_id in row_of
        for person in some & known
    )
    return np.array(pairs, np.int64).reshape(-1, 2)


def divide(material: Material, seed: int) -> Holdout:
    """Say which of the named faces are learnt from; the rows are those of the material.

    Raises:
        InputError: there are too few, and it says how many are missing.
    """
    rows = np.flatnonzero(material.people >= 0)
    found = hold_out(material.people[rows], material.photos[rows], seed)
    parts = Holdout(*(rows[part] for part in (found.train, found.held, found.fresh, found.dropped)))
    _require_enough(material, parts)
    return parts


def strangers_split(material: Material, parts: Holdout, seed: int) -> Split:
    """Say who of the new people is enrolled, and who is a stranger; the rows are those of `parts.fresh`."""
    return halves(material.people[parts.fresh], seed)


def make_lesson(material: Material, parts: Holdout) -> Lesson:
    """Return what is learnt from: named faces, and rejected ones on no photo that judges.

    Args:
        material: from `gather`.
        parts: from `divide`.
    """
    judging = np.concatenate([parts.held, parts.fresh, parts.dropped])
    learnt = np.zeros(len(material.people), bool)
    learnt[parts.train] = True
    # What nobody has named may be anybody; it only must not be on a photo by which the head is judged.
    unnamed = (material.people < 0) & ~np.isin(material.photos, material.photos[judging])
    known = np.unique(material.people[parts.train])
    pairs = material.rejected
    pairs = pairs[np.isin(pairs[:, 1], known) & (learnt | unnamed)[pairs[:, 0]]]
    used = np.union1d(parts.train, pairs[:, 0])
    pairs = np.column_stack([np.searchsorted(used, pairs[:, 0]), pairs[:, 1]])
    return Lesson(material.vectors[used], material.people[used], pairs, material.blocks)


def _require_enough(material: Material, parts: Holdout) -> None:
    rows = np.flatnonzero(material.people >= 0)
    owned = np.unique(np.column_stack([material.people[rows], material.photos[rows]]), axis=0)
    several = int((np.unique(owned[:, 0], return_counts=True)[1] > 1).sum()) if len(owned) else 0
    fresh = material.people[parts.fresh]
    strangers = len(halves(fresh).nonmated)
    missing = []
    if several < FEWEST_PEOPLE:
        missing.append(f"{FEWEST_PEOPLE - several} more people with confirmed faces on two photos or more")
    if strangers < FEWEST_STRANGERS:
        missing.append(f"{FEWEST_STRANGERS - strangers} more confirmed faces of people who are not learnt from")
    if missing:
        raise InputError(
            f"too few labels to learn from and to judge by: {' and '.join(missing)} are needed "
            f"(there are {several:,} people with several photos, and {len(rows):,} confirmed faces)"
        )
