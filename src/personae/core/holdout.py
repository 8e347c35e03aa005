"""Which labelled faces are learnt from, and which only judge what was learnt: by person and by photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personae.errors import InputError
from personae.types import Ids, Labels

NEW_PEOPLE = 0.4
"""Share of the people who are never learnt from."""
HELD_FACES = 0.5
"""Share of the photos of each of the others that is never learnt from."""


@dataclass(frozen=True, slots=True)
class Holdout:
    """Rows of labelled faces; no person is both learnt from and new, no photo both learnt from and not."""

    train: Ids
    """Faces that are learnt from."""
    held: Ids
    """Other faces of the same people, in other photos."""
    fresh: Ids
    """All faces of people who are not learnt from, in no photo that is."""
    dropped: Ids
    """Faces of new people in photos that are learnt from: they belong to neither."""


def hold_out(
    people: Labels, photos: Ids, seed: int = 0, new_people: float = NEW_PEOPLE, held_faces: float = HELD_FACES
) -> Holdout:
    """Divide labelled faces.

    People with one photo are new: nothing could judge what was learnt of them. Of the others a share is drawn. Photos
    that show somebody who is learnt from go as a whole to one side.

    Args:
        people: (n,) the person of each face.
        photos: (n,) the photo of each face; equal pictures are one photo.
        seed: of the drawing. People and photos are drawn by their rank, whatever their numbers are.
        new_people: share of the people with several photos that is never learnt from, in [0, 1).
        held_faces: share of the photos of the others that is not, in (0, 1).

    Raises:
        InputError: not one photo a face, or a share out of range.
    """
    if len(people) != len(photos):
        raise InputError(f"{len(people)} faces and {len(photos)} photos")
    if not 0 <= new_people < 1 or not 0 < held_faces < 1:
        raise InputError(f"shares of {new_people} and {held_faces} leave nothing to learn from, or nothing to judge by")
    rng = np.random.default_rng([seed, 1])
    _, person = np.unique(people, return_inverse=True)
    _, photo = np.unique(photos, return_inverse=True)
    seen = _photos_of(person.ravel(), photo.ravel())
    several = rng.permutation([at for at, own in enumerate(seen) if len(own) > 1]).astype(np.int64)
    learnt = np.sort(several[int(len(several) * new_people) :])
    side = _sides([seen[at] for at in learnt.tolist()], int(photo.max(initial=-1)) + 1, held_faces, rng)
    known = np.isin(person.ravel(), learnt)
    of_photo = side[photo.ravel()] if len(photo) else np.empty(0, np.int64)
    return Holdout(
        np.flatnonzero(known & (of_photo == _LEARNT)),
        np.flatnonzero(known & (of_photo == _HELD)),
        np.flatnonzero(~known & (of_photo != _LEARNT)),
        np.flatnonzero(~known & (of_photo == _LEARNT)),
    )


_FREE, _LEARNT, _HELD = -1, 1, 0


def _photos_of(person: Ids, photo: Ids) -> list[Ids]:
    """Return the photos of each person."""
    order = np.lexsort((photo, person))
    _, starts = np.unique(person[order], return_index=True)
    return [np.unique(photo[rows]) for rows in np.split(order, starts[1:])] if len(order) else []


def _sides(owned: list[Ids], photos: int, held_faces: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Say of each photo whether it is learnt from, held back, or shows nobody who is learnt from."""
    side = np.full(photos, _FREE)
    for own in owned:
        # A photo that another person has brought to a side stays there: the rest makes up for it.
        taken = int(np.count_nonzero(side[own] == _LEARNT))
        free = rng.permutation(own[side[own] == _FREE])
        wanted = min(len(own) - 1, max(1, round(len(own) * (1 - held_faces))))
        more = int(np.clip(wanted - taken, 0, len(free)))
        side[free[:more]] = _LEARNT
        side[free[more:]] = _HELD
    return side
