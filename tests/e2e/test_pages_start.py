"""The start page in a real browser: photos are brought, what is found shows, nothing is lost when the server goes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from personae import Settings
from personae.bootstrap import Shared
from tests.browser import SCHEMES, at_sizes, axe, chromium, needs_chromium, opened, quiet
from tests.patterns import photo
from tests.photos import album
from tests.served import Served, served

pytestmark = needs_chromium

REFUSED = ("415", "422")
"""What the browser logs of files that are no photos."""
AWAY = ("ERR_", "502", "503")
HOSTILE = "<img src=x onerror=document.title='taken'>.jpg"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "home", job_threads=1) as running:
        yield running


def photos(folder: Path, people: int, each: int, side: int = 480) -> list[Path]:
    """Write photos of so many people."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for person in range(people):
        for number in range(each):
            path = folder / f"{person}-{number}.png"
            path.write_bytes(photo(person, number, side))
            made.append(path)
    return made


def choose(page: Page, paths: list[Path]) -> None:
    page.set_input_files("#pictures", [str(path) for path in paths])


def headline(page: Page, words: str) -> None:
    expect(page.locator("#uploads [data-title]")).to_have_text(words, timeout=60_000)


def tile(page: Page, words: str) -> str:
    return page.locator("#found .tile", has_text=words).locator("b").inner_text()


@pytest.mark.slow
def test_an_album_is_brought_and_grouped_by_itself(browser: Browser, tmp_path: Path) -> None:
    bad, cut = tmp_path / "letter.jpg", tmp_path / "cut.jpg"
    pictures = sorted(path for path in album().iterdir() if path.suffix == ".jpg")
    bad.write_text("Dear Ann")
    cut.write_bytes(pictures[0].read_bytes()[:4000])
    settings = Settings(home=tmp_path / "home", workers=2)
    with (
        served(settings, Shared(), job_threads=1) as server,
        opened(browser, server.url) as page,
        quiet(page, REFUSED),
    ):
        expect(page.get_by_role("heading", name="See who is in your pictures")).to_be_visible()
        choose(page, [*pictures, bad, cut])
        expect(page.locator("#uploads [data-state]")).to_contain_text(
            re.compile(r"(second|minute).* left"), timeout=60_000
        )
        expect(page.locator("[data-arriving] img").first).to_be_visible(timeout=60_000)
        expect(page.locator("#uploads [data-title]")).to_have_text("Your photos are in", timeout=300_000)
        rows = page.locator("[data-refused-list] li")
        expect(rows).to_have_count(2)
        expect(rows.filter(has_text="letter.jpg")).to_contain_text("not that of a picture")
        expect(rows.filter(has_text="cut.jpg")).to_contain_text("ends before it is complete")
        job = page.locator(".job", has_text="Recognise people")
        expect(job.get_by_text("done", exact=True)).to_be_visible(timeout=120_000)
        expect(page.locator("#found .strip-face").nth(3)).to_be_visible(timeout=20_000)
        assert int(tile(page, "photos")) == server.engine.stats().images
        assert int(tile(page, "groups to name")) == server.engine.stats().clusters >= 5
        axe(page)


def test_the_empty_page_is_for_everybody(browser: Browser, server: Served) -> None:
    for scheme in SCHEMES:
        with opened(browser, server.url, scheme=scheme) as page, quiet(page):
            expect(page.get_by_text("Drop photos or folders here")).to_be_visible()
            at_sizes(page)
            axe(page)


def test_the_page_of_a_full_album_is_for_everybody(browser: Browser, server: Served, tmp_path: Path) -> None:
    photos(tmp_path / "album", 14, 3)
    server.engine.ingest([str(tmp_path / "album")])
    server.engine.group()
    server.engine.name("unknown_cluster_1", "Wolfeschlegelsteinhausenbergerdorff" * 3)
    for scheme in SCHEMES:
        with opened(browser, server.url, scheme=scheme) as page, quiet(page):
            expect(page.locator("#found .strip-face")).to_have_count(13)
            at_sizes(page)
            axe(page)


def test_photos_that_are_here_already_are_not_sent_again(browser: Browser, server: Served, tmp_path: Path) -> None:
    brought = photos(tmp_path / "album", 3, 3)
    with opened(browser, server.url) as page, quiet(page):
        choose(page, brought)
        headline(page, "Your photos are in")
        sent: list[Request] = []
        page.on("request", lambda request: sent.append(request) if request.method == "POST" else None)
        choose(page, brought)
        expect(page.locator("#uploads [data-state]")).to_have_text("9 were here already")
        assert not sent


def test_photos_are_dropped_anywhere(browser: Browser, server: Served) -> None:
    drop = """(bytes) => {
      const carried = new DataTransfer();
      carried.items.add(new File([new Uint8Array(bytes)], "dropped.png", {type: "image/png"}));
      for (const kind of ["dragenter", "dragover"])
        document.body.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: carried}));
      const shown = !document.querySelector("[data-veil]").hidden;
      document.body.dispatchEvent(new DragEvent("drop", {bubbles: true, cancelable: true, dataTransfer: carried}));
      return shown;
    }"""
    with opened(browser, server.url) as page, quiet(page):
        assert page.evaluate(drop, list(photo(1, 1)))
        headline(page, "Your photos are in")
        assert page.locator("[data-veil]").is_hidden()
    assert server.engine.stats().images == 1


