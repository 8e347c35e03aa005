"""Sources, settings, audit and map in a real browser, with real photos and models."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from personae import Settings
from personae.bootstrap import Shared
from tests.browser import SCHEMES, at_sizes, axe, chromium, needs_chromium, opened, quiet
from tests.photos import originals
from tests.served import Served, served

pytestmark = [pytest.mark.slow, needs_chromium]

expect.set_options(timeout=30_000)

NAME = "<img src=x onerror=\"document.title='taken'\">'&"
CLAIMED = {"trusted": {"Barack": ["obama"], NAME: ["collins"]}, "web": {"Barack": ["biden"], "Grace": ["hopper"]}}
"""By source and name the photos; one of them shows somebody else."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def sources(root: Path) -> Path:
    """Write sources.yaml and the folders that it speaks of."""
    listed = []
    for source, people in CLAIMED.items():
        for number, (person, names) in enumerate(people.items()):
            folder = root / source / (person if person != NAME else f"person {number}")
            folder.mkdir(parents=True)
            for name in names:
                shutil.copyfile(originals()[name], folder / f"{name}.jpg")
        trust = "high" if source == "trusted" else "low"
        listed.append(f"- {{name: {source}, type: folder, endpoint: {root / source}, trust_level: {trust},"
                      " purpose: a test, legal_basis: none needed}")  # fmt: skip
    (root / "sources.yaml").write_text("\n".join(listed))
    return root / "sources.yaml"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with a few photos of which nobody is named, and two sources."""
    root = tmp_path_factory.mktemp("world")
    (root / "album").mkdir()
    for name in ("obama", "obama2", "obama3", "biden", "party1", "party2", "party3"):
        shutil.copyfile(originals()[name], root / "album" / f"{name}.jpg")
    settings = Settings(
        home=root / "home", sources_file=sources(root), enrich_min_image_side=0, enrich_min_face_side=20,
        enrich_max_yaw=180,
    )  # fmt: skip
    with served(settings, Shared(), job_threads=1) as server:
        server.engine.organise([root / "album"])
        yield server


@pytest.fixture
def page(browser: Browser, web: Served) -> Iterator[Page]:
    with opened(browser) as shown:
        yield shown


def toast(page: Page, words: str) -> None:
    expect(page.locator("#toasts .toast").last).to_contain_text(words)


def test_a_source_is_run_answered_and_taken_back(page: Page, web: Served) -> None:
    with quiet(page):
        page.goto(f"{web.url}/sources")
        expect(page.locator(".source").first).to_contain_text("not run yet")
        page.get_by_role("button", name="Run all").click()
        toast(page, "in the queue")
        expect(page.locator(".job").first).to_contain_text("done")
        page.reload()
        page.get_by_role("link", name="to vouch for").click()
        expect(page.locator("[data-candidate]")).to_have_count(2)
        # The man on the photo is another one: no. Then yes to the next, and back again.
        row = page.locator("[data-candidate]", has_text="Is this Barack?")
        row.focus()
        page.keyboard.press("n")
        toast(page, "It is not Barack.")
        expect(page.locator("[data-candidate]")).to_have_count(1)
        page.keyboard.press("y")
        toast(page, "It is Grace.")
        expect(page.get_by_text("All of these are answered")).to_be_visible()
        assert len(web.engine.show("Grace").faces) == 1
        page.keyboard.press("u")
        expect(page.locator("[data-candidate]")).to_have_count(1)
        page.goto(f"{web.url}/sources")
        page.get_by_role("link", name="Take back all that trusted brought").click()
        page.get_by_role("button", name="Take it all back").click()
        toast(page, "Nothing that trusted brought counts")
        expect(page.locator(".source", has_text="trusted").first).to_contain_text("revoked")
        page.keyboard.press("u")
        toast(page, "Taken back.")


def test_what_was_decided_is_listed_opened_and_undone(page: Page, web: Served) -> None:
    group = web.engine.people()[1][0]
    operation = web.engine.name(group.label, NAME)
    with quiet(page):
        page.goto(f"{web.url}/audit")
        row = page.locator(f"#operation-{operation.id}")
        expect(row).to_contain_text(NAME)
        assert page.title() != "taken"
        row.get_by_role("link").click()
        expect(page.locator(".said li").first).to_contain_text(NAME)
        expect(page.locator(".said img.crop").first).to_be_visible()
        page.go_back()
        row.get_by_role("button").click()
        toast(page, "Taken back.")
        expect(row).to_contain_text("taken back")
        page.keyboard.press("u")
        expect(row.get_by_role("button")).to_be_visible()
        page.get_by_label("About").press_sequentially(NAME[:3])
        expect(page.locator(".about [role=option]").first).to_contain_text(NAME)
        page.get_by_label("About").clear()
        page.get_by_label("Decided by").select_option("machine")
        expect(page).to_have_url(f"{web.url}/audit?maker=machine&kind=&person=")
        expect(page.locator(".operation").first).to_contain_text("by the machine")


def test_a_threshold_is_set_over_the_scores(page: Page, web: Served) -> None:
    with quiet(page):
        page.goto(f"{web.url}/settings")
        line = page.locator("[data-line]")
        expect(page.locator("[data-reach]")).to_be_visible()
        before = line.get_attribute("x1")
        slider = page.locator("#person_match_threshold [data-slide]")
        slider.focus()
        for _ in range(5):
            page.keyboard.press("ArrowRight")
        expect(page.locator("#person_match_threshold [data-number]")).to_have_value("0.75")
        assert line.get_attribute("x1") != before
        page.locator("#person_match_threshold").get_by_role("button", name="Save").click()
        toast(page, "It is 0.75 now.")
        expect(page.locator("#person_match_threshold")).to_contain_text("on this machine for this project")
        page.locator("#person_match_threshold").get_by_role("button", name="Take back").click()
        toast(page, "It is 0.7 again.")
        page.locator("h1").click()
        page.keyboard.press("u")
        toast(page, "It is 0.75 again.")
        expect(page.locator("#person_match_threshold [data-number]")).to_have_value("0.75")
        page.keyboard.press("u")
        expect(page.locator("#person_match_threshold [data-number]")).to_have_value("0.7")


def test_the_map_is_laid_out_moved_and_opened(page: Page, web: Served) -> None:
    face = next(each.face for each in web.engine.browse.faces() if each.face.person_id is None)
    ann = web.engine.name(f"unknown_noise_{face.id}", "Ann Lind")
    try:
        with quiet(page):
            page.goto(f"{web.url}/map")
            page.get_by_role("button", name="Lay out the map").click()
            page.wait_for_selector("[data-points][data-ready]", timeout=120_000)
            expect(page.locator("[data-legend]")).to_contain_text("Ann Lind")
            page.get_by_role("combobox", name="Find a person").fill("lind")
            expect(page.locator("#map-found [role=option]")).to_have_count(1)
            page.keyboard.press("Enter")
            expect(page.locator("[data-legend] .dot[aria-pressed=true]")).to_have_count(1)
            page.locator("canvas").focus()
            for key in ("+", "+", "ArrowLeft", "ArrowUp", "-", "0"):
                page.keyboard.press(key)
            expect(page.locator("[data-in-view]")).to_have_text("On the map")
            page.get_by_role("button", name="Closer").click()
            page.locator("[data-faces-in-view] a").first.click()
            page.wait_for_url("**/photos/**#face-*")
    finally:
        web.engine.undo(ann.id)


def test_the_map_shows_a_face_under_the_pointer_and_opens_its_photo(page: Page, web: Served) -> None:
    if web.engine.map_state().kept is None:
        web.engine.queue("map")
    with quiet(page):
        page.goto(f"{web.url}/map")
        page.wait_for_selector("[data-points][data-ready]", timeout=120_000)
        canvas = page.locator("canvas")
        box = canvas.bounding_box()
        assert box is not None
        place = page.evaluate(FIRST_FACE)
        page.mouse.move(box["x"] + place[0], box["y"] + place[1])
        expect(page.locator("[data-card]")).to_be_visible()
        page.mouse.click(box["x"] + place[0], box["y"] + place[1])
        page.wait_for_url("**/photos/**#face-*")


FIRST_FACE = """async () => {
  const canvas = document.querySelector('canvas');
  const pen = canvas.getContext('2d');
  const {width, height} = canvas;
  const {data} = pen.getImageData(0, 0, width, height);
  const ratio = width / canvas.clientWidth;
  for (let y = 12; y < height - 12; y++) for (let x = 12; x < width - 12; x++)
    if (data[4 * (y * width + x) + 3] === 255) return [(x + 3) / ratio, (y + 12) / ratio];
}"""
"""Where the first face from the top lies on the canvas."""


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_pages_fit_and_axe_finds_nothing(browser: Browser, web: Served, scheme: str) -> None:
    operation = web.engine.history()[0].id
    with opened(browser, scheme=scheme) as page, quiet(page):
        for path in ("/sources", "/sources/waiting", "/settings", "/audit", f"/audit/{operation}", "/map"):
            page.goto(f"{web.url}{path}", wait_until="networkidle")
            at_sizes(page)
            axe(page)
