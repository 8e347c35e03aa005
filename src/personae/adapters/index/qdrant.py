"""Points of a collection by qdrant-client: a server by its address, or a folder (local mode)."""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from urllib.parse import urlsplit

from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

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
from personae.errors import BackendError, InputError
from personae.types import Filter, Vectors

PATIENCE = 60
"""Seconds that a server may take for one answer."""
IDS_AT_ONCE = 10_000
FACES = models.Filter(must_not=[models.HasIdCondition(has_id=[MARKER])])
"""All points but the marker."""


class ClientPoints:
    """`personae.adapters.index.points.Points` by a client of either mode."""

    _client: QdrantClient
    _place: str
    """Where the collection is, for sentences."""
    _local: bool

    def __init__(self, collection: str, dimension: int) -> None:
        self._collection = collection
        self._vectors = models.VectorParams(size=dimension, distance=models.Distance.DOT)

    def open(self) -> None:
        """See the protocol; likewise below."""
        with self._translating():
            if not self._client.collection_exists(self._collection):
                self._create()
            there = self._client.get_collection(self._collection).config.params.vectors
        mine = there.get(VECTOR) if isinstance(there, dict) else None
        if mine is None or (mine.size, mine.distance) != (self._vectors.size, self._vectors.distance):
            raise DistrustError("the collection was made for other vectors")

    def marker(self) -> Payload | None:
        """The marker's payload."""
        with self._translating():
            found = self._client.retrieve(self._collection, [MARKER], with_payload=True)
        return found[0].payload if found else None

    def mark(self, payload: Payload) -> None:
        """Write the marker."""
        point = models.PointStruct(id=MARKER, vector={}, payload=dict(payload))
        with self._translating():
            self._client.upsert(self._collection, [point], wait=True)

    def reset(self) -> None:
        """Begin anew."""
        with self._translating():
            self._client.delete_collection(self._collection)
            self._create()

    def count(self) -> int:
        """All but the marker."""
        with self._translating():
            return self._client.count(self._collection, count_filter=FACES, exact=True).count

    def ids(self) -> list[int]:
        """All but the marker."""
        found: list[int] = []
        offset: models.ExtendedPointId | None = None
        while True:
            with self._translating():
                records, offset = self._client.scroll(
                    self._collection, scroll_filter=FACES, limit=IDS_AT_ONCE, offset=offset, with_payload=False
                )
            found.extend(int(record.id) for record in records)
            if offset is None:
                return found

    def present(self, ids: Sequence[int]) -> list[int]:
        """Those that are there."""
        found: list[int] = []
        for start in range(0, len(ids), IDS_AT_ONCE):
            with self._translating():
                part = ids[start : start + IDS_AT_ONCE]
                found.extend(int(each.id) for each in self._client.retrieve(self._collection, part, with_payload=False))
        return found

    def vectors(self, ids: Sequence[int]) -> dict[int, list[float]]:
        """Their vectors."""
        if not ids:
            return {}
        with self._translating():
            records = self._client.retrieve(self._collection, ids, with_payload=False, with_vectors=True)
        return {int(record.id): row_of(record.vector) for record in records}

    def put(self, ids: Sequence[int], rows: Vectors, labels: Sequence[Label]) -> None:
        """Insert or replace."""
        payloads: list[models.Payload] = [{PERSON: person, CLUSTER: cluster} for person, cluster in labels]
        batch = models.Batch(ids=list(ids), vectors={VECTOR: rows.tolist()}, payloads=payloads)
        with self._translating():
            self._client.upsert(self._collection, batch, wait=True)

    def label(self, labels: Mapping[Label, list[int]]) -> None:
        """Set people and clusters."""
        operations = [
            models.SetPayloadOperation(
                set_payload=models.SetPayload(payload={PERSON: person, CLUSTER: cluster}, points=ids)
            )
            for (person, cluster), ids in labels.items()
        ]
        for start in range(0, len(operations), 1000):
            with self._translating():
                self._client.batch_update_points(self._collection, operations[start : start + 1000], wait=True)

    def drop(self, ids: Sequence[int]) -> None:
        """Remove."""
        with self._translating():
            self._client.delete(self._collection, models.PointIdsList(points=list(ids)), wait=True)

    def near(self, queries: Vectors, k: int, where: Filter | None) -> list[list[int]]:
        """Ask for all at once."""
        # Local mode compares with every face, and warns when it is told how to search.
        effort = None if self._local else models.SearchParams(hnsw_ef=max(SEARCH_EFFORT, k))
        requests = [
            models.QueryRequest(query=query, using=VECTOR, limit=k, filter=_filter(where), params=effort)
            for query in queries.tolist()
        ]
        with self._translating():
            answers = self._client.query_batch_points(self._collection, requests)
        return [[int(point.id) for point in answer.points] for answer in answers]

    def save(self) -> None:
        """What was acknowledged is kept."""

    def close(self) -> None:
        """Close the client."""
        self._client.close()

    def _create(self) -> None:
        # Rows have length 1, so the dot product is the cosine, and they are stored as they are.
        self._client.create_collection(
            self._collection,
            vectors_config={VECTOR: self._vectors},
            hnsw_config=models.HnswConfigDiff(m=LINKS, ef_construct=BUILD_EFFORT),
            optimizers_config=models.OptimizersConfigDiff(indexing_threshold=GRAPH_FROM),
        )

    @contextmanager
    def _translating(self) -> Iterator[None]:
        """Turn the vendor's errors into the house's. Their own texts may quote vectors, so they end here."""
        try:
            yield
        except UnexpectedResponse as error:
            raise BackendError(f"{self._place} {_refusal(error.status_code)}") from None
        except (ApiException, QdrantException) as error:
            raise BackendError(f"{self._place} does not answer ({_name(error)})") from None
        except (ValueError, KeyError, RuntimeError, sqlite3.Error, OSError) as error:
            raise BackendError(f"{self._place} failed ({_name(error)})") from None


