"""What sources have brought, what waits, and taking it all back."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from personae.core.ledger import resolve_faces, resolve_people
from personae.engine import ledger
from personae.engine.claims import WAITING
from personae.engine.enrich_walk import COMPLETE, ERRORS
from personae.engine.parts import Parts
from personae.errors import Conflict, NotFound
from personae.ports import Transaction
from personae.records import Claim, ClaimState
from personae.types import Decision, DecisionKind, FaceId, Maker, Operation, PersonId

Place = tuple[int, str]
"""Where a face stands in the list of those that wait."""


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One source, as it stands."""

    source: str
    type: str
    """Empty: it is not in sources.yaml any more."""
    trust: str
    enabled: bool
    revoked: bool
    people: int
    """Whom it has brought."""
    last_id: str | None
    """External id behind which the next run continues; None: it begins anew."""
    complete: bool
    """Whether the last walk came to its end, and nothing failed that may be had another time."""
    accepted: int
    quarantined: int
    held: int
    refused: dict[str, int]
    """Photos and faces, by reason."""
    errors: dict[str, int]
    """Of the last walk, by reason."""
    left_out: dict[str, int]
    """What it holds that cannot be used, by reason, of the last walk."""


@dataclass(frozen=True, slots=True)
class WaitingFace:
    """A face that a source brought and that nobody has let in."""

    source: str
    face_id: int
    person: str
    """Whom the source says it is."""
    person_id: int
    state: str
    """quarantined or held."""
    reason: str
    score: float | None
    """Cosine with the nearest face of that person; None: there is none."""
    threshold: float | None
    """Cosine from which it would have been let in."""
    other: str | None
    """Of a held face: to whom it is nearer."""
    other_id: int | None
    other_score: float | None
    model_id: str
    url: str

    @property
    def place(self) -> Place:
        """Where it stands in the list: whoever has met it goes on behind it."""
        return _place(self.face_id, self.source, self.url)


def status(parts: Parts) -> list[SourceStatus]:
    """Return every source of sources.yaml, and every other that has brought something, by name."""
    specs = {spec.name: spec for spec in parts.sources()}
    with parts.store.read() as tx:
        claims: dict[str, list[Claim]] = {name: [] for name in [*specs, *tx.sources.revoked()]}
        for claim in tx.sources.claims():
            claims.setdefault(claim.source, []).append(claim)
        revoked = tx.sources.revoked()
        holders = _holders(tx, [claim for listed in claims.values() for claim in listed])
        rows = []
        for name in sorted(claims):
            spec, progress = specs.get(name), tx.sources.progress(name)
            said = progress.statistics if progress else {}
            states = Counter(_state(claim, holders) for claim in claims[name])
            rows.append(SourceStatus(
                source=name, type=spec.type if spec else "", trust=spec.trust.value if spec else "",
                enabled=spec.enabled if spec else False, revoked=name in revoked,
                people=progress.people if progress else 0, last_id=progress.last_id if progress else None,
                complete=bool(said.get(COMPLETE)) and not said.get(ERRORS), accepted=states[ClaimState.ACCEPTED],
                quarantined=states[ClaimState.QUARANTINED], held=states[ClaimState.HELD],
                refused=dict(Counter(c.reason for c in claims[name] if c.state is ClaimState.REFUSED)),
                errors=_by_reason(said, "error:"), left_out=_by_reason(said, "left_out:"),
            ))  # fmt: skip
        return rows


def _holders(tx: Transaction, claims: Sequence[Claim]) -> Mapping[int, int]:
    """Return to whom the faces of accepted claims belong now."""
    ids = np.array(sorted({each.face_id for each in claims if each.state is ClaimState.ACCEPTED and each.face_id}))
    people, _ = tx.faces.identities(ids.astype(np.int64))
    return dict(zip(ids.tolist(), people.tolist(), strict=True))


def _state(claim: Claim, holders: Mapping[int, int]) -> ClaimState | None:
    """Return the state of a claim; None for one that was accepted and then taken back."""
    taken_back = claim.state is ClaimState.ACCEPTED and holders.get(claim.face_id or 0) != claim.person_id
    return None if taken_back else claim.state


