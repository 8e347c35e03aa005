"""May a head go live? Only if it is better on faces and on people that it has never seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personae.core.search_metrics import Searches, Split, fnir, threshold_at_fpir
from personae.errors import TooFewComparisons
from personae.types import Labels

FPIR = 0.01
"""Rate of strangers who are taken for somebody, at which heads are compared."""
LEVEL = 0.95
RESAMPLES = 1000
SEED = 0
ROOM = 0.01
"""Loss in the refusal of strangers that the interval must exclude: as much again as `FPIR` lets through."""


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
    faces: Change
    """FNIR at FPIR 0.01: never-seen faces of people who were learnt from."""
    people: Change
    """Likewise: people who were not."""
    strangers: Change
    """FPIR among known people, at the threshold that lets 0.01 in among new ones."""


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

    Source: FNIR and FPIR as in ISO/IEC 19795-1; paired bootstrap over people, Efron 1979.
    """
    of_faces, of_people, refused = _missed(faces), _missed(people), _let_in(faces, people)
    tests = [
        _better("never-seen faces of known people", of_faces),
        _better("never-seen people", of_people),
        _no_worse(refused),
    ]
    return Verdict(
        all(passed for passed, _ in tests), tuple(sentence for _, sentence in tests), of_faces, of_people, refused
    )


def _better(whose: str, change: Change) -> tuple[bool, str]:
    rates = f"FNIR at FPIR {FPIR:g} on {whose}: {change.before:.4f} before, {change.after:.4f} after"
    where = f"the change lies between {change.low:+.4f} and {change.high:+.4f}"
    if change.high < 0:
        return True, f"{rates}: better, since {where}"
    return False, f"{rates}: not surely better, since {where}"


def _no_worse(change: Change) -> tuple[bool, str]:
    rates = f"strangers taken for somebody: {change.before:.4f} before, {change.after:.4f} after"
    where = f"the change lies between {change.low:+.4f} and {change.high:+.4f}"
    if change.high <= ROOM:
        return True, f"{rates}: not worse, since {where}"
    return False, f"{rates}: perhaps worse, since {where} and {ROOM:+g} is the most that is borne"


# --- rates ------------------------------------------------------------------------------------


def _missed(trial: Trial) -> Change:
    """Return how the FNIR at the FPIR has moved, each side at its own threshold."""
    owners = _Owners(trial.before.people)
    lost = [_Side(searches, trial.strangers) for searches in (trial.before, trial.after)]
    rng, rates = np.random.default_rng(SEED), np.empty((RESAMPLES, 2))
    strangers = _Owners(trial.strangers)
    for turn in range(RESAMPLES):
        # The same people for both, so that what they share cancels out.
        drawn, others = owners.draw(rng), strangers.rows(rng)
        rates[turn] = [owners.rate(side.scores < side.threshold(others), drawn) for side in lost]
    rate = [fnir(side.searches, threshold_at_fpir(side.searches, FPIR)) for side in lost]
    return _change(rate[0], rate[1], rates, len(trial.before.mated), owners.count)


def _let_in(faces: Trial, people: Trial) -> Change:
    """Return how the FPIR among known people has moved at the threshold that was found among new ones.

    What a head has learnt of known people shall not draw strangers to them.
    """
    owners, rng = _Owners(faces.strangers), np.random.default_rng([SEED, 1])
    sides = ((faces.before, people.before), (faces.after, people.after))
    hits = [known.nonmated >= np.float32(threshold_at_fpir(new, FPIR)) for known, new in sides]
    rates = np.empty((RESAMPLES, 2))
    for turn in range(RESAMPLES):
        drawn = owners.draw(rng)
        rates[turn] = [owners.rate(each, drawn) for each in hits]
    return _change(float(hits[0].mean()), float(hits[1].mean()), rates, len(faces.strangers), owners.count)


def _change(before: float, after: float, rates: NDArray[np.float64], searches: int, people: int) -> Change:
    edges = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    low, high = np.quantile(rates[:, 1] - rates[:, 0], edges).tolist()
    return Change(before, after, min(low, after - before), max(high, after - before), searches, people)


class _Owners:
    """The people of searches, who are drawn again with all that is theirs."""

    def __init__(self, people: Labels) -> None:
        _, owner = np.unique(people, return_inverse=True)
        self.owner = owner.ravel()
        self.sizes = np.bincount(self.owner)
        self.count = len(self.sizes)
        self._order = np.argsort(self.owner, kind="stable")
        self._starts = np.cumsum(self.sizes) - self.sizes

    def draw(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return how often each person is drawn."""
        if not self.count:
            raise TooFewComparisons("nobody was searched for")
        return np.bincount(rng.integers(self.count, size=self.count), minlength=self.count)

    def rows(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return the searches of people who are drawn."""
        return np.repeat(np.arange(len(self.owner)), self.draw(rng)[self.owner])

    def rate(self, errors: NDArray[np.bool_], drawn: NDArray[np.int64]) -> float:
        """Return the share of errors among the people drawn."""
        wrong = np.bincount(self.owner, errors, minlength=self.count)
        return float((drawn @ wrong) / (drawn @ self.sizes))


class _Side:
    """One side of a trial."""

    def __init__(self, searches: Searches, strangers: Labels) -> None:
        if len(strangers) != len(searches.nonmated):
            raise TooFewComparisons(f"{len(searches.nonmated)} searches for strangers, and {len(strangers)} people")
        self.searches = searches
        # A search that brings the wrong person is missed at any threshold.
        self.scores = np.where(searches.right, searches.mated, np.float32(-np.inf))

    def threshold(self, rows: NDArray[np.int64]) -> np.float32:
        """Return the threshold at the FPIR of these strangers."""
        scores = self.searches.nonmated[rows]
        # People drawn again have fewer searches now and then; one of them is always let in.
        allowed = max(1, int(len(scores) * FPIR * (1 + 1e-12)))
        refused = np.partition(scores, max(0, len(scores) - allowed - 1))[max(0, len(scores) - allowed - 1)]
        return np.float32(np.nextafter(refused, np.float32(np.inf)))
