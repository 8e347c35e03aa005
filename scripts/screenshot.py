"""Makes the README's picture: the report on those photos of the demo album that are in the public domain.

Run as `python -m scripts.screenshot FILE.png`. Needs Chromium and the models.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from personae import Engine, Settings, open_engine
from scripts.demo_album import CACHE, CREDITS, build

NAMES = {"obama": "Barack Obama", "32bit": "Barack Obama", "biden": "Joe Biden", "astronaut": "Eileen Collins",
         "grace_hopper": "Grace Hopper"}  # fmt: skip
"""Beginning of a photo's name in its package -> who it shows."""


def public_domain(album: Path) -> dict[str, str]:
    """Return the person on each photo of the album that is in the public domain, by file name."""
    lines = (
        line.split(": ", 1) for line in (album / CREDITS).read_text("utf-8").splitlines() if "public domain" in line
    )
    return {photo: next(name for start, name in NAMES.items() if f"/{start}" in credit) for photo, credit in lines}


def organise(engine: Engine, album: Path, people: dict[str, str], folder: Path) -> Path:
    """Organise those photos, name everybody, and return the report."""
    folder.mkdir()
    for photo in people:
        shutil.copy(album / photo, folder)
    engine.organise(folder)
    for cluster in engine.people()[1]:
        photo = engine.show(cluster.label).faces[0].photo
        engine.name(cluster.label, people[os.path.basename(photo)])  # noqa: PTH119 - the photo is text
    return engine.report()


def main() -> None:
    """Write the picture."""
    target = Path(sys.argv[1])
    album = build(CACHE / "album")
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        with open_engine(Settings(home=Path(temporary) / "home")) as engine:
            page = organise(engine, album, public_domain(album), Path(temporary) / "photos")
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), chromium_sandbox=False, args=["--disable-gpu"]
        )
        window = browser.new_page(viewport={"width": 1180, "height": 1110})
        window.goto(page.as_uri())
        target.parent.mkdir(parents=True, exist_ok=True)
        window.screenshot(path=target)
        browser.close()
    print(target)


if __name__ == "__main__":
    main()
