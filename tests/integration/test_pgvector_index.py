"""The index that is the store's own table: up to date at once, confined to its project, by its graph."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from personae import Settings, open_engine
from personae.adapters.index.pgvector import PgvectorIndex
from personae.adapters.store.graphs import graph_name
from personae.adapters.store.nearest import MANY, MOST_EFFORT, SEARCH_EFFORT, _search_settings, stands_out
from personae.adapters.store.pgvector import VectorCell
from personae.adapters.store.schema import embeddings
from personae.adapters.store.store import SqlStore
from personae.core.compare import normalise
from personae.engine.follow import catch_up
from personae.errors import InputError
from personae.ports import VectorIndex
from personae.types import FaceId, Filter, Ids, ModelId, PersonId, Vectors
from tests.contract.test_store_pictures import A, face, picture
from tests.generate import unit_rows
from tests.postgres import Server

MODEL, DIMENSION = ModelId("it's 100%"), 24
FACES = 600


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def store(postgres: Server) -> Iterator[SqlStore]:
    opened = SqlStore.open(postgres.new_database(), "test", now, patience=20)
    yield opened
    opened.close()


def index_of(store: SqlStore, few: int = 0, many: int = MANY) -> PgvectorIndex:
    def fetch(face_ids: Ids) -> tuple[Ids, Vectors]:
        with store.read() as tx:
            return tx.faces.embeddings(MODEL, face_ids)

    return PgvectorIndex(replace(store.nearest(MODEL, DIMENSION), few=few, many=many), MODEL, DIMENSION, fetch)


def fill(store: SqlStore, rows: Vectors) -> Ids:
    """Put faces into the store and return their ids."""
    with store.write() as tx:
        name = f"photo {tx.events.last()}"
        tx.images.add(picture(name, *(replace(face(1), embeddings={MODEL: row}) for row in rows)))
        query = sa.select(embeddings.c.face_id).order_by(embeddings.c.face_id.desc()).limit(len(rows))
        return np.array(tx.faces.scope.connection.execute(query).scalars().all())[::-1]


def test_what_is_committed_is_found_at_once(store: SqlStore) -> None:
    index: VectorIndex = index_of(store)
    assert not index.follows
    rows = unit_rows(FACES, DIMENSION, 1)
    first = fill(store, rows[:-1])
    assert (len(index), index.face_ids().tolist()) == (FACES - 1, first.tolist())
    with store.read() as tx:
        assert not catch_up(tx, index)
    (last,) = fill(store, rows[-1:])
    assert index.search(rows[-1:], 1)[0].tolist() == [[last]]
    ids, scores = index.search(rows[:40], 5)
    expected = rows[:40] @ rows.T
    assert (ids[:, 0] == first[:40]).all()
    assert np.allclose(scores, -np.sort(-expected, axis=1)[:, :5], atol=1e-6)
    with store.write() as tx:
        tx.faces.scope.connection.execute(sa.delete(embeddings).where(embeddings.c.face_id == int(last)))
    assert FaceId(int(last)) not in index
    assert last not in index.search(rows[-1:], 5)[0]


def test_a_project_finds_its_own_faces(store: SqlStore) -> None:
    rows = unit_rows(FACES, DIMENSION, 1)
    fill(store, rows)
    with contextlib.closing(SqlStore.open(store._engine.url.render_as_string(False), "other", now)) as other:
        mine = fill(other, rows[:3])
        for few in (0, 5000):
            index = index_of(other, few)
            assert len(index) == 3
            ids, _ = index.search(rows[:3], 5)
            assert ids[:, 0].tolist() == mine.tolist()
            assert (ids[:, 3:] == -1).all()


def test_the_graph_answers(store: SqlStore) -> None:
    rows = unit_rows(FACES, DIMENSION, 1)
    face_ids = fill(store, rows)
    index = index_of(store)
    with store.write() as tx:
        person = tx.people.add("Ada")
        tx.faces.set_people({FaceId(int(i)): person for i in face_ids[::2]})
    asked: list[tuple[str, Any]] = []

    @sa.event.listens_for(store._engine, "before_cursor_execute")
    def listen(_conn: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if "<=>" in statement:
            asked.append((statement, parameters))

    name = graph_name(embeddings, MODEL, DIMENSION)
    for where in (None, Filter(people=(PersonId(person),)), Filter(unknown=True)):
        asked.clear()
        ids, _ = index.search(rows[:1], 3, where)
        assert (ids >= 0).all()
        (statement, parameters), *others = asked
        assert not others
        assert any(isinstance(value, VectorCell) for value in parameters.values())
        with store._engine.connect() as connection:
            connection.exec_driver_sql(_search_settings(SEARCH_EFFORT))
            plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars())
        assert f'"{name}"' in plan or name in plan


def test_where_nobody_stands_out_is_looked_again(store: SqlStore) -> None:
    rows = unit_rows(FACES, DIMENSION, 1)
    rows[1:] = normalise(rows[1:] - rows[1:] @ rows[:1].T * rows[:1] + rows[:1])  # as near to the first as all others
    fill(store, rows)
    said: list[str] = []

    @sa.event.listens_for(store._engine, "before_cursor_execute")
    def listen(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    for many in (MANY, 0):
        said.clear()
        ids, _ = index_of(store, many=many).search(np.concatenate([rows[:1], -rows[:1]]), 3)
        assert ids[0, 0] == 1
        efforts = [n for text in said for n in (SEARCH_EFFORT, MOST_EFFORT) if f"ef_search', '{n}'" in text]
        assert efforts == ([SEARCH_EFFORT] if many else [SEARCH_EFFORT, MOST_EFFORT])
        # One of the two probes is asked about twice.
        assert sum("<=>" in text for text in said) == 3


def test_who_stands_out() -> None:
    assert SEARCH_EFFORT >= 200
    crowd = np.full(80, 0.2, np.float32)
    assert not stands_out(crowd)
    assert stands_out(np.append(crowd, np.float32(0.41)))
    assert stands_out(crowd[:5])
    assert stands_out(np.append(-crowd, np.float32(0.1)))


def test_a_filter_that_few_fulfil_is_exact(store: SqlStore) -> None:
    rows = unit_rows(FACES, DIMENSION, 1)
    face_ids = fill(store, rows)
    with store.write() as tx:
        person = tx.people.add("Ada")
        tx.faces.set_people({FaceId(int(i)): person for i in face_ids[:7]})
    for few in (0, 5000):
        ids, scores = index_of(store, few).search(-rows[:1], 9, Filter(people=(person,)))
        expected = -(rows[:7] @ rows[0])
        assert ids[0, :7].tolist() == face_ids[np.argsort(-expected)].tolist()
        assert np.allclose(scores[0, :7], -np.sort(-expected), atol=1e-6)
        assert (ids[0, 7:] == -1).all()


def test_many_that_are_equal_are_ordered_by_id(store: SqlStore) -> None:
    row = unit_rows(1, DIMENSION)
    face_ids = fill(store, np.repeat(row, 300, axis=0))
    assert index_of(store, 5000).search(row, 5)[0].tolist() == [face_ids[:5].tolist()]


def test_a_graph_can_be_built_anew(store: SqlStore) -> None:
    rows = unit_rows(50, DIMENSION, 1)
    index = index_of(store)
    face_ids = fill(store, rows)
    index.clear()
    assert (len(index), index.search(rows[:1], 1)[0].tolist()) == (50, [[face_ids[0]]])
    with store._engine.connect() as connection:
        names = connection.execute(sa.text("SELECT indexname FROM pg_indexes WHERE indexdef LIKE '%hnsw%'")).scalars()
        assert names.all() == [graph_name(embeddings, MODEL, DIMENSION)]


def test_other_lengths_of_the_same_model_are_left_out(store: SqlStore) -> None:
    rows = unit_rows(3, DIMENSION, 1)
    face_ids = fill(store, rows)
    fill(store, normalise(np.ones((1, 3), np.float32)))
    few = replace(store.nearest(MODEL, DIMENSION), few=5000)
    ((ids, vectors),) = few.near(rows[:1], 10, None)
    assert sorted(ids.tolist()) == face_ids.tolist()
    assert vectors.shape == (3, DIMENSION)


def test_a_graph_refuses_other_lengths(store: SqlStore) -> None:
    index_of(store)
    with pytest.raises(InputError, match="dimensions"):
        fill(store, normalise(np.ones((1, 3), np.float32)))


def test_the_settings_choose(postgres: Server, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url=postgres.new_database(), index="pgvector")
    with open_engine(settings) as engine:
        index = engine.parts.index(A, 512, 1)
        assert type(index).__name__ == "PgvectorIndex"
        assert engine.parts.index(A, 512, 1) is index
    with (
        open_engine(Settings(home=tmp_path, index="pgvector")) as engine,
        pytest.raises(InputError, match="PostgreSQL"),
    ):
        engine.parts.index(A, 512, 1)


def test_characters_have_vectors_and_graphs(store: SqlStore) -> None:
    with store._engine.connect() as connection:
        query = (
            "SELECT attrelid::regclass::text, attname FROM pg_attribute WHERE atttypid = 'vector'::regtype "
            "AND attrelid::regclass::text IN ('characters', 'detected_embeddings', 'embedding_history', 'embeddings')"
        )
        found = {tuple(row) for row in connection.execute(sa.text(query))}
    assert found == {
        ("characters", "reference_embedding"), ("detected_embeddings", "vector"), ("embedding_history", "vector"),
        ("embeddings", "vector"),
    }  # fmt: skip