class ServerPoints(ClientPoints):
    """A collection on a Qdrant server.

    Args:
        url: http://host:port or https://host:port.
        api_key: what the server asks for; empty: nothing.
        collection: name of the collection.
        dimension: length of the embeddings.

    Raises:
        InputError: the address cannot be one.
    """

    _local = False

    def __init__(self, url: str, api_key: str, collection: str, dimension: int) -> None:
        super().__init__(collection, dimension)
        self._place = f"the Qdrant server {_host(url)}"
        # The key as a header: given as `api_key` it brings a warning on http, which is right inside one machine or
        # network. No check of versions: it runs in a thread of its own and warns from there.
        headers = {"api-key": api_key} if api_key else None
        self._client = QdrantClient(url=url, headers=headers, timeout=PATIENCE, check_compatibility=False)

    def remove_all(self, prefix: str) -> None:
        """Remove every collection whose name begins so."""
        with self._translating():
            for there in self._client.get_collections().collections:
                if there.name.startswith(prefix):
                    self._client.delete_collection(there.name)

    def _create(self) -> None:
        super()._create()
        for field in (PERSON, CLUSTER):
            self._client.create_payload_index(self._collection, field, models.PayloadSchemaType.INTEGER)


class FolderPoints(ClientPoints):
    """A collection in a folder, in the client's own local mode: exact, slow, one process at a time.

    Raises:
        BackendError: another process uses the folder, or the disk refuses.
    """

    _local = True

    def __init__(self, folder: Path, collection: str, dimension: int) -> None:
        super().__init__(collection, dimension)
        self._place = f"the Qdrant folder {folder}"
        self._folder = OwnFolder(folder)

    def open(self) -> None:
        """Open the folder."""
        try:
            self._connect()
        except _TORN as error:
            raise DistrustError(f"the folder {self._folder.path.name} cannot be read ({_name(error)})") from None
        super().open()

    def reset(self) -> None:
        """Begin anew, without what a torn collection left."""
        if hasattr(self, "_client"):
            self._client.close()
        self._folder.remove()
        with self._translating():
            self._connect()
            self._create()

    def put(self, ids: Sequence[int], rows: Vectors, labels: Sequence[Label]) -> None:
        """Insert or replace."""
        with _no_advice():
            super().put(ids, rows, labels)

    def close(self) -> None:
        """Close the client, and let others have the folder."""
        if hasattr(self, "_client"):
            super().close()
        self._folder.release()

    def _connect(self) -> None:
        self._folder.make()
        with _no_advice():
            self._client = QdrantClient(path=str(self._folder.path), force_disable_check_same_thread=True)


_TORN = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ImportError,
    EOFError,
    UnpicklingError,
    sqlite3.Error,
    OSError,
)


@contextmanager
def _no_advice() -> Iterator[None]:
    """Keep local mode from advising another mode above 20,000 faces: the docs say so, and it is the user's choice."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Local mode is not recommended", UserWarning)
        yield


def _filter(where: Filter | None) -> models.Filter | None:
    if where is None:
        return None
    must: list[models.Condition] = []
    for field, wanted in ((PERSON, where.people), (CLUSTER, where.clusters)):
        if wanted is not None:
            must.append(models.FieldCondition(key=field, match=models.MatchAny(any=list(map(int, wanted)))))
    if where.unknown:
        must.append(models.FieldCondition(key=PERSON, match=models.MatchValue(value=-1)))
    return models.Filter(must=must)


def _host(url: str) -> str:
    """Return host and port of a server's address. Raises InputError."""
    try:
        parts = urlsplit(url)
        host = parts.hostname if parts.scheme in {"http", "https"} else None
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        host = None
    if not host:
        raise InputError("the address of the Qdrant server is http://host:port or https://host:port")
    return f"{host}{port}"


def _refusal(status: int | None) -> str:
    if status in {401, 403}:
        return "does not accept the key (QDRANT_API_KEY)"
    return f"answered {status}"


def _name(error: Exception) -> str:
    source = getattr(error, "source", error)
    return type(source).__name__
