"""What sources say that is to be settled, and what it is settled by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from personae.core.poison import Nearness
from personae.core.trust import RANK, Cuts
from personae.records import Trust
from personae.types import Ids, Vectors


@dataclass(frozen=True, slots=True)
class Bid:
    """A source says: this face is this person."""

    source: str
    trust: Trust
    person: int
    row: int
    """Of the face, in the pool; several bids may be for one face."""
    order: tuple[Any, ...] = ()
    """Among the bids of its source."""
    limit: int = 5
    """Faces of a person that this source may bring."""

    @property
    def rank(self) -> tuple[Any, ...]:
        """Smaller is heard sooner."""
        return RANK[self.trust], self.source, self.order, self.row


@dataclass(frozen=True, slots=True)
class Pool:
    """Faces that can be compared: those of people, and those that are bid for."""

    vectors: Vectors
    """(n, d) float32 unit rows."""
    people: Ids
    """(n,) the person of each; -1 for none."""
    vouchers: Mapping[int, frozenset[str]] = field(default_factory=dict)
    """Sources that brought the face of a row; a face that a human tied has none."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What claims are settled by."""

    cuts: Cuts
    nearness: Nearness
    reach: float
    """Mean cosine at which two groups of faces are one person."""
    total: int = 20
    """Faces of a person, from wherever, up to which sources may add."""
