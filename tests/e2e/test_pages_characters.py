"""Characters in a real browser, with real photos and models: from the source image to a shot that loses it."""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageFilter
from playwright.sync_api import Browser, Page, expect

from personae import Settings
from personae.bootstrap import Shared
from tests.browser import SCHEMES, at_sizes, axe, chromium, needs_chromium, opened, quiet
from tests.photos import originals
from tests.served import Served, served

pytestmark = [pytest.mark.slow, needs_chromium]

HOSTILE = "<img src=x onerror=document.title='taken'>\"'"
PATIENCE = 90_000
DROP = """([selector, name, data]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], name, {type: "image/jpeg"}));
  const zone = document.querySelector(selector);
  for (const kind of ["dragover", "drop"]) {
    zone.dispatchEvent(new DragEvent(kind, {dataTransfer: carried, bubbles: true, cancelable: true}));
  }
}"""
INSIDE = """() => {
  const picture = document.querySelector(".stage image").getBoundingClientRect();
  return [...document.querySelectorAll(".face-box .edge")].flatMap((edge) => {
    const box = edge.getBoundingClientRect();
    return [(box.left - picture.left) / picture.width, (box.top - picture.top) / picture.height,
      box.width / picture.width];
  });
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(Settings(home=tmp_path_factory.mktemp("home")), Shared(), job_threads=1) as server:
        yield server


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Real photos with suffixes; of two people, one that is hardly a face, and a shot with drops."""
    folder = tmp_path_factory.mktemp("pictures")
    made = {}
    for name in ("obama", "obama2", "biden", "hopper", "collins"):
        made[name] = folder / f"{name}.jpg"
        made[name].write_bytes(originals()[name].read_bytes())
    with Image.open(originals()["party4"]) as party:
        made["two"] = keep(party.convert("RGB").crop((600, 60, 1230, 560)), folder / "two.jpg")
    with Image.open(originals()["party2"]) as party:
        doubtful = party.convert("RGB").crop((300, 100, 600, 480)).filter(ImageFilter.GaussianBlur(3))
        made["doubtful"] = keep(doubtful, folder / "doubtful.jpg")
    made["no face"] = keep(Image.new("RGB", (640, 480), (120, 150, 120)), folder / "no_face.jpg")
    return made


def keep(picture: Image.Image, path: Path) -> Path:
    picture.save(path, quality=92)
    return path


def shot(folder: Path) -> list[Path]:
    """Return 14 frames of a man, of which two are another one, and one nobody."""
    paths = []
    with Image.open(originals()["obama"]) as one, Image.open(originals()["biden"]) as other:
        for number in range(14):
            frame = one.convert("RGB").rotate(number * 0.5).crop((180, 0, 760, 700))
            if number in {9, 10}:
                frame = other.convert("RGB").crop((200, 0, 780, 700))
            if number == 12:
                frame = Image.new("RGB", (580, 700), (90, 90, 90))
            paths.append(keep(frame, folder / f"frame_{number}.jpg"))
    return paths


def add(page: Page, web: Served, name: str, picture: Path | None = None) -> None:
    """Add a character by the form."""
    page.goto(f"{web.url}/characters")
    menu = page.locator(".add-character > summary")
    if menu.count():
        page.keyboard.press("a")
    page.get_by_label("Name").fill(name)
    if picture is not None:
        page.locator("#picture").set_input_files(picture)
    page.get_by_role("button", name="Add", exact=True).click()
    page.wait_for_url("**/characters/*")


def becomes(page: Page, status: str) -> None:
    expect(page.locator(f"#status [data-status={status}]")).to_be_visible(timeout=PATIENCE)


def toast(page: Page, words: str) -> None:
    expect(page.locator("#toasts .toast").filter(has_text=words).last).to_be_visible(timeout=PATIENCE)


def test_of_two_faces_one_is_chosen_and_replaced(browser: Browser, web: Served, pictures: dict[str, Path]) -> None:
    # A look that is under way is broken off by what somebody does.
    with opened(browser) as page, quiet(page, but=("htmx:sendAbort", "htmx:afterRequest")):
        add(page, web, "One of two", pictures["two"])
        becomes(page, "multi_face_pending")
        expect(page.locator(".not-ready").first).to_be_visible()
        expect(page.locator(".face-box .tag")).to_have_text(["1 · 0.92", "2 · 0.88"])
        axe(page)
        at_sizes(page)

        page.keyboard.press("ArrowRight")
        expect(page.locator(".face-box").first).to_be_focused()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        becomes(page, "completed")
        toast(page, "Face 2 is the reference now.")
        second = page.locator(".face-box").nth(1)
        expect(second).to_have_attribute("aria-pressed", "true")
        expect(second).to_be_focused()
        page.locator(".face-box").first.click()
        toast(page, "Face 1 is the reference now.")
        expect(second).to_have_attribute("aria-pressed", "false")
        page.keyboard.press("u")
        expect(second).to_have_attribute("aria-pressed", "true")

        page.locator("input[name=pictures]").set_input_files([pictures["two"], pictures["biden"]])
        toast(page, "1 of 2 pass.")
        expect(page.locator(".check")).to_have_count(2)
        expect(page.locator(".check img")).to_have_count(2)
        expect(page.locator(".check.stale")).to_have_count(0)

        page.locator(".reference input[name=picture]").set_input_files(pictures["biden"])
        becomes(page, "completed")
        expect(page.locator(".past > li figcaption")).to_contain_text(["0.88", "Now"], timeout=PATIENCE)
        expect(page.locator(".check.stale")).to_have_count(2, timeout=PATIENCE)
        page.evaluate("document.querySelector('.past').scrollIntoView()")
        for picture in page.locator(".past img").all():
            expect(picture).not_to_have_js_property("naturalWidth", 0, timeout=PATIENCE)
        axe(page)
        at_sizes(page)


