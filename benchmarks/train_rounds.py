"""Rounds of label -> train -> reassign over a collection: how many faces are right that nobody has labelled?

The one who labels goes as the review asks: of each unknown group, the largest first, a few faces; and faces that may be
somebody known, the likeliest first. The answers are the photos' own labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.train_lesson import LIMITS, learn
from personae.core.cluster import Linkage
from personae.core.head import Head, identity
from personae.core.likeness import Prototypes
from personae.core.open_set import Placed, place
from personae.engine.lesson import Material
from personae.errors import InputError
from personae.ports import Plan
from personae.types import Ids, Labels, Outcome, Thresholds, Vectors

SHARES = (0.033, 0.067, 0.1)
"""Of the faces that are labelled after each round."""
NAMED = 2
"""Faces of a group that are named."""
KNOWN = 0.5
"""Share of a round's labels that goes to questions about known people, where there are any."""


@dataclass(frozen=True)
class Round:
    """What one round came to."""

    labelled: int
    people: int
    """Who have a label."""
    right: float
    """Share of the faces without a label that are tied to the right person."""
    wrong: float
    """Likewise, to another one."""
    frozen: float
    """`right` without a head, by the same labels."""
    head: str
    """accepted, refused, or why nothing was judged."""


@dataclass(frozen=True)
class _Collection:
    rows: Vectors
    """Under the models."""
    blocks: tuple[int, ...]
    people: Labels

    @property
    def plain(self) -> tuple[Head, Thresholds]:
        """What is live at the start."""
        return identity("base", self.rows.shape[1]), LIMITS[len(self.blocks)]


def rounds(rows: Vectors, blocks: tuple[int, ...], people: Labels, seed: int) -> list[Round]:
    """Label, learn and judge again, three times."""
    here = _Collection(rows, blocks, people)
    live, limits = here.plain
    labelled = np.zeros(len(people), bool)
    rejected: set[tuple[int, int]] = set()
    done = []
    for share in SHARES:
        _label(here, (live, limits), labelled, rejected, int(share * len(people)))
        told = _material(here, labelled, rejected)
        try:
            verdict, head, own = learn(told, Plan(), seed)
            said = "accepted" if verdict.accepted else "refused"
            if verdict.accepted:
                live, limits = head, own
        except InputError as error:
            said = f"not judged: {str(error).partition(':')[0]}"
        right, wrong = _share(here, (live, limits), labelled, rejected)
        frozen, _ = _share(here, here.plain, labelled, rejected)
        done.append(Round(int(labelled.sum()), len(np.unique(people[labelled])), right, wrong, frozen, said))
    return done


def _material(here: _Collection, labelled: NDArray[np.bool_], rejected: set[tuple[int, int]]) -> Material:
    used = np.flatnonzero(labelled | np.isin(np.arange(len(labelled)), [face for face, _ in rejected]))
    pairs = np.array(sorted(rejected), np.int64).reshape(-1, 2)
    pairs[:, 0] = np.searchsorted(used, pairs[:, 0])
    people = np.where(labelled[used], here.people[used], -1)
    return Material(used, people, used, here.rows[used], pairs, here.blocks)


def _placed(
    here: _Collection, live: tuple[Head, Thresholds], labelled: NDArray[np.bool_], rejected: set[tuple[int, int]]
) -> tuple[Vectors, Ids, Placed]:
    """Say whose each face without a label is."""
    head, limits = live
    after = head.apply(here.rows, "base")
    rest = np.flatnonzero(~labelled)
    rule = Prototypes(limits.review).fit(after[labelled], here.people[labelled])
    return after, rest, place(after[rest], rest, rule, match=limits.match, review=limits.review, rejected=rejected)


def _share(
    here: _Collection, live: tuple[Head, Thresholds], labelled: NDArray[np.bool_], rejected: set[tuple[int, int]]
) -> tuple[float, float]:
    """Return the shares of faces without a label that are tied to the right person, and to another."""
    _, rest, placed = _placed(here, live, labelled, rejected)
    tied = placed.outcomes == Outcome.MATCH.value
    same = placed.person_ids == here.people[rest]
    return float(np.mean(tied & same)), float(np.mean(tied & ~same))


def _label(
    here: _Collection, live: tuple[Head, Thresholds], labelled: NDArray[np.bool_], rejected: set[tuple[int, int]],
    most: int,
) -> None:  # fmt: skip
    """Answer questions until so many faces have a label; `labelled` and `rejected` are written to."""
    answers = most - int(labelled.sum())
    if labelled.any():
        _, rest, placed = _placed(here, live, labelled, rejected)
        asked = placed.rows(Outcome.REVIEW)
        asked = asked[np.argsort(-placed.scores[asked], kind="stable")][: int(answers * KNOWN)]
        for row in asked.tolist():
            face, person = int(rest[row]), int(placed.person_ids[row])
            if here.people[face] == person:
                labelled[face] = True
            else:
                rejected.add((face, person))
        answers -= len(asked)
    for face in _of_groups(here, live, labelled, rejected)[:answers]:
        labelled[face] = True


def _of_groups(
    here: _Collection, live: tuple[Head, Thresholds], labelled: NDArray[np.bool_], rejected: set[tuple[int, int]]
) -> list[int]:
    """Return the faces that are named, a few of each unknown group, the largest group first; then any others."""
    head, limits = live
    after, open_rows = head.apply(here.rows, "base"), np.flatnonzero(~labelled)
    if labelled.any():
        _, rest, placed = _placed(here, live, labelled, rejected)
        open_rows = rest[placed.outcomes == Outcome.UNKNOWN.value]
    found = Linkage(fallback_threshold=limits.cluster, min_cluster_size=3).fit(after[open_rows]).labels_
    sizes = np.bincount(found[found >= 0])
    named: list[int] = []
    for group in np.argsort(-sizes, kind="stable").tolist():
        own = open_rows[found == group]
        # Who looks at a group of several people names those of whom there are most.
        most = np.bincount(here.people[own]).argmax()
        named += own[here.people[own] == most][:NAMED].tolist()
    others: list[int] = np.setdiff1d(open_rows, named).tolist()
    return named + others
