"""The nearest faces, found by pgvector in the very table that holds the embeddings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa

from personae.adapters.store.engine import BINARY
from personae.adapters.store.graphs import DIMENSIONS_AT_MOST, has_graph, make_graph
from personae.adapters.store.pgvector import PgVector
from personae.adapters.store.rows import STORED
from personae.adapters.store.schema import embeddings, faces
from personae.adapters.store.scope import Scope
from personae.types import Filter, Ids, ModelId, Scores, Vector, Vectors

SEARCH_EFFORT = 200
"""Candidates that a search of the graph keeps: see docs/adr/0084."""
MOST_EFFORT = 1000
"""More than that pgvector does not take."""
CROWD = 50
STANDS_OUT = 2.0
"""Times the score of the last of a crowd, at least. The best of strangers alone seldom reaches it."""
SCANNED_AT_MOST = 200_000
"""Faces that a filtered search of the graph looks at before it gives up."""
FEW = 5_000
MANY = 200_000
"""With more faces, a second search takes the graph as well, with the most effort: comparing all would take too long."""

Begin = Callable[[], AbstractContextManager[Scope]]


@dataclass(frozen=True, slots=True)
class SqlNearest:
    """The embeddings of one model in one project of a PostgreSQL store: `personae.adapters.index.pgvector` asks it."""

    read: Begin
    write: Begin
    model_id: ModelId
    dimension: int
    few: int = FEW
    """Up to so many faces that fulfil a filter are compared one by one,"""
    many: int = MANY
    """and up to so many where the graph shows nobody that stands out."""

    def build(self, anew: bool = False) -> None:
        """Make the graph of the model's embeddings where there is none; it serves every project.

        Args:
            anew: throw away the one that there is.
        """
        with self.read() as scope:
            there = has_graph(scope, embeddings, self.model_id, self.dimension)
        if anew or not there:
            with self.write() as scope:
                make_graph(scope, embeddings, self.model_id, self.dimension, anew=anew)

    def ids(self) -> Ids:
        """Every face, ids ascending."""
        with self.read() as scope:
            query = self._mine(scope, embeddings.c.face_id).order_by(embeddings.c.face_id)
            return np.array(scope.connection.execute(query).scalars().all(), dtype=np.int64)

    def present(self, face_ids: Ids) -> Ids:
        """Those of these that are there, ids ascending."""
        with self.read() as scope:
            query = self._mine(scope, embeddings.c.face_id).where(scope.among(embeddings.c.face_id, face_ids.tolist()))
            return np.sort(np.array(scope.connection.execute(query).scalars().all(), dtype=np.int64))

    def count(self) -> int:
        """How many there are."""
        with self.read() as scope:
            return int(scope.connection.execute(self._mine(scope, sa.func.count())).scalar_one())

    def near(self, queries: Vectors, k: int, where: Filter | None) -> list[tuple[Ids, Vectors]]:
        """Return for each query (m, d) the ids and vectors of the k nearest, fewer when there are not so many.

        With few faces to choose from all are compared. The graph may miss faces: where it finds fewer than k, or none
        that stands out, all are compared after all.
        """
        with self.read() as scope:
            if self.dimension > DIMENSIONS_AT_MOST or self._fit(scope, where, self.few):
                return [self._by_all(scope, query, k, where) for query in queries]
            scope.connection.exec_driver_sql(_search_settings(min(max(SEARCH_EFFORT, k), MOST_EFFORT)))
            found = [self._by_graph(scope, query, k, where) for query in queries]
            doubtful = [
                row for row, (query, (ids, vectors)) in enumerate(zip(queries, found, strict=True))
                if len(ids) < k or not stands_out(vectors @ query)
            ]  # fmt: skip
            if doubtful:
                for row, again in zip(doubtful, self._again(scope, queries[doubtful], k, where), strict=True):
                    found[row] = again
            return found

    def _again(self, scope: Scope, queries: Vectors, k: int, where: Filter | None) -> Iterator[tuple[Ids, Vectors]]:
        """Yield the nearest of queries to which the graph gave no good answer."""
        by_all = self._fit(scope, where, self.many)
        scope.connection.exec_driver_sql(SORTED if by_all else _search_settings(MOST_EFFORT))
        for query in queries:
            near = None if by_all else self._by_graph(scope, query, k, where)
            yield self._by_all(scope, query, k, where) if near is None or len(near[0]) < k else near

    def _fit(self, scope: Scope, where: Filter | None, most: int) -> bool:
        """Return whether no more faces than that fulfil the filter; others are not counted."""
        some = sa.select(faces.c.id).where(faces.c.project_id == scope.project_id, *conditions(scope, where))
        counted = sa.select(sa.func.count()).select_from(some.limit(most + 1).subquery())
        return int(scope.connection.execute(counted).scalar_one()) <= most

    def _by_graph(self, scope: Scope, query: Vector, k: int, where: Filter | None) -> tuple[Ids, Vectors]:
        """Ask in the words of the graph's index, without which PostgreSQL does not take it."""
        vector = sa.cast(embeddings.c.vector, _Sized(self.dimension))
        asked = self._mine(scope, embeddings.c.face_id, embeddings.c.vector).where(*conditions(scope, where))
        return self._best(scope, asked.order_by(vector.op("<=>")(_bound(query))).limit(k))

    def _by_all(self, scope: Scope, query: Vector, k: int, where: Filter | None) -> tuple[Ids, Vectors]:
        plain = embeddings.c.vector.op("<=>")(_bound(query))
        fit = sa.func.vector_dims(embeddings.c.vector) == self.dimension
        asked = self._mine(scope, embeddings.c.face_id).where(fit, *conditions(scope, where))
        best = asked.order_by(plain, embeddings.c.face_id).limit(k).subquery()
        # Only then their numbers: PostgreSQL would turn those of every face that it compares into bytes.
        mine = embeddings.c.model_id == self.model_id
        joined = best.join(embeddings, sa.and_(embeddings.c.face_id == best.c.face_id, mine))
        return self._best(scope, sa.select(embeddings.c.face_id, embeddings.c.vector).select_from(joined))

    def _best(self, scope: Scope, query: sa.Select[Any]) -> tuple[Ids, Vectors]:
        rows = scope.connection.execute(query.execution_options(**{BINARY: True})).all()
        ids = np.array([row[0] for row in rows], dtype=np.int64)
        vectors = np.frombuffer(b"".join(row[1] for row in rows), STORED).reshape(len(rows), self.dimension)
        return ids, vectors.astype(np.float32, copy=False)

    def _mine(self, scope: Scope, *columns: Any) -> sa.Select[Any]:
        """Select of this model and project; the model as a literal, as the graph's index has it."""
        model = sa.bindparam(None, self.model_id, sa.Text, literal_execute=True)
        joined = embeddings.join(faces, embeddings.c.face_id == faces.c.id)
        mine = faces.c.project_id == scope.project_id
        return sa.select(*columns).select_from(joined).where(embeddings.c.model_id == model, mine)


