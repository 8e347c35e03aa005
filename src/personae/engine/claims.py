"""Settle the claims that are open: who is accepted, who waits, who is held."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from personae.core.bids import Bid, Pool, Rules
from personae.core.ledger import FaceState, resolve_faces, resolve_people
from personae.core.poison import Nearness
from personae.core.settle import settle
from personae.core.trust import Ruling, cuts_of
from personae.engine import ledger, provisional
from personae.engine.gallery import VectorCache, load_gallery
from personae.engine.parts import Parts, Vision
from personae.ports import Transaction
from personae.records import Claim, ClaimState
from personae.types import Decision, DecisionKind, FaceId, Maker, PersonId

WAITING = "waiting"
"""Reason of a claim that has not been settled yet."""
REJECTED = "rejected"
"""Reason of a claim that a human has contradicted."""
OPEN = (ClaimState.QUARANTINED, ClaimState.HELD, ClaimState.REFUSED)
"""States that a later settlement may change."""
PER_SOURCE = 5
"""Faces a person of a source that does not say how many."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Faces a person, up to which sources may add."""

    total: int = 20
    per_source: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Open:
    """What a settlement looks at."""

    claims: tuple[Claim, ...]
    bids: tuple[Bid, ...]
    pool: Pool
    rejected: tuple[Claim, ...]
    """Those that a human has contradicted; nobody is asked again."""
    before: tuple[Claim, ...]
    """All that were open."""
    again: tuple[Claim, ...]
    """Accepted ones that are settled again."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of claims, and what they were before."""

    claims: tuple[Claim, ...]
    before: tuple[Claim, ...]
    """All that were open."""
    again: tuple[Claim, ...]
    """Accepted ones that were settled again."""


def settle_claims(tx: Transaction, parts: Parts, limits: Limits) -> Settled:
    """Return the open claims as they are settled; of those with a face in the models in use.

    Args:
        tx: the transaction; nothing is written.
        parts: models.
        limits: faces a person.
    """
    # Trust distances were measured on the embedders, and no head has any.
    live = parts.vision()
    vision = live.base
    if live is not vision:
        parts = replace(parts, vectors=VectorCache())
    material = _gather(tx, parts, vision, limits)
    thresholds = vision.thresholds
    nearness = Nearness(thresholds.cluster, thresholds.match)
    rules = Rules(cuts_of(thresholds), nearness, thresholds.cluster, limits.total)
    rulings = settle(material.bids, material.pool, rules)
    told = tuple(
        _told(claim, ruling, vision.model_id)
        for claim, ruling in zip(material.claims, rulings, strict=True)
        if claim.state is not ClaimState.ACCEPTED or ruling.state is not ClaimState.ACCEPTED
    )
    contradicted = (replace(claim, state=ClaimState.REFUSED, reason=REJECTED) for claim in material.rejected)
    return Settled((*told, *contradicted), material.before, material.again)


def write_settled(tx: Transaction, settled: Settled, *, final: bool) -> None:
    """Keep what was settled: the receipts, and for each source one operation that ties its accepted faces.

    Args:
        tx: the transaction.
        settled: from `settle_claims`.
        final: whether every source has come to its end; else what is accepted now is settled again next time.
    """
    before = {claim.key: claim for claim in settled.before}
    again = {claim.key: claim for claim in settled.again}
    lost = {key: again.pop(key) for key in [claim.key for claim in settled.claims] if key in again}
    stay = {(claim.source, claim.face_id) for claim in again.values()}
    provisional.withdraw(tx, {(claim.source, claim.face_id) for claim in lost.values()} - stay)
    made = provisional.operations(tx)
    changed = [claim for claim in settled.claims if before.get(claim.key) != claim]
    tx.sources.add_claims(changed)
    for source, claims in _by_source(changed).items():
        stated = [_decision(claim) for claim in claims if claim.state is ClaimState.ACCEPTED]
        if stated:
            made.append(ledger.record(tx, "enrich", Maker.SOURCE, f"{source}: {len(stated):,} accepted", stated))
    provisional.keep(tx, [] if final else made)


