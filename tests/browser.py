"""A real Chromium, and what every page must stand up to: no errors, no sideways scrolling, nothing serious from axe."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium")
ARGUMENTS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip
SIZES = ((360, 740), (1280, 800), (2560, 1440))
"""Width and height of a phone, a laptop and a large screen, in CSS pixels."""
SECTIONS = ("/", "/photos", "/people", "/review", "/characters", "/who", "/map", "/sources", "/jobs", "/settings",
            "/audit", "/models")  # fmt: skip
"""Where the navigation leads to."""
SCHEMES = ("light", "dark")
SERIOUS = ("serious", "critical")
SETTLED = """Promise.allSettled(document.getAnimations()
    .filter(moving => moving.effect.getComputedTiming().endTime !== Infinity).map(moving => moving.finished))"""
"""Waits for every animation that has an end."""

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed; make test installs it as root")
"""For `pytestmark` of a file."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a browser until the block is left."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=False, args=ARGUMENTS)
        try:
            yield running
        finally:
            running.close()


@contextmanager
def opened(
    browser: Browser, url: str = "", size: tuple[int, int] = SIZES[1], scheme: str = "light", **options: Any
) -> Iterator[Page]:
    """Open a page in a context of its own (no cookies of others), and close it."""
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, **options)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(20_000)
    try:
        if url:
            page.goto(url)
        yield page
    finally:
        context.close()


@contextmanager
def quiet(page: Page, but: tuple[str, ...] = ()) -> Iterator[list[str]]:
    """Assert that the page logs no error within the block: of a script, of a request, of the content security policy.

    A request that gives way to another (`hx-sync="...:replace"`) is none, though htmx logs two errors for it.

    Args:
        page: it is listened to from now on.
        but: parts of what may be logged, as "409" where a refusal is what is tested.
    """
    heard: list[str] = []

    def said(message: Any) -> None:
        if message.type != "error" or any(part in message.text for part in but):
            return
        if message.text.startswith("htmx:sendAbort") and heard and heard[-1].startswith("htmx:afterRequest"):
            heard.pop()
        else:
            heard.append(f"{message.text} ({message.location.get('url', '')})")

    def threw(error: Any) -> None:
        heard.append(f"thrown: {error}")

    page.on("console", said)
    page.on("pageerror", threw)
    try:
        yield heard
    finally:
        page.remove_listener("console", said)
        page.remove_listener("pageerror", threw)
    assert not heard, heard


def axe(page: Page, but: tuple[str, ...] = ()) -> None:
    """Assert that axe-core finds nothing serious or critical.

    Args:
        page: as it stands when what moves for a moment has come to rest: half faded in, colours have little contrast.
        but: rules that do not count here; say why where it is called.
    """
    page.evaluate(SETTLED)
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    wrong = [each for each in found if each["impact"] in SERIOUS and each["id"] not in but]
    assert not wrong, json.dumps([_short(each) for each in wrong], indent=1)


def at_sizes(page: Page) -> None:
    """Assert that the page scrolls up and down only, at every size; then give it its own size back."""
    own = page.viewport_size
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        assert fits(page), f"{page.url} is wider than {width} px: {_widest(page)}"
    if own is not None:
        page.set_viewport_size(own)


def fits(page: Page) -> bool:
    """Whether nothing is wider than the window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def _widest(page: Page) -> Any:
    """Return the elements that stick out, for the message."""
    return page.evaluate(
        "[...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
        ".slice(0, 5).map(e => e.outerHTML.slice(0, 120))"
    )


def _short(violation: dict[str, Any]) -> dict[str, Any]:
    nodes = [f"{node['html'][:160]} {node['failureSummary'][:200]}" for node in violation["nodes"][:4]]
    return {"rule": violation["id"], "impact": violation["impact"], "where": nodes}
