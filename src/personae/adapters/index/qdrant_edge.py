"""Points of a collection in this process, by qdrant-edge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from uuid import UUID

from qdrant_edge import (
    CountRequest,
    Distance,
    EdgeConfig,
    EdgeOptimizersConfig,
    EdgeShard,
    EdgeVectorParams,
    FieldCondition,
    HasIdCondition,
    HnswIndexConfig,
    MatchAny,
    MatchValue,
    PayloadSchemaType,
    Point,
    Query,
    QueryBatchRequest,
    QueryRequest,
    ScrollRequest,
    SearchParams,
    UpdateOperation,
)
from qdrant_edge import Filter as EdgeFilter

from personae.adapters.index.folder import OwnFolder
from personae.adapters.index.points import (
    BUILD_EFFORT,
    CLUSTER,
    GRAPH_FROM,
    LINKS,
    MARKER,
    PERSON,
    SEARCH_EFFORT,
    VECTOR,
    Label,
    Payload,
    row_of,
)
from personae.adapters.index.saved import DistrustError
from personae.errors import BackendError
from personae.types import Filter, Vectors

FULL_SCAN = 10_000
"""Kilobytes of vectors up to which a segment or the faces of a filter are compared one by one: the engine's default."""


class _Translating:
    """Turns the engine's errors into another; it raises Exception itself and nothing more special.

    Their texts may quote vectors, so they end here.
    """

    def __init__(self, kind: type[Exception], sentence: str) -> None:
        self._kind = kind
        self._sentence = sentence

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is Exception:
            raise self._kind(self._sentence) from None


class EdgePoints:
    """`personae.adapters.index.points.Points` in a folder, by the engine of the Qdrant server in this process.

    Args:
        folder: where it is kept.
        dimension: length of the embeddings.

    Raises:
        BackendError: another process uses the folder, or the disk refuses.
    """

    _shard: EdgeShard

    def __init__(self, folder: Path, dimension: int) -> None:
        self._folder = OwnFolder(folder)
        self._config = EdgeConfig(
            # Rows have length 1, so the dot product is the cosine, and they are stored as they are.
            vectors={VECTOR: EdgeVectorParams(size=dimension, distance=Distance.Dot)},
            hnsw_config=HnswIndexConfig(m=LINKS, ef_construct=BUILD_EFFORT, full_scan_threshold=FULL_SCAN),
            optimizers=EdgeOptimizersConfig(indexing_threshold=GRAPH_FROM),
        )
        self._marker = UUID(MARKER)
        self._faces = EdgeFilter(must_not=[HasIdCondition({self._marker})])

    def open(self) -> None:
        """See the protocol; likewise below."""
        if not self._folder.path.exists():
            self._create()
            return
        reason = f"the folder {self._folder.path.name} cannot be read, or is of other vectors"
        with _Translating(DistrustError, reason):
            self._shard = EdgeShard.load(str(self._folder.path), self._config)

    def marker(self) -> Payload | None:
        """The marker's payload."""
        with self._translating():
            found = self._shard.retrieve([self._marker], True, False)
        return found[0].payload if found else None

    def mark(self, payload: Payload) -> None:
        """Write the marker."""
        self._update(UpdateOperation.upsert_points([Point(self._marker, {}, dict(payload))]))

    def reset(self) -> None:
        """Begin anew."""
        self._close()
        self._folder.remove()
        self._create()

    def count(self) -> int:
        """All but the marker."""
        with self._translating():
            return self._shard.count(CountRequest(exact=True, filter=self._faces))

    def ids(self) -> list[int]:
        """All but the marker."""
        with self._translating():
            # One more than there are: the engine takes no 0.
            limit = self.count() + 1
            records, _ = self._shard.scroll(
                ScrollRequest(limit=limit, filter=self._faces, with_payload=False, with_vector=False)
            )
        return [int(str(record.id)) for record in records]

    def present(self, ids: Sequence[int]) -> list[int]:
        """Those that are there."""
        with self._translating():
            records = self._shard.retrieve(list(ids), False, False)
        return [int(str(record.id)) for record in records]

    def vectors(self, ids: Sequence[int]) -> dict[int, list[float]]:
        """Their vectors."""
        with self._translating():
            records = self._shard.retrieve(list(ids), False, True)
        return {int(str(record.id)): row_of(record.vector) for record in records}

    def put(self, ids: Sequence[int], rows: Vectors, labels: Sequence[Label]) -> None:
        """Insert or replace."""
        points = [
            Point(face_id, {VECTOR: row}, {PERSON: person, CLUSTER: cluster})
            for face_id, row, (person, cluster) in zip(ids, rows.tolist(), labels, strict=True)
        ]
        self._update(UpdateOperation.upsert_points(points))

    def label(self, labels: Mapping[Label, list[int]]) -> None:
        """Set people and clusters."""
        for (person, cluster), ids in labels.items():
            self._update(UpdateOperation.set_payload(list(ids), {PERSON: person, CLUSTER: cluster}))

    def drop(self, ids: Sequence[int]) -> None:
        """Remove."""
        self._update(UpdateOperation.delete_points(list(ids)))

    def near(self, queries: Vectors, k: int, where: Filter | None) -> list[list[int]]:
        """Ask for all at once."""
        effort, fits = SearchParams(hnsw_ef=max(SEARCH_EFFORT, k)), _filter(where)
        requests = [
            QueryRequest(limit=k, query=Query.Nearest(query, using=VECTOR), filter=fits, params=effort)
            for query in queries.tolist()
        ]
        with self._translating():
            answers = self._shard.query_batch(QueryBatchRequest(requests))
        return [[int(str(point.id)) for point in answer] for answer in answers]

    def save(self) -> None:
        """Build or mend the graph where enough has changed, and bring all to the disk."""
        with self._translating():
            self._shard.optimize()
            self._shard.flush()

    def close(self) -> None:
        """Close the shard, and let others have the folder."""
        self._close()
        self._folder.release()

    def _create(self) -> None:
        self._folder.make()
        with self._translating():
            self._shard = EdgeShard.create(str(self._folder.path), self._config)
        for field in (PERSON, CLUSTER):
            self._update(UpdateOperation.create_field_index(field, PayloadSchemaType.Integer))

    def _close(self) -> None:
        if hasattr(self, "_shard"):
            with self._translating():
                self._shard.close()

    def _update(self, operation: UpdateOperation) -> None:
        with self._translating():
            self._shard.update(operation)

    def _translating(self) -> _Translating:
        return _Translating(BackendError, f"the Qdrant folder {self._folder.path} failed")


def _filter(where: Filter | None) -> EdgeFilter | None:
    if where is None:
        return None
    must: list[FieldCondition] = []
    for field, wanted in ((PERSON, where.people), (CLUSTER, where.clusters)):
        if wanted is not None:
            must.append(FieldCondition(field, match=MatchAny(list(map(int, wanted)))))
    if where.unknown:
        must.append(FieldCondition(PERSON, match=MatchValue(-1)))
    return EdgeFilter(must=list(must))
