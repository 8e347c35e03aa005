"""The pages in a real browser, on an album of 100,000 faces: first paint, bytes, and how fast the review answers keys.

python -m benchmarks pages. BENCH_FACES says how many faces the album has. The browser runs on the same processor as the
server, so that both are slower than they would be apart.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page

from benchmarks import dual_fill, synthetic
from benchmarks.report import Row
from benchmarks.server import serving
from personae import Engine, Settings, open_engine
from tests.browser import CHROMIUM, chromium, opened

FACES = 100_000
DECISIONS = 100
PICTURES = 64
SIDE = 160
EMBEDDERS = "PERSONAE_EMBEDDERS"
PAGES = {
    "start": "/",
    "people": "/people",
    "a person": "/people/1",
    "review": "/review",
    "characters": "/characters",
    "photos": "/photos",
    "a photo": "/photos/1",
    "who is this": "/who",
    "map": "/map",
    "sources": "/sources",
    "jobs": "/jobs",
    "models": "/models",
    "settings": "/settings",
    "audit": "/audit",
}
MOST_BYTES = 150_000
USABLE = 1000
REST = 15
"""Seconds after which the server has done what the pages before have begun."""
QUICK = 100
PATIENCE = 120_000
A_MINUTE = 50
"""Decisions: 500 in 10 minutes."""

MEASURE = """() => {
  const [page] = performance.getEntriesByType("navigation");
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  const others = performance.getEntriesByType("resource").filter((one) => one.initiatorType !== "img");
  const bytes = others.reduce((sum, one) => sum + one.transferSize, page.transferSize);
  return {paint: paint ? paint.startTime : NaN, usable: page.domContentLoadedEventEnd, bytes};
}"""
WATCH = """() => {
  window.interactions = new Map();
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) {
      if (one.interactionId) {
        const before = window.interactions.get(one.interactionId) ?? 0;
        window.interactions.set(one.interactionId, Math.max(before, one.duration));
      }
    }
  }).observe({type: "event", durationThreshold: 16, buffered: true});
}"""
READY = """() => {
  const shown = document.querySelector("[data-stage] [data-question]");
  return shown && [...shown.querySelectorAll("img")].every((picture) => picture.complete);
}"""


def run() -> list[Row]:
    """Return the rows of this benchmark."""
    if CHROMIUM is None or not synthetic.available():
        return []
    count = int(os.environ.get("BENCH_FACES", str(FACES)))
    kept = album(count)
    with tempfile.TemporaryDirectory() as place, chromium() as browser:
        shutil.copytree(kept, Path(place) / "home")
        with environment(EMBEDDERS, dual_fill.MODEL), serving(Path(place)) as server:
            return [*_pages(browser, server.url, count), *_review(browser, server.url)]


# --- every page -------------------------------------------------------------------------------


def _pages(browser: Browser, url: str, count: int) -> list[Row]:
    """Open every page, then every page again, each time in a browser that knows nothing.

    The first time the server has just started: it loads models and compares all faces meanwhile. The second time it
    has come to rest.
    """
    first_time = [_measured(browser, url + path) for path in PAGES.values()]
    time.sleep(REST)
    second_time = [_measured(browser, url + path) for path in PAGES.values()]
    return [
        _row(f"{name} ({path}), {count:,} faces", first, second)
        for (name, path), first, second in zip(PAGES.items(), first_time, second_time, strict=True)
    ]


def _row(what: str, first: dict[str, float], second: dict[str, float]) -> Row:
    if not first or not second:
        return Row(what, "", "there is no such page")
    said = (
        f"first paint {second['paint']:.0f} ms, usable {second['usable']:.0f} ms (while the server starts "
        f"{first['usable']:.0f}), {second['bytes'] / 1000:.0f} kB"
    )
    ok = second["usable"] <= USABLE and second["bytes"] <= MOST_BYTES
    return Row(what, f"usable in {USABLE / 1000:.0f} s, <= {MOST_BYTES // 1000} kB without photos", said, ok)


def _measured(browser: Browser, address: str) -> dict[str, float]:
    with opened(browser) as page:
        page.set_default_timeout(PATIENCE)
        answer = page.goto(address, wait_until="load")
        if answer is None or answer.status != 200:
            return {}
        page.wait_for_function('performance.getEntriesByName("first-contentful-paint").length > 0')
        found: dict[str, float] = page.evaluate(MEASURE)
        return found


# --- the review -------------------------------------------------------------------------------


def _review(browser: Browser, url: str) -> list[Row]:
    with opened(browser) as page:
        page.set_default_timeout(PATIENCE)
        began = time.perf_counter()
        page.goto(f"{url}/review")
        page.wait_for_function(READY)
        first = time.perf_counter() - began
        # At first the server knows groups alone; its proposals come when it has compared the faces.
        page.wait_for_selector("[data-stage] [data-do=yes]")
        proposals = time.perf_counter() - began
        page.evaluate(WATCH)
        took = _decide(page)
        durations = sorted(page.evaluate("[...window.interactions.values()]"))
    inp = durations[max(0, len(durations) - 1 - len(durations) // 50)] if durations else 0.0
    longest = durations[-1] if durations else 0.0
    rate = 60 * DECISIONS / took
    return [
        Row("review: the first question with its faces", "<= 1 s", f"{first:.2f} s; proposals after {proposals:.1f} s",
            first <= 1),
        Row(f"review: interaction to next paint over {DECISIONS} decisions", f"<= {QUICK} ms",
            f"{inp:.0f} ms (longest {longest:.0f})", inp <= QUICK),
        Row("review: decisions a minute, each as soon as all its faces are drawn", f">= {A_MINUTE}", f"{rate:,.0f}",
            rate >= A_MINUTE),
    ]  # fmt: skip


def _decide(page: Page) -> float:
    """Answer by key, as fast as the questions come; return the seconds it took. What is skipped counts for nothing."""
    began = time.perf_counter()
    made = 0
    while made < DECISIONS:
        page.wait_for_function(READY)
        proposed = page.locator("[data-stage] [data-do=yes]").count()
        page.keyboard.press(("n" if made % 5 == 4 else "y") if proposed else " ")
        made += proposed
    took = time.perf_counter() - began
    page.wait_for_function("document.querySelector('[data-done]').textContent !== '0'")
    return took


# --- the album --------------------------------------------------------------------------------


def album(count: int) -> Path:
    """Return a home with so many grouped faces that have pictures, which is made the first time. Copy it."""
    home = dual_fill.FOLDER / f"album-{count}"
    if not home.is_dir():
        unfinished = dual_fill.FOLDER / f"unfinished-album-{count}"
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(dual_fill.filled(count), unfinished)
        with open_engine(Settings(home=unfinished, embedders=(dual_fill.MODEL,))) as engine:
            engine.cluster_dual()
            _picture(engine)
        unfinished.rename(home)
    return home


def _picture(engine: Engine) -> None:
    """Give each face one of a few pictures."""
    crops = [engine.parts.crops.put(_jpeg(number)) for number in range(PICTURES)]
    with engine.parts.store.write() as tx:
        for face_id in tx.faces.gallery()[0].tolist():
            tx.faces.set_crop(face_id, crops[face_id % PICTURES])


def _jpeg(number: int) -> bytes:
    """Return a picture about as large as that of a face."""
    rng = np.random.default_rng(number)
    small = Image.fromarray(rng.integers(40, 220, (10, 10, 3), np.uint8)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    pixels = np.clip(np.asarray(small, np.float32) + rng.normal(0, 8, (SIDE, SIDE, 1)), 0, 255).astype(np.uint8)
    made = io.BytesIO()
    Image.fromarray(pixels).save(made, "JPEG", quality=88)
    return made.getvalue()


@contextmanager
def environment(name: str, value: str) -> Iterator[None]:
    """Have a variable of the environment have this value within the block, for the processes that are started."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
