"""Groups of faces of unknown people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from personae.adapters.store.faces import ranked
from personae.adapters.store.schema import clusters, faces
from personae.adapters.store.scope import Scope
from personae.errors import NotFound
from personae.types import Cluster, ClusterId, FaceId

_LABEL = "unknown_cluster_"
_MOST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class SqlClusters:
    """`personae.ports.ClusterTable` in SQL. A cluster's faces are those without a person."""

    scope: Scope

    def add(self, count: int) -> list[ClusterId]:
        """See the port."""
        if count < 1:
            return []
        highest = sa.select(sa.func.max(clusters.c.number)).where(clusters.c.project_id == self.scope.project_id)
        first = (self.scope.connection.execute(highest).scalar() or 0) + 1
        rows = [{"project_id": self.scope.project_id, "number": number} for number in range(first, first + count)]
        statement = sa.insert(clusters).returning(clusters.c.id, sort_by_parameter_order=True)
        return [ClusterId(i) for i in self.scope.connection.execute(statement, rows).scalars()]

    def get(self, cluster_id: ClusterId) -> Cluster:
        """See the port."""
        for cluster in self._select(clusters.c.id == cluster_id):
            return cluster
        raise NotFound(f"there is no cluster {cluster_id}")

    def find(self, label: str) -> Cluster:
        """See the port."""
        digits = label.removeprefix(_LABEL)
        number = int(digits) if digits.isascii() and digits.isdecimal() else 0
        if 0 < number <= _MOST:
            for cluster in self._select(clusters.c.number == number):
                return cluster
        raise NotFound(f"there is no cluster {label}")

    def all(self) -> list[Cluster]:
        """See the port."""
        found = [cluster for cluster in self._select(sa.true()) if cluster.face_count]
        return sorted(found, key=lambda cluster: (-cluster.face_count, cluster.id))

    def _select(self, condition: sa.ColumnElement[bool]) -> list[Cluster]:
        wanted = sa.select(clusters.c.id).where(clusters.c.project_id == self.scope.project_id, condition)
        best = ranked(faces.c.cluster_id, faces.c.cluster_id.in_(wanted), faces.c.person_id.is_(None))
        query = (
            sa.select(clusters.c.id, clusters.c.number, best.c.face_count, best.c.face_id)
            .select_from(clusters.outerjoin(best, sa.and_(best.c.owner_id == clusters.c.id, best.c.place == 1)))
            .where(clusters.c.project_id == self.scope.project_id, condition)
        )
        return [_cluster(row) for row in self.scope.connection.execute(query)]


def _cluster(row: Any) -> Cluster:
    best = None if row.face_id is None else FaceId(row.face_id)
    return Cluster(ClusterId(row.id), f"{_LABEL}{row.number}", row.face_count or 0, best)
