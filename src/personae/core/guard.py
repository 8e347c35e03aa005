"""May a head go live? Only if it is better on faces and on people that it has never seen."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc, ndtr, stdtrit

from personae.core.search_metrics import Searches, Split, threshold_at_fpir
from personae.errors import TooFewComparisons
from personae.types import Labels, Scores

FPIR = 0.01
"""Rate of strangers who are taken for somebody, at which heads are compared."""
LEVEL = 0.95
RESAMPLES = 1000
SEED = 0
ROOM = 0.01
"""Rise of FNIR that the interval of each kind of searches must exclude, at the least."""
SHARE = 0.2
"""The same as a share of the former rate, where that is more."""
CROWD = 0.1
"""FPIR among new people at which it is seen whether strangers are drawn to known people; at `FPIR` itself too few of
them are let in to tell."""
DRAWN = 1 / 3
"""Rise of that rate among known people, as a share of the former one, that the interval must exclude."""
CHUNK = 100
"""Drawings whose thresholds are found at once."""


@dataclass(frozen=True, slots=True)
class Trial:
    """The same searches before and after a head."""

    before: Searches
    after: Searches
    strangers: Labels
    """(m,) the person of each search for somebody who is not enrolled."""


@dataclass(frozen=True, slots=True)
class Change:
    """How a rate of errors has moved; less is better."""

    before: float
    after: float
    low: float
    """Where `after` - `before` lies, with a confidence of 95%; from people drawn again."""
    high: float
    searches: int
    """That the rate is a share of."""
    people: int
    """Whom they are for."""
    better: int = 0
    """People of whom fewer searches go wrong than before."""
    worse: int = 0
    """People of whom more do."""

    @property
    def relative(self) -> float:
        """The change as a share of the former rate; 0 where that was 0."""
        return (self.after - self.before) / self.before if self.before else 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a head may go live, and why."""

    accepted: bool
    reasons: tuple[str, ...]
    """One sentence for each test."""
    both: Change
    """FNIR at FPIR 0.01, of both kinds of searches together."""
    faces: Change
    """Likewise: never-seen faces of people who were learnt from."""
    people: Change
    """Likewise: people who were not."""
    strangers: Change
    """FPIR among known people, at the threshold that lets 0.1 in among new ones."""


