"""Who is known, and what humans said of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from personae.core.ledger import resolve_faces, resolve_people
from personae.core.likeness import Likeness, Prototypes
from personae.core.links import Links, resolve_links
from personae.engine.gallery import Gallery
from personae.engine.memo import Memo
from personae.ports import Transaction
from personae.types import Ids, Maker, ModelId

CHANGES = ("face.removed", "face.embedded")
"""Events after which people may look otherwise though nobody has said anything."""
Basis = tuple[float | str, ...]

_LABELLING = (Maker.HUMAN, Maker.SOURCE)
"""Whose ties show what a person looks like."""


@dataclass(frozen=True, slots=True)
class Known:
    """The people, as the labels of humans and sources show them, and the links between faces."""

    people: Likeness
    rejected: frozenset[tuple[int, int]]
    """(face, person) pairs that a human rejected, also through links."""
    links: Links
    labelled: Ids
    """Faces that a human or a source tied to a person, ascending."""
    basis: Basis
    """The threshold, the latest word of a human or a source, and the models that it rests on."""
    last_event: int


def recall(memo: Memo[Known], tx: Transaction, gallery: Gallery, apart: float, model_ids: Sequence[ModelId]) -> Known:
    """Return what is known, from memory when nothing new is; see `load_known`."""
    basis: Basis = (apart, max(map(tx.decisions.last, _LABELLING)), gallery.vectors.shape[1], *model_ids)
    known = memo.value
    if known is None or known.basis != basis or tx.events.after(known.last_event, 1, CHANGES):
        # Nothing of the former stays in memory, even if this one cannot be read.
        memo.value = None
        memo.value = known = load_known(tx, gallery, apart, basis)
    return known


def load_known(tx: Transaction, gallery: Gallery, apart: float, basis: Basis = ()) -> Known:
    """Return what is known of the people in the gallery.

    What the machine tied itself teaches it nothing: a mistake would draw others after it.

    Args:
        tx: the transaction.
        gallery: the faces.
        apart: cosine below which two faces are taken for two people: the threshold for review.
        basis: what it rests on.
    """
    said = tx.decisions.active(makers=_LABELLING)
    states = resolve_faces(said, resolve_people(tx.decisions.active_people()))
    tied = np.array(sorted(i for i, state in states.items() if state.by in _LABELLING), np.int64)
    labelled = np.isin(gallery.face_ids, tied, assume_unique=True) & (gallery.person_ids >= 0)
    people = Prototypes(apart).fit(gallery.vectors[labelled], gallery.person_ids[labelled], gallery.face_ids[labelled])
    links = resolve_links(said, states)
    rejected = frozenset((int(i), int(person)) for i, refused in links.rejected.items() for person in refused)
    return Known(people, rejected, links, tied, basis, tx.events.last())
