"""The page of models in a real browser: another one is tried, gone by and left again, by keyboard, as it happens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from personae.bootstrap import Shared
from tests.browser import SCHEMES, at_sizes, axe, chromium, needs_chromium, opened, quiet
from tests.patterns import MODEL, list_models, networks, photo
from tests.served import Served, pattern_settings, served
from tests.teaching import keep_head

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    """A server with Ann, two heads, and models to choose from."""
    settings = pattern_settings(tmp_path / "home", models_dir=list_models(tmp_path / "models"))
    with served(settings, Shared(networks=networks), job_threads=1) as running:
        for number in range(3):
            running.engine.take_in(photo(0, number))
        running.engine.group()
        running.engine.name(running.engine.people()[1][0].label, "Ann")
        keep_head(running.engine, MODEL)
        keep_head(running.engine, "other", accepted=False, size=128)
        yield running


def look(page: Page) -> None:
    """See that it has come to rest, fits, and is for everybody."""
    expect(page.get_by_text("8 more people").or_(page.get_by_text("9 more people"))).to_be_visible()
    at_sizes(page)
    axe(page)


def test_another_model_is_gone_by_and_left_by_keyboard(browser: Browser, server: Served) -> None:
    with opened(browser, f"{server.url}/models", scheme=SCHEMES[0]) as page, quiet(page):
        look(page)
        page.get_by_role("radio", name="other Here").focus()
        page.keyboard.press("Space")
        page.get_by_role("button", name="Try it first").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name=f"other, tried beside {MODEL}")).to_be_visible()
        expect(page.locator(".job").get_by_text("done", exact=True)).to_be_visible()
        page.locator(".head-cards").get_by_role("button", name="Go by it").focus()
        page.keyboard.press("Enter")
        # The page follows the job by itself.
        expect(page.locator(".job").first.get_by_text("done", exact=True)).to_be_visible()
        expect(page.get_by_text("chosen for this project")).to_be_visible()
        back = page.get_by_role("button", name="Go back to what the settings say")
        back.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_text("as the settings say", exact=True)).to_be_visible()
        expect(page.get_by_role("button", name="Go back to head-")).to_be_visible()
    with opened(browser, f"{server.url}/models", scheme=SCHEMES[1]) as page, quiet(page):
        look(page)
