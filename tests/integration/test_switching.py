"""Going by another model: shadow embeddings, the report, the switch, the way back, and what is refused."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from personae import Engine, Settings, open_engine
from personae.access import Role
from personae.bootstrap import Shared
from personae.engine.kinds import KINDS
from personae.engine.lesson import gather
from personae.engine.live import EVENT, live
from personae.engine.progress import Unwatched
from personae.engine.reference import template_of
from personae.engine.switch import SwitchOptions, SwitchSummary
from personae.errors import Cancelled, Conflict, InputError, ModelError, ModelMismatch, NotFound, PersonaeError
from personae.types import ModelId
from tests import photos as real
from tests.patterns import MODEL, PatternEmbedder, fill, networks, photo
from tests.served import make_key, pattern_settings, served
from tests.teaching import keep_head

PEOPLE = ("Ann", "Bob", "Eve")
EACH = 4


def opened(home: Path) -> Engine:
    return open_engine(pattern_settings(home), shared=Shared(networks=networks))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three people with four faces each, three of them named, whose photos are gone. Do not write into it."""
    root = tmp_path_factory.mktemp("album")
    folder = fill(root / "photos", {name: [(at, n) for n in range(EACH)] for at, name in enumerate(PEOPLE)})
    with opened(root / "home") as made:
        made.ingest(folder)
        for name in PEOPLE:
            for i in faces_of(made, f"/{name}/")[:3]:
                made.name(f"unknown_noise_{i}", name)
        made.cluster_dual()
    shutil.rmtree(folder)
    return root / "home"


@pytest.fixture
def engine(home: Path, tmp_path: Path) -> Iterator[Engine]:
    """A copy of it."""
    with opened(shutil.copytree(home, tmp_path / "home")) as made:
        yield made
        assert made.parts.store.check() == []


def faces_of(engine: Engine, place: str) -> list[int]:
    """Return the faces of photos in whose address this stands."""
    with engine.parts.store.read() as tx:
        places, ids = tx.images.places(), tx.faces.gallery()[0].tolist()
        return [face.id for face in tx.faces.get(ids) if place in places[face.image_id][0]]


def said(engine: Engine) -> tuple[object, ...]:
    """Return who everybody is, and what was rejected."""
    with engine.parts.store.read() as tx:
        rejections = [each for each in tx.decisions.active() if each.kind == "reject"]
        return [column.tolist() for column in tx.faces.gallery()], len(rejections), len(tx.decisions.active())


def now(engine: Engine) -> str:
    assert engine.live_model().model_id == engine.parts.vision().model_id
    return engine.live_model().model_id


def switch(engine: Engine, model: str, **more: object) -> SwitchSummary:
    return engine.switch_model(SwitchOptions(model, by="Ada", **more))  # type: ignore[arg-type]


def test_a_switch_keeps_every_name_and_works_from_crops_and_goes_back(engine: Engine) -> None:
    last = faces_of(engine, "/Ann/")[3]
    engine.reject(last)
    before = said(engine)
    summary = switch(engine, "other")
    assert (summary.before, summary.after, summary.switched) == (MODEL, "other", True)
    assert (summary.embedded, summary.without_embedding, now(engine)) == (len(PEOPLE) * EACH, 0, "other")
    assert summary.agreement is not None
    human = summary.agreement.counts[0]
    assert (human.by, human.faces, human.same, human.right_after) == ("human", 9, 9, 9)
    assert said(engine) == before
    (sighting,) = engine.who(photo(1, 9))
    assert (sighting.who, sighting.model_id) == ("Bob", "other")
    with engine.parts.store.read() as tx:
        assert len(tx.faces.embeddings(MODEL)[0]) == len(PEOPLE) * EACH
        (event,) = tx.events.after(0, 9, (EVENT,))
        assert (event.payload["by"], event.payload["after"], live(tx).by) == ("Ada", "other", "Ada")
    back = engine.switch_model(engine.rollback_options("Bob"))
    assert (back.embedded, back.switched, now(engine), engine.live_model().as_set) == (0, True, MODEL, True)
    assert engine.switch_model(engine.rollback_options()).after == now(engine) == "other"
    engine.undo()
    assert said(engine)[1] == 0


