"""How one grouping is to be done: what was asked for, and the settings where nothing was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from personae.engine.parts import Rules
from personae.errors import InputError

if TYPE_CHECKING:
    from personae.core.cluster import Estimator

MOST_FACES = 2**31 - 1
"""The libraries that group count no further."""
METHODS = ("auto", "linkage", "whispers", "hdbscan", "dbscan", "agglomerative")


@dataclass(frozen=True, slots=True)
class GroupOptions:
    """What one grouping does otherwise than the settings say; None is as they say."""

    person_threshold: float | None = None
    unknown_method: str | None = None
    unknown_min_size: int | None = None
    unknown_eps: float | None = None
    max_faces: int | None = None
    """Unlabelled faces that are looked at, the lowest ids first; None: all."""


SETTINGS = GroupOptions()
"""As the settings say."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a grouping goes by."""

    person_threshold: float
    """Score from which on a face is tied to a person."""
    method: str
    min_size: int
    """Smallest group that is shown."""
    eps: float
    """Cosine distance up to which dbscan calls faces neighbours."""
    distance: float | None
    """Cosine distance up to which agglomerative joins groups; None: the gallery's own."""
    max_faces: int | None


def choose(options: GroupOptions, rules: Rules) -> Chosen:
    """Return what to go by.

    Raises:
        InputError: a value cannot be used; the sentence says why.
    """
    chosen = Chosen(
        rules.match_threshold if options.person_threshold is None else options.person_threshold,
        rules.unknown_method if options.unknown_method is None else options.unknown_method,
        rules.min_cluster_size if options.unknown_min_size is None else options.unknown_min_size,
        rules.unknown_eps if options.unknown_eps is None else options.unknown_eps,
        options.unknown_eps,
        options.max_faces,
    )
    if not -1 <= chosen.person_threshold <= 1:
        raise InputError(f"the threshold for people lies between -1 and 1, not at {chosen.person_threshold}")
    if chosen.method not in METHODS:
        raise InputError(f"there is no method {chosen.method!r}; there are: {', '.join(METHODS)}")
    if not 2 <= chosen.min_size <= MOST_FACES:
        raise InputError(f"the smallest group has 2 to {MOST_FACES:,} faces, not {chosen.min_size}")
    if not 0 < chosen.eps <= 2:
        raise InputError(f"eps, a cosine distance, lies above 0 and up to 2, not at {chosen.eps}")
    if chosen.max_faces is not None and chosen.max_faces < 1:
        raise InputError(f"at least 1 face is looked at, not {chosen.max_faces}; leave max_faces out for all")
    return chosen


def estimator(chosen: Chosen, fallback_threshold: float) -> Estimator:
    """Return the estimator of the method.

    Args:
        chosen: from `choose`.
        fallback_threshold: the models' own threshold for groups, for a gallery too small to find its own.
    """
    # Imported only when faces are grouped: the libraries behind them take their time.
    from personae.core import cluster

    size = chosen.min_size
    if chosen.method == "whispers":
        return cluster.Whispers(fallback_threshold=fallback_threshold, min_cluster_size=size)
    if chosen.method == "hdbscan":
        return cluster.Hdbscan(fallback_threshold=fallback_threshold, min_cluster_size=size)
    if chosen.method == "dbscan":
        return cluster.Dbscan(eps=chosen.eps, min_cluster_size=size)
    if chosen.method == "agglomerative":
        return cluster.Agglomerative(chosen.distance, fallback_threshold=fallback_threshold, min_cluster_size=size)
    return cluster.Linkage(fallback_threshold=fallback_threshold, min_cluster_size=size)