def halves(people: Labels, seed: int = 0) -> Split:
    """Say who of new people is enrolled: half of those with several faces, with half of them each.

    The others are strangers. Under `search_metrics.split` only people with one face are, and there may be few.

    Args:
        people: (n,) the person of each face.
        seed: of the drawing.
    """
    rng = np.random.default_rng([seed, 2])
    _, person, counts = np.unique(people, return_inverse=True, return_counts=True)
    person = person.ravel()
    several = rng.permutation(np.flatnonzero(counts > 1))
    enrolled = np.isin(person, several[: (len(several) + 1) // 2])
    order = rng.permutation(len(person))
    order = order[np.argsort(person[order], kind="stable")]
    starts = np.cumsum(counts) - counts
    rank = np.arange(len(order)) - np.repeat(starts, counts)
    first = np.zeros(len(person), bool)
    first[order] = rank < np.repeat(counts, counts) // 2
    return Split(np.flatnonzero(enrolled & first), np.flatnonzero(enrolled & ~first), np.flatnonzero(~enrolled))


def judge(faces: Trial, people: Trial) -> Verdict:
    """Compare a head with what it stands on.

    Args:
        faces: searches for people who were learnt from, by faces that were not; strangers are people who were not.
        people: searches for people who were not learnt from; strangers are others of them.

    Raises:
        TooFewComparisons: so few searches show nothing.

    Source: FNIR and FPIR as in ISO/IEC 19795-1; paired bootstrap over people, Efron 1979, its interval widened for
        small samples, Hesterberg 2015; sign test, Arbuthnott 1710; non-inferiority as in ICH E9 and E10.
    """
    for trial in (faces, people):
        if len(trial.strangers) != len(trial.before.nonmated):
            raise TooFewComparisons(
                f"{len(trial.before.nonmated)} searches for strangers, and {len(trial.strangers)} people"
            )
    drawn = _Drawings(faces, people)
    found, new = _missed(faces, drawn), _missed(people, drawn)
    both, refused = _together(found, new), _let_in(faces, people, drawn)
    of_faces, of_people = found.change(), new.change()
    tests = [
        _better(both),
        _not_worse("never-seen faces of known people", of_faces),
        _not_worse("never-seen people", of_people),
        _strangers_kept_out(refused),
    ]
    return Verdict(
        all(passed for passed, _ in tests), tuple(sentence for _, sentence in tests), both, of_faces, of_people, refused
    )


def _better(change: Change) -> tuple[bool, str]:
    said = f"{_rates(f'FNIR at FPIR {FPIR:g} on what it has never seen', change)}, {_where(change)}"
    count = change.better + change.worse
    told = f"of {count:,} people for whom it changes something, it is better for {change.better:,}"
    if change.high >= 0:
        return False, f"{said}: not surely better"
    # Few people are too few for the interval, which knows only those who were drawn.
    if float(bdtrc(change.better - 1, count, 0.5)) > (1 - LEVEL) / 2:
        return False, f"{said}: not surely better, since {told}, as a coin might have it"
    return True, f"{said}: better; {told}"


def _not_worse(whose: str, change: Change) -> tuple[bool, str]:
    room = max(ROOM, SHARE * change.before)
    said = f"{_rates(f'FNIR at FPIR {FPIR:g} on {whose}', change)}, {_where(change)}"
    if change.after > change.before:
        return False, f"{said}: worse"
    if change.high > room:
        return False, f"{said}: perhaps worse, since {room:+.4f} is the most that is borne"
    return True, f"{said}: not worse"


def _strangers_kept_out(change: Change) -> tuple[bool, str]:
    room = max(ROOM, DRAWN * change.before)
    said = f"{_rates('strangers taken for known people', change)}, {_where(change)}"
    if change.low > 0:
        return False, f"{said}: worse"
    if change.high > room:
        return False, f"{said}: perhaps worse, since {room:+.4f} is the most that is borne"
    return True, f"{said}: not worse"


def _rates(what: str, change: Change) -> str:
    return f"{what}: {change.before:.4f} before, {change.after:.4f} after"


def _where(change: Change) -> str:
    return f"the change lies between {change.low:+.4f} and {change.high:+.4f}"


# --- people drawn again -----------------------------------------------------------------------


class _Drawings:
    """How often each person is drawn, the same for both sides and for both kinds, so that what they share cancels out.

    Those who were learnt from, new people who are enrolled, and those who are not are drawn apart.
    """

    def __init__(self, faces: Trial, people: Trial) -> None:
        rng = np.random.default_rng(SEED)
        new = [np.unique(people.before.people), np.unique(people.strangers)]
        # Who is a stranger to the known people alone.
        new.append(np.setdiff1d(faces.strangers, np.concatenate(new)))
        groups = [np.unique(faces.before.people), *new]
        if not all(len(group) for group in groups[:3]):
            raise TooFewComparisons("nobody was searched for")
        times = [
            rng.multinomial(len(group), np.full(len(group), 1 / len(group)), RESAMPLES)
            for group in groups
            if len(group)
        ]
        names = np.concatenate(groups)
        order = np.argsort(names, kind="stable")
        self._names, self._times = names[order], np.concatenate(times, axis=1)[:, order].astype(np.uint16)

    def times(self, people: Labels, turns: slice) -> NDArray[np.int64]:
        """Return (turns, n) how often the person of each search is drawn."""
        return self._times[turns, np.searchsorted(self._names, people)].astype(np.int64)


def _turns() -> list[slice]:
    return [slice(at, at + CHUNK) for at in range(0, RESAMPLES, CHUNK)]


@dataclass(frozen=True)
class _Counted:
    """Searches that missed, before and after: as they were, and in each drawing."""

    people: Labels
    wrong: NDArray[np.bool_]
    """(2, n) of each search."""
    missed: NDArray[np.int64]
    """(RESAMPLES, 2)."""
    searches: NDArray[np.int64]
    """(RESAMPLES,)."""

    def change(self) -> Change:
        """Return how the rate has moved."""
        before, after = self.wrong.mean(axis=1).tolist()
        moved = (self.missed[:, 1] - self.missed[:, 0]) / np.maximum(1, self.searches)
        names, owner = np.unique(self.people, return_inverse=True)
        gain = np.bincount(owner.ravel(), self.wrong[0].astype(np.int64) - self.wrong[1], minlength=len(names))
        low, high = _interval(moved, len(names))
        return Change(
            before, after, min(low, after - before), max(high, after - before), len(self.people), len(names),
            int((gain > 0).sum()), int((gain < 0).sum()),
        )  # fmt: skip


def _interval(moved: NDArray[np.float64], people: int) -> tuple[float, float]:
    """Return where what moved lies: the quantiles of the drawings, farther out the fewer people there are."""
    reach = sqrt(people / max(1, people - 1)) * float(stdtrit(max(1, people - 1), (1 + LEVEL) / 2))
    low, high = np.quantile(moved, [float(ndtr(-reach)), float(ndtr(reach))]).tolist()
    return low, high


def _missed(trial: Trial, drawn: _Drawings) -> _Counted:
    """Count the searches that miss at the FPIR, each side at its own threshold."""
    sides = (trial.before, trial.after)
    # A search that brings the wrong person is missed at any threshold.
    scores = [np.where(side.right, side.mated, np.float32(-np.inf)) for side in sides]
    limits = [np.float32(threshold_at_fpir(side, FPIR)) for side in sides]
    missed, searches = np.empty((RESAMPLES, 2), np.int64), np.empty(RESAMPLES, np.int64)
    for turns in _turns():
        times, strangers = drawn.times(trial.before.people, turns), drawn.times(trial.strangers, turns)
        searches[turns] = times.sum(axis=1)
        for place, side in enumerate(sides):
            below = scores[place] < _thresholds(side.nonmated, strangers)[:, None]
            missed[turns, place] = (times * below).sum(axis=1)
    wrong = np.array([each < limit for each, limit in zip(scores, limits, strict=True)])
    return _Counted(trial.before.people, wrong, missed, searches)


def _thresholds(scores: Scores, times: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the threshold at the FPIR of these strangers, in each drawing."""
    order = np.argsort(-scores, kind="stable")
    sums = np.cumsum(times[:, order], axis=1)
    # People drawn again have fewer searches now and then; one of them is always let in.
    allowed = np.maximum(1, (sums[:, -1] * FPIR * (1 + 1e-12)).astype(np.int64))
    refused = np.minimum((sums <= allowed[:, None]).sum(axis=1), len(scores) - 1)
    found: NDArray[np.float32] = np.nextafter(scores[order][refused], np.float32(np.inf))
    return found


def _together(faces: _Counted, people: _Counted) -> Change:
    return _Counted(
        # The people of the one kind are none of the other.
        np.concatenate([faces.people, people.people]), np.concatenate([faces.wrong, people.wrong], axis=1),
        faces.missed + people.missed, faces.searches + people.searches,
    ).change()  # fmt: skip


def _let_in(faces: Trial, people: Trial, drawn: _Drawings) -> Change:
    """Return how the FPIR among known people has moved at the threshold that was found among new ones.

    What a head has learnt of known people shall not draw strangers to them.
    """
    sides = ((faces.before, people.before), (faces.after, people.after))
    hits = np.array([known.nonmated >= np.float32(threshold_at_fpir(new, CROWD)) for known, new in sides])
    let_in, searches = np.empty((RESAMPLES, 2), np.int64), np.empty(RESAMPLES, np.int64)
    for turns in _turns():
        times = drawn.times(faces.strangers, turns)
        let_in[turns], searches[turns] = times @ hits.T, times.sum(axis=1)
    return _Counted(faces.strangers, hits, let_in, searches).change()
