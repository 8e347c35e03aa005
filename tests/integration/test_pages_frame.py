"""What all pages stand on: headers, files, errors in words, signing in, requests of strangers' pages."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import httpx
import pytest
from click.testing import Result
from starlette.responses import Response
from typer.testing import CliRunner

from personae.access import Role
from personae.bootstrap import open_house
from personae.cli.main import app
from personae.engine import sign_in
from personae.errors import BackendError, InputError, NotFound
from personae.settings import Settings
from personae.web.pages.assets import assets, version
from personae.web.pages.problems import local
from personae.web.pages.render import Redirect, say
from tests.served import Served, make_key, pattern_settings, served

PASSWORD = "four words are enough"  # noqa: S105
HTMX = {"HX-Request": "true"}
POSTS = re.compile(r'method="post" action="([^"]*)"')


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("home")) as server:
        yield server


@pytest.fixture
def client(web: Served) -> Iterator[httpx.Client]:
    with web.client() as opened:
        yield opened


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, dict[Role, str]]]:
    """A server with a key of each role; that to write has a password."""
    settings = pattern_settings(tmp_path_factory.mktemp("locked"))
    keys = {role: make_key(settings, role, str(role)) for role in Role}
    set_password(settings, "write", PASSWORD)
    with served(settings) as server:
        yield server, keys


def set_password(settings: Settings, name: str, password: str) -> None:
    house = open_house(settings)
    try:
        sign_in.set_password(house.sign_ins, name, password)
    finally:
        house.close()


def own(web: Served) -> dict[str, str]:
    """Return what a browser adds to a change that a page of the server sends."""
    return {"Origin": web.url, "Sec-Fetch-Site": "same-origin"}


def enter(web: Served, client: httpx.Client, **fields: str) -> httpx.Response:
    return client.post("/signin", data=fields, headers=own(web))


# --- headers and files ------------------------------------------------------------------------


def test_a_page_runs_only_scripts_with_its_nonce(client: httpx.Client) -> None:
    nonces = set()
    for _ in range(2):
        answer = client.get("/signin", headers={"Sec-Fetch-Site": "none"}, follow_redirects=True)
        policy = answer.headers["content-security-policy"]
        nonce = re.search(r"script-src 'nonce-([\w-]+)'", policy)
        assert nonce
        nonces.add(nonce[1])
        assert "unsafe" not in policy
        assert policy.startswith("default-src 'none'")
        assert set(re.findall(r'<script[^>]* nonce="([^"]+)"', answer.text)) == {nonce[1]}
        assert "<script>" not in answer.text
        assert not re.search(r"\sstyle=|\son\w+=|javascript:", answer.text)
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert len(nonces) == 2


def test_the_api_lets_nothing_run(client: httpx.Client) -> None:
    for path in ("/api/people", "/api/nothing", "/openapi.json", "/health"):
        policy = client.get(path).headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "script-src" not in policy


def test_files_are_kept_by_the_browser_for_as_long_as_they_stay_the_same(client: httpx.Client) -> None:
    for name, asset in assets().items():
        answer = client.get(f"/static/{version()}/{name}", headers={"Accept-Encoding": "gzip"})
        assert (answer.status_code, answer.content) == (200, asset.plain)
        assert answer.headers["content-type"] == asset.kind
        assert answer.headers["content-encoding"] == "gzip"
        assert "immutable" in answer.headers["cache-control"]
    other = client.get("/static/before/style.css", headers={"Accept-Encoding": "identity"})
    assert other.content == assets()["style.css"].plain
    assert other.headers["cache-control"] == "no-cache"
    assert client.get(f"/static/{version()}/nothing.js").status_code == 404
    assert client.get(f"/static/{version()}/..%2Fapp.py").status_code == 404


def test_what_every_page_loads_is_small() -> None:
    frame = ("style.css", "htmx.min.js", "frame.js", "api.js", "keys.js", "toasts.js", "icons.svg", "icon.svg")
    assert sum(len(gzip.compress(assets()[name].plain)) for name in frame) < 60_000


def test_no_file_asks_for_anything_elsewhere() -> None:
    for name, asset in assets().items():
        if name != "htmx.min.js":
            found = set(re.findall(rb"https?://[^\s\"')]+", asset.plain))
            assert found <= {b"http://www.w3.org/2000/svg"}, name


# --- errors -----------------------------------------------------------------------------------


def test_a_page_that_is_none_says_so_and_leads_on(client: httpx.Client) -> None:
    answer = client.get("/no/such/page", headers={"Accept": "text/html,application/xhtml+xml"})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "There is no such page" in answer.text
    assert 'href="/people"' in answer.text
    for path in ("/api/no/such/path", "/no/such/page"):
        assert client.get(path).json()["error"] == "NotFound"


def test_an_action_of_htmx_is_refused_in_a_toast(client: httpx.Client) -> None:
    answer = client.get("/no/such/page", headers=HTMX)
    assert (answer.status_code, answer.content) == (404, b"")
    said = json.loads(answer.headers["hx-trigger"])["said"]
    assert said == {"text": "Nothing is at this address.", "wrong": True}


def test_a_mistake_of_ours_is_told_without_its_inside_and_under_the_same_headers(tmp_path: Path) -> None:
    with served(tmp_path / "home") as web:

        def mistaken() -> None:
            raise ZeroDivisionError("secret")

        def away() -> None:
            raise BackendError("/home/ann/personae.db does not answer")

        routes = web.server.config.app.router  # type: ignore[union-attr]
        routes.add_api_route("/mistaken", mistaken)
        routes.add_api_route("/away", away)
        with web.client() as client:
            answer = client.get("/mistaken", headers={"Accept": "text/html"})
        assert answer.status_code == 500
        assert "The server made a mistake" in answer.text
        assert "secret" not in answer.text
        assert "content-security-policy" in answer.headers
        with web.client() as client:
            answer = client.get("/away")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "This page tries again by itself" in answer.text
        assert "retry.js" in answer.text
        assert "/home/ann" not in answer.text


def test_a_foreign_name_of_this_machine_is_refused_on_a_page(client: httpx.Client) -> None:
    answer = client.get("/people", headers={"Host": "evil.example"})
    assert answer.status_code == 403
    assert "Not for this key" not in answer.text
    assert "localhost" in answer.text


def test_a_page_of_another_origin_changes_nothing(client: httpx.Client) -> None:
    answer = client.post("/project", data={"project": "default"}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403


# --- signing in -------------------------------------------------------------------------------


def test_without_keys_nobody_signs_in(client: httpx.Client) -> None:
    answer = client.get("/signin?next=/people")
    assert (answer.status_code, answer.headers["location"]) == (303, "/people")


def test_a_page_leads_to_the_sign_in_and_back(locked: tuple[Served, dict[Role, str]]) -> None:
    web, keys = locked
    with web.client() as client:
        answer = client.get("/jobs?tab=1")
        assert (answer.status_code, answer.headers["location"]) == (303, "/signin?next=%2Fjobs%3Ftab%3D1")
        answer = client.get("/jobs", headers=HTMX | {"HX-Current-URL": f"{web.url}/people?q=a"})
        assert answer.headers["hx-redirect"] == "/signin?next=%2Fpeople%3Fq%3Da"
        asked = client.get("/signin?next=%2Fjobs%3Ftab%3D1")
        assert asked.status_code == 200
        form = re.search(r'action="(/signin\?next=[^"]+)"', asked.text)
        assert form
        answer = client.post(form[1], data={"key": keys[Role.ADMIN]}, headers=own(web))
        assert (answer.status_code, answer.headers["location"]) == (303, "/jobs?tab=1")
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        assert client.get("/api/people").status_code == 200


def test_a_name_and_its_password_open_as_much_as_the_key(locked: tuple[Served, dict[Role, str]]) -> None:
    web, _ = locked
    with web.client() as client:
        assert enter(web, client, name="write", password=PASSWORD).status_code == 303
        assert client.get("/api/people").status_code == 200
        body = {"name": "Ann", "kind": "real"}
        assert client.post("/api/people", json=body, headers=own(web)).status_code in {200, 201}
        assert client.post("/api/projects", json={"name": "film"}, headers=own(web)).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
     {"Origin": "null"}],
)  # fmt: skip
def test_a_cookie_changes_nothing_for_a_page_elsewhere(
    locked: tuple[Served, dict[Role, str]], headers: dict[str, str]
) -> None:
    web, keys = locked
    with web.client() as client:
        enter(web, client, key=keys[Role.ADMIN])
        for path in ("/api/projects", "/project"):
            answer = client.post(path, json={"name": "taken"}, headers=headers)
            assert answer.status_code == 403
        assert client.post("/signout", headers=headers).status_code == 403
        assert client.get("/api/people").status_code == 200
        assert "taken" not in client.get("/api/projects").text
        # A key in a header is no browser's doing.
        assert client.post(
            "/api/groups/none", headers=headers | {"Authorization": f"Bearer {keys[Role.ADMIN]}"}
        ).status_code == 404  # fmt: skip


def test_a_page_elsewhere_signs_nobody_in(locked: tuple[Served, dict[Role, str]]) -> None:
    web, keys = locked
    with web.client() as client:
        for headers in ({}, {"Origin": "https://evil.example"}):
            answer = client.post("/signin", data={"key": keys[Role.READ]}, headers=headers)
            assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


def test_who_signs_out_is_out(locked: tuple[Served, dict[Role, str]]) -> None:
    web, keys = locked
    with web.client() as client:
        enter(web, client, key=keys[Role.READ])
        first = client.cookies["personae_session"]
        enter(web, client, key=keys[Role.READ])
        assert client.get("/api/people", headers={"Cookie": f"personae_session={first}"}).status_code == 401
        token = client.cookies["personae_session"]
        answer = client.post("/signout", headers=own(web))
        assert (answer.status_code, answer.headers["location"]) == (303, "/signin")
        assert "personae_session" not in client.cookies
        assert client.get("/api/people", headers={"Cookie": f"personae_session={token}"}).status_code == 401


def test_who_is_out_is_told_no_more(locked: tuple[Served, dict[Role, str]]) -> None:
    web, keys = locked
    secret = make_key(web.site.settings, Role.READ, "gone")
    with web.client() as ann, web.client() as other, web.client(secret) as script:
        enter(web, ann, key=keys[Role.READ])
        # A new key is known within a second.
        while script.get("/api/events").status_code == 401:
            pass
        with (
            ann.stream("GET", "/live") as page,
            script.stream("GET", "/api/events", headers={"Accept": "text/event-stream"}) as events,
        ):
            assert (page.status_code, events.status_code) == (200, 200)
            session = f"personae_session={ann.cookies['personae_session']}"
            assert other.post("/signout", headers={**own(web), "Cookie": session}).status_code == 303
            house = open_house(web.site.settings)
            house.keys.revoke("gone")
            house.close()
            # They end: otherwise this waits for ever.
            assert len([*page.iter_lines(), *events.iter_lines()]) < 10


@pytest.mark.parametrize(
    "fields",
    [{}, {"name": "write"}, {"name": "write", "password": "not this one"}, {"name": "nobody", "password": PASSWORD},
     {"name": "read", "password": PASSWORD}, {"key": "personae_wrong"}, {"key": PASSWORD}],
    ids=lambda fields: "-".join(fields) or "nothing",
)  # fmt: skip
def test_what_is_wrong_opens_nothing_and_is_said(
    locked: tuple[Served, dict[Role, str]], fields: dict[str, str]
) -> None:
    web, _ = locked
    with web.client() as client:
        answer = enter(web, client, **fields)
        assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)
        assert 'role="alert"' in answer.text
        assert PASSWORD not in answer.text


def test_who_is_wrong_too_often_waits(tmp_path: Path) -> None:
    settings = pattern_settings(tmp_path)
    make_key(settings, Role.READ, "ann")
    set_password(settings, "ann", PASSWORD)
    with served(settings) as web, web.client() as client:
        wrong = {"name": "ann", "password": "a wrong one"}
        said = [enter(web, client, **wrong).status_code for _ in range(11)]
        assert said == [401] * 10 + [429]
        assert enter(web, client, name="ann", password=PASSWORD).status_code == 429


def test_a_new_password_and_a_revoked_key_end_the_sessions(tmp_path: Path) -> None:
    settings = pattern_settings(tmp_path)
    for name in ("ann", "bob"):
        make_key(settings, Role.READ, name)
        set_password(settings, name, PASSWORD)
    with served(settings) as web:
        for name in ("ann", "bob"):
            with web.client() as client:
                assert enter(web, client, name=name, password=PASSWORD).status_code == 303
                if name == "ann":
                    set_password(settings, name, PASSWORD + "!")
                else:
                    house = open_house(settings)
                    house.keys.revoke(name)
                    house.close()
                assert client.get("/api/people").status_code == 401
        with web.client() as client:
            assert enter(web, client, name="ann", password=PASSWORD).status_code == 401
            assert enter(web, client, name="ann", password=PASSWORD + "!").status_code == 303


def test_a_password_is_set_on_the_command_line(tmp_path: Path) -> None:
    def personae(*words: str, typed: str = "") -> Result:
        return CliRunner().invoke(app, ["--home", str(tmp_path), "keys", *words], input=typed)

    assert personae("create", "ann").exit_code == 0
    done = personae("password", "ann", typed=PASSWORD + "\n")
    assert (done.exit_code, PASSWORD in done.output) == (0, False)
    assert "has a password" in done.output
    assert isinstance(personae("password", "ann", typed="short\n").exception, InputError)
    assert isinstance(personae("password", "bob", typed=PASSWORD).exception, NotFound)
    house = open_house(Settings(home=tmp_path))
    assert sign_in.SignIns(house.sign_ins, lambda: datetime.now(UTC)).by_password("ann", PASSWORD, "").name == "ann"
    assert personae("password", "ann", "--remove").exit_code == 0
    assert house.sign_ins.password("ann") is None
    house.close()


# --- projects ---------------------------------------------------------------------------------


def test_a_project_is_chosen_and_stays_chosen(tmp_path: Path) -> None:
    with served(tmp_path / "home") as web, web.client() as client:
        web.site.engines.create("the film")
        assert client.post("/project", data={"project": "nothing"}, headers=own(web)).status_code == 404
        answer = client.post("/project", data={"project": "the film"}, headers=own(web))
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert 'data-project="the film"' in client.get("/").text
        web.site.engines.remove("the film")
        assert 'data-project="default"' in client.get("/").text


def test_a_form_is_of_the_project_of_its_page(tmp_path: Path) -> None:
    with served(tmp_path / "home") as web, web.client() as client:
        web.site.engines.create("film")
        ann = web.engine.add_person("Ann").id
        assert f"/people/{ann}/rename?project=default" in client.get(f"/people/{ann}").text
        client.post("/project", data={"project": "film"}, headers=own(web))
        assert 'data-project="film"' in client.get("/who").text
        answer = client.post(f"/people/{ann}/rename?project=default", data={"name": "Anne"}, headers=own(web))
        assert (answer.status_code, web.engine.browse.person(ann).name) == (303, "Anne")
        assert 'data-project="default"' in client.get(answer.headers["location"]).text


def test_every_form_says_which_project_it_is_of() -> None:
    templates = files("personae.web") / "templates"
    forms = [form for each in templates.iterdir() for form in POSTS.findall(each.read_text("utf-8"))]
    assert len(forms) > 40
    of_none = ("/signin", "/signout", "/project")
    named = ("here }}", "in_project(")
    assert not [form for form in forms if not form.startswith(of_none) and not any(way in form for way in named)]


# --- small parts ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "kept"),
    [("/people?q=a", "/people?q=a"), ("/who?q=https://a.example/b", "/who?q=https://a.example/b"),
     ("//evil.example/x", "/"), ("https://evil.example/x?y=1", "/x?y=1"), ("x", "/"),
     ("/\\evil.example", "/"), ("javascript:alert(1)", "/"), ("https://evil.example//other.example", "/"),
     ("/a\r\nSet-Cookie: b", "/"), ("", "/")],
)  # fmt: skip
def test_the_sign_in_leads_only_to_pages_of_ours(address: str, kept: str) -> None:
    assert local(address) == kept


def test_a_toast_survives_a_redirect_and_any_name() -> None:
    name = 'Zoë "<b>\r\n' + "x" * 1000
    headers = say(Response(), name, 7).headers
    said = json.loads(headers["hx-trigger"])["said"]
    assert (said["operation"], said["text"][:10], len(said["text"])) == (7, name[:10], 300)
    for text in (name, "🎬" * 400):
        cookie = say(Redirect("/people/3?a=b", True, "film"), text, 7).headers["set-cookie"].partition(";")[0]
        assert len(cookie) < 4000
        kept = json.loads(base64.urlsafe_b64decode(cookie.partition("=")[2] + "=="))
        assert (kept["to"], kept["project"], kept["text"][:10]) == ("/people/3", "film", text[:10])
