"""Makes the pictures of the pages, with those photos of the demo album that are in the public domain.

Run as `python -m scripts.page_shots FOLDER`. Needs Chromium and the models.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from personae import Engine, Settings, open_engine
from personae.web.serve import GracefulServer, listen, open_site
from scripts.demo_album import CACHE, build
from scripts.screenshot import public_domain

NAMED = ("Barack Obama", "Grace Hopper")
"""The others are left for the review."""
CHARACTER = "Eileen Collins"
PAGES = {
    "start": "/", "people": "/people", "review": "/review", "person": "/people/1", "photos": "/photos",
    "photo": "/photos/1", "character": "/characters", "map": "/map", "audit": "/audit", "settings": "/settings",
    "who": "/who", "sources": "/sources", "jobs": "/jobs", "models": "/models",
}  # fmt: skip
SIZE = (1280, 860)
PHONE = (390, 780)
ON_PHONES = ("people", "review")
SETTLED = 1500
"""Milliseconds that pictures and drawings take."""
COMPARED = 8000
"""Milliseconds that the first comparing of all faces takes at the most."""
QUALITY = 84


def fill(engine: Engine, album: Path, folder: Path) -> None:
    """Take those photos in, name some people, anchor a character, and lay the map out."""
    people = public_domain(album)
    folder.mkdir()
    for photo in people:
        shutil.copy(album / photo, folder)
    engine.ingest(folder)
    engine.group()
    for cluster in engine.people()[1]:
        name = people[os.path.basename(engine.show(cluster.label).faces[0].photo)]  # noqa: PTH119 - the photo is text
        if name in NAMED:
            engine.name(cluster.label, name)
    engine.add_character(CHARACTER)
    source = next(photo for photo, name in people.items() if name == CHARACTER)
    engine.set_reference(CHARACTER, (album / source).read_bytes())
    engine.queue("map")
    for job in engine.work():
        print(f"{job.kind}: {job.state}")


@contextmanager
def served(home: Path) -> Iterator[str]:
    """Serve a home on a free port, and give the address."""
    server = GracefulServer(open_site(Settings(home=home), job_threads=0))
    listening = listen("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def shoot(browser: Browser, address: str, folder: Path, photo: Path) -> None:
    """Write each page in light, and some as a phone shows them in the dark; `photo` is asked about."""
    first = browser.new_page()
    first.goto(address + PAGES["review"])
    first.wait_for_timeout(COMPARED)
    first.close()
    for name, path in PAGES.items():
        looks = [("", SIZE, "light")] + ([("-phone", PHONE, "dark")] if name in ON_PHONES else [])
        for ending, (width, height), scheme in looks:
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
            page.goto(address + path)
            if name == "character":
                page.get_by_role("link", name=CHARACTER).first.click()
            if name == "who":
                page.locator("main input[type=file]").set_input_files(photo)
            page.wait_for_timeout(SETTLED)
            target = folder / f"page-{name}{ending}.jpg"
            page.screenshot(path=target, type="jpeg", quality=QUALITY)
            page.close()
            print(target)


def main() -> None:
    """Write the pictures."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    album = build(CACHE / "album")
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        home = Path(temporary) / "home"
        with open_engine(Settings(home=home)) as engine:
            fill(engine, album, Path(temporary) / "photos")
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), chromium_sandbox=False, args=["--disable-gpu"]
        )
        with served(home) as address:
            shoot(browser, address, folder, next(album / photo for photo in public_domain(album)))
        browser.close()


if __name__ == "__main__":
    main()
