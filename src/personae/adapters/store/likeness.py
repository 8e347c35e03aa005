"""Pictures that were held against characters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import sqlalchemy as sa

from personae.adapters.store.columns import storable
from personae.adapters.store.likeness_tables import likeness_checks
from personae.adapters.store.reference_tables import detected_embeddings, detected_faces
from personae.adapters.store.references import SqlReferences
from personae.adapters.store.rows import STORED
from personae.adapters.store.schema import people
from personae.adapters.store.scope import Scope
from personae.errors import InputError, ModelMismatch, NotFound
from personae.references import LikenessCheck
from personae.types import Box, Digest, Ids, ModelId, PersonId, Vectors


@dataclass(frozen=True, slots=True)
class SqlLikeness:
    """`personae.ports.LikenessTable` in SQL."""

    scope: Scope

    def add(self, checks: Sequence[LikenessCheck]) -> list[LikenessCheck]:
        """See the port.

        Raises:
            InputError: a score is no number.
            NotFound: there is no such person in this project.
        """
        if not checks:
            return []
        self._require({int(check.person_id) for check in checks})
        now = self.scope.clock()
        statement = sa.insert(likeness_checks).returning(likeness_checks.c.id, sort_by_parameter_order=True)
        rows = [{**_row(check), "project_id": self.scope.project_id, "made_at": now} for check in checks]
        numbers = self.scope.connection.execute(statement, rows).scalars()
        return [
            replace(check, id=int(number), stale=False, made_at=now)
            for check, number in zip(checks, numbers, strict=True)
        ]

    def of_person(
        self, person_id: PersonId, limit: int | None = None, before: int | None = None
    ) -> list[LikenessCheck]:
        """See the port."""
        own = sa.select(people.c.id).where(
            people.c.project_id == self.scope.project_id,
            sa.or_(people.c.id == int(person_id), people.c.merged_into == int(person_id)),
        )
        query = (
            sa.select(likeness_checks)
            .where(likeness_checks.c.project_id == self.scope.project_id, likeness_checks.c.person_id.in_(own))
            .order_by(likeness_checks.c.id.desc())
            .limit(limit)
        )
        if before is not None:
            query = query.where(likeness_checks.c.id < int(before))
        version = SqlReferences(self.scope).version(person_id)
        return [_check(row, person_id, version) for row in self.scope.connection.execute(query)]

    def digests(self) -> set[Digest]:
        """See the port."""
        query = sa.select(likeness_checks.c.digest).where(likeness_checks.c.project_id == self.scope.project_id)
        return {Digest(digest) for digest in self.scope.connection.execute(query.distinct()).scalars()}

    def anchors(self, model_id: ModelId) -> tuple[Ids, Vectors]:
        """See the port."""
        now = sa.func.coalesce(people.c.merged_into, people.c.id).label("now")
        active = people.alias()
        query = (
            sa.select(now, detected_embeddings.c.vector)
            .select_from(
                detected_embeddings.join(detected_faces, detected_faces.c.id == detected_embeddings.c.detected_face_id)
                .join(people, people.c.id == detected_faces.c.person_id)
                .join(active, active.c.id == sa.func.coalesce(people.c.merged_into, people.c.id))
            )
            .where(
                detected_embeddings.c.model_id == str(model_id),
                detected_faces.c.is_primary,
                active.c.project_id == self.scope.project_id,
                active.c.active,
                active.c.kind == "character",
            )
            .order_by(now, detected_faces.c.id)
        )
        rows = self.scope.connection.execute(query).all()
        if not rows:
            return np.empty(0, np.int64), np.empty((0, 0), np.float32)
        ids, cells = zip(*rows, strict=True)
        if len(set(map(len, cells))) > 1:
            raise ModelMismatch(f"embeddings of several dimensions are kept for {model_id}")
        vectors = np.frombuffer(b"".join(cells), STORED).reshape(len(rows), -1)
        return np.array(ids, np.int64), vectors.astype(np.float32, copy=False)

    def _require(self, person_ids: set[int]) -> None:
        query = sa.select(people.c.id).where(
            people.c.project_id == self.scope.project_id, self.scope.among(people.c.id, person_ids)
        )
        unknown = person_ids - set(self.scope.connection.execute(query).scalars())
        if unknown:
            raise NotFound(f"there is no person #{min(unknown)}")


def _row(check: LikenessCheck) -> dict[str, Any]:
    """Return the column values of a check.

    Raises:
        InputError: a score or threshold is no number, which SQLite would keep as none.
    """
    if not math.isfinite(check.threshold) or (check.score is not None and not math.isfinite(check.score)):
        raise InputError(f"the check of {check.digest[:12]} has a score or threshold that is no number")
    return {
        "person_id": int(check.person_id),
        "digest": str(check.digest),
        "score": None if check.score is None else float(check.score),
        "threshold": float(check.threshold),
        "passed": bool(check.passed),
        "bounding_box": None if check.box is None else {name: float(side) for name, side in asdict(check.box).items()},
        "reasons": [storable(reason) for reason in check.reasons],
        "model_id": str(check.model_id),
        "version": int(check.version),
    }


def _check(row: Any, person_id: PersonId, version: int) -> LikenessCheck:
    box = None if row.bounding_box is None else Box(**row.bounding_box)
    return LikenessCheck(
        row.id, person_id, Digest(row.digest), row.score, row.threshold, row.passed, box, tuple(row.reasons),
        row.model_id, row.version, row.version != version, row.made_at,
    )  # fmt: skip
