"""How often a score is right: learnt from names, said in receipts, in the API and on the pages, and never invented."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from personae.bootstrap import Shared
from personae.engine.chances import chances
from personae.engine.survey import survey
from personae.engine.switch import SwitchOptions
from personae.errors import InputError
from tests.patterns import MODEL, engine_on, fill, networks, photo
from tests.served import Served, served
from tests.teaching import keep_head

PEOPLE, EACH = 11, 5
SAME, STRANGER = photo(1, 20), photo(99, 0)


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Eleven people of five photos are named; of four more photos nobody is, and one of them is a stranger's."""
    folder = tmp_path_factory.mktemp("chances")
    people = {f"P{person}": [(person, number) for number in range(EACH)] for person in range(1, PEOPLE + 1)}
    with served(folder / "home", Shared(networks=networks)) as server:
        server.engine.ingest(fill(folder / "photos", people))
        server.engine.group()
        for group in server.engine.people()[1]:
            name = Path(server.engine.show(group.label).faces[0].photo).parent.name
            server.engine.name(group.label, name)
        server.engine.set_setting("person_match_threshold", 0.95, "test")
        for person, number in ((1, 7), (2, 7), (2, 8), (50, 0)):
            server.engine.take_in(photo(person, number))
        yield server


@pytest.fixture(scope="module")
def client(web: Served) -> Iterator[httpx.Client]:
    with web.client() as opened:
        opened.headers["Origin"] = web.url
        yield opened


def test_too_few_labels_are_told_by_how_many_are_missing(tmp_path: Path) -> None:
    missing = "10 more people with confirmed faces on two photos or more and 50 more confirmed faces of such people"
    with engine_on(tmp_path / "home", tmp_path) as engine, pytest.raises(InputError, match=missing):
        engine.learn_chances()


def test_nothing_is_said_before_it_is_learnt(web: Served, client: httpx.Client) -> None:
    web.engine.forget_chances()
    assert client.get("/api/probability").json() is None
    assert client.delete("/api/probability").json() == {"reset": False}
    assert web.engine.who(SAME)[0].probability is None
    assert web.engine.verify(SAME, STRANGER).probability is None
    assert {each.probability for each in web.engine.suggestions()} == {None}
    assert "times in 100" not in client.post("/review/questions", json={}).text


def test_what_was_learnt_is_said_wherever_a_score_is(web: Served, client: httpx.Client) -> None:
    answer = client.post("/api/probability").json()
    assert answer == client.get("/api/probability").json()
    assert (answer["model_id"], answer["people"], answer["faces"], answer["prior"]) == (MODEL, 11, 55, 0.5)
    assert set(answer["curves"]) == {"face", "group", "search", "pair"}
    assert set(answer["curves"]["face"]) == {"method", "right", "wrong"}
    assert "values" not in json.dumps(answer)

    same, stranger = (web.engine.who(each)[0].probability for each in (SAME, STRANGER))
    assert stranger is not None
    assert same is not None
    assert 0 < stranger < 0.1
    assert 0.9 < same < 1
    assert (web.engine.verify(SAME, photo(1, 21)).probability or 0) > 0.9
    assert (web.engine.verify(SAME, STRANGER).probability or 1) < 0.1
    shown = client.post("/api/identify", files={"picture": SAME}).json()["faces"][0]
    assert shown["probability"] == pytest.approx(same)

    suggested = web.engine.suggestions()
    assert sorted(each.person for each in suggested) == ["P1", "P2", "P2"]
    assert all((each.probability or 0) > 0.5 for each in suggested)
    html = client.post("/review/questions", json={}).text
    assert f'title="such scores, {MODEL}">right 9' in html
    assert "Such a score is" in client.post("/who", files={"picture": SAME}, headers={"HX-Request": "true"}).text


def test_the_likeliest_are_asked_about_first_and_of_the_equally_likely_the_largest(web: Served) -> None:
    web.engine.learn_chances()
    items = [item for item in survey(web.engine.parts).items if item.suggested]
    assert len(items) == 2
    hundredths = [round(100 * (item.probability or 0)) for item in items]
    assert hundredths == sorted(hundredths, reverse=True)
    if hundredths[0] == hundredths[1]:
        assert [item.face_count for item in items] == [2, 1]


def test_the_receipt_of_a_machines_tie_has_it_and_a_humans_has_not(web: Served, client: httpx.Client) -> None:
    web.engine.learn_chances()
    web.engine.set_setting("person_match_threshold", 0.6, "test")
    web.engine.assign()
    tied = next(each for each in web.engine.show("P1").faces if each.made_by == "machine")
    receipt = client.get(f"/api/faces/{tied.face_id}").json()["receipt"]
    assert receipt["probability"] == tied.probability
    assert tied.probability is not None
    assert tied.probability > 0.9
    human = next(each for each in web.engine.show("P1").faces if each.made_by == "human")
    assert human.probability is None
    assert client.get(f"/api/faces/{human.face_id}").json()["receipt"]["probability"] is None
    image = web.engine.browse.face(tied.face_id).face.image_id
    assert "Such a score is right 9" in client.get(f"/photos/{image}").text


def test_it_belongs_to_its_models_and_is_the_same_each_time(web: Served, client: httpx.Client) -> None:
    first, second = web.engine.learn_chances(), web.engine.learn_chances()
    assert replace(first, created_at="") == replace(second, created_at="")
    with web.engine.parts.store.read() as tx:
        assert chances(tx, MODEL) == second
        assert chances(tx, "other") is None
        kinds = [event.payload for event in tx.events.after(0, kinds=["probability.learnt"])]
    assert kinds[-1] == {"model_id": MODEL, "people": 11, "faces": 55}
    assert "55 named faces" in client.get("/settings/scores").text
    assert client.delete("/api/probability").json() == {"reset": True}
    assert web.engine.who(SAME)[0].probability is None


def test_a_switch_to_another_model_learns_it_for_that_one(web: Served) -> None:
    web.engine.learn_chances()
    head = keep_head(web.engine, MODEL)
    web.engine.switch_model(SwitchOptions(head))
    found = web.engine.chances()
    assert found is not None
    assert (found.model_id, found.faces) == (head, 55)
    web.engine.switch_model(web.engine.rollback_options())
    assert web.engine.chances() is not None
    assert web.engine.forget_chances()