def test_a_rehearsal_says_the_same_and_changes_nothing(engine: Engine) -> None:
    seq = engine.live_model()
    summary = switch(engine, "other", dry_run=True)
    assert (summary.switched, summary.embedded, engine.live_model()) == (False, 12, seq)
    assert switch(engine, "other").agreement == summary.agreement
    assert not switch(engine, "other").switched
    with opened(engine.home.parent / "elsewhere") as fresh, pytest.raises(Conflict, match="never"):
        fresh.rollback_options()


class Stopping(Unwatched):
    """`Progress` that stops when the second model's faces begin."""

    def __init__(self, error: type[BaseException]) -> None:
        self.error = error

    def step(self, done: int, total: int, doing: str = "") -> None:
        if done >= total // 2 > 0:
            raise self.error


@pytest.mark.parametrize("error", [Cancelled, KeyboardInterrupt])
def test_what_was_stopped_in_the_middle_goes_on_there(engine: Engine, error: type[BaseException]) -> None:
    with pytest.raises(error):
        engine.switch_model(SwitchOptions("other+third"), Stopping(error))
    assert now(engine) == MODEL
    assert engine.parts.store.check() == []
    done = switch(engine, "other+third")
    assert (done.embedded, now(engine)) == (12, "other+third")


def damage(engine: Engine, name: str) -> str:
    (file,) = (engine.folder / "heads").glob(f"{name}_*")
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    return name


