"""The review in a real browser: key after key, nothing lost, everything taken back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from personae import Settings
from personae.bootstrap import Shared
from tests.browser import SCHEMES, at_sizes, axe, chromium, needs_chromium, opened, quiet
from tests.patterns import photo
from tests.photos import album
from tests.served import Served, served

pytestmark = needs_chromium
HOSTILE = "<img src=x onerror=document.title='taken'>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Served]:
    """Six people of five photos each, nobody named."""
    with served(tmp_path / "home") as server:
        for person in range(1, 7):
            for number in range(5):
                server.engine.take_in(photo(person, number))
        server.engine.group()
        yield server


@pytest.fixture
def page(browser: Browser, web: Served) -> Iterator[Page]:
    with opened(browser, f"{web.url}/review") as shown, quiet(shown, ("409",)):
        ready(shown)
        yield shown


def ready(page: Page) -> None:
    """Wait until the questions that come next are there: the page itself brings the first one alone."""
    page.wait_for_function("() => document.querySelectorAll('[data-question]').length > 1")


def people(web: Served) -> dict[str, int]:
    return {person.name: person.face_count for person in web.engine.people()[0]}


def name(page: Page, who: str) -> None:
    """Say who it is, and wait until the server has it."""
    page.keyboard.press("/")
    page.keyboard.type(who)
    with page.expect_response("**/review/answer*"):
        page.keyboard.press("Enter")


def group(page: Page) -> int:
    return int(page.locator("[data-stage] [data-question]").get_attribute("data-cluster") or 0)


def test_names_are_given_and_taken_back_by_key(web: Served, page: Page) -> None:
    said = page.locator("[data-said]")
    first = group(page)
    name(page, "Ann")
    expect(said).to_contain_text("5 faces are Ann.")
    assert group(page) != first
    assert people(web) == {"Ann": 5}
    with page.expect_response("**/undo*"):
        page.keyboard.press("u")
    expect(said).to_contain_text("Taken back")
    assert group(page) == first
    assert people(web) == {}
    page.keyboard.press("u")
    expect(said).to_contain_text("Nothing was decided here yet")
    name(page, HOSTILE)
    expect(page.locator("[data-done]")).to_have_text("1")
    assert people(web) == {HOSTILE: 5}
    assert "taken" not in page.title()


def test_a_suggestion_is_answered_with_one_key(browser: Browser, web: Served) -> None:
    for face_id in (1, 2, 6, 7):
        web.engine.name(f"unknown_noise_{face_id}", "Ann" if face_id < 6 else "Bob")
    web.engine.survey()
    with opened(browser, f"{web.url}/review?only=suggested") as page, quiet(page):
        expect(page.locator("[data-stage] h2")).to_contain_text("Are these")
        ready(page)
        asked = page.locator("[data-stage] h2 .who").inner_text()
        with page.expect_response("**/review/answer*"):
            page.keyboard.press("y")
        assert people(web)[asked] == 5
        other = page.locator("[data-stage] h2 .who").inner_text()
        assert {asked, other} == {"Ann", "Bob"}
        page.keyboard.press("w")
        expect(page.locator("[data-stage] [data-why]")).to_contain_text("pattern")
        with page.expect_response("**/review/answer*"):
            page.keyboard.press("n")
        assert people(web)[other] == 2
        page.keyboard.press("u")
        expect(page.locator("[data-said]")).to_contain_text("Taken back: Not")
        page.keyboard.press("2")
        expect(page.locator("[data-said]")).to_contain_text(f"3 faces are {asked}.")


def test_a_face_that_is_set_aside_stays_out(web: Served, page: Page) -> None:
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    expect(page.locator("[data-stage] input:checked")).to_have_count(1)
    name(page, "Ann")
    expect(page.locator("[data-said]")).to_contain_text("4 faces are Ann.")
    assert people(web) == {"Ann": 4}


def test_a_group_is_split_and_merged_again(web: Served, page: Page) -> None:
    first = group(page)
    page.locator("[data-stage] .pick").nth(0).click()
    page.locator("[data-stage] .pick").nth(2).click(modifiers=["Shift"])
    page.keyboard.press("s")
    expect(page.locator("[data-said]")).to_contain_text("3 faces taken out")
    expect(page.locator("[data-stage] .asked-count")).to_have_text("2 faces")
    assert len(web.engine.people()[1]) == 7
    page.keyboard.press("m")
    page.locator("[data-merge] [data-group]").first.click()
    expect(page.locator("[data-said]")).to_contain_text("Merged")
    page.keyboard.press("u")
    expect(page.locator("[data-said]")).to_contain_text("Taken back: Merged")
    page.keyboard.press("u")
    expect(page.locator("[data-said]")).to_contain_text("Taken back: split")
    assert group(page) == first
    expect(page.locator("[data-stage] .asked-count")).to_have_text("5 faces")
    assert len(web.engine.people()[1]) == 6


def test_what_another_window_has_decided_is_said(web: Served, page: Page) -> None:
    web.engine.name(web.engine.browse.cluster(group(page)).label, "Zoe")
    name(page, "Ann")
    expect(page.locator(".toast.wrong")).to_contain_text("meanwhile")
    expect(page.locator("[data-done]")).to_have_text("0")
    assert people(web) == {"Zoe": 5}
    name(page, "Bob")
    expect(page.locator("[data-said]")).to_contain_text("5 faces are Bob.")
    web.engine.undo()
    page.keyboard.press("u")
    expect(page.locator(".toast.wrong").last).to_contain_text("Not taken back")


def test_answers_wait_while_the_server_is_away(browser: Browser, web: Served) -> None:
    with opened(browser, f"{web.url}/review") as page, quiet(page, ("ERR_",)):
        ready(page)
        away = True

        def answer(route: Route) -> None:
            if away:
                route.abort("connectionrefused")
            else:
                route.continue_()

        page.route("**/review/answer*", answer)
        for who in ("Ann", "Bob"):
            page.keyboard.press("/")
            page.keyboard.type(who)
            page.keyboard.press("Enter")
        expect(page.locator("[data-said]")).to_contain_text("The server is away. 2 answers wait")
        assert people(web) == {}
        away = False
        expect(page.locator("[data-said]")).to_contain_text("The server is back")
        page.wait_for_function("() => true")
        with page.expect_response("**/undo*"):
            page.keyboard.press("u")
        assert people(web) == {"Ann": 5}


def test_what_was_done_is_known_although_the_answer_was_lost(browser: Browser, web: Served) -> None:
    lost: list[str] = []

    def lose(route: Route) -> None:
        """Let the server do it, and break the connection the first time."""
        address = route.request.url
        if address in lost:
            route.continue_()
        else:
            lost.append(address)
            route.fetch()
            route.abort("connectionreset")

    with opened(browser, f"{web.url}/review") as page, quiet(page, ("ERR_",)):
        said = page.locator("[data-said]")
        page.route("**/review/answer*", lose)
        page.route("**/undo*", lose)
        name(page, "Ann")
        expect(said).to_contain_text("The server is back")
        assert people(web) == {"Ann": 5}
        page.keyboard.press("u")
        expect(page.locator(".toast.wrong")).to_contain_text("does not answer")
        page.keyboard.press("u")
        expect(said).to_contain_text("Taken back: 5 faces are Ann")
        assert people(web) == {}


def test_a_group_that_has_grown_is_asked_about_anew(web: Served, page: Page) -> None:
    first = group(page)
    name(page, "Ann")
    shown = web.engine.browse.cluster(group(page))
    more = next(each for each in web.engine.browse.groups() if each.id != shown.id)
    web.engine.merge(more.label, shown.label)
    held: list[Route] = []
    page.route("**/review/answer*", lambda route: held.append(route))  # noqa: PLW0108 - it must be a function
    page.keyboard.press("/")
    page.keyboard.type("Bob")
    page.keyboard.press("Enter")
    # It is refused while it is being taken back: what was decided before stays.
    page.keyboard.press("u")
    while not held:
        page.wait_for_timeout(20)
    held[0].continue_()
    expect(page.locator(".toast.wrong")).to_contain_text("has 10 faces by now")
    assert people(web) == {"Ann": 5}
    with page.expect_response("**/undo*"):
        page.keyboard.press("u")
    expect(page.locator("[data-stage] [data-question]")).to_have_attribute("data-cluster", str(first))


def test_all_faces_of_a_person_are_rejected_and_come_back(browser: Browser, web: Served) -> None:
    web.engine.name(web.engine.browse.groups()[0].label, "Ann")
    person = next(each.id for each in web.engine.browse.named())
    with opened(browser, f"{web.url}/people/{person}") as page, quiet(page):
        page.keyboard.press("a")
        page.keyboard.press("n")
        expect(page.locator("#face-count")).to_have_text("0")
        page.keyboard.press("u")
        expect(page.locator("#faces .face-tile")).to_have_count(5)
        expect(page.locator("#face-count")).to_have_text("5")


def test_faces_that_are_back_before_the_page_is_fetched_anew_are_there_once(browser: Browser, web: Served) -> None:
    web.engine.name(web.engine.browse.groups()[0].label, "Ann")
    person = next(each.id for each in web.engine.browse.named())
    with opened(browser, f"{web.url}/people/{person}") as page, quiet(page):
        held: list[Route] = []
        page.route(re.compile(r"/people/\d+\?order="), lambda route: held.append(route), times=1)  # noqa: PLW0108
        page.keyboard.press("a")
        page.keyboard.press("n")
        expect(page.locator("#face-count")).to_have_text("0")
        with page.expect_response(re.compile("undo")):
            page.keyboard.press("u")
        held[0].continue_()
        expect(page.locator("#face-count")).to_have_text("5")
        expect(page.locator("#faces .face-tile")).to_have_count(5)


def test_the_end_says_so(web: Served, page: Page) -> None:
    for number in range(6):
        name(page, f"person number {number}")
    expect(page.get_by_role("heading", name="Nothing is left to ask")).to_be_visible()
    page.get_by_role("button", name="Look at the other faces again").click()
    expect(page).to_have_url(f"{web.url}/jobs/1")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_is_for_everybody(browser: Browser, web: Served, scheme: str) -> None:
    for face_id in (1, 2):
        web.engine.name(f"unknown_noise_{face_id}", "Wolfeschlegelsteinhausenbergerdorff" * 3)
    with opened(browser, f"{web.url}/review", scheme=scheme) as page, quiet(page):
        axe(page)
        at_sizes(page)
        page.keyboard.press("m")
        expect(page.locator("[data-merge] [data-group]").first).to_be_visible()
        axe(page)
        page.keyboard.press("Escape")
        page.keyboard.press("o")
        expect(page.locator("[data-photo] .photo-box")).to_be_visible()
        axe(page)


@pytest.mark.slow
def test_real_photos_are_reviewed_by_key(browser: Browser, tmp_path: Path) -> None:
    with served(Settings(home=tmp_path / "home"), Shared()) as server:
        server.engine.ingest(album())
        server.engine.group()
        groups = server.engine.browse.groups()
        with opened(browser, f"{server.url}/review") as page, quiet(page):
            assert group(page) == groups[0].id
            ready(page)
            page.keyboard.press("/")
            page.keyboard.type("Ann")
            with page.expect_response("**/review/answer*"):
                page.keyboard.press("Enter")
            assert people(server) == {"Ann": groups[0].face_count}
            pictures = "[...document.querySelectorAll('[data-stage] img')].map(i => i.complete && i.naturalWidth > 0)"
            page.wait_for_function(f"{pictures}.every(Boolean)")
            page.keyboard.press(" ")
            assert group(page) != groups[1].id
            axe(page)
