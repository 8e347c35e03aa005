"""The page of models without a browser: what is in use and its licence, learning, heads, going by others and back."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from markupsafe import escape
from PIL import Image

from personae import open_engine
from personae.access import Role
from personae.adapters.vision.registry import Registry
from personae.bootstrap import Shared
from personae.core.head import make_head
from personae.engine.switch import SwitchOptions
from personae.errors import ModelError
from personae.loading import check_models
from personae.ports import FaceFilter, Learnt
from personae.types import Thresholds
from personae.web.pages.model_words import LICENCES
from tests.patterns import MODEL, list_models, networks, photo
from tests.served import Served, make_key, pattern_settings, served, settled
from tests.teaching import Teacher, album, keep_head, vision

HTMX = {"HX-Request": "true"}
HOSTILE = "<img src=x onerror=alert(1)>\"'&"
CHANGE = {"before": 0.25, "after": 0.125, "low": -0.2, "high": -0.05, "searches": 120, "people": 40}
REASON = "strangers taken for known people: 0.1000 before, 0.2000 after: worse"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ann, and somebody of a hostile name. Do not write into it."""
    place = tmp_path_factory.mktemp("models") / "home"
    with open_engine(pattern_settings(place), shared=Shared(networks=networks)) as engine:
        for person in range(2):
            for number in range(3):
                engine.take_in(photo(person, number))
        engine.group()
        for group, name in zip(engine.people()[1], ("Ann", HOSTILE), strict=True):
            engine.name(group.label, name)
    return place


@pytest.fixture
def web(home: Path, tmp_path: Path) -> Iterator[Served]:
    """A server on a copy of it, whose list of models is hostile too."""
    models = list_models(tmp_path / "models", licence=HOSTILE, origin=HOSTILE)
    settings = pattern_settings(shutil.copytree(home, tmp_path / "home"), models_dir=models)
    with served(settings, Shared(networks=networks), job_threads=1) as server:
        yield server


@pytest.fixture
def client(web: Served) -> Iterator[httpx.Client]:
    with web.client() as opened:
        yield opened


def text_of(client: httpx.Client, path: str = "/models") -> str:
    """Return what a page says, without its tags; nothing hostile is in it as it is."""
    answer = client.get(path)
    assert answer.status_code == 200
    assert "<img src=x" not in answer.text
    return " ".join(re.sub(r"<[^>]*>", " ", answer.text).split())


def said(answer: httpx.Response) -> str:
    """Return what a toast says."""
    return str(json.loads(answer.headers["HX-Trigger"])["said"]["text"])


def test_what_is_in_use_is_gone_from_and_back_to(web: Served, client: httpx.Client) -> None:
    text = text_of(client)
    assert f"In use {MODEL} as the settings say Nothing else was ever chosen." in text
    assert "Not here yet: it is fetched first, from PyPI" in text
    assert "other and third" in text
    assert "Go back" not in text
    assert client.post("/models/rollback", headers=HTMX).status_code == 409
    assert said(client.post("/models/switch", headers=HTMX)) == "Choose a model first."
    assert client.post("/models/switch", data={"model": "other", "dry_run": "true"}).status_code == 303
    settled(web)
    text = text_of(client)
    assert f"other, tried beside {MODEL}" in text
    assert "Of 6 faces that people confirmed, 6 are taken for the same person as before" in text
    assert web.engine.live_model().as_set
    assert client.post("/models/switch", data={"model": "other"}, headers=HTMX).status_code == 204
    settled(web)
    text = text_of(client)
    assert "other chosen for this project Since" in text
    assert "on this machine. " in text
    assert "Go back to what the settings say" in text
    assert f"From {MODEL} to other." in text_of(client, "/jobs")
    assert client.post("/models/rollback").status_code == 303
    settled(web)
    assert web.engine.live_model().as_set
    assert "Go back to other" in text_of(client)


