"""The main job on real photos with the real models: who is in the album, and what people then decide."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from personae import Engine, Settings, open_engine
from personae.engine.walk import path_of
from personae.errors import Conflict, InputError, NotFound
from personae.types import ModelId, Outcome
from tests.photos import album, originals
from tests.postgres import Server


@pytest.fixture(scope="module")
def organised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the album has been organised once; tests work on copies of it."""
    home = tmp_path_factory.mktemp("organised")
    with open_engine(Settings(home=home)) as engine:
        engine.organise(album())
    return home


@pytest.fixture
def engine(organised: Path, tmp_path: Path) -> Iterator[Engine]:
    home = tmp_path / "home"
    shutil.copytree(organised, home)
    with open_engine(Settings(home=home)) as opened:
        yield opened


def _state(engine: Engine) -> tuple[object, object]:
    people, clusters = engine.people()
    return (
        {person.name: {face.face_id for face in engine.show(f"#{person.id}").faces} for person in people},
        {cluster.label: {face.face_id for face in engine.show(cluster.label).faces} for cluster in clusters},
    )


def test_the_album_falls_into_groups_and_the_report_shows_them(engine: Engine) -> None:
    people, clusters = engine.people()
    assert not people
    assert len(clusters) >= 2
    page = (engine.home / "report.html").read_text(encoding="utf-8")
    assert clusters[0].label in page
    assert "data:image/" in page
    assert engine.doctor() == []


def test_a_second_run_changes_nothing(engine: Engine) -> None:
    before = _state(engine)
    again = engine.ingest(album())
    assert again.images == 0
    assert again.known == again.files - again.ignored
    assert engine.group().unchanged
    assert _state(engine) == before