REFUSED: dict[str, tuple[Callable[[Engine], str], type[PersonaeError], str]] = {
    "by the guard": (lambda engine: keep_head(engine, MODEL, accepted=False), Conflict, "strangers are let in"),
    "another base": (lambda engine: keep_head(engine, "other"), ModelMismatch, "learnt on other"),
    "missing": (lambda _: "head-0123456789abcdef", NotFound, "no head"),
    "flipped byte": (lambda engine: damage(engine, keep_head(engine, MODEL)), ModelError, "SHA-256"),
    "unknown": (lambda _: "nosuch", ModelError, "nosuch"),
    "no name": (lambda _: "other+", InputError, "joined by"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_cannot_be_used_is_refused_and_what_is_live_stays(engine: Engine, why: str) -> None:
    make, error, words = REFUSED[why]
    model = make(engine)
    before = said(engine), engine.live_model()
    with pytest.raises(error, match=words):
        switch(engine, model)
    assert (said(engine), engine.live_model(), now(engine)) == (*before, MODEL)


def test_a_head_is_laid_over_what_there_is_and_over_what_comes(engine: Engine, tmp_path: Path) -> None:
    head = keep_head(engine, MODEL)
    assert switch(engine, head).embedded == 12
    assert (now(engine), engine.live_model().base) == (head, MODEL)
    file = tmp_path / "new.png"
    file.write_bytes(photo(1, 7))
    engine.ingest(file)
    (sighting,) = engine.who(photo(0, 9))
    assert (sighting.who, sighting.model_id, sighting.match_threshold) == ("Ann", head, 0.75)
    engine.group()
    assert len(engine.show("Bob").faces) == 5
    with engine.parts.store.read() as tx:
        assert {len(tx.faces.embeddings(model_id)[0]) for model_id in (MODEL, ModelId(head))} == {13}
        # Learning goes on from what the head is laid over.
        assert gather(tx, engine.parts.vision()).vectors.shape[1] == PatternEmbedder.dimension
    damage(engine, head)
    with opened(engine.home) as fresh:
        with pytest.raises(ModelError, match="SHA-256"):
            fresh.parts.vision()
        back = fresh.switch_model(fresh.rollback_options())
        assert (back.agreement, back.switched, now(fresh)) == (None, True, MODEL)


def test_others_see_the_switch_while_they_work(engine: Engine) -> None:
    trouble: list[Exception] = []
    seen: set[str] = set()
    ended = threading.Event()

    def read() -> None:
        with opened(engine.home) as other:
            while not ended.is_set() or "third" not in seen:
                try:
                    assert [len(each.alike(1, 5)) for each in (other, engine)] == [5, 5]
                    seen.add(now(other) if ended.is_set() else other.parts.vision().model_id)
                except (PersonaeError, AssertionError) as error:
                    trouble.append(error)
                    return

    thread = threading.Thread(target=read)
    thread.start()
    for model in ("other", MODEL, "third"):
        switch(engine, model)
    ended.set()
    thread.join(60)
    assert (trouble, "third" in seen) == ([], True)


def test_of_the_former_index_no_byte_stays(engine: Engine) -> None:
    with open_engine(pattern_settings(engine.home, index="voyager"), shared=Shared(networks=networks)) as saving:
        kept = saving.folder / "index"
        for model in (MODEL, "other", MODEL):
            if model != now(saving):
                switch(saving, model)
            assert saving.alike(1, 5) == engine.alike(1, 5)
            assert {file.name.split(".")[0] for file in kept.iterdir() if file.stat().st_size} == {f"face_{model}"}


def test_references_are_embedded_too_and_scores_made_before_are_stale(engine: Engine) -> None:
    engine.add_character("Zoe")
    engine.set_reference("Zoe", photo(9, 0))
    list(engine.work())
    version = engine.reference_status("Zoe").version
    head = keep_head(engine, MODEL)
    for model in ("other", MODEL, head):
        assert switch(engine, model).references_without == 0
        with engine.parts.store.read() as tx:
            template = template_of(tx, engine.reference_status("Zoe").person_id)
        assert template is not None
        assert set(engine.parts.vision().model_ids) <= set(template.vectors)
        (check,) = engine.check_likeness("Zoe", photo(9, 1))
        assert check.passed
    assert engine.reference_status("Zoe").version == version + 3


def test_over_http_it_is_a_job_for_admins(tmp_path: Path) -> None:
    settings = pattern_settings(tmp_path / "home")
    keys = {role: make_key(settings, role) for role in (Role.ADMIN, Role.WRITE)}
    with served(settings, Shared(networks=networks)) as running:
        with running.client(keys[Role.WRITE]) as client:
            assert client.post("/api/models/switch", json={"model": "other"}).status_code == 403
            assert client.get("/api/models/live").json()["model_id"] == MODEL
        with running.client(keys[Role.ADMIN]) as client:
            assert client.post("/api/models/rollback").status_code == 409
            assert client.post("/api/models/switch", json={"model": "head-0123456789abcdef"}).status_code == 404
            assert client.post("/api/models/switch", json={"model": "other"}).json()["kind"] == "models.switch"
            (job,) = running.engine.work()
            assert job.state == "done", job.result
            told = client.get("/api/models/live").json()
            assert (told["model_id"], told["by"], told["before"]) == ("other", "admin key", "")
            client.post("/api/models/rollback")
            assert [each.state for each in running.engine.work()] == ["done"]
            assert client.get("/api/models/live").json()["as_set"]
    assert "models.switch" in KINDS


@pytest.mark.slow
def test_a_real_album_moves_to_another_model_without_its_photos(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("obama", "obama2", "biden", "collins"):
        shutil.copy(real.originals()[name], folder / f"{name}.jpg")
    with open_engine(Settings(home=tmp_path / "home", embedders=("facenet512",))) as engine:
        engine.ingest(folder)
        ids = faces_of(engine, "")
        for name in ("obama", "biden", "collins"):
            for i in faces_of(engine, name):
                engine.name(f"unknown_noise_{i}", name)
        shutil.rmtree(folder)
        summary = engine.switch_model(SwitchOptions("arcface512"))
        assert (summary.without_embedding, summary.embedded) == (0, len(ids))
        assert now(engine) == "arcface512"
        assert [card.model_id for card in engine.parts.models()] == ["centerface", "arcface512"]
        assert engine.doctor(fix=True)[0].kind == "photo_gone"
        (sighting,) = engine.who(real.originals()["obama2"])
        assert (sighting.who, sighting.model_id) == ("obama", "arcface512")
        assert switch(engine, keep_head(engine, "arcface512", size=512)).embedded == len(ids)
        assert engine.parts.models()[-1].task == "head"
        with pytest.raises(NotFound, match="nosuch"):
            switch(engine, "nosuch")
        assert switch(engine, "facenet512+arcface512").embedded == 0
        assert {person.name for person in engine.people()[0]} == {"obama", "biden", "collins"}
