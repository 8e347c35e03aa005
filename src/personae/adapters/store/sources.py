"""What sources brought: claims, and how far each walk has come."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from personae.adapters.store.columns import storable
from personae.adapters.store.decisions import revoked_sources
from personae.adapters.store.kin import IDS_OF
from personae.adapters.store.schema import claims, people, source_progress
from personae.adapters.store.scope import Scope, in_parts, unique
from personae.errors import InputError
from personae.records import Claim, ClaimState, SourceProgress, Trust
from personae.types import FaceId, PersonId

_COLUMNS = (
    "source", "ref_key", "image_ref", "external_id", "url", "person_id", "face_id", "state", "reason", "trust",
    "distance", "threshold", "model_id", "other_person_id", "other_distance",
)  # fmt: skip

_WHOSE, _OTHER = people.alias(), people.alias()
_NOW, _OTHER_NOW = (sa.func.coalesce(each.c.merged_into, each.c.id) for each in (_WHOSE, _OTHER))
"""Whom a claim speaks of, and whom the face is nearer to, as they are now."""


@dataclass(frozen=True, slots=True)
class SqlSources:
    """`personae.ports.SourceTable` in SQL. A claim on a person that was merged speaks of the one it is now."""

    scope: Scope

    def seen(self, source: str, external_id: str, image_refs: Sequence[str]) -> set[str]:
        """See the port."""
        query = sa.select(claims.c.ref_key).where(self._mine(), claims.c.source == source)
        keys = {_key(external_id, image_ref): image_ref for image_ref in unique(image_refs)}
        found: set[str] = set()
        for part in in_parts(list(keys)):
            found.update(
                keys[key] for key in self.scope.connection.execute(query.where(claims.c.ref_key.in_(part))).scalars()
            )
        return found

    def add_claims(self, claims: Iterable[Claim]) -> None:
        """See the port."""
        latest: dict[tuple[str, str], tuple[Any, ...]] = {}
        for claim in claims:
            row = _row(claim)
            # Taken out first, so that the order is that of the latest word.
            latest.pop(row[:2], None)
            latest[row[:2]] = row
        self._forget(latest)
        names = ("project_id", *_COLUMNS)
        self.scope.insert(_TABLE, names, [(self.scope.project_id, *row) for row in latest.values()])

    def claims(
        self,
        *,
        source: str | None = None,
        person_id: PersonId | None = None,
        states: Sequence[ClaimState] = (),
        limit: int | None = None,
    ) -> list[Claim]:
        """See the port."""
        query = self._counting() if person_id is None else self._counting_on(person_id)
        if source is not None:
            query = query.where(claims.c.source == source)
        if states:
            query = query.where(claims.c.state.in_(states))
        return [_claim(row) for row in self.scope.connection.execute(query.limit(limit))]

    def claims_on(self, face_ids: Sequence[FaceId]) -> list[Claim]:
        """See the port."""
        query = self._counting()
        rows = [row for part in in_parts(unique(face_ids))
                for row in self.scope.connection.execute(query.where(claims.c.face_id.in_(part)))]  # fmt: skip
        return [_claim(row) for row in sorted(rows, key=lambda row: row.id, reverse=True)]

    def progress(self, source: str) -> SourceProgress | None:
        """See the port."""
        query = sa.select(source_progress).where(
            source_progress.c.project_id == self.scope.project_id, source_progress.c.source == source
        )
        row = self.scope.connection.execute(query).first()
        if row is None:
            return None
        return SourceProgress(row.last_id, row.watermark, row.people, row.faces, row.statistics, row.began)

    def set_progress(self, source: str, progress: SourceProgress) -> None:
        """See the port."""
        values = {
            "last_id": progress.last_id,
            "watermark": progress.watermark,
            "began": progress.began,
            "people": int(progress.people),
            "faces": int(progress.faces),
            "statistics": {storable(name): int(count) for name, count in progress.statistics.items()},
        }
        statement = self.scope.upsert(source_progress)
        changed = {name: statement.excluded[name] for name in values}
        self.scope.connection.execute(
            statement.on_conflict_do_update(index_elements=["project_id", "source"], set_=changed),
            {"project_id": self.scope.project_id, "source": source, **values},
        )

    def revoked(self) -> set[str]:
        """See the port."""
        return revoked_sources(self.scope)

    def _counting(self) -> sa.Select[Any]:
        """Return the query for all claims of sources that are not revoked, newest first."""
        return self._standing().where(self._mine())

    def _counting_on(self, person_id: PersonId) -> sa.Select[Any]:
        """Return the same for the claims on one person, whoever it was when they were made."""
        ids = self.scope.connection.execute(IDS_OF, {"owners": [int(person_id)]}).scalars().all()
        # Not by the claim's own project: with it SQLite would go through all claims of a source.
        ours = _WHOSE.c.project_id == self.scope.project_id
        return self._standing().where(ours, claims.c.person_id.in_(ids), _NOW.in_([int(person_id)]))

    def _standing(self) -> sa.Select[Any]:
        joined = claims.join(_WHOSE, claims.c.person_id == _WHOSE.c.id).outerjoin(
            _OTHER, claims.c.other_person_id == _OTHER.c.id
        )
        query = (
            sa.select(claims, _NOW.label("person_now"), _OTHER_NOW.label("other_now"))
            .select_from(joined)
            .order_by(claims.c.id.desc())
        )
        gone = self.revoked()
        return query.where(claims.c.source.not_in(sorted(gone))) if gone else query

    def _mine(self) -> sa.ColumnElement[bool]:
        return claims.c.project_id == self.scope.project_id

    def _forget(self, keys: Iterable[tuple[str, str]]) -> None:
        """Remove these claims, by source and key."""
        by_source: dict[str, list[str]] = {}
        for source, key in keys:
            by_source.setdefault(source, []).append(key)
        for source, listed in by_source.items():
            for part in in_parts(listed):
                mine = sa.and_(self._mine(), claims.c.source == source, claims.c.ref_key.in_(part))
                self.scope.connection.execute(sa.delete(claims).where(mine))


_TABLE = claims
"""Under a name that `add_claims` does not use otherwise."""


def _key(external_id: str, image_ref: str) -> str:
    """Name a record's photo, with a fixed length: addresses may be longer than an index of PostgreSQL takes."""
    # No text that can be stored has the character between the two.
    return hashlib.sha256(f"{storable(external_id)}\0{storable(image_ref)}".encode()).hexdigest()


