"""Faces and their embeddings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from personae.adapters.store.engine import BINARY
from personae.adapters.store.events import add_events
from personae.adapters.store.rows import STORED, embedding_row, to_face
from personae.adapters.store.schema import embeddings, faces
from personae.adapters.store.scope import Scope
from personae.errors import BackendError, ModelMismatch
from personae.types import (
    ClusterId,
    Digest,
    Face,
    FaceId,
    FaceRole,
    Ids,
    ImageId,
    ModelId,
    PersonId,
    Vector,
    Vectors,
)

RANK = sa.case((faces.c.role == FaceRole.FOUNDING, 0), (faces.c.role == FaceRole.SUPPORTING, 1), else_=2)
"""What a face may be used for, the most useful first."""
BEST_FIRST = (
    RANK,
    faces.c.quality.desc(),
    faces.c.id,
)


def best_faces(
    scope: Scope, owner: sa.Column[Any], *conditions: sa.ColumnElement[bool]
) -> dict[int, tuple[int, FaceId]]:
    """Return for each person or cluster how many of the faces that fulfil these conditions it has, and its best one.

    Args:
        scope: the transaction.
        owner: the column of faces to group by.
        conditions: which faces count; those without an owner never do.
    """
    return read_best(scope, best_query(owner, faces.c.project_id == scope.project_id, *conditions), {})


def best_of(conditions: Sequence[sa.ColumnElement[bool]], limit: int | None) -> sa.Select[Any]:
    """Return the query of the faces that fulfil these conditions, best first."""
    query = sa.select(faces).order_by(*BEST_FIRST)
    if limit is None:
        return query.where(*conditions)
    # Which ones they are is read from an index: rows are wide, and a person may have thousands.
    few = sa.select(faces.c.id).where(*conditions).order_by(*BEST_FIRST).limit(limit)
    return query.where(faces.c.id.in_(few))


def best_query(owner: sa.Column[Any], *conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Return the query of `best_faces`, of whatever project.

    The best one is looked for owner by owner: sorting all faces of large groups together takes seven times as long.
    """
    counted = (
        sa.select(owner.label("owner_id"), sa.func.count().label("face_count"))
        .where(owner.is_not(None), *conditions)
        .group_by(owner)
        .subquery()
    )
    best = sa.select(faces.c.id).where(owner == counted.c.owner_id, *conditions).order_by(*BEST_FIRST).limit(1)
    return sa.select(counted.c.owner_id, counted.c.face_count, best.correlate(counted).scalar_subquery())


def read_best(scope: Scope, query: sa.Select[Any], given: Mapping[str, Any]) -> dict[int, tuple[int, FaceId]]:
    """Run a query of `best_query` with these parameters."""
    return {owner_id: (n, FaceId(face_id)) for owner_id, n, face_id in scope.connection.execute(query, given)}


