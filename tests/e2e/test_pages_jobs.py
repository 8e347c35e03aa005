"""The pages of jobs in a real browser: rows that move by themselves, also after the server was away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import SCHEMES, at_sizes, axe, chromium, needs_chromium, opened, quiet
from tests.served import Served, make_key, pattern_settings, served

pytestmark = needs_chromium

AWAY = ("ERR_", "502", "503")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[Served]:
    """A server that runs no jobs."""
    with served(tmp_path / "home") as running:
        yield running


def test_a_job_comes_and_ends_before_ones_eyes(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path / "home", job_threads=1) as server, opened(browser, f"{server.url}/jobs") as page, quiet(page):
        expect(page.get_by_text("No jobs yet")).to_be_visible()
        server.engine.queue("faces.cluster_dual")
        row = page.locator(".job", has_text="group all faces anew")
        expect(row.get_by_text("done", exact=True)).to_be_visible()
        expect(page.get_by_text("No jobs yet")).to_be_hidden()
        row.get_by_role("link", name="Recognise people").click()
        expect(page.get_by_role("heading", name="What came of it")).to_be_visible()


def test_a_waiting_job_is_stopped_by_keyboard(browser: Browser, idle: Served) -> None:
    job = idle.engine.queue("faces.cluster_dual")
    with opened(browser, f"{idle.url}/jobs") as page, quiet(page):
        row = page.locator(f"#job-{job.id}")
        expect(row).to_contain_text("waits for a worker")
        row.get_by_role("button", name="Stop").focus()
        page.keyboard.press("Enter")
        expect(row.get_by_text("stopped", exact=True)).to_be_visible()
        row.get_by_role("button", name="Try again").click()
        expect(page).to_have_url(f"{idle.url}/jobs/{job.id + 1}")
        expect(page.get_by_text("waiting", exact=True)).to_be_visible()


def test_a_page_goes_on_when_the_server_is_back(browser: Browser, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with ExitStack() as first, opened(browser) as page, quiet(page, AWAY):
        running = first.enter_context(served(home))
        job = running.engine.queue("faces.cluster_dual")
        page.goto(f"{running.url}/jobs")
        expect(page.locator(f"#job-{job.id}").get_by_text("waiting", exact=True)).to_be_visible()
        first.close()
        expect(page.get_by_text("The server is away.")).to_be_visible()
        with served(home, job_threads=1, port=urlsplit(running.url).port or 0):
            expect(page.locator(f"#job-{job.id}").get_by_text("done", exact=True)).to_be_visible(timeout=30_000)
            expect(page.get_by_text("The server is away.")).to_have_count(0)


def test_the_pages_are_for_everybody(browser: Browser, idle: Served) -> None:
    engine = idle.engine
    for kind in ("faces.cluster_dual", "faces.assign", "faces.group"):
        engine.queue(kind)
    failed = engine.queue("images.ingest", {"paths": [str(engine.home)]})
    engine.cancel_job(failed.id)
    list(engine.work())
    engine.queue("faces.reassign")
    for scheme, paths in zip(SCHEMES, (("/jobs", f"/jobs/{failed.id}"), ("/jobs", "/jobs/1")), strict=True):
        with opened(browser, scheme=scheme) as page, quiet(page):
            for path in paths:
                page.goto(f"{idle.url}{path}")
                expect(page.locator("h1")).to_be_visible()
                at_sizes(page)
                axe(page)


def test_who_is_signed_out_is_led_to_the_sign_in(browser: Browser, tmp_path: Path) -> None:
    settings = pattern_settings(tmp_path / "home")
    key = make_key(settings)
    with served(settings) as server, opened(browser) as page:
        page.set_extra_http_headers({"Authorization": f"Bearer {key}"})
        page.goto(f"{server.url}/jobs")
        expect(page.get_by_text("No jobs yet")).to_be_visible()
        page.set_extra_http_headers({})
        # Shown again, the page listens anew.
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(page).to_have_url(f"{server.url}/signin?next=%2Fjobs")
