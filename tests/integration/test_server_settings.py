"""Settings and projects through the API and the command line: order, who set what, refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from personae import Settings, open_engine
from personae.access import Role
from personae.cli.main import app
from personae.errors import BackendError, InputError, NotFound
from tests import patterns
from tests.served import Served, make_key, pattern_settings, served

NAME = "reference_threshold"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "home") as server:
        yield server


@pytest.fixture
def client(web: Served) -> Iterator[httpx.Client]:
    with web.client() as opened:
        yield opened


def shown(client: httpx.Client, name: str = NAME, project: str | None = None) -> dict[str, Any]:
    rows = client.get("/api/settings", params={"project": project} if project else {}).json()
    return next(row for row in rows if row["name"] == name)


def test_the_projects_own_comes_before_the_studios_before_the_starts(client: httpx.Client) -> None:
    client.post("/api/projects", json={"name": "film"})
    start = shown(client)
    assert (start["value"], start["source"], start["set_by"], start["changeable"]) == (0.7, "default", None, True)
    answer = client.put(f"/api/settings/{NAME}", json={"value": 0.6, "scope": "studio"})
    assert (answer.status_code, answer.json()["value"], answer.json()["source"]) == (200, 0.6, "studio")
    answer = client.put(f"/api/settings/{NAME}", json={"value": 0.8}, params={"project": "film"})
    assert (answer.json()["value"], answer.json()["source"]) == (0.8, "project")
    assert answer.json()["set_by"] == "this machine"
    assert answer.json()["set_at"]
    assert shown(client)["value"] == 0.6
    assert shown(client, project="film")["value"] == 0.8
    assert client.delete(f"/api/settings/{NAME}", params={"project": "film"}).json()["value"] == 0.6
    assert client.delete(f"/api/settings/{NAME}", params={"scope": "studio"}).json()["source"] == "default"
    again = client.delete(f"/api/settings/{NAME}")
    assert (again.status_code, again.json()["error"]) == (404, "NotFound")


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("home", "elsewhere", 404), ("nothing", 1, 404), (NAME, 1.5, 422), (NAME, "high", 422), (NAME, True, 422),
        (NAME, None, 422), ("unknown_method", "magic", 422), ("unknown_method", 1, 422), ("unknown_eps", 0, 422),
        ("unknown_min_cluster_size", 2.5, 422), ("unknown_min_cluster_size", 1e300, 422),
        ("unknown_min_cluster_size", 4, 200), ("unknown_method", "dbscan", 200), (NAME, "0.5", 200),
    ],
)  # fmt: skip
def test_only_what_a_setting_takes_is_taken(client: httpx.Client, name: str, value: object, status: int) -> None:
    answer = client.put(f"/api/settings/{name}", json={"value": value})
    assert answer.status_code == status
    if status != 200:
        assert set(answer.json()) == {"error", "detail"}


def test_no_number_is_no_value(client: httpx.Client) -> None:
    kind = {"Content-Type": "application/json"}
    for text in ("NaN", "Infinity", "-Infinity", "1e999"):
        body = f'{{"value": {text}}}'
        assert client.put(f"/api/settings/{NAME}", content=body, headers=kind).status_code == 422


def test_the_key_says_who_has_set_it_and_only_admins_do(tmp_path: Path) -> None:
    settings = pattern_settings(tmp_path / "home")
    writer, admin = make_key(settings, Role.WRITE), make_key(settings, Role.ADMIN, "Ann")
    with served(settings) as web, web.client(writer) as client:
        assert client.put(f"/api/settings/{NAME}", json={"value": 0.5}).status_code == 403
        assert client.delete(f"/api/settings/{NAME}").status_code == 403
        assert client.get("/api/settings").status_code == 403
        assert client.delete("/api/projects/film").status_code == 403
        with web.client(admin) as ann:
            assert ann.put(f"/api/settings/{NAME}", json={"value": 0.5}).json()["set_by"] == "Ann"


def test_a_change_reaches_what_runs_and_is_an_event(web: Served, client: httpx.Client) -> None:
    with open_engine(web.site.settings) as other:
        other.set_setting("person_match_threshold", 0.9, "bob")
    assert shown(client, "person_match_threshold")["value"] == 0.9
    picture = {"picture": patterns.photo(1, 1)}
    assert [face["match_threshold"] for face in client.post("/api/identify", files=picture).json()["faces"]] == [0.9]
    events = client.get("/api/events", params={"after": 0, "kind": "setting.changed"}).json()["items"]
    assert [event["payload"] for event in events] == [
        {"name": "person_match_threshold", "scope": "project", "value": 0.9}
    ]


def test_where_a_value_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "personae.toml").write_text("unknown_eps = 0.25\nreference_threshold = 0.2\n")
    monkeypatch.setenv("PERSONAE_REFERENCE_THRESHOLD", "0.4")
    with open_engine(Settings(home=tmp_path / "home", unknown_min_cluster_size=5)) as engine:
        sources = {each.name: (each.value, each.source) for each in engine.settings()}
        assert sources == {
            "person_match_threshold": (0.7, "default"),
            "unknown_method": ("auto", "default"),
            "unknown_eps": (0.25, "personae.toml"),
            "unknown_min_cluster_size": (5, "command line"),
            "reference_threshold": (0.4, "environment"),
        }
        with pytest.raises(NotFound, match="reference_threshold"):
            engine.set_setting("home", "x", "ann")
        with pytest.raises(InputError, match=NAME):
            engine.set_setting(NAME, 2, "ann")


def run(home: Path, *words: str, answer: str | None = None) -> Any:
    done = CliRunner().invoke(app, ["--home", str(home), *words], input=answer)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout) if "--json" in words else done.output


def test_the_command_line_sets_shows_and_takes_back(tmp_path: Path) -> None:
    home = tmp_path / "home"

    def row() -> dict[str, Any]:
        return next(each for each in run(home, "config", "show", "--json")["settings"] if each["name"] == NAME)

    assert row()["source"] == "default"
    assert not home.exists(), "a question makes no store"
    assert run(home, "config", "set", NAME, "0.6", "--studio", "--json")["value"] == 0.6
    assert "0.8 (project, by" in run(home, "config", "set", NAME, "0.8")
    assert (row()["value"], row()["source"]) == (0.8, "project")
    assert row()["set_by"]
    assert run(home, "config", "unset", NAME, "--json")["value"] == 0.6
    assert run(home, "config", "unset", NAME, "--studio", "--json")["source"] == "default"
    with pytest.raises(InputError, match=NAME):
        run(home, "config", "set", NAME, "much")


def test_the_command_line_makes_renames_and_deletes_projects(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run(home, "projects", "create", "film")
    with open_engine(Settings(home=home, project="film")) as engine:
        engine.add_character("Ada")
        (engine.folder / "crops" / "x").mkdir(parents=True)
        folder = engine.folder
    run(home, "projects", "rename", "film", "the film")
    with open_engine(Settings(home=home, project="the film")) as engine:
        assert engine.folder == folder
        assert [each.name for each in engine.characters()] == ["Ada"]
    assert [each["name"] for each in run(home, "projects", "list", "--json")] == ["the film"]
    refused = CliRunner().invoke(app, ["--home", str(home), "projects", "delete", "the film"], input="n\n")
    assert refused.exit_code == 1
    assert folder.exists()
    assert "gone" in run(home, "projects", "delete", "the film", answer="y\n")
    assert not folder.exists()
    with pytest.raises(NotFound):
        run(home, "projects", "delete", "the film", "--yes")


def test_the_project_in_the_home_folder_leaves_the_others(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for project in ("default", "film"):
        with open_engine(Settings(home=home, project=project)) as engine:
            engine.add_character("Ada")
            (engine.folder / "crops").mkdir()
    run(home, "projects", "delete", "default", "--yes")
    assert not (home / "crops").exists()
    assert (home / "projects" / "film" / "crops").exists()
    with open_engine(Settings(home=home)) as engine:
        assert engine.characters() == []
    with open_engine(Settings(home=home, project="film")) as engine:
        assert len(engine.characters()) == 1


def test_projects_are_renamed_and_removed_while_the_server_runs(web: Served, client: httpx.Client) -> None:
    assert client.post("/api/projects", json={"name": "film"}).status_code == 201
    assert client.post("/api/characters?project=film", json={"name": "Ada"}).status_code == 201
    folder = web.site.engines.open("film").folder
    assert client.patch("/api/projects/film", json={"name": "the film"}).json()["name"] == "the film"
    assert client.get("/api/characters?project=film").status_code == 404
    assert [each["name"] for each in client.get("/api/characters?project=the film").json()["items"]] == ["Ada"]
    assert client.patch("/api/projects/the film", json={"name": "default"}).status_code == 409
    assert client.patch("/api/projects/the film", json={"name": "../x"}).status_code == 422
    assert client.delete("/api/projects/default").status_code == 409
    assert client.delete("/api/projects/nothing").status_code == 404
    assert client.delete("/api/projects/the film").status_code == 200
    assert client.get("/api/characters?project=the film").status_code == 404
    assert not folder.exists()
    assert [each["name"] for each in client.get("/api/projects").json()] == ["default"]


def test_a_project_with_jobs_is_not_removed(client: httpx.Client) -> None:
    client.post("/api/projects", json={"name": "film"})
    job = {"kind": "faces.cluster", "payload": {}}
    assert client.post("/api/jobs?project=film", json=job).status_code == 202
    for answer in (client.delete("/api/projects/film"), client.patch("/api/projects/film", json={"name": "other"})):
        assert (answer.status_code, answer.json()["error"]) == (409, "Conflict")
    assert client.post("/api/jobs/1/cancel?project=film").status_code == 200
    assert client.delete("/api/projects/film").status_code == 200


def test_an_unknown_store_does_not_hide_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONAE_DATABASE_URL", f"sqlite:///{tmp_path}")
    with pytest.raises(BackendError), open_engine(Settings(home=tmp_path / "home")):
        pass
    done = CliRunner().invoke(app, ["--home", str(tmp_path / "home"), "config", "show", "--json"])
    assert done.exit_code == 0
    assert NAME in done.stdout