@dataclass(frozen=True, slots=True)
class SqlFaces:
    """`personae.ports.FaceTable` in SQL."""

    scope: Scope

    def get(self, face_ids: Sequence[FaceId]) -> list[Face]:
        """See the port."""
        rows = self.scope.connection.execute(self._mine().where(self.scope.among(faces.c.id, face_ids))).all()
        found = {row.id: to_face(row) for row in rows}
        return [found[i] for i in face_ids if i in found]

    def of_images(self, image_ids: Sequence[ImageId]) -> list[Face]:
        """See the port; by id."""
        query = self._mine().where(self.scope.among(faces.c.image_id, image_ids)).order_by(faces.c.id)
        return [to_face(row) for row in self.scope.connection.execute(query)]

    def select(
        self,
        *,
        roles: Sequence[FaceRole] = (),
        person_id: PersonId | None = None,
        cluster_id: ClusterId | None = None,
        unknown: bool = False,
        unclustered: bool = False,
        limit: int | None = None,
    ) -> list[Face]:
        """See the port."""
        conditions = [faces.c.project_id == self.scope.project_id]
        if roles:
            conditions.append(faces.c.role.in_(roles))
        if person_id is not None:
            conditions.append(faces.c.person_id == person_id)
        if cluster_id is not None:
            conditions.append(faces.c.cluster_id == cluster_id)
        if unknown:
            conditions.append(faces.c.person_id.is_(None))
        if unclustered:
            conditions.append(faces.c.cluster_id.is_(None))
        return [to_face(row) for row in self.scope.connection.execute(best_of(conditions, limit))]

    def gallery(self) -> tuple[Ids, Ids, Ids, Ids, Ids]:
        """See the port."""
        query = (
            sa.select(
                faces.c.id,
                faces.c.image_id,
                sa.func.coalesce(faces.c.person_id, -1),
                sa.func.coalesce(faces.c.cluster_id, -1),
                sa.case((faces.c.role == FaceRole.FOUNDING, 1), else_=0),
            )
            .where(faces.c.project_id == self.scope.project_id, faces.c.role != FaceRole.REFUSED)
            .order_by(faces.c.id)
        )
        # NumPy takes seconds to look into 100,000 Row objects, and a moment for as many plain numbers.
        numbers = chain.from_iterable(self.scope.connection.execute(query).all())
        table = np.fromiter(numbers, dtype=np.int64).reshape(-1, 5)
        face, image, person, cluster, founding = (np.ascontiguousarray(column) for column in table.T)
        return face, image, person, cluster, founding

    def embeddings(self, model_id: ModelId, face_ids: Ids | None = None) -> tuple[Ids, Vectors]:
        """See the port; (0, 0) when the model has no embedding at all.

        Raises:
            ModelMismatch: vectors of several dimensions are stored for this model.
        """
        query = self._vectors(model_id).order_by(embeddings.c.face_id)
        if face_ids is not None:
            query = query.where(self.scope.among(embeddings.c.face_id, face_ids.tolist()))
        return self._stack(model_id, self.scope.connection.execute(query).all())

    def _stack(self, model_id: ModelId, rows: Sequence[Any]) -> tuple[Ids, Vectors]:
        if not len(rows):
            one = self.scope.connection.execute(self._vectors(model_id).limit(1)).first()
            dimension = len(one[1]) // STORED.itemsize if one else 0
            return np.empty(0, np.int64), np.empty((0, dimension), dtype=np.float32)
        ids, cells = zip(*rows, strict=True)
        sizes = set(map(len, cells))
        if len(sizes) > 1:
            raise ModelMismatch(f"embeddings of {model_id} have several dimensions: run `personae doctor`")
        if sizes & {0} or min(sizes) % STORED.itemsize:
            raise BackendError(f"embeddings of {model_id} are damaged: run `personae doctor`")
        vectors = np.frombuffer(bytearray().join(cells), dtype=STORED).reshape(len(rows), -1)
        return np.array(ids, dtype=np.int64), vectors.astype(np.float32, copy=False)

    def identities(self, face_ids: Ids) -> tuple[Ids, Ids]:
        """See the port; -1 also for a face that does not exist."""
        query = sa.select(
            faces.c.id, sa.func.coalesce(faces.c.person_id, -1), sa.func.coalesce(faces.c.cluster_id, -1)
        ).where(faces.c.project_id == self.scope.project_id)
        distinct, place = np.unique(face_ids, return_inverse=True)
        rows = self.scope.connection.execute(query.where(self.scope.among(faces.c.id, distinct.tolist()))).all()
        found = np.fromiter(chain.from_iterable(rows), dtype=np.int64).reshape(-1, 3)
        known = np.full((len(distinct), 2), -1)
        known[np.searchsorted(distinct, found[:, 0])] = found[:, 1:]
        return known[place, 0], known[place, 1]

    def lacking(self, model_id: ModelId) -> list[FaceId]:
        """See the port."""
        has = sa.exists().where(embeddings.c.face_id == faces.c.id, embeddings.c.model_id == model_id)
        query = (
            sa.select(faces.c.id)
            .where(faces.c.project_id == self.scope.project_id, faces.c.role != FaceRole.REFUSED, ~has)
            .order_by(faces.c.id)
        )
        return [FaceId(i) for i in self.scope.connection.execute(query).scalars()]

    def add_embeddings(self, model_id: ModelId, vectors: Mapping[FaceId, Vector]) -> None:
        """See the port."""
        if vectors:
            rows = [embedding_row(face_id, model_id, vector) for face_id, vector in vectors.items()]
            self.scope.connection.execute(sa.insert(embeddings), rows)
            add_events(self.scope, "face.embedded", [{"face_id": int(i), "model_id": model_id} for i in vectors])

    def set_crop(self, face_id: FaceId, crop: Digest) -> None:
        """See the port."""
        self._update(sa.update(faces).where(faces.c.id == face_id).values(crop=crop))

    def set_people(self, people: Mapping[FaceId, PersonId | None]) -> None:
        """See the port."""
        self._set(faces.c.person_id, people)

    def set_clusters(self, clusters: Mapping[FaceId, ClusterId | None]) -> None:
        """See the port."""
        self._set(faces.c.cluster_id, clusters)

    def _set(self, column: sa.Column[Any], values: Mapping[FaceId, Any]) -> None:
        """Write those values that differ."""
        pairs = [(int(i), None if value is None else int(value)) for i, value in values.items()]
        if not pairs:
            return
        if self.scope.on_postgres:
            # One statement: a round trip for each of 100,000 rows would take ten times as long.
            arrays = [sa.literal(list(cells), ARRAY(sa.BigInteger)) for cells in zip(*pairs, strict=True)]
            given = sa.func.unnest(*arrays).table_valued("face", "value").render_derived()
            differs = column.is_distinct_from(given.c.value)
            change = sa.update(faces).where(faces.c.id == given.c.face, differs)
            self._update(change.values({column.name: given.c.value}))
        else:
            project = self.scope.project_id
            # Straight to the driver: SQLAlchemy's binding of each row takes several times as long as the update.
            self.scope.connection.exec_driver_sql(
                f"UPDATE faces SET {column.name} = ? WHERE id = ? AND project_id = ? AND {column.name} IS NOT ?",  # noqa: S608
                [(value, face_id, project, value) for face_id, value in pairs],
            )

    def _update(self, statement: sa.Update) -> None:
        self.scope.connection.execute(statement.where(faces.c.project_id == self.scope.project_id))

    def crops(self) -> dict[Digest, FaceId]:
        """See the port."""
        query = (
            sa.select(faces.c.crop, sa.func.min(faces.c.id))
            .where(faces.c.project_id == self.scope.project_id, faces.c.crop.is_not(None))
            .group_by(faces.c.crop)
        )
        return {Digest(crop): FaceId(face_id) for crop, face_id in self.scope.connection.execute(query)}

    def counts(self) -> dict[str, int]:
        """See the port."""
        kept = faces.c.role != FaceRole.REFUSED
        named = sa.case((kept, faces.c.person_id))
        clustered = sa.case((kept & faces.c.person_id.is_(None), faces.c.cluster_id))
        query = (
            sa.select(faces.c.role, faces.c.reasons, sa.func.count(), sa.func.count(named),
                      sa.func.count(clustered))
            .where(faces.c.project_id == self.scope.project_id)
            .group_by(faces.c.role, faces.c.reasons)
        )  # fmt: skip
        result = Counter(dict.fromkeys(("founding", "supporting", "refused", "named", "clustered"), 0))
        for role, reasons, count, named, grouped in self.scope.connection.execute(query):
            result.update({role: count, "named": named, "clustered": grouped})
            result.update({f"{role}:{reason}": count for reason in reasons})
        return dict(result)

    def unknown_counts(self) -> tuple[int, int, int]:
        """See the port."""
        query = sa.select(
            sa.func.count(faces.c.cluster_id.distinct()), sa.func.count(faces.c.cluster_id), sa.func.count()
        ).where(
            faces.c.project_id == self.scope.project_id, faces.c.role != FaceRole.REFUSED, faces.c.person_id.is_(None)
        )
        clusters, grouped, unknown = self.scope.connection.execute(query).one()
        return clusters, grouped, unknown

    def embedding_counts(self) -> dict[ModelId, int]:
        """See the port."""
        query = (
            sa.select(embeddings.c.model_id, sa.func.count())
            .select_from(embeddings.join(faces, embeddings.c.face_id == faces.c.id))
            .where(faces.c.project_id == self.scope.project_id)
            .group_by(embeddings.c.model_id)
        )
        return {ModelId(model_id): count for model_id, count in self.scope.connection.execute(query)}

    def _mine(self) -> sa.Select[Any]:
        return sa.select(faces).where(faces.c.project_id == self.scope.project_id)

    def _vectors(self, model_id: ModelId) -> sa.Select[Any]:
        return (
            sa.select(embeddings.c.face_id, embeddings.c.vector)
            .select_from(embeddings.join(faces, embeddings.c.face_id == faces.c.id))
            .where(faces.c.project_id == self.scope.project_id, embeddings.c.model_id == model_id)
            .execution_options(**{BINARY: True})
        )