def waiting(
    parts: Parts, limit: int | None = None, before: Place | None = None, state: str = "", source: str = ""
) -> list[WaitingFace]:
    """Return the faces in quarantine and those that are held, newest first, without those that a human has answered.

    Args:
        parts: adapters and rules.
        limit: at the most so many; None: all.
        before: `place` of the last one that was met; None: from the beginning.
        state: only those that are quarantined, or held; empty: both.
        source: only what this source brought; empty: any.
    """
    with parts.store.read() as tx:
        said = tx.sources.claims(source=source or None, states=(ClaimState.QUARANTINED, ClaimState.HELD))
        found = _unanswered(tx, [
            claim for claim in said
            if claim.reason != WAITING and claim.face_id is not None and state in {"", claim.state}
        ])  # fmt: skip
        places = [_place(claim.face_id or 0, claim.source, claim.url) for claim in found]
        listed = sorted(range(len(found)), key=places.__getitem__, reverse=True)
        chosen = [found[at] for at in listed if before is None or places[at] < before][:limit]
        names = {person.id: person.name for person in tx.people.all()} if chosen else {}
        return [_shown(claim, names) for claim in chosen]


def _unanswered(tx: Transaction, found: Sequence[Claim]) -> list[Claim]:
    """Return the claims of which no human has said yet whether they are true."""
    face_ids = sorted({FaceId(claim.face_id or 0) for claim in found})
    states = resolve_faces(tx.decisions.active(face_ids, (Maker.HUMAN,)), resolve_people(tx.decisions.active_people()))

    def open_still(claim: Claim) -> bool:
        state = states.get(FaceId(claim.face_id or 0))
        return state is None or (state.person_id is None and PersonId(claim.person_id) not in state.rejected)

    return [claim for claim in found if open_still(claim)]


def revoke(parts: Parts, source: str) -> Operation:
    """Take back all that a source has brought, as one operation that can be undone.

    Photos of it that were kept as they came, to spare the server, are removed from the disk.

    Raises:
        NotFound: it has brought nothing.
        Conflict: it is revoked already.
        BackendError: the photos cannot be removed; the source is revoked nonetheless.
    """
    operation = _revoke(parts, source)
    parts.forget_photos(source)
    return operation


def _revoke(parts: Parts, source: str) -> Operation:
    with parts.store.write() as tx:
        if source in tx.sources.revoked():
            raise Conflict(f"{source} is revoked already; `personae history` lists the operation that did it")
        faces = len(tx.sources.claims(source=source, states=(ClaimState.ACCEPTED,)))
        if tx.sources.progress(source) is None and not tx.sources.claims(source=source, limit=1):
            raise NotFound(f"no source {source} has brought anything; `personae enrich status` lists those that have")
        said = Decision(DecisionKind.REVOKE, Maker.HUMAN, source=source)
        summary = f"{source}: revoked, {faces:,} accepted"
        return _operation(tx, summary, said)


def _operation(tx: Transaction, summary: str, said: Decision) -> Operation:
    return tx.decisions.operation(ledger.record(tx, "revoke", Maker.HUMAN, summary, [said]))


def _place(face_id: int, source: str, url: str) -> Place:
    # The URL itself may be long, or lead to a file of this machine.
    return face_id, hashlib.sha256(f"{source}\0{url}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _by_reason(said: Mapping[str, int], prefix: str) -> dict[str, int]:
    return {key.removeprefix(prefix): n for key, n in said.items() if key.startswith(prefix)}


def _shown(claim: Claim, names: dict[PersonId, str]) -> WaitingFace:
    other = claim.other_person_id
    return WaitingFace(
        source=claim.source, face_id=claim.face_id or 0, person=names.get(PersonId(claim.person_id), ""),
        person_id=claim.person_id, state=claim.state.value, reason=claim.reason, score=_score(claim.distance),
        threshold=_score(claim.threshold), other=None if other is None else names.get(PersonId(other), ""),
        other_id=other, other_score=_score(claim.other_distance), model_id=claim.model_id, url=claim.url,
    )  # fmt: skip


def _score(distance: float | None) -> float | None:
    return None if distance is None else 1.0 - distance
