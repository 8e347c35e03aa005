"""Evaluating on real photos whose people are known: what is measured, what is refused, and that nothing is written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from PIL import Image

from personae import Engine, Settings, open_engine
from personae.core.evaluation import Evaluation
from personae.engine.thresholds import Calibration, keep
from personae.errors import Cancelled, InputError
from tests.photos import originals

SHOWN = {"obama": "Barack Obama", "obama2": "Barack Obama", "biden": "Joe Biden", "collins": "Eileen Collins",
         "hopper": "Grace Hopper"}  # fmt: skip
"""Photo -> the person on it."""


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each person, with all that can be wrong in it."""
    place = tmp_path_factory.mktemp("labelled")
    for photo, person in SHOWN.items():
        put(photo, place / person)
    put("hopper", place / "Barack Obama", "wrong")
    put("obama2", place / "Barack Obama" / "twice", "copy")
    put("biden", place, "nobody")
    (place / "Joe Biden" / "notes.txt").write_text("no photo")
    (place / "Joe Biden" / "torn.jpg").write_bytes(originals()["biden"].read_bytes()[:2000])
    (place / "Joe Biden" / "text.jpg").write_text("no photo")
    Image.new("RGB", (300, 300), "grey").save(place / "Joe Biden" / "wall.png")
    (place / "Nobody").mkdir()
    return place


