"""Learning as people ask for it: over HTTP, on the command line, and before faces are judged again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from personae import Engine, Settings, open_engine
from personae.cli.main import app
from personae.core.head import identity
from personae.engine import jobs
from personae.engine.kinds import KINDS
from personae.engine.live import Live, LiveVision, live
from personae.engine.methods import GroupOptions
from personae.engine.parts import Parts
from personae.engine.relearn import reassign_smart
from personae.engine.switch import rollback_options, switch
from personae.engine.train import WEIGHT, TrainOptions, train
from personae.errors import BackendError, Cancelled, InputError, ModelError
from personae.ports import Learnt
from tests.served import pattern_settings, served
from tests.teaching import OWN, SIDE, Teacher, album, vision


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with open_engine(Settings(home=tmp_path / "home")) as opened:
        yield opened


@pytest.fixture
def teacher() -> Teacher:
    return Teacher()


@pytest.fixture
def parts(engine: Engine, teacher: Teacher) -> Parts:
    rules = replace(engine.parts.rules, embedders=("model",))
    seen = LiveVision(engine.parts.store, lambda _: vision(), engine.parts.heads)
    return replace(engine.parts, vision=seen, networks=lambda _: vision(), train=teacher, rules=rules)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with served(tmp_path_factory.mktemp("training") / "home") as running, running.client() as opened:
        yield opened


def test_the_api_queues_training_as_it_is_told(client: httpx.Client) -> None:
    asked = {"loss": "triplet", "epochs": 3, "margin": 0.3, "batch_size": 16, "learning_rate": 0.01, "seed": 7}
    answer = client.post("/api/faces/train", json=asked)
    assert (answer.status_code, answer.json()["kind"], answer.json()["payload"]) == (202, "faces.train", asked)
    assert client.post("/api/faces/train", json={}).json()["payload"] == {"seed": 0}
    assert client.get("/api/heads").json() == []


@pytest.mark.parametrize(
    "body",
    [
        {"loss": "hope"}, {"epochs": 0}, {"epochs": 2.5}, {"margin": -0.1}, {"margin": "wide"}, {"batch_size": 7},
        {"learning_rate": 0}, {"learning_rate": 2}, {"seed": -1}, {"seed": 2**32}, {"x": 1},
    ],
)  # fmt: skip
def test_the_api_refuses_what_training_does_not_take(client: httpx.Client, body: dict[str, Any]) -> None:
    assert client.post("/api/faces/train", json=body).status_code == 422


def test_the_api_learns_before_it_judges_again_when_it_is_told(client: httpx.Client) -> None:
    plain = client.post("/api/faces/reassign", json={})
    assert (plain.status_code, plain.json()["released"]) == (200, 0)
    smart = client.post("/api/faces/reassign/smart", json={"person_threshold": 0.6})
    assert (smart.status_code, smart.json()["kind"]) == (202, "faces.reassign_smart")
    assert smart.json()["payload"] == {"person_threshold": 0.6}


def test_new_labels_are_learnt_once_and_what_is_accepted_is_gone_by(parts: Parts, teacher: Teacher) -> None:
    album(parts)
    first = reassign_smart(parts)
    assert first.head is not None
    assert first.head.accepted
    assert first.head.against == "model"
    assert (first.switched, first.why) == (first.head.head, "")
    assert first.grouping.total_processed == 800
    second = reassign_smart(parts)
    assert (second.head, second.switched, len(teacher.lessons)) == (None, "", 1)
    assert "nobody has said anything new" in second.why
    # The same once more takes nothing from the live head, and what knows no more does not outdo it.
    assert train(parts).accepted
    teacher.noise = 0.31
    again = train(parts, TrainOptions(seed=1))
    assert (again.against, again.accepted) == (first.switched, False)
    # What goes wrong leaves the live head as it is.
    teacher.breaks_after = 1
    for error in (InputError, Cancelled, BackendError):
        teacher.error = error
        with pytest.raises(error):
            train(parts, TrainOptions(seed=2))
        assert parts.vision().model_id == first.switched
    # Who has rolled back is not overruled.
    switch(parts, rollback_options(parts))
    assert reassign_smart(parts).switched == ""
    with parts.store.read() as tx:
        assert live(tx).model == ""


def kept(parts: Parts) -> str:
    """Keep a head that the guard has accepted, and return its name."""
    head = identity("model", 2 * SIDE)
    note = {"base": "model", "accepted": True, "thresholds": asdict(OWN)}
    parts.heads.save(head.model_id, Learnt({WEIGHT: head.weight}, note))
    return head.model_id


def test_a_project_that_was_never_switched_goes_by_the_head_of_the_settings(parts: Parts) -> None:
    head = kept(parts)
    chosen = LiveVision(parts.store, lambda _: vision(), parts.heads, head)
    assert parts.vision().model_id == "model"
    assert chosen().model_id == parts.vision().model_id == head
    switch(replace(parts, vision=chosen), rollback_options(parts))
    assert chosen().model_id == "model"


@pytest.mark.parametrize(
    ("base", "head", "said"),
    [("other", "", "learnt on model, and the settings say other"), ("model", "head-0123456789abcdef", "no head")],
)
def test_a_head_of_the_settings_that_does_not_fit_is_refused(parts: Parts, base: str, head: str, said: str) -> None:
    chosen = LiveVision(parts.store, lambda name: vision(name or base), parts.heads, head or kept(parts))
    with pytest.raises(ModelError, match=said):
        chosen()
    with parts.store.read() as tx:
        assert live(tx) == Live()


def test_where_nothing_can_be_learnt_faces_are_judged_again_and_it_says_why(parts: Parts) -> None:
    album(parts, 7)
    jobs.submit(parts, "faces.reassign_smart", {})
    ended = jobs.run_next(parts, KINDS)
    assert ended is not None
    assert ended.state == "done"
    assert "too few labels" in str(ended.result["why"])
    assert ended.result["grouping"]["total_processed"] == 56  # type: ignore[index]
    with pytest.raises(InputError, match="between -1 and 1"):
        reassign_smart(parts, GroupOptions(person_threshold=2.0))


def test_the_setting_says_whether_judging_again_learns(tmp_path: Path) -> None:
    def run(*words: str, **environment: str) -> Any:
        done = CliRunner().invoke(app, [*words, "--json"], env={"PERSONAE_HOME": str(tmp_path), **environment})
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    with open_engine(pattern_settings(tmp_path)):
        pass
    on = {"FACE_TRAINING_ENABLED": "true"}
    kinds = [
        run("faces", "reassign", "--queue", *words, **environment)["kind"]
        for words, environment in (((), {}), (("--smart",), {}), ((), on), (("--no-smart",), on))
    ]
    assert kinds == ["faces.reassign", "faces.reassign_smart", "faces.reassign_smart", "faces.reassign"]
    assert run("faces", "heads") == []
