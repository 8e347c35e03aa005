"""Pages of what there is, by id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from personae.adapters.store.audit import asked_for
from personae.adapters.store.clusters import LABEL
from personae.adapters.store.decisions import to_operation, undone_in
from personae.adapters.store.faces import best_faces
from personae.adapters.store.images import SqlImages
from personae.adapters.store.jobs import to_job
from personae.adapters.store.listing import group_sizes, groups, members, named, of_filter, said_of, with_faces
from personae.adapters.store.people import SqlPeople
from personae.adapters.store.rows import to_face
from personae.adapters.store.schema import clusters, faces, images, jobs, operations, people
from personae.adapters.store.scope import Scope
from personae.ports import FaceFilter, FaceOrder, Key, OperationFilter, PeopleFilter, PeopleOrder
from personae.types import Cluster, ClusterId, Face, FaceId, Image, ImageId, Job, Operation, Person, PersonId


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
        return [to_face(row) for row in self.scope.connection.execute(query.where(*of_filter(which)))]

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

    def operations(self, before: int | None, limit: int, which: OperationFilter | None = None) -> list[Operation]:
        """See the port."""
        query = self._newest_first(operations, before, limit)
        if which is not None:
            query = query.where(*asked_for(self.scope, which))
        rows = self.scope.connection.execute(query).all()
        gone = undone_in(self.scope)
        return [to_operation(row, gone) for row in rows]

    def jobs(self, before: int | None, limit: int, states: Sequence[str] = ()) -> list[Job]:
        """See the port."""
        query = self._newest_first(jobs, before, limit)
        if states:
            query = query.where(jobs.c.state.in_(states))
        return [to_job(row) for row in self.scope.connection.execute(query)]

    def named(self, which: PeopleFilter, order: PeopleOrder, after: tuple[Key, int] | None, limit: int) -> list[Person]:
        """See the port."""
        return SqlPeople(self.scope).in_order(named(self.scope, which, order, after, limit))

    def with_faces(self) -> int:
        """See the port."""
        return with_faces(self.scope)

    def groups(self, after: tuple[int, int] | None, limit: int, hidden: bool | None = False) -> list[Cluster]:
        """See the port."""
        return groups(self.scope, after, limit, hidden)

    def group_sizes(self, hidden: bool | None = None) -> dict[ClusterId, int]:
        """See the port."""
        return group_sizes(self.scope, hidden)

    def members(self, which: FaceFilter, order: FaceOrder, after: FaceId | None, limit: int) -> list[Face]:
        """See the port."""
        return members(self.scope, which, order, after, limit)

    def said_of(
        self, person_ids: Sequence[PersonId], face_ids: Sequence[FaceId], before: int | None, limit: int
    ) -> list[Operation]:
        """See the port."""
        return said_of(self.scope, person_ids, face_ids, before, limit)

    def _oldest_first(self, table: sa.Table, query: sa.Select[Any], after: int, limit: int) -> sa.Select[Any]:
        # Not by the index of the dates: SQLite would sort all of it by id for one page.
        owner = table.c.project_id + 0 if table is images else table.c.project_id
        mine = sa.and_(owner == self.scope.project_id, table.c.id > after)
        return query.where(mine).order_by(table.c.id).limit(limit)

    def _newest_first(self, table: sa.Table, before: int | None, limit: int) -> sa.Select[Any]:
        query = sa.select(table).where(table.c.project_id == self.scope.project_id)
        if before is not None:
            query = query.where(table.c.id < before)
        return query.order_by(table.c.id.desc()).limit(limit)