def between() -> bytes:
    """Return a photo that is like one person, and of which the other model sees what is like another one."""
    first, second = (np.asarray(Image.open(io.BytesIO(photo(person, 0))), np.float64) for person in range(2))
    rows = first.shape[0] * 3 // 4
    mixed = np.concatenate([128 + 0.15 * (first[:rows] - 128), second[rows:]])
    data = io.BytesIO()
    Image.fromarray(mixed.astype(np.uint8)).save(data, "PNG")
    return data.getvalue()


def test_faces_that_would_change_are_shown_with_names(web: Served, client: httpx.Client) -> None:
    image, _ = web.engine.take_in(between())
    web.engine.group()
    face = web.engine.browse.faces(which=FaceFilter(image_id=image.id))[0].face
    web.engine.name(f"unknown_noise_{face.id}", "Ann")
    client.post("/models/switch", data={"model": "other", "dry_run": "true"})
    settled(web)
    text = text_of(client)
    assert "Of 7 faces that people confirmed, 6 are taken for the same person as before" in text
    assert "taken for the right one: 7 before, 6 by it." in text
    assert f"Ann, as a person said taken for Ann before, for {escape(HOSTILE)} by it" in text
    assert f'href="/photos/{image.id}"' in client.get("/models").text
    assert "1 face is taken for somebody else by it" in text_of(client, "/jobs")


def test_who_may_do_what(web: Served) -> None:
    keys = {role: make_key(web.site.settings, role) for role in Role}
    for role, buttons in ((Role.READ, 0), (Role.WRITE, 0), (Role.ADMIN, 2)):
        with web.client(keys[role]) as client:
            text = text_of(client)
            assert text.count("Try it first") + text.count("Go by it") == buttons
            wanted = 303 if role is Role.ADMIN else 403
            assert client.post("/models/switch", data={"model": MODEL}).status_code == wanted
            assert client.post("/models/learn-and-judge").status_code == (422 if role is Role.ADMIN else 403)
            assert client.post("/models/learn").status_code == (403 if role is Role.READ else 422)
    settled(web)


def test_too_few_labels_start_nothing(web: Served, client: httpx.Client) -> None:
    text = text_of(client, "/models/labels")
    assert "confirmed faces 6 people 2 rejections 0" in text
    assert "8 more people with confirmed faces on two photos or more" in text
    assert "Learn from what" not in text
    assert "8 more people" in said(client.post("/models/learn", headers=HTMX))
    web.engine.parts = replace(web.engine.parts, cannot_train=lambda: "learning needs PyTorch")
    assert "Learning needs PyTorch" in text_of(client, "/models/labels")
    assert "needs PyTorch" in said(client.post("/models/learn-and-judge", headers=HTMX))
    assert web.engine.jobs() == []
    web.engine.reject(web.engine.show("Ann").faces[0].face_id)
    assert "confirmed faces 5 people 2 rejection 1" in text_of(client, "/models/labels")


def test_enough_labels_are_learnt_from(tmp_path: Path) -> None:
    seen = vision()
    with served(pattern_settings(tmp_path / "home"), Shared(vision=lambda: seen)) as web, web.client() as client:
        parts = web.engine.parts = replace(web.engine.parts, vision=lambda: seen, train=Teacher(), rules=replace(
            web.engine.parts.rules, embedders=("model",)
        ))  # fmt: skip
        album(parts, 100)
        assert "confirmed faces 800 people 100 rejections 0" in text_of(client, "/models/labels")
        assert "Learn, then judge again" in text_of(client, "/models/labels")
        assert client.post("/models/learn").status_code == 303
        (job,) = web.engine.work()
        assert (job.kind, job.state) == ("faces.train", "done")
        text = text_of(client)
        assert "accepted" in text
        assert "Learnt from 240 faces of 60 people, by softmax." in text
        assert text.count("Try it :") == 1
        assert "What was measured, and going by it" in text_of(client, f"/jobs/{job.id}")


