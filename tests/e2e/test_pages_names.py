"""Two hundred hostile names through every field and every page: each is shown as it is, and nothing runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from personae.errors import PersonaeError
from tests.browser import SECTIONS, at_sizes, chromium, needs_chromium, opened, quiet
from tests.hostile import MARK, names, wrongs
from tests.patterns import photo
from tests.served import Served, served

pytestmark = pytest.mark.slow
PHOTOS = 4
"""Of each of the people who have faces."""
WITH_FACES = 12
HTMX = {"HX-Request": "true"}
NAMED = 6
"""Of these so many have a name; the others are unknown groups."""


@dataclass
class Hostile:
    """A server whose people, files and characters have hostile names."""

    web: Served
    taken: list[str] = field(default_factory=list)
    """Names that the engine took."""
    people: dict[str, int] = field(default_factory=dict)
    characters: list[int] = field(default_factory=list)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    root = tmp_path_factory.mktemp("names")
    every = names()
    album = fill_album(root / "album", every)
    with served(root / "home") as web:
        found = Hostile(web)
        engine = web.engine
        engine.ingest(album)
        engine.group()
        clusters = engine.browse.clusters()
        assert len(clusters) >= NAMED
        for cluster, name in zip(clusters[:NAMED], (name for name in every if name.startswith("<")), strict=False):
            engine.name(cluster.label, name)
        for place, name in enumerate(every):
            try:
                person = engine.add_person(name, "character" if place % 3 == 0 else "real")
            except PersonaeError:
                continue
            if place % 3 == 0:
                found.characters.append(int(person.id))
        found.people = {person.name: int(person.id) for person in engine.browse.people(0, 1000)}
        found.taken = [" ".join(name.split()) for name in every if " ".join(name.split()) in found.people]
        engine.queue("images.ingest", {"paths": sorted(map(str, album.iterdir()))[:40]})
        yield found


def fill_album(folder: Path, every: list[str]) -> Path:
    """Make photos of a few people, in files of hostile names, and files that are none."""
    folder.mkdir(parents=True)
    usable = iter([name for name in every if "/" not in name and len(name.encode()) < 200 and name not in {".", ".."}])
    for person in range(WITH_FACES):
        for number in range(PHOTOS):
            (folder / f"{next(usable)}.png").write_bytes(photo(person, number))
    for name in usable:
        (folder / f"{name}.jpg").write_bytes(b"no picture")
    return folder


def nonce_of(answer: httpx.Response) -> str:
    found = re.search(r"'nonce-([\w-]+)'", answer.headers.get("content-security-policy", ""))
    assert found
    return found[1]


def sound(answer: httpx.Response) -> bool:
    """Whether an answer is no failure, and none of its markup is of a name."""
    assert answer.status_code < 500, answer.text[:300]
    if not answer.text or not answer.headers.get("content-type", "").startswith("text/html"):
        return True
    return wrongs(answer.text, nonce_of(answer)) == []


def crawl(client: httpx.Client, start: list[str], most: int) -> dict[str, list[str]]:
    """Follow the links of ours, and what htmx and scripts would fetch; return what is wrong with each page."""
    waiting, seen, wrong = list(start), set(start), {}
    while waiting:
        path = waiting.pop(0)
        answer = client.get(path, follow_redirects=True)
        assert answer.status_code < 500, (path, answer.text[:300])
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        found = wrongs(answer.text, nonce_of(answer))
        if found:
            wrong[path] = found[:5]
        for shown in re.findall(r'(?:href|hx-get)="(/[^"#]*)"', answer.text):
            link = unescape(shown)
            if len(seen) < most and link not in seen and not link.startswith(("/static/", "/api/")):
                seen.add(link)
                waiting.append(link)
    return wrong


def test_no_page_has_markup_of_a_name(hostile: Hostile) -> None:
    assert len(hostile.taken) > 150
    searched = [f"/people?q={quote(name, safe='')}" for name in names()[::3]]
    asked = [f"/people/names?q={quote(name, safe='')}" for name in names()[:60]]
    begun = [f"/people/{number}" for number in hostile.people.values()]
    characters = [f"/characters/{number}" for number in hostile.characters]
    with hostile.web.client() as client:
        assert crawl(client, [*SECTIONS, *begun, *characters, *searched, *asked], 500) == {}


def test_each_name_is_shown_as_it_is(hostile: Hostile) -> None:
    with hostile.web.client() as client:
        for name in hostile.taken:
            text = client.get(f"/people/{hostile.people[name]}").text
            heading = re.search(r"<h1[^>]*>(.*?)</h1>", text, re.DOTALL)
            assert heading
            assert " ".join(unescape(re.sub(r"<[^>]*>", " ", heading[1])).split()).startswith(name[:20]), name


def test_what_an_action_is_given_is_said_as_text(hostile: Hostile) -> None:
    person = next(iter(hostile.people.values()))
    with hostile.web.client() as client:
        client.headers["Origin"] = hostile.web.url
        for name in names():
            for path, data in (
                (f"/people/{person}/rename", {"name": name}),
                ("/characters", {"name": name}),
                ("/review/say", {"face_id": "1", "name": name}),
                ("/folder", {"path": name}),
                ("/project", {"project": name[:100]}),
                ("/signin", {"name": name, "password": ""}),
            ):
                for headers in ({}, HTMX)[: 1 + (len(name) % 3 == 0)]:
                    assert sound(client.post(path, data=data, headers=headers)), (path, name)


def test_what_the_other_forms_and_filters_are_given_is_said_as_text(hostile: Hostile) -> None:
    person, picture = next(iter(hostile.people.values())), photo(40, 0)
    place = dict.fromkeys(("x", "y"), "0") | dict.fromkeys(("width", "height"), "480")
    with hostile.web.client() as client:
        client.headers["Origin"] = hostile.web.url
        groups = hostile.web.engine.browse.groups()
        for at, name in enumerate(names()[::8]):
            group, face = groups[at % len(groups)], 1 + at % PHOTOS
            image = hostile.web.engine.browse.face(face).face.image_id
            character = f"/characters/{hostile.characters[at % len(hostile.characters)]}"
            for path, data in (
                (f"/groups/{group.id}/name", {"name": name}),
                (f"/groups/{group.id}/split", {"face": str(group.best_face), "name": name}),
                (f"/groups/{group.id}/join", {"other": str(person), "kind": name}),
                (f"/people/{person}/split", {"face": str(face), "name": name}),
                (f"/people/{person}/also", {"who": name, "yes": "yes"}),
                (f"/photos/{image}/faces/{face}/name", {"name": name}),
                ("/settings/person_match_threshold", {"value": name[:100]}),
                (f"/settings/{quote(name, safe='')}", {"value": "0.5"}),
                ("/sources/run", {"source": name}),
            ):
                assert sound(client.post(path, data=data, headers=HTMX if at % 2 else {})), (path, name)
            kept = client.post("/who/keep", data={"name": name, **place}, files={"picture": picture}, headers=HTMX)
            labelled = client.post(f"{character}/references", data={"label": name}, files={"picture": picture})
            assert sound(kept), name
            assert sound(labelled), name
            assert sound(client.get(character)), name
            for path, fields in (
                ("/photos", ("person", "folder", "source", "reason", "since")), ("/audit", ("kind", "person")),
                ("/sources/waiting", ("source",)), ("/sources/revoke", ("source",)), ("/characters", ("q",)),
            ):  # fmt: skip
                assert sound(client.get(path, params=dict.fromkeys(fields, name[:100]))), (path, name)
        assert crawl(client, [*SECTIONS, f"/people/{person}"], 300) == {}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def untouched(page: Page) -> None:
    """Assert that no name has become part of the page."""
    assert page.evaluate(f"window.{MARK}") is None
    strange = page.evaluate(
        '[...document.querySelectorAll(\'[onerror],[onload],[onfocus],[style]:not([style*="--"]),iframe,object,embed,'
        "base,[src=x],[hx-vals^=js]')].filter(e => e.hasAttribute('onerror') || !e.matches('[style]') "
        "|| /fixed/.test(e.getAttribute('style'))).map(e => e.outerHTML.slice(0, 100))"
    )
    assert strange == []


@needs_chromium
def test_nothing_runs_in_the_browser(browser: Browser, hostile: Hostile) -> None:
    some = [f"/people/{number}" for number in list(hostile.people.values())[:8]]
    some += [f"/characters/{number}" for number in hostile.characters[:4]]
    # Crops of people without faces are none.
    with opened(browser) as page, quiet(page, but=("404",)):
        for path in (*SECTIONS, *some):
            page.goto(hostile.web.url + path)
            page.wait_for_load_state("networkidle") if path in {"/review", "/people"} else page.wait_for_timeout(150)
            untouched(page)
            at_sizes(page)


@needs_chromium
def test_what_is_typed_stays_text(browser: Browser, hostile: Hostile) -> None:
    typed = [name for name in names() if name.startswith(("<", '"')) and len(name) < 100][:25]
    with opened(browser) as page, quiet(page, but=("404", "409", "422")):
        page.goto(hostile.web.url + "/people")
        search = page.locator("main input[type=search]").first
        for name in typed:
            search.fill(name)
            page.wait_for_timeout(60)
            untouched(page)
        page.goto(hostile.web.url + "/review")
        for name in typed[:10]:
            field = page.locator("main input[type=text], main input[type=search], main input:not([type])").first
            if field.count() and field.is_visible():
                field.fill(name)
                page.wait_for_timeout(150)
            untouched(page)
        for name in typed:
            page.evaluate(
                "text => document.body.dispatchEvent(new CustomEvent('said', {detail: {text, operation: 1}}))", name
            )
            expect(page.locator(".toast").last).to_contain_text(name.strip()[:10])
            untouched(page)
