"""Which index the settings choose, and what they keep to themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from personae import Settings, open_engine
from personae.bootstrap import load_settings
from personae.errors import BackendError, InputError
from personae.settings import as_environment, describe
from personae.types import ModelId
from tests.generate import unit_rows

pytest.importorskip("qdrant_client", reason="qdrant-client is not installed")

from tests.qdrant_server import StandIn

MODEL = ModelId("some-model")


@pytest.fixture
def server() -> Iterator[StandIn]:
    stand_in = StandIn("a secret")
    yield stand_in
    stand_in.close()


@pytest.mark.parametrize(
    ("index", "count", "kind"),
    [
        ("auto", 10, "ExactIndex"),
        ("auto", 11, "VoyagerIndex"),
        ("exact", 11, "ExactIndex"),
        ("voyager", 1, "VoyagerIndex"),
        ("qdrant", 1, "PointIndex"),
        ("qdrant-edge", 1, "PointIndex"),
    ],
)
def test_the_settings_choose(tmp_path: Path, index: str, count: int, kind: str) -> None:
    if index == "qdrant-edge":
        pytest.importorskip("qdrant_edge", reason="qdrant-edge-py is not installed")
    settings = Settings(home=tmp_path, index=index, exact_limit=10)  # type: ignore[arg-type]
    with open_engine(settings) as engine:
        chosen = engine.parts.index(MODEL, 16, count)
        assert type(chosen).__name__ == kind
        assert engine.parts.index(MODEL, 16, count) is chosen
    # Closed with the engine: another may have it now.
    with open_engine(settings) as engine:
        assert engine.parts.index(MODEL, 16, count).damage == ""


def test_a_grown_collection_moves(tmp_path: Path) -> None:
    with open_engine(Settings(home=tmp_path, exact_limit=10)) as engine:
        kinds = [type(engine.parts.index(MODEL, 16, count)).__name__ for count in (10, 11, 3)]
    assert kinds == ["ExactIndex", "VoyagerIndex", "ExactIndex"]


def test_an_address_is_enough(server: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QDRANT_URL", server.url)
    monkeypatch.setenv("QDRANT_API_KEY", "a secret")
    for home, project in (("one", "default"), ("one", "other"), ("two", "default"), ("one", "default")):
        with open_engine(Settings(home=tmp_path / home, project=project)) as engine:
            index = engine.parts.index(MODEL, 16, 1)
            index.add(np.array([1]), unit_rows(1, 16))
            with engine.parts.store.write() as tx:
                index.advance(tx.events.emit("face.added", {"face_id": 1}))
    names = [each.name for each in server.client.get_collections().collections]
    assert len(names) == 3
    assert all(name.startswith("personae_") and name.endswith("_some-model") for name in names)


def test_a_store_that_was_put_back_is_noticed(server: StandIn, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, qdrant_url=server.url, qdrant_api_key="a secret")  # type: ignore[arg-type]
    with open_engine(settings) as engine:
        index = engine.parts.index(MODEL, 16, 1)
        copy = (tmp_path / "personae.db").read_bytes(), (tmp_path / "personae.db-wal").read_bytes()
        with engine.parts.store.write() as tx:
            seq = tx.events.emit("face.added", {"face_id": 1})
        index.add(np.array([1]), unit_rows(1, 16))
        index.advance(seq)
    with open_engine(settings) as engine:
        assert engine.parts.index(MODEL, 16, 1).damage == ""
    (tmp_path / "personae.db").write_bytes(copy[0])
    (tmp_path / "personae.db-wal").write_bytes(copy[1])
    with open_engine(settings) as engine:
        with engine.parts.store.write() as tx:
            assert tx.events.emit("face.added", {"face_id": 2}) == seq
        index = engine.parts.index(MODEL, 16, 1)
        assert "older copy" in index.damage
        assert (len(index), index.cursor) == (0, 0)


def test_a_server_that_is_away_stops_only_who_asks_it(tmp_path: Path) -> None:
    with open_engine(Settings(home=tmp_path, qdrant_url="http://127.0.0.1:9")) as engine:
        assert engine.people() == ([], [])
        with pytest.raises(BackendError, match="127"):
            engine.parts.index(MODEL, 16, 1)
        assert {difference.kind for difference in engine.doctor()} == {"index"}


def test_the_key_is_not_shown() -> None:
    settings = Settings(qdrant_url="http://ann:word@host:1", qdrant_api_key="a secret")  # type: ignore[arg-type]
    shown = {row["name"]: row["value"] for row in describe(settings)}
    assert (shown["qdrant_url"], shown["qdrant_api_key"]) == ("http://ann:***@host:1", "***")
    assert "a secret" not in json.dumps(shown, default=str) + repr(settings)
    assert as_environment(settings)["QDRANT_API_KEY"] == "a secret"


def test_an_index_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONAE_INDEX", "magic")
    with pytest.raises(InputError, match="index"):
        load_settings()
