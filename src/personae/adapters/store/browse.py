"""Pages of what there is, by id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from personae.adapters.store.clusters import LABEL
from personae.adapters.store.decisions import to_operation, undone_in
from personae.adapters.store.faces import best_faces
from personae.adapters.store.images import SqlImages
from personae.adapters.store.jobs import to_job
from personae.adapters.store.people import SqlPeople
from personae.adapters.store.rows import to_face
from personae.adapters.store.schema import clusters, faces, images, jobs, operations, people
from personae.adapters.store.scope import Scope
from personae.ports import FaceFilter
from personae.types import Cluster, ClusterId, Face, Image, ImageId, Job, Operation, Person


@dataclass(frozen=True, slots=True)
class SqlBrowse:
    """`personae.ports.BrowseTable` in SQL."""

    scope: Scope

    def images(self, after: int, limit: int, refused: bool | None = None) -> list[Image]:
        """See the port."""
        query = self._oldest_first(images, sa.select(images.c.id), after, limit)
        if refused is not None:
            query = query.where(images.c.reason.is_not(None) if refused else images.c.reason.is_(None))
        return SqlImages(self.scope).get([ImageId(i) for i in self.scope.connection.execute(query).scalars()])

    def faces(self, after: int, limit: int, which: FaceFilter) -> list[Face]:
        """See the port."""
        query = self._oldest_first(faces, sa.select(faces), after, limit)
        if which.roles:
            query = query.where(faces.c.role.in_(which.roles))
        for column, wanted in (
            (faces.c.image_id, which.image_id), (faces.c.person_id, which.person_id),
            (faces.c.cluster_id, which.cluster_id),
        ):  # fmt: skip
            if wanted is not None:
                query = query.where(column == wanted)
        if which.unknown:
            query = query.where(faces.c.person_id.is_(None))
        if which.unclustered:
            query = query.where(faces.c.cluster_id.is_(None))
        return [to_face(row) for row in self.scope.connection.execute(query)]

    def people(self, after: int, limit: int, kind: str | None = None) -> list[Person]:
        """See the port."""
        query = self._oldest_first(people, sa.select(people.c.id), after, limit).where(people.c.active)
        if kind is not None:
            query = query.where(people.c.kind == kind)
        found = self.scope.connection.execute(query).scalars().all()
        return SqlPeople(self.scope).these(found)

    def clusters(self, after: int, limit: int) -> list[Cluster]:
        """See the port."""
        inhabited = sa.exists().where(faces.c.cluster_id == clusters.c.id, faces.c.person_id.is_(None))
        query = self._oldest_first(clusters, sa.select(clusters.c.id, clusters.c.number), after, limit)
        rows = self.scope.connection.execute(query.where(inhabited)).all()
        mine = self.scope.among(faces.c.cluster_id, [row.id for row in rows])
        best = best_faces(self.scope, faces.c.cluster_id, mine, faces.c.person_id.is_(None))
        return [Cluster(ClusterId(row.id), f"{LABEL}{row.number}", *best.get(row.id, (0, None))) for row in rows]

    def operations(self, before: int | None, limit: int) -> list[Operation]:
        """See the port."""
        rows = self.scope.connection.execute(self._newest_first(operations, before, limit)).all()
        gone = undone_in(self.scope)
        return [to_operation(row, gone) for row in rows]

    def jobs(self, before: int | None, limit: int, states: Sequence[str] = ()) -> list[Job]:
        """See the port."""
        query = self._newest_first(jobs, before, limit)
        if states:
            query = query.where(jobs.c.state.in_(states))
        return [to_job(row) for row in self.scope.connection.execute(query)]

    def _oldest_first(self, table: sa.Table, query: sa.Select[Any], after: int, limit: int) -> sa.Select[Any]:
        mine = sa.and_(table.c.project_id == self.scope.project_id, table.c.id > after)
        return query.where(mine).order_by(table.c.id).limit(limit)

    def _newest_first(self, table: sa.Table, before: int | None, limit: int) -> sa.Select[Any]:
        query = sa.select(table).where(table.c.project_id == self.scope.project_id)
        if before is not None:
            query = query.where(table.c.id < before)
        return query.order_by(table.c.id.desc()).limit(limit)
