"""Whatever people decide and take back: it is as if only what stands had ever been decided."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personae import Engine
from personae.adapters.store.schema import clusters, faces, people
from personae.core.ledger import resolve_faces, resolve_people
from personae.core.links import Links, resolve_links
from personae.engine import ledger
from personae.errors import PersonaeError
from personae.ports import Transaction
from personae.types import Decision, Maker
from tests.likenesses import add_faces, engine_at, like, put_together

NAMES = st.sampled_from(["Ann", "Bob", "Cid"])
FACES = st.integers(1, 9)
UNKNOWN = st.one_of(st.integers(1, 5).map(lambda n: f"unknown_cluster_{n}"), FACES.map(lambda n: f"unknown_noise_{n}"))
ANYBODY = st.one_of(NAMES, UNKNOWN)
CHOSEN = st.lists(FACES, min_size=1, max_size=3, unique=True)
Step = Callable[[Engine], object]
STEPS = st.lists(
    st.one_of(
        st.builds(lambda who, name: lambda engine: engine.name(who, name), ANYBODY, NAMES),
        st.builds(lambda face, name: lambda engine: engine.reject(face, name), FACES, st.none() | NAMES),
        st.builds(lambda who, name: lambda engine: engine.reject(who, name), UNKNOWN, NAMES),
        st.builds(lambda who, into: lambda engine: engine.merge(who, into), ANYBODY, ANYBODY),
        st.builds(lambda who, some, name: lambda engine: engine.split(who, some, name), ANYBODY, CHOSEN,
                  st.none() | NAMES),
        st.just(lambda engine: engine.undo()),
        st.builds(lambda number: lambda engine: engine.undo(number), st.integers(3, 20)),
    ),
    max_size=14,
)  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine faces, of which 1 to 4 and 5 to 7 are unknown groups; the grouping is operations 1 and 2."""
    place = tmp_path_factory.mktemp("home")
    with engine_at(place) as engine, engine.parts.store.write() as tx:
        ids = add_faces(tx, [like(i % 3, seed=i) for i in range(9)])
        put_together(tx, ids[:4])
        put_together(tx, ids[4:7])
    return place


def rows(tx: Transaction, table: sa.Table, *columns: str) -> list[Any]:
    connection: sa.Connection = tx.decisions.scope.connection  # type: ignore[attr-defined]
    query = sa.select(*(table.c[name] for name in ("id", *columns))).order_by(table.c.id)
    return [tuple(row) for row in connection.execute(query)]


def state(engine: Engine) -> tuple[list[Any], list[Any], Links]:
    with engine.parts.store.read() as tx:
        active = tx.decisions.active()
        links = resolve_links(active, resolve_faces(active, resolve_people(tx.decisions.active_people())))
        # A person that is nobody now may still be called what it once was.
        known = [(i, name if active else "", active, into) for i, name, active, into in
                 rows(tx, people, "name", "active", "merged_into")]  # fmt: skip
        return rows(tx, faces, "person_id", "cluster_id"), known, links


def standing(engine: Engine) -> list[tuple[str, Maker, list[Decision]]]:
    with engine.parts.store.read() as tx:
        operations = [each for each in reversed(tx.decisions.operations(1000)) if each.undoes is None]
        return [(each.kind, each.maker, tx.decisions.of_operation(each.id)) for each in operations if not each.undone]


@given(STEPS)
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_the_state_is_that_of_what_stands(home: Path, steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as open_:
        places = [Path(shutil.copytree(home, Path(folder) / name)) for name in ("lived", "replayed")]
        lived, replayed = (open_.enter_context(engine_at(place)) for place in places)
        for step in steps:
            with contextlib.suppress(PersonaeError):
                step(lived)
            assert lived.parts.store.check() == []
        with lived.parts.store.read() as tx:
            made = len(rows(tx, people)), len(rows(tx, clusters)) - 2
        with replayed.parts.store.write() as tx:
            for _ in range(made[0]):
                tx.people.add("?")
            tx.clusters.add(made[1])
            for kind, maker, decisions in standing(lived)[2:]:
                ledger.record(tx, kind, maker, "", decisions)
        assert state(lived) == state(replayed)


@given(STEPS)
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_taking_everything_back_one_by_one_goes_through_every_state_before(home: Path, steps: list[Step]) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        engine_at(Path(shutil.copytree(home, Path(folder) / "home"))) as engine,
    ):
        states = [(0, state(engine))]
        for step in steps:
            latest = engine.history(1)[0].id
            with contextlib.suppress(PersonaeError):
                step(engine)
            newest = engine.history(1)[0]
            if newest.id != latest and newest.undoes is None:
                states.append((newest.id, state(engine)))
            elif newest.id != latest:
                states = [(newest.id, state(engine))]  # from here on there is another way back
        for (number, _), (_, before) in zip(states[:0:-1], states[-2::-1], strict=True):
            engine.undo(number)
            now = state(engine)
            assert (now[0], now[2]) == (before[0], before[2])
            assert [person for person in now[1] if person[2]] == [person for person in before[1] if person[2]]
