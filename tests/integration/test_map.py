"""The map as a job: every face has a place, whose it is comes from the ledger, nothing else is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from personae import Engine, open_engine
from personae.engine.parts import Vision
from personae.errors import InputError, NotFound
from tests.patterns import PatternDetector, PatternEmbedder, photo
from tests.served import pattern_settings


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with open_engine(pattern_settings(tmp_path / "home")) as opened:
        embedder = PatternEmbedder()
        vision = Vision(PatternDetector(), (embedder,), embedder.thresholds)
        opened.parts = replace(opened.parts, vision=lambda: vision)
        yield opened


def fill(engine: Engine, people: int = 4, photos: int = 4, first: int = 0) -> None:
    for person in range(people):
        for number in range(first, first + photos):
            engine.take_in(photo(person, number))
    engine.group()


def drawn(engine: Engine) -> None:
    engine.queue("map")
    assert [job.state for job in engine.work()] == ["done"]


def files(engine: Engine) -> list[Path]:
    return [path for path in (engine.folder / "map").rglob("*") if path.is_file()]


def test_every_face_has_a_place(engine: Engine) -> None:
    fill(engine)
    drawn(engine)
    shown = engine.map()
    assert len(shown.face_ids) == 16
    assert (np.diff(shown.face_ids) > 0).all()
    assert shown.places.shape == (16, 2)
    assert set(shown.clusters) == set(np.unique(shown.cluster_ids).tolist()) - {-1}
    assert engine.map_state().fresh == 0


def test_a_name_shows_at_once_and_new_faces_are_counted(engine: Engine) -> None:
    fill(engine)
    drawn(engine)
    label = next(iter(engine.map().clusters.values()))
    engine.name(label, "Ann")
    shown = engine.map()
    assert list(shown.people.values()) == ["Ann"]
    assert label not in shown.clusters.values()
    fill(engine, people=1, photos=2, first=9)
    assert engine.map_state().fresh == 2
    assert len(engine.map().face_ids) == 16


def test_the_same_faces_have_the_same_places_and_one_file_stays(engine: Engine) -> None:
    fill(engine)
    drawn(engine)
    first = engine.map().places
    fill(engine, people=1, photos=1, first=20)
    drawn(engine)
    assert len(files(engine)) == 1
    drawn(engine)
    assert len(files(engine)) == 1
    assert len(engine.map().places) == len(first) + 1


def test_there_is_no_map_before_it_is_drawn_and_none_of_no_faces(engine: Engine) -> None:
    assert engine.map_state().kept is None
    with pytest.raises(NotFound, match="no map yet"):
        engine.map()
    with pytest.raises(InputError, match="no faces"):
        engine.queue("map")


def test_a_damaged_map_is_drawn_again(engine: Engine) -> None:
    fill(engine)
    drawn(engine)
    files(engine)[0].write_bytes(b"nothing")
    with pytest.raises(NotFound, match="draw it again"):
        engine.map()
    files(engine)[0].unlink()
    assert engine.map_state().kept is None
    drawn(engine)
    assert len(engine.map().face_ids) == 16


def test_a_map_that_is_forgotten_leaves_no_byte(engine: Engine) -> None:
    fill(engine)
    drawn(engine)
    engine.forget_map()
    assert files(engine) == []
    assert engine.map_state().kept is None


def test_the_file_holds_no_embedding(engine: Engine) -> None:
    fill(engine)
    drawn(engine)
    assert files(engine)[0].stat().st_size == 16 * 12


def test_pairs_of_one_person_are_more_alike_than_of_two(engine: Engine) -> None:
    fill(engine)
    nobody = engine.score_counts()
    assert nobody.people == 0
    assert sum(nobody.other) == 16 * 15 / 2
    for number, cluster in enumerate(engine.people()[1]):
        engine.name(cluster.label, f"Person {number}")
    counts = engine.score_counts()
    assert counts.people == 4
    assert sum(counts.same) == 4 * 6
    assert sum(counts.other) == 6 * 16
    middle = np.arange(len(counts.same))
    assert (middle * counts.same).sum() / sum(counts.same) > (middle * counts.other).sum() / sum(counts.other)
