"""Groups of faces of unknown people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from personae.adapters.store.faces import best_faces
from personae.adapters.store.schema import clusters, faces
from personae.adapters.store.scope import Scope
from personae.errors import NotFound
from personae.types import Cluster, ClusterId, FaceId

LABEL = "unknown_cluster_"
_MOST = 2**63 - 1
"""The largest number that the databases hold."""
_DIGITS = 300
"""Python itself refuses to read thousands of them."""


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
        return self._one(clusters.c.id == cluster_id, str(cluster_id))

    def find(self, label: str) -> Cluster:
        """See the port."""
        digits = label.removeprefix(LABEL)
        number = int(digits[:_DIGITS]) if digits.isascii() and digits.isdecimal() else 0
        return self._one(clusters.c.number == min(number, _MOST), label)

    def several(self, cluster_ids: Sequence[ClusterId]) -> list[Cluster]:
        """See the port."""
        mine = self.scope.among(faces.c.cluster_id, cluster_ids)
        best = best_faces(self.scope, faces.c.cluster_id, mine, faces.c.person_id.is_(None))
        query = self._mine().where(self.scope.among(clusters.c.id, cluster_ids)).order_by(clusters.c.id)
        return [_cluster(row, best) for row in self.scope.connection.execute(query) if row.id in best]

    def all(self) -> list[Cluster]:
        """See the port."""
        best = best_faces(self.scope, faces.c.cluster_id, faces.c.person_id.is_(None))
        rows = self.scope.connection.execute(self._mine())
        found = [_cluster(row, best) for row in rows if row.id in best]
        return sorted(found, key=lambda cluster: (-cluster.face_count, cluster.id))

    def _one(self, condition: sa.ColumnElement[bool], said: str) -> Cluster:
        row = self.scope.connection.execute(self._mine().where(condition)).first()
        if row is None:
            raise NotFound(f"there is no unknown group {said}; `personae people` lists those there are")
        mine = faces.c.cluster_id == row.id
        return _cluster(row, best_faces(self.scope, faces.c.cluster_id, mine, faces.c.person_id.is_(None)))

    def _mine(self) -> sa.Select[Any]:
        return sa.select(clusters).where(clusters.c.project_id == self.scope.project_id)


def _cluster(row: Any, best: Mapping[int, tuple[int, FaceId]]) -> Cluster:
    count, face_id = best.get(row.id, (0, None))
    return Cluster(ClusterId(row.id), f"{LABEL}{row.number}", count, face_id)
