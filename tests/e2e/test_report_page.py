"""The report page in a real browser: offline, narrow and wide, by keyboard, whatever the names."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from personae.adapters.report.html import render
from personae.album import AlbumReport, ReportFace, ReportGate, ReportModel, ReportRefusal, ReportRow, ReportTotals
from tests.photos import originals

CHROMIUM = shutil.which("chromium")
ARGUMENTS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip
LONG = "Wolfeschlegelsteinhausenbergerdorff" * 3

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed; make test installs it as root")


def crop() -> bytes:
    """Return a real face."""
    out = io.BytesIO()
    with Image.open(originals()["collins"]) as picture:
        picture.convert("RGB").crop((160, 0, 300, 140)).save(out, "JPEG", quality=90)
    return out.getvalue()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of an album with everything in it."""
    picture = crop()
    faces = tuple(ReportFace(n, picture, f"photo {LONG}.jpg", 0.9, "recognised: score 0.812") for n in range(24))
    report = AlbumReport(
        title="Who is in your pictures",
        created_at=datetime(2026, 1, 2, tzinfo=UTC),
        totals=ReportTotals(45, 46, 640, 3, 2, 1, 1, 1),
        people=(
            ReportRow("Eileen Collins", 334, faces),
            ReportRow(LONG, 5, faces[:5]),
            ReportRow("<img src=x onerror=document.title='taken'>\n\"'\udcff", 3, faces[:3]),
        ),
        unknown=(ReportRow("unknown_cluster_1", 6, faces[:6]), ReportRow("unknown_cluster_2", 3, faces[:3])),
        ungrouped=faces[:7],
        refused_faces=(ReportFace(99, picture, "b.jpg", 0, "refused: face too small"),),
        refused_files=(ReportRefusal(LONG + ".svg", "unsupported_format", LONG),),
        profile="album",
        gates=(ReportGate("min_face_side", "32", "refuses", 1),),
        models=(ReportModel("facenet512", "embedder", "MIT", LONG),),
    )
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render(report), "utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=False, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture(params=[(360, "light"), (360, "dark"), (1280, "light"), (1280, "dark")], ids=lambda p: f"{p[0]}-{p[1]}")
def page(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[Page]:
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True)
    opened = context.new_page()
    opened.goto(address)
    yield opened
    context.close()


def test_every_picture_is_drawn(page: Page) -> None:
    pictures = page.evaluate("[...document.images].map(i => i.complete && i.naturalWidth > 0)")
    assert len(pictures) > 40
    assert all(pictures)


def test_the_page_fits_its_width(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") == page.viewport_size["width"]  # type: ignore[index]


def test_names_are_text(page: Page) -> None:
    assert page.title() == "Who is in your pictures"
    assert page.get_by_role("heading", name="<img src=x").count() == 1


def test_text_stands_out_from_its_ground(page: Page) -> None:
    ratio = """(() => {
      const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).map(v => v / 255)
        .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
      const ground = light(getComputedStyle(document.body).backgroundColor);
      return ['h1', '.lede', '.count', 'summary', '.note', '.brand', 'footer'].map(s => {
        const ink = light(getComputedStyle(document.querySelector(s)).color);
        return (Math.max(ink, ground) + .05) / (Math.min(ink, ground) + .05); });
    })()"""
    assert min(page.evaluate(ratio)) >= 4.5


def test_it_works_by_keyboard(page: Page) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#person-1"
    summary = page.locator("#person-1 summary")
    summary.focus()
    page.keyboard.press("Enter")
    assert page.locator("#person-1 table").is_visible()
    assert "score 0.812" in page.locator("#person-1 table").inner_text()
