"""What would change if a project went by another model: whom known faces are taken for, under the one and the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personae.core.agreement import recognised
from personae.core.ledger import resolve_faces, resolve_people
from personae.engine.gallery import Gallery, load_gallery
from personae.engine.parts import Vision
from personae.engine.thresholds import thresholds
from personae.ports import Transaction
from personae.types import Ids, Labels, Maker

SHOWN = 20
"""Faces that a report names."""
_LABELLING = (Maker.HUMAN, Maker.SOURCE)


@dataclass(frozen=True, slots=True)
class Agreed:
    """Faces that somebody tied to a person, counted."""

    by: str
    """human, source or machine."""
    faces: int
    """That have embeddings under both."""
    same: int
    """Taken for the same person by both, or for nobody by both."""
    right_before: int
    """Taken for the person whom they are tied to, by what is live."""
    right_after: int
    """The same, by the new one."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A face that the two take for different people."""

    face_id: int
    tied_to: int
    """Number of the person."""
    by: str
    before: int | None
    """Whom it is taken for by what is live; None: for nobody."""
    after: int | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """What would change."""

    before: str
    after: str
    counts: tuple[Agreed, ...]
    disagreements: int
    examples: tuple[Disagreement, ...]
    """The first of them: those that humans tied come first."""


def agree(tx: Transaction, before: Vision, after: Vision) -> Agreement:
    """Hold every face that is tied to a person against the people, under two models.

    Who a person is, is said by the faces that humans and sources tied, leaving out the face that is looked at.

    Args:
        tx: the transaction; nothing is written.
        before: what is live.
        after: another; faces without embeddings under both are left out.
    """
    old, new = (load_gallery(tx, vision.model_ids) for vision in (before, after))
    common = np.intersect1d(old.face_ids, new.face_ids, assume_unique=True)
    states = resolve_faces(tx.decisions.active(), resolve_people(tx.decisions.active_people()))
    by = {int(i): state.by for i, state in states.items() if state.person_id is not None and state.by is not None}
    tied = common[np.isin(common, np.array(sorted(by), np.int64), assume_unique=True)]
    makers = np.array([str(by[i]) for i in tied.tolist()], dtype=object)
    shows = np.isin(makers, [str(maker) for maker in _LABELLING]) if len(makers) else np.zeros(0, bool)
    people, first = _seen(old, tied, shows, thresholds(tx, before).review)
    _, second = _seen(new, tied, shows, thresholds(tx, after).review)
    counts = tuple(_count(maker, makers == maker, people, first, second) for maker in map(str, Maker))
    apart = np.flatnonzero(first != second)
    order = sorted(apart.tolist(), key=lambda row: (makers[row] != str(Maker.HUMAN), int(tied[row])))
    examples = tuple(
        Disagreement(int(tied[row]), int(people[row]), makers[row], _somebody(first[row]), _somebody(second[row]))
        for row in order[:SHOWN]
    )
    return Agreement(before.model_id, after.model_id, counts, len(apart), examples)


def _seen(gallery: Gallery, tied: Ids, shows: NDArray[np.bool_], least: float) -> tuple[Ids, Labels]:
    """Return the people of these faces, and whom they are taken for."""
    rows = np.searchsorted(gallery.face_ids, tied)
    people = gallery.person_ids[rows]
    return people, recognised(gallery.vectors[rows], people, shows, least)


def _count(maker: str, rows: NDArray[np.bool_], people: Ids, first: Labels, second: Labels) -> Agreed:
    mine: Sequence[Labels] = [each[rows] for each in (people, first, second)]
    tied, old, new = mine
    return Agreed(
        maker, len(tied), int((old == new).sum()), int((old == tied).sum()), int((new == tied).sum())
    )  # fmt: skip


def _somebody(person: int) -> int | None:
    return None if person < 0 else int(person)