def test_moved_and_renamed_files_are_recognised(engine: Engine, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(album(), moved)
    for photo in moved.glob("*.jpg"):
        photo.rename(photo.with_name(f"renamed {photo.name}"))
    again = engine.ingest(moved)
    assert again.images == 0
    assert again.faces == 0


def test_a_name_stays_through_everything(engine: Engine) -> None:
    _, clusters = engine.people()
    members = {face.face_id for face in engine.show(clusters[0].label).faces}
    engine.name(clusters[0].label, "Ann")
    assert {face.face_id for face in engine.show("Ann").faces} == members
    engine.group()
    assert members <= {face.face_id for face in engine.show("ann").faces}
    photo = album() / Path(engine.show("Ann").faces[0].photo).name
    sightings = engine.who(photo)
    assert "Ann" in {sighting.who for sighting in sightings if sighting.outcome is Outcome.MATCH}
    assert all(sighting.match_threshold == 0.7 for sighting in sightings)


def test_a_rejection_is_never_proposed_again(engine: Engine) -> None:
    _, clusters = engine.people()
    engine.name(clusters[0].label, "Ann")
    wrong = engine.show("Ann").faces[0].face_id
    engine.reject(wrong)
    for _ in range(2):
        engine.group()
        assert wrong not in {face.face_id for face in engine.show("Ann").faces}


def test_every_decision_can_be_undone_and_done_again(engine: Engine) -> None:
    _, clusters = engine.people()
    first, second = clusters[0].label, clusters[1].label
    states = [_state(engine)]
    operations = []
    for decide in (
        lambda: engine.name(first, "Ann"),
        lambda: engine.name(second, "Bob"),
        lambda: engine.reject(engine.show("Ann").faces[0].face_id),
        lambda: engine.name("Bob", "Robert"),
        lambda: engine.merge("Robert", "Ann"),
    ):
        operations.append(decide())
        states.append(_state(engine))
    for operation, before in zip(reversed(operations), reversed(states[:-1]), strict=True):
        assert engine.undo().id != operation.id
        assert _state(engine) == before
    with pytest.raises(NotFound, match="nothing to undo"):
        engine.undo()
    with pytest.raises(Conflict):
        engine.undo(operations[0].id)
    undo_of_first = next(o for o in engine.history() if o.undoes == operations[0].id)
    engine.undo(undo_of_first.id)
    assert _state(engine) == states[1]


def test_wrong_references_say_what_to_do(engine: Engine) -> None:
    with pytest.raises(NotFound, match="personae people"):
        engine.show("Nobody")
    with pytest.raises(NotFound):
        engine.name("unknown_cluster_9999", "Ann")
    with pytest.raises(NotFound, match="no face 999999"):
        engine.reject(999999)
    _, clusters = engine.people()
    for bad in ("", "  ", "a\x00b", "x" * 301):
        with pytest.raises(InputError):
            engine.name(clusters[0].label, bad)


def test_verify_and_extract(engine: Engine) -> None:
    _, clusters = engine.people()
    photos = [album() / Path(face.photo).name for face in engine.show(clusters[0].label).faces[:2]]
    comparison = engine.verify(photos[0], photos[0])
    assert comparison.same
    assert comparison.score == pytest.approx(1, abs=1e-4)
    extracted = engine.extract(photos[0])
    assert extracted["count"] == len(extracted["faces"]) >= 1
    assert len(extracted["faces"][0]["embedding"]) == 512
    with pytest.raises(InputError, match="not enabled"):
        engine.extract(photos[0], "nonsense")


def test_doctor_names_and_fixes_what_is_wrong(engine: Engine) -> None:
    crops = sorted((engine.home / "crops").rglob("*.jpg"))
    crops[0].unlink()
    crops[1].write_bytes(b"torn")
    engine.parts.crops.put(b"a crop of no face")
    kinds = {difference.kind for difference in engine.doctor()}
    assert kinds == {"crop_missing", "crop_damaged", "crop_orphan"}
    assert all(difference.fixed for difference in engine.doctor(fix=True))
    assert engine.doctor() == []


def test_a_model_that_comes_later_takes_over_what_is_there(tmp_path: Path) -> None:
    photos = [originals()[name] for name in ("obama", "obama2", "obama3", "biden", "party1")]
    with open_engine(Settings(home=tmp_path, embedders=("facenet512",), unknown_min_cluster_size=2)) as engine:
        engine.organise(photos)
        label = engine.people()[1][0].label
        engine.name(label, "Barack")
        members = {face.face_id for face in engine.show("Barack").faces}
    with open_engine(Settings(home=tmp_path, unknown_min_cluster_size=2)) as engine:
        assert {difference.kind for difference in engine.doctor()} == {"embedding_missing"}
        assert not engine.group().unchanged
        assert engine.doctor() == []
        assert members <= {face.face_id for face in engine.show("Barack").faces}
        with engine.parts.store.read() as tx:
            ids, from_crops = tx.faces.embeddings(ModelId("arcface512"))
            fresh = {face.id: face.image_id for face in tx.faces.get(ids.tolist())}
            uris = {image.id: image.uris[0] for image in tx.images.get(list(fresh.values()))}
        for face_id, vector in zip(ids.tolist(), from_crops, strict=True):
            found = engine.extract(path_of(uris[fresh[face_id]]), "arcface512")["faces"]
            assert max(float(vector @ face["embedding"]) for face in found) > 0.9


def test_the_same_on_postgresql(postgres: Server, organised: Path, tmp_path: Path) -> None:
    with open_engine(Settings(home=organised)) as sqlite:
        expected = sorted(cluster.face_count for cluster in sqlite.people()[1])
    with open_engine(Settings(home=tmp_path, database_url=postgres.new_database())) as engine:
        engine.organise(album())
        people, clusters = engine.people()
        assert sorted(cluster.face_count for cluster in clusters) == expected
        engine.name(clusters[0].label, "Ann")
        engine.group()
        assert len(engine.show("Ann").faces) >= clusters[0].face_count
        engine.undo()
        assert engine.people()[0] == people == []
        assert engine.doctor() == []


def test_an_empty_collection_answers_too(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with open_engine(Settings(home=tmp_path / "home")) as engine:
        assert engine.organise(tmp_path / "photos").report.is_file()
        sightings = engine.who(originals()["obama"])
        assert [(sighting.outcome, sighting.candidates) for sighting in sightings] == [(Outcome.UNKNOWN, ())]
        assert engine.doctor() == []


def test_a_photo_without_a_face_is_known_and_silent(tmp_path: Path) -> None:
    Image.new("RGB", (640, 480), "skyblue").save(tmp_path / "sky.png")
    with open_engine(Settings(home=tmp_path / "home")) as engine:
        assert engine.ingest(tmp_path / "sky.png").faces == 0
        assert engine.ingest(tmp_path / "sky.png").known == 1
        assert engine.who(tmp_path / "sky.png") == []
        with pytest.raises(NotFound, match="no usable face"):
            engine.verify(tmp_path / "sky.png", originals()["obama"])
