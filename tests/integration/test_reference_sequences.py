"""References under anything that may happen to them, in any order: what is shown is always true of the image."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from personae import Engine, Settings, open_engine
from personae.core.geometry import place_template
from personae.engine import jobs
from personae.engine.parts import Vision
from personae.engine.progress import Unwatched
from personae.engine.reference import CHANGED, template_of
from personae.errors import Conflict, InputError, NotFound, PersonaeError
from personae.references import ReferenceStatus
from personae.types import Box, Detection, JobId, Landmarks, ModelId, Pixels, Thresholds, Vectors

S = ReferenceStatus
SIDE = 96
MODEL = ModelId("painted")
LABELS = ("", "profile")
NAMES = ("Ada", "Bob")


def painted(faces: int, percent: int, number: int) -> bytes:
    """Return a PNG that says how many faces it has, and how sure of them the detector is."""
    pixels = np.full((SIDE, SIDE, 3), 128, np.uint8)
    pixels[:4, :4] = faces, percent, number
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    return data.getvalue()


class Painted:
    """`Detector` that reads what is painted."""

    model_id = ModelId("reads")
    input_side = SIDE

    def detect(self, pixels: Pixels) -> list[Detection]:
        """See the port."""
        faces, percent, _ = (int(value) for value in pixels[0, 0])
        marks = (place_template("arcface112", 112) * SIDE / 112).astype(np.float32)
        return [Detection(Box(4 * i, 4, 40, 40), marks, percent / 100 - i / 1000) for i in range(faces)]


class Constant:
    """`Embedder` whose vectors are all the same."""

    model_id = MODEL
    dimension = 4
    input_side = 32
    thresholds = Thresholds(0.3, 0.4, 0.5, 0.5)
    template: Landmarks = place_template("arcface112", 32)

    def embed(self, chips: Pixels) -> Vectors:
        """See the port."""
        return np.tile(np.float32([0.5, 0.5, 0.5, 0.5]), (len(chips), 1))


class Idle:
    """`JobQueue` that tells nobody."""

    def carry(self, job_id: JobId, *, first: bool = False) -> None:
        """See the port."""


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Engine]:
    url = request.getfixturevalue("store_url") if "store_url" in request.fixturenames else ""
    with open_engine(Settings(home=tmp_path / "home", database_url=url)) as opened:
        seen = Vision(Painted(), (Constant(),), Constant.thresholds)
        opened.parts = replace(opened.parts, vision=lambda: seen, queue=Idle(), clock=clock)
        yield opened


def run_one(engine: Engine, watcher: Unwatched | None = None) -> jobs.Job | None:
    return jobs.run_next(engine.parts, watcher=watcher)


class Meddler(Unwatched):
    """Somebody who does something at some step of the extraction."""

    def __init__(self, engine: Engine, rng: np.random.Generator) -> None:
        self._engine = engine
        self._rng = rng
        self._when = int(rng.integers(0, 5))

    def step(self, done: int, total: int, doing: str = "") -> None:
        """Meddle once, or never."""
        if done == self._when:
            self._when = -1
            happen(self._engine, self._rng, running=True)


def happen(engine: Engine, rng: np.random.Generator, *, running: bool = False) -> None:
    """Do one thing, which may be refused."""
    who, label = str(rng.choice(NAMES)), str(rng.choice(LABELS))
    what = int(rng.integers(0, 9))
    try:
        if what < 3:
            data = painted(int(rng.choice([0, 1, 1, 3])), int(rng.choice([50, 90])), int(rng.integers(0, 3)))
            engine.set_reference(who, data, label)
        elif what == 3:
            engine.extract_character(who, label)
        elif what == 4:
            engine.select_face(who, int(rng.integers(1, 30)))
        elif what == 5:
            engine.remove_reference(who, label)
        elif what == 6 and rng.random() < 0.3:
            engine.delete_character(who)
            engine.add_character(who)
        elif what == 7:
            left = engine.unfinished_jobs()
            if left:
                engine.cancel_job(left[0].id)
        elif not running:
            run_one(engine, Meddler(engine, rng))
    except (Conflict, NotFound, InputError):
        return


def look(engine: Engine) -> None:
    """Make sure that everything fits together."""
    held = set()
    with engine.parts.store.read() as tx:
        for character in tx.references.characters():
            faces = tx.references.faces(character.person_id)
            for reference in character.references:
                held.add(reference.digest)
                fits(reference, [face for face in faces if face.reference_id == reference.id])
            past = tx.references.history(character.person_id)
            held |= {entry.digest for entry in past if entry.reference_id is not None}
            primaries = [face for face in faces if face.is_primary]
            assert (template_of(tx, character.person_id) is not None) == bool(primaries)
        versions: dict[object, int] = {}
        for event in tx.events.after(0, limit=100_000, kinds=[CHANGED]):
            person_id, version = event.payload["person_id"], int(str(event.payload["version"]))
            assert version >= versions.get(person_id, 0)
            versions[person_id] = version
    assert set(engine.parts.pictures) == held


def fits(reference, faces) -> None:  # type: ignore[no-untyped-def]
    primary = [face for face in faces if face.is_primary]
    assert reference.face_count == len(faces)
    if reference.status in (S.COMPLETED, S.LOW_CONFIDENCE):
        assert [(face.det_score, face.box) for face in primary] == [(reference.det_score, reference.box)]
        assert (reference.status is S.LOW_CONFIDENCE) == (reference.det_score < 0.7) == bool(reference.warning)
        assert reference.error == ""
    elif reference.status is S.MULTI_FACE_PENDING:
        assert (len(faces), primary, reference.det_score) == (3, [], None)
    elif reference.status is S.FAILED:
        assert (faces, bool(reference.error)) == ([], True)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_in_whatever_order(engine: Engine, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for name in NAMES:
        engine.add_character(name)
    for _ in range(30):
        happen(engine, rng)
        look(engine)
    while run_one(engine) is not None:
        look(engine)
    for character in engine.characters():
        for reference in character.references:
            assert reference.status is not S.EXTRACTING
            assert reference.status is not S.PENDING or reference.error
    assert engine.parts.store.check() == []


def test_a_runner_that_died_is_followed_after_its_lease(store_url: str, engine: Engine, clock: Clock) -> None:
    engine.add_character("Ada")
    made = engine.set_reference("Ada", painted(1, 90, 0))

    class Dies(Unwatched):
        def step(self, done: int, total: int, doing: str = "") -> None:
            if done == 1:
                raise KeyError("as if it were killed: nothing is written after this")

    parts = engine.parts
    with parts.store.write() as tx:
        assert tx.jobs.claim(["reference.extract"], clock(), 30) is not None
    with pytest.raises(KeyError):
        jobs.KINDS["reference.extract"].run(parts, extract_options(made.id), Dies())
    assert engine.reference(made.id).status is S.EXTRACTING
    assert run_one(engine) is None
    clock.now += timedelta(seconds=31)
    job = run_one(engine)
    assert job is not None
    assert (job.state, job.attempts) == ("done", 2)
    assert engine.reference(made.id).status is S.COMPLETED


def test_a_runner_that_lost_its_job_writes_nothing(store_url: str, engine: Engine, clock: Clock) -> None:
    engine.add_character("Ada")
    made = engine.set_reference("Ada", painted(3, 90, 0))

    class Loses(Unwatched):
        def step(self, done: int, total: int, doing: str = "") -> None:
            if done == 2:
                clock.now += timedelta(seconds=60)
                run_one(engine)
                (face, *_) = engine.detected_faces("Ada")
                engine.select_face("Ada", face.id)

    job = run_one(engine, Loses())
    assert job is not None
    assert (job.state, job.attempts) == ("done", 2)
    assert engine.reference(made.id).status is S.COMPLETED
    assert sum(face.is_primary for face in engine.detected_faces("Ada")) == 1


def test_when_too_many_runners_have_died_it_is_told(engine: Engine, clock: Clock) -> None:
    engine.add_character("Ada")
    made = engine.set_reference("Ada", painted(1, 90, 0))
    for _ in range(jobs.ATTEMPTS):
        with engine.parts.store.write() as tx:
            assert tx.jobs.claim(["reference.extract"], clock(), 30) is not None
        clock.now += timedelta(seconds=31)
    assert run_one(engine) is None
    told = engine.reference(made.id)
    assert (told.status, "died" in told.error) == (S.FAILED, True)
    engine.extract_character("Ada")
    run_one(engine)
    assert engine.reference(made.id).status is S.COMPLETED


def test_every_refusal_is_one_of_ours(engine: Engine) -> None:
    engine.add_character("Ada")
    for ask in (
        lambda: engine.reference(2**70),
        lambda: engine.select_face("Ada", 2**70),
        lambda: engine.select_face("Ada", -1),
        lambda: engine.extract_reference(0),
        lambda: engine.reference_status("#99999999999999999999999"),
        lambda: engine.reference_status("#²"),
        lambda: engine.reference_status(""),
        lambda: engine.set_reference("Ada", b""),
        lambda: engine.reference_image(7),
    ):
        with pytest.raises(PersonaeError):
            ask()


def extract_options(reference_id: int) -> object:
    kind = jobs.KINDS["reference.extract"]
    return jobs.read_options(kind.options, {"reference_id": reference_id, "generation": 1})