def count(settled: Settled) -> dict[str, Counter[str]]:
    """Return by source how many faces were accepted, and how many not, by reason."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for claim in settled.claims:
        mine = counts[claim.source]
        if claim.state is ClaimState.ACCEPTED:
            mine["faces_added"] += 1
        mine[f"{claim.state}:{claim.reason}"] += 1
    return counts


def _gather(tx: Transaction, parts: Parts, vision: Vision, limits: Limits) -> _Open:
    """Read the open claims, and the faces that they are held against."""
    gallery = load_gallery(tx, vision.model_ids, parts.vectors)
    rows = {int(face_id): row for row, face_id in enumerate(gallery.face_ids)}
    # What the machine tied itself vouches for nobody: a mistake would draw others after it.
    states = _states(tx)
    accepted, before = tx.sources.claims(states=(ClaimState.ACCEPTED,)), tx.sources.claims(states=OPEN)
    again = provisional.reopened(tx, accepted)
    asked = {claim.key for claim in again}
    tied = [face_id for face_id, state in states.items() if state.by in (Maker.HUMAN, Maker.SOURCE)]
    people = np.where(np.isin(gallery.face_ids, tied), gallery.person_ids, -1)
    vouchers: dict[int, set[str]] = defaultdict(set)
    for claim in accepted:
        if claim.face_id in rows and claim.key not in asked:
            vouchers[rows[claim.face_id]].add(claim.source)
    for claim in again:
        # Tied by nobody but those who are asked again.
        row, state = rows.get(claim.face_id or 0), states.get(FaceId(claim.face_id or 0))
        if row is not None and row not in vouchers and state is not None and state.by is Maker.SOURCE:
            people[row] = -1
    found = [claim for claim in [*before, *again] if claim.face_id in rows]
    rejected = tuple(claim for claim in found if claim.person_id in _rejected(states, claim))
    # As far as a source is trusted today: sources.yaml may have changed since the claim came.
    trust = {spec.name: spec.trust for spec in parts.sources()}
    claims = [replace(claim, trust=trust.get(claim.source, claim.trust))
              for claim in found if claim.person_id not in _rejected(states, claim)]  # fmt: skip
    bid_rows = [rows[claim.face_id] for claim in claims if claim.face_id is not None]
    vectors = gallery.vectors
    bids = tuple(
        Bid(claim.source, claim.trust, int(claim.person_id), row, (claim.external_id, claim.image_ref),
            limits.per_source.get(claim.source, PER_SOURCE))
        for claim, row in zip(claims, bid_rows, strict=True)
    )  # fmt: skip
    pool = Pool(vectors, people, {row: frozenset(who) for row, who in vouchers.items()})
    return _Open(tuple(claims), bids, pool, rejected, tuple(before), tuple(again))


def _states(tx: Transaction) -> Mapping[FaceId, FaceState]:
    """Return what humans and sources said of faces."""
    said = tx.decisions.active(makers=(Maker.HUMAN, Maker.SOURCE))
    return resolve_faces(said, resolve_people(tx.decisions.active_people()))


def _rejected(states: Mapping[FaceId, FaceState], claim: Claim) -> frozenset[PersonId]:
    """Return whom the face of a claim is not, as humans said."""
    state = states.get(FaceId(claim.face_id or 0))
    return frozenset() if state is None else state.rejected


def _told(claim: Claim, ruling: Ruling, model_id: str) -> Claim:
    return replace(
        claim, state=ruling.state, reason=ruling.reason, distance=ruling.distance, threshold=ruling.threshold,
        model_id=model_id, other_person_id=ruling.other_person, other_distance=ruling.other_distance,
    )  # fmt: skip


def _decision(claim: Claim) -> Decision:
    return Decision(
        DecisionKind.STATE, Maker.SOURCE, face_id=FaceId(claim.face_id or 0), person_id=PersonId(claim.person_id),
        score=None if claim.distance is None else 1.0 - claim.distance,
        threshold=None if claim.threshold is None else 1.0 - claim.threshold,
        model_id=claim.model_id, source=claim.source,
    )  # fmt: skip


def _by_source(claims: Sequence[Claim]) -> dict[str, list[Claim]]:
    found: dict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        found[claim.source].append(claim)
    return dict(sorted(found.items()))