def test_boxes_lie_on_the_faces_at_any_size_and_zoom(browser: Browser, web: Served, pictures: dict[str, Path]) -> None:
    with opened(browser) as page, quiet(page):
        add(page, web, "Boxes", pictures["two"])
        becomes(page, "multi_face_pending")
        places = [page.evaluate(INSIDE)]
        for width in (360, 2560, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            places.append(page.evaluate(INSIDE))
        for _ in range(2):
            page.get_by_role("button", name="Larger").click()
            places.append(page.evaluate(INSIDE))
        for one, other in itertools.pairwise(places):
            assert one == pytest.approx(other, abs=0.02)
        page.get_by_role("button", name="Smaller").click(click_count=2)
        page.locator(".face-box").first.click()
        becomes(page, "completed")
        page.keyboard.press("2")
        toast(page, "Face 2 is the reference now.")
        page.get_by_role("button", name="Face 1 0.92").click()
        toast(page, "Face 1 is the reference now.")


def test_a_doubtful_face_is_warned_of_until_somebody_has_seen_it(
    browser: Browser, web: Served, pictures: dict[str, Path]
) -> None:
    with opened(browser) as page, quiet(page):
        add(page, web, "Doubtful", pictures["doubtful"])
        becomes(page, "low_confidence")
        banner = page.locator(".banner.warning")
        expect(banner).to_contain_text("Face detection confidence is low (0.6")
        expect(banner).to_contain_text("threshold 0.70 (the default)")
        axe(page)
        at_sizes(page)
        banner.get_by_role("button", name="Dismiss").click()
        expect(banner).to_have_count(0)
        page.reload()
        expect(page.locator("#status")).to_contain_text("Low confidence")
        expect(banner).to_have_count(0)


def test_a_picture_is_dropped_and_one_that_is_none_is_refused_in_words(
    browser: Browser, web: Served, pictures: dict[str, Path]
) -> None:
    with opened(browser) as page, quiet(page, but=("415", "Status Error Code")):
        add(page, web, "Dropped")
        for data, ends in ((b"no picture", ""), (pictures["no face"].read_bytes(), "failed"),
                           (pictures["hopper"].read_bytes(), "completed")):  # fmt: skip
            zone = "#anchors [data-drop=picture]"
            page.evaluate(DROP, [zone, "picture.jpg", base64.b64encode(data).decode()])
            if ends:
                becomes(page, ends)
            else:
                toast(page, "content is not that of a picture")
            if ends == "failed":
                expect(page.locator(".reference")).to_contain_text("No face was found on the source image.")
                axe(page)


def test_a_shot_that_loses_the_likeness(
    browser: Browser, web: Served, pictures: dict[str, Path], tmp_path: Path
) -> None:
    with opened(browser) as page, quiet(page):
        add(page, web, "The president", pictures["obama2"])
        becomes(page, "completed")
        page.locator("input[name=frames]").set_input_files(shot(tmp_path)[::-1])
        result = page.locator(".continuity")
        expect(result).to_contain_text("14 frames looked at, 13 with a face", timeout=PATIENCE)
        expect(result.locator(".dot.below_threshold")).to_have_count(2)
        expect(result.locator("tbody").first.locator("tr")).to_have_count(1)
        expect(result.locator(".frame-shown img")).to_be_visible()
        expect(result.locator(".gap")).to_have_count(2)
        axe(page)
        at_sizes(page)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_look_alikes_deletion_and_undo(browser: Browser, web: Served, pictures: dict[str, Path], scheme: str) -> None:
    with opened(browser, scheme=scheme) as page, quiet(page, but=("404", "Status Error Code")):
        add(page, web, f"Collins in {scheme}", pictures["collins"])
        becomes(page, "completed")
        add(page, web, f"{HOSTILE} {scheme}", pictures["collins"])
        becomes(page, "completed")
        expect(page.get_by_role("heading", level=1)).to_have_text(f"{HOSTILE} {scheme}")
        page.goto(f"{web.url}/characters/duplicates")
        pair = page.locator(".pair").filter(has_text=f"Collins in {scheme}").filter(has_text=f"{HOSTILE} {scheme}")
        expect(pair).to_contain_text("1.00")
        axe(page)
        at_sizes(page)
        pair.locator("summary").click()
        pair.get_by_role("button", name="Merge into").click()
        toast(page, "are one now")
        expect(pair).to_have_count(0)
        page.keyboard.press("u")
        toast(page, "Taken back.")
        page.goto(f"{web.url}/characters")
        page.get_by_role("searchbox").fill(HOSTILE)
        expect(page.locator(".character-card").filter(has_text=scheme)).to_have_count(1)
        axe(page)
        at_sizes(page)
        page.locator(".character-card").filter(has_text=scheme).click()
        page.locator("summary", has_text="Delete").click()
        page.get_by_role("button", name="Delete <img").click()
        expect(page).to_have_url(re.compile(r"/characters$"))
        toast(page, "is deleted")
        page.keyboard.press("u")
        toast(page, "Taken back.")
        card = page.locator(".character-card").filter(has_text=HOSTILE).filter(has_text=scheme)
        expect(card).to_contain_text("No picture")
        assert page.title() == "Characters · personae"


def test_what_a_worker_does_shows_by_itself(browser: Browser, web: Served, pictures: dict[str, Path]) -> None:
    made = web.engine.add_character("Seen from afar")
    with opened(browser, f"{web.url}/characters/{made.person_id}") as page, quiet(page):
        becomes(page, "none")
        web.engine.set_reference(f"#{made.person_id}", pictures["hopper"].read_bytes())
        becomes(page, "completed")
        expect(page.locator(".stage image")).to_be_visible()