def _row(claim: Claim) -> tuple[Any, ...]:
    """Return the values of `_COLUMNS`.

    Raises:
        InputError: a distance is not a number, which SQLite would keep as none.
    """
    measures = (claim.distance, claim.threshold, claim.other_distance)
    if not all(value is None or math.isfinite(value) for value in measures):
        raise InputError(f"the claim of {claim.source} on {claim.image_ref[:60]} has a distance that is no number")
    return (
        storable(claim.source), _key(claim.external_id, claim.image_ref), storable(claim.image_ref),
        storable(claim.external_id), storable(claim.url), int(claim.person_id), _int(claim.face_id),
        ClaimState(claim.state).value, storable(claim.reason), Trust(claim.trust).value,
        _float(claim.distance), _float(claim.threshold), claim.model_id,
        _int(claim.other_person_id), _float(claim.other_distance),
    )  # fmt: skip


def _int(value: int | None) -> int | None:
    return None if value is None else int(value)


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)


def _claim(row: Any) -> Claim:
    return Claim(
        row.source, row.external_id, row.image_ref, row.url, row.person_now, row.face_id, ClaimState(row.state),
        row.reason, Trust(row.trust), row.distance, row.threshold, row.model_id, row.other_now, row.other_distance,
    )  # fmt: skip
