"""People in a real browser, on real photos with the real models: name, reject, split, merge, hide and undo by keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from personae import Settings
from personae.bootstrap import Shared
from tests.browser import SIZES, at_sizes, axe, chromium, needs_chromium, opened, quiet
from tests.photos import album
from tests.served import Served, served

pytestmark = [needs_chromium, pytest.mark.slow]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The demo album, grouped; the largest group is Obama, the next one Ann."""
    home: Path = tmp_path_factory.mktemp("home")
    with served(Settings(home=home), Shared(), job_threads=1) as running:
        running.engine.organise(album())
        for group, name in zip(running.engine.browse.groups(limit=2), ("Obama", "Ann"), strict=True):
            running.engine.name(group.label, name)
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with opened(browser) as shown, quiet(shown):
        yield shown


def person(site: Served, name: str) -> int:
    """Return the number of a person."""
    return next(int(found.id) for found in site.engine.browse.named() if found.name == name)


def faces(page: Page) -> int:
    """Return how many faces are shown."""
    return page.locator("#faces input[name=face]").count()


def test_a_group_is_named_from_the_keyboard_and_undone(site: Served, page: Page) -> None:
    page.goto(f"{site.url}/people")
    group = page.locator("#groups .person-card").first
    address = group.get_attribute("href")
    group.click()
    page.wait_for_url(f"{site.url}{address}")
    page.keyboard.press("e")
    page.keyboard.type("Grace Hopper")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/people/\d+$"))
    expect(page.get_by_role("heading", name="Grace Hopper")).to_be_visible()
    expect(page.locator(".toast")).to_contain_text("is Grace Hopper")
    page.keyboard.press("u")
    page.wait_for_url(f"{site.url}{address}")
    expect(page.locator("#group-name")).to_be_visible()


def test_a_name_that_is_known_is_proposed(site: Served, page: Page) -> None:
    page.goto(f"{site.url}/groups/{site.engine.browse.groups()[0].id}")
    page.locator("#group-name").fill("oba")
    proposals = page.get_by_role("option")
    expect(proposals).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#group-name")).to_have_value("Obama")
    expect(page.locator("input[type=hidden][name=person]")).to_be_enabled()
    page.locator("#group-name").press("Escape")


def test_wrong_faces_are_rejected_and_come_back_where_they_were(site: Served, page: Page) -> None:
    page.goto(f"{site.url}/people/{person(site, 'Obama')}")
    before = page.locator("#faces input[name=face]").evaluate_all("boxes => boxes.map(box => box.value)")
    page.locator("#faces input[name=face]").nth(1).focus()
    for key in ("x", "ArrowRight", "ArrowRight", "x"):
        page.keyboard.press(key)
    expect(page.locator("#picked")).to_have_text("2")
    page.keyboard.press("n")
    expect(page.locator(".toast")).to_contain_text("2 faces are not Obama")
    assert page.locator("#faces input[name=face]").evaluate_all("boxes => boxes.map(box => box.value)") == [
        value for i, value in enumerate(before) if i not in (1, 3)
    ]
    expect(page.locator("#face-count")).to_have_text(str(len(before) - 2))
    page.locator(".toast button").click()
    expect(page.locator("#face-count")).to_have_text(str(len(before)))
    assert page.locator("#faces input[name=face]").evaluate_all("boxes => boxes.map(box => box.value)") == before


def test_ticking_with_shift_and_splitting_off_under_a_name(site: Served, page: Page) -> None:
    page.goto(f"{site.url}/people/{person(site, 'Obama')}")
    before = faces(page)
    boxes = page.locator("#faces .face-pick")
    boxes.nth(0).click()
    boxes.nth(2).click(modifiers=["Shift"])
    expect(page.locator("#picked")).to_have_text("3")
    page.keyboard.press("s")
    page.keyboard.type("A double")
    page.keyboard.press("Enter")
    expect(page.locator(".toast")).to_contain_text("Split 3 of")
    assert faces(page) == before - 3
    assert site.engine.browse.person(person(site, "A double")).face_count == 3
    page.locator(".toast button").click()
    expect(page.locator("#face-count")).to_have_text(str(before))


def test_renaming_in_place(site: Served, page: Page) -> None:
    page.goto(f"{site.url}/people/{person(site, 'Ann')}")
    page.keyboard.press("e")
    page.keyboard.type("Anna")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Anna")).to_be_visible()
    page.locator(".decision").filter(has_text="Ann is Anna").get_by_role("button").click()
    expect(page.get_by_role("heading", name="Ann", exact=True)).to_be_visible()


def test_two_people_are_made_one_after_a_look_at_both(site: Served, page: Page) -> None:
    ann = person(site, "Ann")
    page.goto(f"{site.url}/people/{ann}")
    page.keyboard.press("m")
    page.locator("#merge-q").fill("obam")
    page.locator("#merge-found .likely-card").click()
    expect(page.locator(".one-of-both")).to_have_count(2)
    axe(page)
    page.get_by_role("button", name="They are one").click()
    page.wait_for_url(f"{site.url}/people/{person(site, 'Obama')}")
    expect(page.locator(".hero-words")).to_contain_text("also Ann")
    page.locator(".toast button").click()
    expect(page.locator(".hero-words")).not_to_contain_text("also Ann")
    assert person(site, "Ann") == ann


def test_who_is_hidden_is_left_out(site: Served, page: Page) -> None:
    page.goto(f"{site.url}/people/{person(site, 'Ann')}")
    page.keyboard.press("h")
    expect(page.get_by_role("button", name="Show again")).to_be_visible()
    page.goto(f"{site.url}/people")
    expect(page.get_by_text("Ann", exact=True)).to_have_count(0)
    page.get_by_role("link", name="Hidden").click()
    page.get_by_text("Ann", exact=True).click()
    page.get_by_role("button", name="Show again").click()
    expect(page.get_by_role("button", name="Hide")).to_be_visible()


def test_two_tabs_that_decide_the_same(site: Served, browser: Browser) -> None:
    address = f"{site.url}/people/{person(site, 'Obama')}"
    with opened(browser, address) as first, opened(browser, address) as second, quiet(second):
        for tab in (first, second):
            tab.locator("#faces .face-pick").first.click()
            tab.keyboard.press("n")
        expect(first.locator(".toast")).to_be_visible()
        expect(second.get_by_role("alert").filter(has_text="What you see now is how it stands")).to_be_visible()
        assert faces(first) == faces(second)
    site.engine.undo()


def test_searching_as_one_types(site: Served, page: Page) -> None:
    page.goto(f"{site.url}/people")
    page.keyboard.press("/")
    page.keyboard.type("oba")
    expect(page.locator("#found .person-card")).to_have_count(1)
    assert page.url.startswith(f"{site.url}/people?q=oba")
    page.locator("#q").fill("nobody at all")
    expect(page.get_by_text("Nobody is called that")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_every_size_and_is_sound_for_those_who_do_not_see(
    site: Served, browser: Browser, scheme: str
) -> None:
    group = site.engine.browse.groups()[0].id
    obama = person(site, "Obama")
    for path in ("/people", f"/people/{obama}", f"/groups/{group}", f"/people/{obama}/merge", f"/groups/{group}/split"):
        with opened(browser, f"{site.url}{path}", SIZES[1], scheme) as page:
            page.wait_for_load_state("networkidle")
            axe(page)
            at_sizes(page)
            if "merge" not in path and "split" not in path and page.locator("#faces .face-pick").count():
                page.locator("#faces .face-pick").first.click()
                axe(page)
                at_sizes(page)