class _Sized(PgVector):
    """A vector of one dimension, as a graph needs it."""

    cache_ok = True

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension

    def get_col_spec(self, **_: Any) -> str:
        """Name the type."""
        return f"vector({self.dimension})"


def conditions(scope: Scope, where: Filter | None) -> list[sa.ColumnElement[bool]]:
    """Return what a filter asks of faces."""
    if where is None:
        return []
    asked: list[sa.ColumnElement[bool]] = []
    if where.people is not None:
        asked.append(scope.among(faces.c.person_id, where.people))
    if where.clusters is not None:
        asked.append(scope.among(faces.c.cluster_id, where.clusters))
    if where.unknown:
        asked.append(faces.c.person_id.is_(None))
    return asked


def _bound(query: Vector) -> sa.ColumnElement[Any]:
    return sa.cast(sa.literal(query.astype(STORED).tobytes(), PgVector()), PgVector())


def stands_out(scores: Scores) -> bool:
    """Return whether the best score is far above the last; among too few to be a crowd it always is."""
    return len(scores) < CROWD or bool(scores.max() >= STANDS_OUT * scores.min())


SORTED = "SELECT set_config('enable_sort', 'on', true)"


def _search_settings(effort: int) -> str:
    return (
        f"SELECT set_config('hnsw.ef_search', '{effort}', true), "
        "set_config('hnsw.iterative_scan', 'strict_order', true), "
        f"set_config('hnsw.max_scan_tuples', '{SCANNED_AT_MOST}', true), "
        # The graph gives them in order: PostgreSQL shall neither sort all, nor compile what takes milliseconds.
        "set_config('enable_sort', 'off', true), set_config('jit', 'off', true)"
    )
