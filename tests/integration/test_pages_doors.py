"""Every page and every action there is: asks for a key, minds its role, and does nothing for a page elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from fastapi.routing import APIRoute

from personae.access import Role
from personae.web.pages import ROUTERS
from tests.browser import SECTIONS
from tests.served import Served, make_key, pattern_settings, served

FREE = frozenset({"asset", "signin", "sign_in", "sign_out"})
"""Routes that ask for no key."""
READERS_POST = frozenset({"review_questions", "who_look", "choose_project"})
"""Actions that change nothing, or nothing of others."""
READERS_PATHS = {("/characters/{character_id}/references/{reference_id}/dismiss", "POST")}
"""What a browser remembers for itself."""
NUMBER = "7"
ROUTES = [
    (route, method)
    for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)
    for method in sorted(route.methods)
]  # fmt: skip
ASKING = [(route, method) for route, method in ROUTES if route.name not in FREE]
CHANGING = [(route, method) for route, method in ASKING if method != "GET"]


def path_of(route: APIRoute) -> str:
    return re.sub(r"\{[^}]*\}", NUMBER, route.path)


def called(case: tuple[APIRoute, str]) -> str:
    return f"{case[1]} {case[0].path}"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, dict[Role, str]]]:
    settings = pattern_settings(tmp_path_factory.mktemp("home"))
    keys = {role: make_key(settings, role, str(role)) for role in Role}
    with served(settings) as server:
        yield server, keys


@pytest.fixture(scope="module")
def clients(web: tuple[Served, dict[Role, str]]) -> Iterator[dict[Role, httpx.Client]]:
    server, keys = web
    opened = {role: server.client() for role in Role}
    for role, client in opened.items():
        client.headers["Origin"] = server.url
        assert client.post("/signin", data={"key": keys[role]}).status_code == 303
    yield opened
    for client in opened.values():
        client.close()


def test_there_are_pages() -> None:
    assert len(ROUTES) > 30
    assert {route.name for route, _ in ROUTES} >= FREE


@pytest.mark.parametrize("case", ASKING, ids=called)
def test_without_a_key_there_is_the_sign_in(web: tuple[Served, dict[Role, str]], case: tuple[APIRoute, str]) -> None:
    route, method = case
    with web[0].client() as client:
        answer = client.request(method, path_of(route))
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/signin")
        answer = client.request(method, path_of(route), headers={"HX-Request": "true"})
        assert answer.headers["hx-redirect"].startswith("/signin?next=%2F")


@pytest.mark.parametrize("case", CHANGING, ids=called)
def test_a_page_elsewhere_changes_nothing(clients: dict[Role, httpx.Client], case: tuple[APIRoute, str]) -> None:
    route, method = case
    for origin in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        answer = clients[Role.ADMIN].request(method, path_of(route), headers=origin)
        assert answer.status_code == 403, origin
        assert "page of another address" in answer.text


@pytest.mark.parametrize("case", CHANGING, ids=called)
def test_who_may_only_look_changes_nothing(clients: dict[Role, httpx.Client], case: tuple[APIRoute, str]) -> None:
    route, method = case
    if route.name in READERS_POST or (route.path, method) in READERS_PATHS:
        return
    answer = clients[Role.READ].request(method, path_of(route))
    assert answer.status_code == 403
    assert "this takes the role" in answer.text.lower()


@pytest.mark.parametrize("path", SECTIONS)
@pytest.mark.parametrize("role", list(Role))
def test_every_section_opens_for_whoever_may_look(clients: dict[Role, httpx.Client], role: Role, path: str) -> None:
    answer = clients[role].get(path)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.status_code == (403 if path == "/settings" and role is not Role.ADMIN else 200)
    assert len(re.findall("<h1[ >]", answer.text)) == 1
    assert ('href="/settings"' in answer.text) is (role is Role.ADMIN)