def test_a_folder_is_chosen_with_all_that_is_in_it(browser: Browser, server: Served, tmp_path: Path) -> None:
    photos(tmp_path / "album" / "2019", 2, 2)
    photos(tmp_path / "album" / "2020" / "spring", 1, 5)
    (tmp_path / "album" / "notes.txt").write_text("nothing to see")
    (tmp_path / "album" / ".hidden.jpg").write_text("nothing to see")
    with opened(browser, server.url) as page, quiet(page):
        page.set_input_files("#whole-folder", str(tmp_path / "album"))
        headline(page, "Your photos are in")
        expect(page.locator("#uploads [data-state]")).to_contain_text("7 photos taken in")
        expect(page.locator("[data-refused-list] li")).to_have_count(0)


def test_names_of_files_are_text(browser: Browser, server: Served, tmp_path: Path) -> None:
    hostile = tmp_path / HOSTILE
    hostile.write_text("no picture")
    with opened(browser, server.url) as page, quiet(page, REFUSED):
        choose(page, [hostile])
        headline(page, "Nothing was taken in")
        expect(page.locator("[data-refused-list] b")).to_have_text(HOSTILE)
        assert "taken" not in page.title()


def test_a_server_that_is_started_anew_loses_nothing(browser: Browser, tmp_path: Path) -> None:
    brought = photos(tmp_path / "album", 12, 4, side=960)
    home = tmp_path / "home"
    with ExitStack() as first, opened(browser) as page, quiet(page, AWAY):
        running = first.enter_context(served(home, job_threads=1))
        page.goto(running.url)
        choose(page, brought)
        expect(page.locator("#uploads [data-state]")).to_contain_text(re.compile(r"^[1-9]\d* of 48"))
        first.close()
        headline(page, "The server is away. Your photos wait here.")
        expect(page.locator(".away")).to_contain_text("tries again by itself")
        with served(home, job_threads=1, port=urlsplit(running.url).port or 0) as again:
            headline(page, "Your photos are in")
            expect(page.locator(".away")).to_have_count(0)
            expect(page.locator("[data-refused-list] li")).to_have_count(0)
            expect(page.locator(".job").get_by_text("done", exact=True)).to_be_visible(timeout=60_000)
            assert again.engine.stats().images == 48


def test_an_upload_that_breaks_off_is_made_again(browser: Browser, server: Served, tmp_path: Path) -> None:
    brought = photos(tmp_path / "album", 2, 3)
    broken: list[str] = []

    def cut(route: object, request: Request) -> None:
        if len(broken) < 2:
            broken.append(request.url)
            route.abort("connectionreset")  # type: ignore[attr-defined]
        else:
            route.continue_()  # type: ignore[attr-defined]

    with opened(browser, server.url) as page, quiet(page, AWAY):
        page.route("**/api/images**", cut)
        choose(page, brought)
        headline(page, "Your photos are in")
        assert len(broken) == 2
    assert server.engine.stats().images == 6


def test_pause_go_on_and_stop(browser: Browser, server: Served, tmp_path: Path) -> None:
    brought = photos(tmp_path / "album", 12, 4, side=960)
    with opened(browser, server.url) as page, quiet(page, ("ERR_ABORTED",)):
        choose(page, brought)
        page.get_by_role("button", name="Pause").click()
        headline(page, "Paused")
        page.get_by_role("button", name="Go on").click()
        headline(page, "Taking in 48 photos")
        page.get_by_role("button", name="Stop").click()
        headline(page, "Stopped")
        expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    assert server.engine.stats().images < 48


def test_a_folder_of_the_server(browser: Browser, server: Served, tmp_path: Path) -> None:
    photos(tmp_path / "album", 4, 4)
    with opened(browser, server.url) as page, quiet(page):
        page.get_by_text("Photos that lie on the server's own disk").click()
        page.get_by_label("Folder on the server").fill(str(tmp_path / "nowhere"))
        page.keyboard.press("Enter")
        expect(page.locator("#path-wrong")).to_contain_text("no such file or folder")
        page.get_by_label("Folder on the server").fill(str(tmp_path / "album"))
        page.keyboard.press("Enter")
        job = page.locator(".job", has_text="Take in photos and group the faces")
        expect(job.get_by_text("done", exact=True)).to_be_visible(timeout=60_000)
        expect(job).to_contain_text("16 new photos")
        expect(page.locator("#found .strip-face")).to_have_count(4)


def test_without_a_script(browser: Browser, server: Served, tmp_path: Path) -> None:
    brought = photos(tmp_path / "album", 2, 2)
    hostile = tmp_path / HOSTILE
    hostile.write_text("no picture")
    with opened(browser, server.url, java_script_enabled=False) as page:
        choose(page, [*brought, hostile])
        page.get_by_role("button", name="Take them in").click()
        expect(page.locator("[data-refused-list] li")).to_contain_text(HOSTILE)
        expect(page.locator("#found .tile").first).to_contain_text("4")
    assert [job.kind for job in server.engine.jobs()] == ["faces.group"]
