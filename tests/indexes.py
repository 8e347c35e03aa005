"""Every kind of index, for the tests that each must pass."""

from __future__ import annotations

import atexit
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from personae.adapters.index.exact import ExactIndex
from personae.adapters.index.points import PointIndex
from personae.adapters.index.rows import Fetch
from personae.adapters.index.voyager import VoyagerIndex
from personae.ports import VectorIndex
from personae.types import ModelId

MODEL = ModelId("some-model")
DIMENSION = 16
KINDS = (
    "exact", "voyager", "pgvector", "pgvector-graph",
    "qdrant-folder", "qdrant-edge", "qdrant-client", "qdrant-server",
)  # fmt: skip
"""pgvector-graph: asks the graph also where few faces fulfil a filter.

qdrant-client: against a stand-in; qdrant-server: against a real server, where QDRANT_URL names one.
"""
SLOW = {"qdrant-folder", "qdrant-edge", "pgvector-graph"}
IN_THE_STORE = ("pgvector", "pgvector-graph")
"""Those that hold no copy: there is nothing to follow."""
SLOW_KINDS = tuple(pytest.param(kind, marks=pytest.mark.slow) if kind in SLOW else kind for kind in KINDS)
SERVER, KEY = os.environ.get("QDRANT_URL", ""), os.environ.get("QDRANT_API_KEY", "")
LASTING = ("voyager", "qdrant-folder", "qdrant-edge")
"""Those that are there again when they are opened again."""


def open_index(kind: str, folder: Path, model: ModelId = MODEL, fetch: Fetch | None = None) -> VectorIndex:
    """Open an index, the same one again for the same folder and model; skips what is not installed."""
    if kind == "exact":
        return ExactIndex(model, DIMENSION)
    if kind == "voyager":
        return VoyagerIndex(folder / f"{model}.voy", model, DIMENSION, fetch)
    if kind == "qdrant-edge":
        pytest.importorskip("qdrant_edge", reason="qdrant-edge-py is not installed")
        from personae.adapters.index.qdrant_edge import EdgePoints  # noqa: PLC0415 - it may not be installed

        return PointIndex(EdgePoints(folder / f"{model}.edge", DIMENSION), model, DIMENSION, fetch)
    if kind in {"pgvector", "pgvector-graph"}:
        from tests.pgvector_index import StoredIndex  # noqa: PLC0415 - needs a server

        return StoredIndex.of(folder, model, DIMENSION, few=0 if kind == "pgvector-graph" else None)
    pytest.importorskip("qdrant_client", reason="qdrant-client is not installed")
    from personae.adapters.index.qdrant import FolderPoints, ServerPoints  # noqa: PLC0415

    if kind == "qdrant-folder":
        return PointIndex(FolderPoints(folder / f"{model}.qdrant", str(model), DIMENSION), model, DIMENSION, fetch)
    url, key = (_stand_in(), "") if kind == "qdrant-client" else (SERVER, KEY)
    if not url:
        pytest.skip("QDRANT_URL names no server")
    collection = f"personae_test_{uuid.uuid5(uuid.NAMESPACE_URL, str(folder)).hex}_{model}"
    points = ServerPoints(url, key, collection, DIMENSION)
    return PointIndex(points, model, DIMENSION, fetch)


@cache
def _stand_in() -> str:
    from tests.qdrant_server import StandIn  # noqa: PLC0415 - the client may not be installed

    stand_in = StandIn()
    atexit.register(stand_in.close)
    return stand_in.url


@contextmanager
def opened(kind: str, folder: Path, model: ModelId = MODEL, fetch: Fetch | None = None) -> Iterator[VectorIndex]:
    """Open an index and close it; a server is left without it."""
    index = open_index(kind, folder, model, fetch)
    try:
        yield index
    finally:
        let_go(index)


def let_go(index: VectorIndex) -> None:
    """Close an index, and leave a server without it."""
    points = getattr(index, "_points", None)
    if type(points).__name__ == "ServerPoints":
        points._client.delete_collection(points._collection)
    index.close()
