"""A stand-in for a Qdrant server: the REST calls that the index makes, answered by the client's own local mode."""

from __future__ import annotations

import json
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pydantic import BaseModel
from qdrant_client import QdrantClient, models


class StandIn:
    """Serves on a free port of this machine until it is closed.

    Args:
        api_key: asked of every request; empty: nothing is.
    """

    def __init__(self, api_key: str = "") -> None:
        self.client = QdrantClient(":memory:")
        self.lock = threading.Lock()
        self.api_key = api_key
        self.asked: list[tuple[str, str]] = []
        """Method and path of every request."""
        self.status = 200
        """What to answer instead, when it is not 200."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self.client.close()

    def answer(self, method: str, path: str, body: dict[str, Any]) -> Any:
        """Do what one request asks for."""
        _, _, name, *rest = path.split("/")
        call = f"{method} {'/'.join(rest)}".strip()
        with self.lock:
            return _CALLS[call](self.client, name, body)


def _create(client: QdrantClient, name: str, body: dict[str, Any]) -> Any:
    asked = models.CreateCollection(**body)
    return client.create_collection(name, vectors_config=asked.vectors, hnsw_config=asked.hnsw_config)


def _index(client: QdrantClient, name: str, body: dict[str, Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return client.create_payload_index(name, body["field_name"], body["field_schema"])


def _upsert(client: QdrantClient, name: str, body: dict[str, Any]) -> Any:
    points = models.Batch(**body["batch"]) if "batch" in body else models.PointsList(**body).points
    return client.upsert(name, points)


def _scroll(client: QdrantClient, name: str, body: dict[str, Any]) -> Any:
    asked = models.ScrollRequest(**body)
    records, offset = client.scroll(
        name, asked.filter, asked.limit or 10, offset=asked.offset, with_payload=asked.with_payload or False
    )
    return models.ScrollResult(points=records, next_page_offset=offset)


def _retrieve(client: QdrantClient, name: str, body: dict[str, Any]) -> Any:
    asked = models.PointRequest(**body)
    return client.retrieve(name, asked.ids, asked.with_payload or False, asked.with_vector or False)


def _search(client: QdrantClient, name: str, body: dict[str, Any]) -> Any:
    asked = models.QueryRequestBatch(**body).searches
    for each in asked:
        each.params = None
    return client.query_batch_points(name, asked)


def _batch(client: QdrantClient, name: str, body: dict[str, Any]) -> Any:
    return client.batch_update_points(name, models.UpdateOperations(**body).operations)


_CALLS: dict[str, Any] = {
    "GET exists": lambda client, name, body: {"exists": client.collection_exists(name)},
    "GET": lambda client, name, body: client.get_collection(name),
    "PUT": _create,
    "DELETE": lambda client, name, body: client.delete_collection(name),
    "PUT index": _index,
    "PUT points": _upsert,
    "POST points": _retrieve,
    "POST points/scroll": _scroll,
    "POST points/count": lambda client, name, body: client.count(name, models.CountRequest(**body).filter),
    "POST points/delete": lambda client, name, body: client.delete(name, models.PointIdsList(**body)),
    "POST points/query/batch": _search,
    "POST points/batch": _batch,
}


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else str(value)


def _handler(stand_in: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            path = self.path.partition("?")[0]
            stand_in.asked.append((self.command, path))
            if stand_in.api_key and self.headers.get("api-key") != stand_in.api_key:
                self._reply(401, {"status": {"error": "Invalid API key"}})
            elif stand_in.status != 200:
                self._reply(stand_in.status, {"status": {"error": "as told"}, "body": body.decode()})
            else:
                try:
                    result = stand_in.answer(self.command, path, json.loads(body or b"{}"))
                except (ValueError, KeyError) as error:
                    self._reply(404, {"status": {"error": str(error)}})
                else:
                    self._reply(200, {"result": result, "status": "ok", "time": 0.0})

        def _reply(self, status: int, document: Any) -> None:
            data = json.dumps(document, default=_plain).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None: ...

        do_GET = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815

    return Handler