def test_heads_say_what_was_measured_and_why_one_is_refused(web: Served, client: httpx.Client) -> None:
    good = keep_head(web.engine, MODEL)
    assert "Nothing yet" not in text_of(client)
    weight = np.eye(192, dtype=np.float32)
    weight[1, 1] = 0.5
    head = make_head(MODEL, weight)
    note = {
        "head": head.model_id, "base": MODEL, "accepted": False, "reasons": [REASON, HOSTILE], "losses": [2.0, 1, 0.5],
        "verdict": dict.fromkeys(("faces", "people", "strangers"), CHANGE), "faces": 60, "people": 12,
        "rejections": 1, "held_faces": 50, "new_people": 8, "created_at": "2026-01-02T03:04:05+00:00",
        "plan": {"loss": "softmax"}, "against": MODEL, "thresholds": asdict(Thresholds(0.3, 0.4, 0.75, 0.5)),
    }  # fmt: skip
    web.engine.parts.heads.save(head.model_id, Learnt({"weight": head.weight}, note))
    text = text_of(client)
    assert f"{head.model_id} refused" in text
    assert "Learnt from 60 faces of 12 people, and 1 rejection, by softmax." in text
    assert "(120 searches) 25.0% 12.5% \N{MINUS SIGN}20.0 to \N{MINUS SIGN}5.0" in text
    assert "Loss over 3 epochs: 2 at first, 0.5 at last" in text
    assert f"Why it was refused {REASON}" in text
    assert text.count("Try it :") == 1
    refused = client.post("/models/switch", data={"model": head.model_id}, headers=HTMX)
    assert (refused.status_code, REASON in said(refused)) == (409, True)
    assert client.post("/models/switch", data={"model": good}).status_code == 303
    settled(web)
    text = text_of(client)
    assert f"{good} chosen for this project Learnt from answers, laid over {MODEL}. Since" in text
    (file,) = (web.engine.folder / "heads").glob(f"{good}_*")
    file.write_bytes(b"")
    assert f"the head {good} is damaged" in text_of(client, "/models/files")
    assert "damaged" in text_of(client)


def test_licences_and_damage_are_said_in_words(web: Served, client: httpx.Client, tmp_path: Path) -> None:
    assert {entry.licence for entry in Registry(tmp_path / "none").list()} <= set(LICENCES)
    text = text_of(client)
    assert "For research alone: not for work that earns money." in text
    assert "Not here. Bring it: personae models add FILE --model w600k_r50" in text
    assert "The model centerface is not here. Run: personae models pull centerface" in text_of(client, "/models/files")
    folder = web.site.settings.models_dir
    (folder / f"{MODEL}.onnx").write_bytes(b"other bytes")
    assert f"The model {MODEL} is damaged" in text_of(client, "/models/files")
    (folder / "models.toml").write_text("no TOML")
    text = text_of(client)
    assert "models.toml is not TOML" in text
    assert "It is not known what there is." in text


def test_checks_and_readiness_look_at_what_is_live(web: Served, client: httpx.Client) -> None:
    folder = web.site.settings.models_dir
    (folder / "centerface.onnx").write_bytes(b"")
    assert client.get("/ready").json() == {"ready": True, "reasons": {}}
    client.post("/models/switch", data={"model": "other+third"})
    settled(web)
    assert "third" in client.get("/ready").json()["reasons"]["models"]
    (folder / "third.onnx").write_bytes(b"third")
    assert client.get("/ready").status_code == 200
    (folder / "other.onnx").write_bytes(b"another")
    (folder / f"{MODEL}.onnx").unlink()
    assert client.get("/ready").status_code == 200
    parts = web.engine.parts
    with pytest.raises(ModelError, match="The model other is damaged"):
        check_models(web.site.settings, parts.models()[1:], parts.heads)
    web.engine.switch_model(SwitchOptions(keep_head(web.engine, "other+third", size=224)))
    assert client.get("/ready").status_code == 200
    check_models(web.site.settings, parts.models()[-1:], parts.heads)
    parts.heads.delete(parts.models()[-1].model_id)
    assert "head-" in client.get("/ready").json()["reasons"]["models"]
    assert client.post("/api/models/check").status_code == 500
