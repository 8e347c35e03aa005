"""References of characters on real photos, with the real models: what is found, chosen, replaced, removed."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from personae import Engine, Settings, open_engine
from personae.bootstrap import load_settings
from personae.engine import reference_extract
from personae.engine.parts import Vision
from personae.engine.progress import NOBODY, Unwatched
from personae.engine.reference import CHANGED, template_of
from personae.engine.reference_extract import ExtractOptions
from personae.errors import BackendError, Cancelled, Conflict, ImageError, InputError, ModelError, NotFound
from personae.loading import load_vision
from personae.references import Reference, ReferenceStatus, Template
from personae.types import JobId
from tests import bad_images, photos

S = ReferenceStatus
WARNING = (
    "Face detection confidence is low (0.68) — this may cause unreliable quality checks. "
    "Consider using a clearer source image."
)


class Idle:
    """`JobQueue` that tells nobody: the tests run the jobs themselves."""

    def carry(self, job_id: JobId, *, first: bool = False) -> None:
        """See the port."""

    def lacking(self, job_ids: Collection[JobId]) -> Sequence[JobId]:
        """See the port."""
        return []


@cache
def vision() -> Callable[[], Vision]:
    loaded = load_vision(load_settings(), print)
    return lambda: loaded


@pytest.fixture
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """On SQLite; for a test that asks for `store_url`, on every store."""
    url = request.getfixturevalue("store_url") if "store_url" in request.fixturenames else ""
    settings = Settings(home=tmp_path / "home", database_url=url)
    with open_engine(settings) as opened:
        opened.parts = replace(opened.parts, vision=vision(), queue=Idle())
        opened.add_character("Ada")
        yield opened


def photo(name: str) -> bytes:
    return photos.originals()[name].read_bytes()


@cache
def blurred() -> bytes:
    """A face that the detector is not sure of."""
    with Image.open(photos.originals()["obama"]) as opened:
        return bad_images.encoded(opened.convert("RGB").filter(ImageFilter.GaussianBlur(28)), "PNG")


@cache
def empty() -> bytes:
    """A picture without a face."""
    across = np.tile(np.linspace(40, 220, 640, dtype=np.uint8), (480, 1))
    return bad_images.encoded(Image.fromarray(across).convert("RGB"))


def work(engine: Engine) -> list[str]:
    return [job.state for job in engine.work()]


def put(engine: Engine, data: bytes, label: str = "", who: str = "Ada") -> Reference:
    """Put a source image, and have it looked at."""
    made = engine.set_reference(who, data, label)
    assert (made.status, made.det_score, made.box, made.face_count) == (S.PENDING, None, None, 0)
    assert work(engine) == ["done"]
    return engine.reference(made.id)


def template(engine: Engine, who: str = "Ada") -> Template | None:
    person_id = engine.reference_status(who).person_id
    with engine.parts.store.read() as tx:
        return template_of(tx, person_id)


def events(engine: Engine) -> list[tuple[object, object]]:
    with engine.parts.store.read() as tx:
        return [(event.payload["status"], event.payload["version"]) for event in tx.events.after(0, kinds=[CHANGED])]


def pictures(engine: Engine) -> set[str]:
    return set(engine.parts.pictures)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# --- what is found ----------------------------------------------------------------------------


def test_one_face_is_the_primary_one(store_url: str, engine: Engine) -> None:
    done = put(engine, photo("obama"))
    assert (done.status, done.face_count, done.error, done.warning) == (S.COMPLETED, 1, "", "")
    assert done.det_score is not None
    assert done.det_score > 0.8
    assert done.box is not None
    assert 0 < done.box.x < 910
    assert done.extracted_at is not None
    assert done.quality is not None
    assert done.quality.measures["width"] == 910
    (face,) = engine.detected_faces("Ada")
    assert (face.is_primary, face.box, face.det_score) == (True, done.box, done.det_score)
    status = engine.reference_status("Ada")
    assert (status.status, status.det_score, status.face_count) == (S.COMPLETED, done.det_score, 1)
    assert (status.threshold, status.warning, status.version) == (0.7, "", 1)
    anchored = template(engine)
    assert anchored is not None
    assert {model_id: len(vector) for model_id, vector in anchored.vectors.items()} == dict.fromkeys(
        vision()().model_ids, 512
    )
    assert engine.reference_image(done.id) == photo("obama")
    assert events(engine) == [("pending", 0), ("extracting", 0), ("completed", 1)]
    assert engine.reference_history("Ada") == []


def test_no_face_is_a_failure(engine: Engine) -> None:
    done = put(engine, empty())
    assert (done.status, done.error, done.det_score) == (S.FAILED, "no face was found on the source image", None)
    assert done.quality is not None
    assert "no_face" in done.quality.reasons
    assert engine.detected_faces("Ada") == []
    assert template(engine) is None


def test_of_several_faces_somebody_chooses(engine: Engine) -> None:
    done = put(engine, photo("party2"))
    assert (done.status, done.face_count, done.det_score) == (S.MULTI_FACE_PENDING, 3, None)
    faces = engine.detected_faces("Ada")
    assert [face.is_primary for face in faces] == [False, False, False]
    assert template(engine) is None
    chosen = engine.select_face("Ada", faces[1].id)
    assert (chosen.status, chosen.det_score, chosen.box) == (S.COMPLETED, faces[1].det_score, faces[1].box)
    assert chosen.quality == faces[1].quality
    assert [face.is_primary for face in engine.detected_faces("Ada")] == [False, True, False]
    first = template(engine)
    assert first is not None
    assert engine.select_face("Ada", faces[1].id) == chosen
    assert len(engine.reference_history("Ada")) == 0
    engine.select_face("Ada", faces[2].id)
    second = template(engine)
    assert second is not None
    assert second.version > first.version
    assert [entry.box for entry in engine.reference_history("Ada")] == [faces[1].box]


def test_a_doubtful_face_carries_a_warning(engine: Engine) -> None:
    done = put(engine, blurred())
    assert (done.status, done.warning) == (S.LOW_CONFIDENCE, WARNING)
    assert template(engine) is not None
    assert engine.reference_status("Ada").warning == WARNING


def test_a_project_has_its_own_threshold(engine: Engine) -> None:
    engine.set_setting("reference_threshold", 0.3, "ann", studio=True)
    engine.set_setting("reference_threshold", 0.5, "ann")
    assert put(engine, blurred()).status is S.COMPLETED
    assert engine.reference_status("Ada").threshold == 0.5
    engine.set_setting("reference_threshold", 0.95, "ann")
    (face,) = engine.detected_faces("Ada")
    assert engine.select_face("Ada", face.id).status is S.LOW_CONFIDENCE


def test_several_references_are_one_template(store_url: str, engine: Engine) -> None:
    put(engine, photo("obama"))
    alone = template(engine)
    put(engine, photo("biden"), "profile")
    both = template(engine)
    assert alone is not None
    assert both is not None
    assert both.version > alone.version
    for model_id, vector in both.vectors.items():
        assert abs(float(np.linalg.norm(vector)) - 1) < 1e-5
        assert 0.5 < float(vector @ alone.vectors[model_id]) < 0.95
    assert [each.label for each in engine.reference_status("Ada").references] == ["", "profile"]
    left = engine.remove_reference("Ada", "profile")
    assert [each.label for each in left.references] == [""]
    again = template(engine)
    assert again is not None
    for model_id, vector in again.vectors.items():
        np.testing.assert_allclose(vector, alone.vectors[model_id], atol=1e-6)
    assert again.version > both.version
    assert len(engine.reference_history("Ada")) == 1
    assert pictures(engine) == {digest(photo("obama"))}


# --- what cannot be used ----------------------------------------------------------------------


def test_bad_uploads_leave_nothing_behind(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    for bad in bad_images.make(tmp_path / "bad", photo("obama2")):
        if bad.reason is not None and bad.path.is_file() and bad.reason.value != "unreadable":
            with pytest.raises(ImageError) as caught:
                engine.set_reference("Ada", bad.path.read_bytes())
            assert caught.value.reason == bad.reason
    bad_images.open_up(tmp_path / "bad")
    with pytest.raises(ImageError):
        engine.set_reference("Ada", b"PK\x03\x04" + bytes(500))
    with pytest.raises(InputError):
        engine.set_reference("Ada", photo("obama"), "x" * 201)
    with pytest.raises(InputError):
        engine.set_reference("Ada", photo("obama"), "a\x1b[0m")
    with pytest.raises(NotFound):
        engine.set_reference("Nobody", photo("obama"))
    assert engine.reference_status("Ada").references == ()
    assert pictures(engine) == set()
    assert engine.jobs() == []
    assert events(engine) == []


def test_wrong_values_among_the_pixels_are_told_by_the_extraction(engine: Engine) -> None:
    data, middle = photo("obama"), len(photo("obama")) // 2
    put(engine, data[:middle] + bytes(200) + data[middle + 200 :])
    work(engine)
    found = engine.reference_status("Ada")
    assert (found.status, "damaged" in found.error) == ("failed", True)


@pytest.mark.parametrize("what", ["damaged", "gone", "no picture"])
def test_an_image_that_was_lost_on_the_disk_is_a_failure(engine: Engine, what: str) -> None:
    made = engine.set_reference("Ada", photo("obama"))
    path = engine.parts.pictures.path(made.digest)
    if what == "damaged":
        path.write_bytes(path.read_bytes()[:-1000])
    elif what == "gone":
        path.unlink()
    else:
        other = engine.parts.pictures.put(b"This is no picture")
        with engine.parts.store.write() as tx:
            tx.references.put(replace(made, digest=other))
    assert work(engine) == ["done"]
    done = engine.reference(made.id)
    assert done.status is S.FAILED
    assert done.error.startswith("the source image ")
    assert {"damaged": "damaged", "gone": "missing", "no picture": "not that of a picture"}[what] in done.error


def test_models_that_cannot_be_had_are_told(engine: Engine) -> None:
    def no_models() -> Vision:
        raise ModelError("centerface is not there")

    made = engine.set_reference("Ada", photo("obama"))
    options = ExtractOptions(made.id, made.generation)
    with pytest.raises(ModelError):
        reference_extract.extract(replace(engine.parts, vision=no_models), options)
    assert engine.reference(made.id).error == "centerface is not there"
    assert work(engine) == ["done"]
    assert engine.reference(made.id).status is S.COMPLETED


# --- again, and in place of another -----------------------------------------------------------


def test_extracting_again_keeps_the_old_face_until_there_is_a_new_one(engine: Engine) -> None:
    with pytest.raises(InputError, match="no source image"):
        engine.extract_character("Ada")
    done = put(engine, photo("obama"))
    engine.extract_character("Ada")
    kept = template(engine)
    assert kept is not None
    assert kept.version == 1
    with pytest.raises(Conflict, match="already"):
        engine.extract_character("Ada")
    with pytest.raises(Conflict):
        engine.select_face("Ada", engine.detected_faces("Ada")[0].id)
    assert work(engine) == ["done"]
    again = engine.reference(done.id)
    assert (again.status, again.generation, again.box) == (S.COMPLETED, 1, done.box)
    assert len(engine.detected_faces("Ada")) == len(engine.reference_history("Ada")) == 1


def test_a_replacement_keeps_the_history_and_clears_the_faces(store_url: str, engine: Engine) -> None:
    done = put(engine, photo("obama"))
    replaced = engine.set_reference("Ada", photo("biden"))
    assert (replaced.id, replaced.generation, replaced.status) == (done.id, 2, S.PENDING)
    assert engine.detected_faces("Ada") == []
    assert template(engine) is None
    (entry,) = engine.reference_history("Ada")
    assert (entry.box, entry.det_score, entry.digest, entry.version) == (done.box, done.det_score, done.digest, 1)
    assert pictures(engine) == {digest(photo("obama")), digest(photo("biden"))}
    assert work(engine) == ["done"]
    assert engine.reference(done.id).status is S.COMPLETED
    versions = [version for _, version in events(engine)]
    assert versions == sorted(versions)
    assert events(engine)[-3:] == [("pending", 2), ("extracting", 2), ("completed", 3)]


def test_an_image_that_another_reference_has_stays(engine: Engine) -> None:
    engine.add_character("Bob")
    engine.set_reference("Ada", photo("obama"))
    engine.set_reference("Bob", photo("obama"))
    engine.set_reference("Ada", photo("biden"))
    assert pictures(engine) == {digest(photo("obama")), digest(photo("biden"))}
    engine.remove_reference("Bob")
    assert pictures(engine) == {digest(photo("biden"))}
    engine.set_reference("Ada", photo("biden"))
    assert pictures(engine) == {digest(photo("biden"))}


class Meanwhile(Unwatched):
    """Progress during which something else happens, when it is as far as this."""

    def __init__(self, when: int, happens: Callable[[], object]) -> None:
        self._when = when
        self._happens = happens
        self._done = False

    def step(self, done: int, total: int, doing: str = "") -> None:
        if done == self._when and not self._done:
            self._done = True
            self._happens()


@pytest.mark.parametrize("when", [1, 2])
def test_what_comes_after_a_replacement_is_refused(engine: Engine, when: int) -> None:
    made = engine.set_reference("Ada", photo("party2"))
    progress = Meanwhile(when, lambda: engine.set_reference("Ada", photo("obama")))
    with pytest.raises(Conflict, match="taken the place"):
        reference_extract.extract(engine.parts, ExtractOptions(made.id, made.generation), progress)
    present = engine.reference(made.id)
    assert (present.status, present.generation, present.face_count) == (S.PENDING, 2, 0)
    assert work(engine) == ["done"]
    done = engine.reference(made.id)
    assert (done.status, done.digest, done.face_count) == (S.COMPLETED, digest(photo("obama")), 1)
    assert [job.state for job in engine.jobs()] == ["done", "cancelled"]
    assert engine.reference_history("Ada") == []


def test_a_job_whose_image_is_replaced_stops(engine: Engine) -> None:
    made = engine.set_reference("Ada", photo("party2"))
    again = Meanwhile(1, lambda: engine.set_reference("Ada", photo("obama")))
    assert sorted(job.state for job in engine.work(again)) == ["cancelled", "done"]
    done = engine.reference(made.id)
    assert (done.status, done.face_count, done.generation) == (S.COMPLETED, 1, 2)


def test_of_two_replacements_at_once_one_wins_whole(store_url: str, engine: Engine) -> None:
    put(engine, photo("obama"))
    boxes = {}
    for name in ("biden", "hopper"):
        boxes[digest(photo(name))] = put(engine, photo(name), "trial").box
    engine.remove_reference("Ada", "trial")
    start = threading.Barrier(3)

    def replace_it(name: str) -> None:
        start.wait()
        engine.set_reference("Ada", photo(name))

    threads = [threading.Thread(target=replace_it, args=[name]) for name in ("biden", "hopper")]
    for thread in threads:
        thread.start()
    start.wait()
    work(engine)
    for thread in threads:
        thread.join()
    work(engine)
    (done,) = engine.reference_status("Ada").references
    assert (done.status, done.generation, done.face_count) == (S.COMPLETED, 3, 1)
    assert done.box == boxes[done.digest]
    past = {entry.digest for entry in engine.reference_history("Ada") if entry.reference_id == done.id}
    assert pictures(engine) == {done.digest} | past
    assert engine.unfinished_jobs() == []


def test_a_runner_that_broke_off_is_followed_by_another(engine: Engine) -> None:
    made = engine.set_reference("Ada", photo("obama"))

    def die() -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        list(engine.work(Meanwhile(1, die)))
    assert engine.reference(made.id).status is S.EXTRACTING
    assert work(engine) == ["done"]
    assert engine.reference(made.id).status is S.COMPLETED


def test_a_job_that_is_done_twice_changes_nothing(engine: Engine) -> None:
    done = put(engine, photo("obama"))
    seen = len(events(engine))
    summary = reference_extract.extract(engine.parts, ExtractOptions(done.id, 1), NOBODY)
    assert (summary.status, summary.faces) == (S.COMPLETED, 1)
    assert engine.reference(done.id) == done
    assert len(events(engine)) == seen


def test_a_cancelled_extraction_can_be_asked_for_again(engine: Engine) -> None:
    made = engine.set_reference("Ada", photo("obama"))
    engine.cancel_job(engine.unfinished_jobs()[0].id)
    told = engine.reference(made.id)
    assert (told.status, "cancelled" in told.error) == (S.PENDING, True)
    engine.extract_character("Ada")

    def stop() -> None:
        raise Cancelled("enough")

    assert [job.state for job in engine.work(Meanwhile(1, stop))] == ["cancelled"]
    assert engine.reference(made.id).status is S.PENDING
    engine.extract_reference(made.id)
    assert work(engine) == ["done"]
    assert engine.reference(made.id).status is S.COMPLETED


def test_an_extraction_that_broke_is_shown_as_failed(engine: Engine) -> None:
    made = engine.set_reference("Ada", photo("obama"))

    def break_off() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(engine.work(Meanwhile(1, break_off)))
    told = engine.reference(made.id)
    assert (told.status, "ZeroDivisionError" in told.error) == (S.FAILED, True)
    engine.extract_reference(made.id)
    assert work(engine) == ["done"]
    assert engine.reference(made.id).error == ""


# --- characters -------------------------------------------------------------------------------


def test_deleting_a_character_leaves_its_name_in_the_ledger_alone(store_url: str, engine: Engine) -> None:
    engine.add_character("Bob")
    put(engine, photo("obama"))
    put(engine, photo("party2"), "profile")
    put(engine, photo("biden"))
    kept = put(engine, photo("biden"), who="Bob")
    waiting = engine.set_reference("Ada", photo("hopper"), "later")
    operation = engine.delete_character("Ada")
    assert pictures(engine) == {kept.digest}
    assert [character.name for character in engine.characters()] == ["Bob"]
    for ask in (engine.reference_status, engine.detected_faces, engine.reference_history, engine.delete_character):
        with pytest.raises(NotFound):
            ask("Ada")
    with pytest.raises(NotFound):
        engine.reference(waiting.id)
    assert work(engine) == []
    assert events(engine)[-1][0] == "deleted"
    assert engine.parts.store.check() == []
    engine.undo(operation.id)
    assert engine.reference_status("Ada").references == ()
    assert engine.reference_history("Ada") == engine.detected_faces("Ada") == []


def test_a_deletion_while_extracting(engine: Engine) -> None:
    made = engine.set_reference("Ada", photo("obama"))
    progress = Meanwhile(2, lambda: engine.delete_character("Ada"))
    with pytest.raises(NotFound):
        reference_extract.extract(engine.parts, ExtractOptions(made.id, 1), progress)
    assert pictures(engine) == set()
    assert engine.characters() == []


def test_whom_was_merged_goes_along(engine: Engine) -> None:
    put(engine, photo("obama"))
    engine.add_character("Ada B")
    put(engine, photo("obama2"), who="Ada B")
    engine.merge("Ada B", "Ada")
    assert [each.person_id for each in engine.reference_status("Ada").references] == [1, 1]
    engine.delete_character("Ada")
    assert engine.characters() == []
    assert pictures(engine) == set()
    assert engine.parts.store.check() == []


def test_characters_have_names_of_their_own(engine: Engine) -> None:
    with pytest.raises(Conflict):
        engine.add_character(" ada ")
    with pytest.raises(InputError):
        engine.add_character("")
    made = engine.add_character("Bob  B.")
    assert (made.name, made.references, made.version) == ("Bob B.", (), 0)
    assert engine.reference_status(f"#{made.person_id}").name == "Bob B."
    with pytest.raises(NotFound):
        engine.reference_status("#99")


def test_a_face_of_another_character_is_not_there(engine: Engine) -> None:
    engine.add_character("Bob")
    put(engine, photo("party2"))
    put(engine, photo("obama"), who="Bob")
    with pytest.raises(NotFound):
        engine.select_face("Bob", engine.detected_faces("Ada")[0].id)
    with pytest.raises(NotFound):
        engine.select_face("Bob", 99)


def test_a_turned_image_has_its_boxes_upright(engine: Engine) -> None:
    with Image.open(photos.originals()["obama"]) as opened:
        exif = Image.Exif()
        exif[0x0112] = 6
        turned = io.BytesIO()
        opened.convert("RGB").transpose(Image.Transpose.ROTATE_90).save(turned, "JPEG", exif=exif)
    done, upright = put(engine, turned.getvalue(), "turned"), put(engine, photo("obama"))
    assert done.box is not None
    assert upright.box is not None
    assert abs(done.box.x - upright.box.x) < 15
    assert abs(done.box.y - upright.box.y) < 15


def test_doctor_finds_what_is_wrong_with_source_images(engine: Engine) -> None:
    lost, damaged = engine.set_reference("Ada", photo("obama")), engine.set_reference("Ada", photo("biden"), "b")
    engine.parts.pictures.delete(lost.digest)
    engine.parts.pictures.path(damaged.digest).write_bytes(b"x")
    engine.parts.pictures.put(b"nobody's")
    kinds = {difference.kind: difference.fixed for difference in engine.doctor(fix=True)}
    assert kinds == {"picture_missing": False, "picture_damaged": False, "picture_orphan": True}
    assert pictures(engine) == {damaged.digest}


def test_a_queue_that_does_not_answer_loses_no_upload(engine: Engine) -> None:
    class Away(Idle):
        def carry(self, job_id: JobId, *, first: bool = False) -> None:
            raise BackendError("the queue does not answer")

    engine.parts = replace(engine.parts, queue=Away())
    made = engine.set_reference("Ada", photo("obama"))
    assert engine.unfinished_jobs()[0].result == {"waiting": "the queue does not answer"}
    assert work(engine) == ["done"]
    assert engine.reference(made.id).status is S.COMPLETED