def put(photo: str, folder: Path, name: str = "") -> None:
    """Copy a photo into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    # One has no suffix: that it is a picture is seen from its content.
    shutil.copy(originals()[photo], folder / (name or photo) if photo == "collins" else folder / f"{name or photo}.jpg")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with open_engine(Settings(home=tmp_path / "home", workers=2)) as opened:
        yield opened


def reasons(measured: Evaluation) -> dict[str, str]:
    return {Path(unused.where).stem: unused.reason for unused in measured.unused}


def test_a_folder_for_each_person(engine: Engine, labels: Path) -> None:
    with engine.parts.store.read() as tx:
        before = (tx.events.last(), tx.images.counts(), tx.settings.all())
    measured, page = engine.evaluate(labels)
    assert reasons(measured) == {
        "nobody": "no_person", "wrong": "given_to_two_people", "hopper": "given_to_two_people", "copy": "duplicate",
        "torn": "truncated", "text": "not_an_image", "wall": "no_face",
    }  # fmt: skip
    assert (measured.photos, measured.faces, measured.people, measured.single) == (11, 4, 3, 2)
    assert measured.from_store == 0
    assert [model.model_id for model in measured.models] == ["facenet512", "arcface512", "facenet512+arcface512"]
    for model in measured.models:
        assert (model.mated_pairs, model.nonmated_pairs) == (1, 5)
        assert (model.enrolled_photos, model.mated_searches, model.nonmated_searches) == (1, 1, 2)
        assert [rate.fnmr for rate in model.at_thresholds[:2]] == [0, 0]
        assert [rate.fmr for rate in model.at_thresholds] == [0, 0, 0]
        assert [rate.tar for rate in model.at_fars] == [None, None]
        assert all("2 searches" in rate.why for rate in model.at_fpirs)
        assert [told.question for told in model.foretold] == ["face", "pair"]
        assert all(told.found is None and "are needed" in told.why for told in model.foretold)
        assert model.grouped.bcubed.f == model.grouped.pairwise.f == 1
    assert page == engine.folder / "evaluation.html"
    with engine.parts.store.read() as tx:
        assert (tx.events.last(), tx.images.counts(), tx.settings.all()) == before
    assert not list(engine.parts.crops)


def test_the_page_tells_nothing_of_anybody(engine: Engine, labels: Path, tmp_path: Path) -> None:
    _, page = engine.evaluate(labels, tmp_path / "page.html")
    text = page.read_text("utf-8")
    assert page == tmp_path / "page.html"
    assert not any(name in text for name in [*SHOWN.values(), "torn", "obama", str(labels)])
    assert "<script" not in text
    assert text.count("data:image/svg+xml;base64,") == 8


def test_faces_that_are_stored_are_not_looked_at_again(engine: Engine, labels: Path) -> None:
    afresh, _ = engine.evaluate(labels)
    engine.ingest(labels)
    again, _ = engine.evaluate(labels)
    assert again.from_store == again.faces == 4
    for old, new in zip(afresh.models, again.models, strict=True):
        assert old.grouped == new.grouped
        assert new.plots.mated == pytest.approx(old.plots.mated, abs=1e-4)


def test_a_csv_names_the_lines_it_cannot_use(engine: Engine, labels: Path) -> None:
    rows = [
        "person,path,remark", "Ann,Barack Obama/obama.jpg,", ' Ann ,"Barack Obama/obama2.jpg",x',
        "Joe,Joe Biden/biden.jpg,", ",Eileen Collins/collins,", "Eve,,", "Eve,gone.jpg,", "Eve,Joe Biden/wall.png,",
        "Joe,.,", "Eve", "Joe,Barack Obama/obama.jpg,",
    ]  # fmt: skip
    csv = labels / "labels.csv"
    csv.write_text("\r\n".join(rows), "utf-8-sig")
    measured, _ = engine.evaluate(csv)
    assert [(unused.where, unused.reason) for unused in measured.unused] == [
        ("line 5", "no_name"), ("line 6", "no_path"), ("line 10", "no_path"),
        ("line 7", "missing"), ("line 9", "unreadable"),
        ("line 11", "given_to_two_people"), ("line 2", "given_to_two_people"),
        ("line 8", "no_face"),
    ]  # fmt: skip
    assert (measured.photos, measured.faces, measured.people) == (10, 2, 2)
    csv.unlink()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "names no column path and person"),
        (b"path\na.jpg\n", "names no column person"),
        (b"path,person\n", "there are none"),
        (b"path,person\n\xff\xfe.jpg,Ann\n", "UTF-8"),
        (b'path,person\n"a.jpg,Ann\n', "line 2"),
        (b"path,person\na.jpg,Ann\n", "line 2: no such file"),
        (b"path,person\na\x00.jpg,Ann\n", "line 2"),
    ],
)
def test_nothing_left_is_an_error(engine: Engine, tmp_path: Path, content: bytes, said: str) -> None:
    csv = tmp_path / "labels.csv"
    csv.write_bytes(content)
    with pytest.raises(InputError, match=said):
        engine.evaluate(csv)
    assert not (engine.folder / "evaluation.html").exists()


def test_wrong_places_are_refused_before_the_work(engine: Engine, labels: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        engine.evaluate(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="there are none"):
        engine.evaluate(tmp_path / "empty")
    with pytest.raises(InputError, match="is not a file"):
        engine.evaluate(labels, tmp_path)


def test_it_can_be_stopped(engine: Engine, labels: Path) -> None:
    class Impatient:
        def step(self, done: int, total: int, doing: str = "") -> None:
            raise Cancelled("enough")

        def hold(self, tx: object) -> None: ...

    with pytest.raises(Cancelled):
        engine.evaluate(labels, progress=Impatient())


def test_the_figures_are_plain(engine: Engine, labels: Path) -> None:
    measured, _ = engine.evaluate(labels)
    assert "embedding" not in json.dumps(asdict(measured), default=str)


def test_one_model_is_measured_once(tmp_path: Path, labels: Path) -> None:
    with open_engine(Settings(home=tmp_path / "one", embedders=("arcface512",))) as engine:
        measured, _ = engine.evaluate(labels)
    assert [model.model_id for model in measured.models] == ["arcface512"]


def test_who_asks_from_the_calibrated_threshold_on(engine: Engine) -> None:
    photo = originals()["collins"]
    own = engine.who(photo)[0].review_threshold
    vision = engine.parts.vision()
    assert own == vision.thresholds.review
    with engine.parts.store.write() as tx:
        keep(tx, Calibration(vision.model_id, 1e-4, 0.456, 10_000, "labels", "2026-01-02T00:00:00+00:00"))
    assert engine.who(photo)[0].review_threshold == 0.456
    assert engine.reset_calibration()
    assert engine.who(photo)[0].review_threshold == own
