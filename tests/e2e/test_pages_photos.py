"""Photos in a real browser, with real photos and models: look through them, say who is in one, ask who somebody is."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from personae import Settings
from personae.bootstrap import Shared
from personae.ports import PhotoFilter
from tests.browser import SCHEMES, at_sizes, axe, chromium, needs_chromium, opened, quiet
from tests.photos import originals
from tests.served import Served, served

pytestmark = [pytest.mark.slow, needs_chromium]

expect.set_options(timeout=20_000)

TAKEN_IN = ("obama", "obama2", "biden", "party1")
NAME = 'Ann "<b>O\'Hara</b>" {{ 7*7 }}'


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with four photos of five people, of whom nobody is known."""
    album = tmp_path_factory.mktemp("album")
    for name in TAKEN_IN:
        shutil.copyfile(originals()[name], album / f"{name}.jpg")
    (album / "broken.jpg").write_bytes(originals()["obama"].read_bytes()[:5000])
    with served(Settings(home=tmp_path_factory.mktemp("home")), Shared(), job_threads=1) as server:
        server.engine.ingest([album])
        yield server


@pytest.fixture
def page(browser: Browser, web: Served) -> Iterator[Page]:
    with opened(browser, f"{web.url}/photos") as shown:
        yield shown


def photo_of(web: Served, name: str) -> int:
    """Return the photo that lies in a file of this name."""
    (found,) = [seen.image.id for seen in web.engine.photos.listed(PhotoFilter())
                if any(f"/{name}." in uri for uri in seen.image.uris)]  # fmt: skip
    return int(found)


def toast(page: Page, words: str) -> None:
    expect(page.locator("#toasts .toast").last).to_contain_text(words)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_page_stands_up_at_every_size(browser: Browser, web: Served, scheme: str) -> None:
    with opened(browser, scheme=scheme) as page, quiet(page):
        paths = "/photos", "/photos?show=refused", "/photos?person=Nobody", f"/photos/{photo_of(web, 'party1')}", "/who"
        for path in paths:
            page.goto(web.url + path)
            page.wait_for_load_state("networkidle")
            axe(page)
            at_sizes(page)


def test_the_grid_by_pointing_and_by_keys(page: Page, web: Served) -> None:
    with quiet(page):
        tile = page.locator(f"#photo-{photo_of(web, 'party1')}")
        boxes = tile.locator("rect")
        assert boxes.count() >= 3
        expect(tile.locator(".tile-boxes")).to_have_css("opacity", "0")
        tile.hover()
        expect(tile.locator(".tile-boxes")).to_have_css("opacity", "1")
        page.mouse.move(0, 0)
        page.keyboard.press("b")
        expect(page.locator(".tile-boxes").first).to_have_css("opacity", "1")
        page.keyboard.press("b")
        # A box lies where the face is, at whatever size the photo is shown.
        face = web.engine.photos.one(photo_of(web, "party1"))[0].used[0].face.box
        drawn, shown = boxes.first.bounding_box(), tile.locator("img").bounding_box()
        image = web.engine.browse.image(photo_of(web, "party1"))
        assert drawn is not None
        assert shown is not None
        middle = (drawn["x"] + drawn["width"] / 2 - shown["x"]) / shown["width"]
        assert abs(middle - (face.x + face.width / 2) / image.width) < 0.02
        links = page.locator(".photo-tile > a")
        links.first.focus()
        page.keyboard.press("ArrowRight")
        expect(links.nth(1)).to_be_focused()
        assert page.locator(".photo-tile > a[tabindex='0']").count() == 1
        page.keyboard.press("Enter")
        page.wait_for_url("**/photos/*")
        page.keyboard.press("ArrowLeft")
        page.wait_for_url(f"**{links_to(web, 0)}")
        page.keyboard.press("Escape")
        page.wait_for_url("**/photos#photo-*")


def links_to(web: Served, place: int) -> str:
    return f"/photos/{web.engine.photos.listed(PhotoFilter())[place].image.id}"


def test_say_who_it_is_with_keys_undo_and_recognise_again(page: Page, web: Served) -> None:
    with quiet(page):
        page.goto(f"{web.url}/photos/{photo_of(web, 'obama')}")
        page.keyboard.press("e")
        page.keyboard.type(NAME)
        page.keyboard.press("Enter")
        toast(page, "This is Ann")
        expect(page.locator(".seen h3 a")).to_have_text(NAME)
        expect(page.locator("#canvas-boxes text")).to_have_text(NAME)
        page.keyboard.press("u")
        toast(page, "Taken back")
        expect(page.locator(".seen h3")).to_contain_text("Unknown")
        assert web.engine.people()[0] == []
        page.keyboard.press("e")
        page.keyboard.type(NAME)
        page.keyboard.press("Enter")
        expect(page.locator(".seen h3 a")).to_have_text(NAME)

        page.goto(f"{web.url}/photos/{photo_of(web, 'obama2')}")
        expect(page.locator(".seen-likely")).to_contain_text(NAME)
        page.keyboard.press("y")
        toast(page, "This is Ann")
        expect(page.locator(".seen-why")).to_contain_text("Said by a person")
        page.keyboard.press("n")
        toast(page, "This is not Ann")
        expect(page.locator(".seen h3")).to_contain_text("Unknown")
        expect(page.locator(".seen-likely")).to_have_count(0)
        page.keyboard.press("u")
        expect(page.locator(".seen h3 a")).to_have_text(NAME)

        # Names are proposed while they are typed.
        page.goto(f"{web.url}/photos/{photo_of(web, 'biden')}")
        page.keyboard.press("e")
        page.keyboard.type("ann")
        expect(page.locator(".proposals [role=option]")).to_have_count(1)
        page.keyboard.press("Escape")
        expect(page.locator(".proposals [role=option]")).to_be_hidden()
        page.goto(f"{web.url}/photos?person=ann")
        expect(page.locator(".photo-tile")).to_have_count(2)
        expect(page.locator(".photo-chosen")).to_contain_text(NAME)


def test_two_tabs_that_decide_the_same(browser: Browser, page: Page, web: Served) -> None:
    at = f"{web.url}/photos/{photo_of(web, 'biden')}"
    with opened(browser, at) as other, quiet(page), quiet(other, but=("409",)):
        page.goto(at)
        for tab, name in ((page, "Joe"), (other, "Joseph")):
            tab.keyboard.press("e")
            tab.keyboard.type(name)
            tab.keyboard.press("Enter")
            toast(tab, f"This is {name}")
        expect(other.locator(".seen h3 a")).to_have_text("Joseph")
        page.reload()
        expect(page.locator(".seen h3 a")).to_have_text("Joseph")


def test_who_is_this_and_keeping_it_when_asked(page: Page, web: Served, tmp_path: Path) -> None:
    with quiet(page, but=("415",)):
        page.goto(f"{web.url}/who")
        before = web.engine.stats()
        (tmp_path / "none.jpg").write_bytes(b"no picture")
        page.set_input_files("#picture", tmp_path / "none.jpg")
        toast(page, "not that of a picture")
        page.set_input_files("#picture", originals()["obama3"])
        expect(page.locator("#answer-title")).to_contain_text("1 face")
        assert web.engine.stats() == before
        axe(page)
        at_sizes(page)
        page.locator("[data-is-named] input[name=name]").fill("Somebody New")
        page.keyboard.press("Enter")
        expect(page.locator("#keep")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#keep")).to_be_hidden()
        assert web.engine.stats() == before
        page.locator("[data-is-named] button").click()
        page.get_by_role("button", name="Take it in").click()
        page.wait_for_url("**/photos/*")
        toast(page, "The photo is taken in")
        expect(page.locator(".seen h3 a")).to_have_text("Somebody New")
        assert web.engine.stats().images == before.images + 1


def test_a_photo_that_is_dropped_is_looked_at(page: Page, web: Served) -> None:
    with quiet(page):
        page.goto(f"{web.url}/who")
        page.wait_for_load_state("networkidle")
        kept = page.evaluate_handle(
            """async (url) => { const data = await (await fetch(url)).blob(); const carried = new DataTransfer();
            carried.items.add(new File([data], "x.jpg", { type: "image/jpeg" })); return carried; }""",
            f"/api/images/{photo_of(web, 'biden')}/preview",
        )
        page.dispatch_event("body", "dragover", {"dataTransfer": kept})
        expect(page.locator("[data-veil]")).to_be_visible()
        page.dispatch_event("body", "drop", {"dataTransfer": kept})
        expect(page.locator("#answer-title")).to_contain_text("1 face")
        expect(page.locator("[data-veil]")).to_be_hidden()


def test_a_file_that_is_gone_says_so(browser: Browser, web: Served, tmp_path: Path) -> None:
    place = tmp_path / "gone.jpg"
    shutil.copyfile(originals()["hopper"], place)
    web.engine.ingest([tmp_path])
    image = photo_of(web, "gone")
    place.unlink()
    with opened(browser) as page, quiet(page, but=("404",)):
        page.goto(f"{web.url}/photos")
        expect(page.locator(f"#photo-{image}")).to_contain_text("The file is gone")
        page.goto(f"{web.url}/photos/{image}")
        expect(page.locator(".canvas-gone")).to_be_visible()
        expect(page.locator(".seen")).to_have_count(1)
