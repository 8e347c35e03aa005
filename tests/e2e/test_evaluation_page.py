"""The page of an evaluation in a real browser: offline, narrow and wide; and the verbs as a user meets them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from personae.adapters.report.evaluation import percent, render_evaluation
from personae.core.evaluation import Evaluation, Unused, measure
from personae.types import Thresholds
from tests.commands import as_json, typed
from tests.generate import faces
from tests.photos import originals

CHROMIUM = shutil.which("chromium")
ARGUMENTS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip
LIMITS = Thresholds(verify=0.28, review=0.34, match=0.7, cluster=0.45)


def evaluation(sizes: list[int], models: int = 3) -> Evaluation:
    """Return figures of synthetic faces."""
    measured = []
    for seed in range(models):
        vectors, people = faces(sizes, dimension=64, spread=0.7, seed=seed)
        measured.append(
            measure(f"model{seed}+verylongnameofamodel", vectors, people, np.ones(len(people), bool), LIMITS)
        )
    unused = (Unused("line 7", "no_face"), Unused("<script>alert(1)</script>", "given_to_two_people", "\udcff"))
    return Evaluation(
        datetime(2026, 1, 2, tzinfo=UTC), sum(sizes) + 2, sum(sizes), 0, len(sizes), sizes.count(1), "centerface",
        "album", unused, tuple(measured),
    )  # fmt: skip


def test_what_cannot_be_seen_is_said() -> None:
    page = render_evaluation(evaluation([2, 2, 1], 1))
    assert page.count("not observable: too few pairs") == 2
    assert "1 searches for people who are not enrolled; 334 are needed to see a rate of 0.003" in page
    assert "<script" not in page
    assert "line 7" not in page
    page.encode("utf-8")


@pytest.mark.parametrize("sizes", [[1], [1, 1], [3], [2, 1]])
def test_hardly_a_photo_makes_a_page_as_well(sizes: list[int]) -> None:
    measured = evaluation(sizes, 1)
    page = render_evaluation(measured)
    assert "<h2>In short</h2>" in page
    assert measured.models[0].at_fpirs[0].fnir is None


@pytest.mark.parametrize(
    ("rate", "text"),
    [(None, "–"), (0.0, "0%"), (1.0, "100%"), (0.12345, "12.35%"), (2e-6, "0.0002%"), (0.99999, "> 99.99%")],
)
def test_rates_are_written_with_the_digits_that_mean_something(rate: float | None, text: str) -> None:
    assert percent(rate) == text


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed; make test installs it as root")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=False, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("evaluation") / "page.html"
    path.write_text(render_evaluation(evaluation([8] * 30 + [1] * 400)), "utf-8")
    return path.as_uri()


@pytest.fixture(params=[(360, "light"), (360, "dark"), (1280, "light")], ids=lambda p: f"{p[0]}-{p[1]}")
def page(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[Page]:
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True)
    opened = context.new_page()
    opened.goto(address)
    yield opened
    context.close()


def test_every_plot_is_drawn_and_has_a_text(page: Page) -> None:
    plots = page.evaluate(
        "[...document.images].map(i => [i.complete && i.naturalWidth > 0, i.alt.length > 0, i.clientWidth])"
    )
    assert len(plots) == 8
    assert all(drawn and told and width >= 250 for drawn, told, width in plots)


def test_the_page_fits_its_width(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") == page.viewport_size["width"]  # type: ignore[index]


# --- the verbs --------------------------------------------------------------------------------


@pytest.mark.slow
def test_evaluate(tmp_path: Path) -> None:
    for photo, person in (("obama", "Barack [b]Obama[/b]"), ("obama2", "Barack [b]Obama[/b]"), ("hopper", "Grace")):
        (tmp_path / "labels" / person).mkdir(parents=True, exist_ok=True)
        shutil.copy(originals()[photo], tmp_path / "labels" / person / f"{photo}.jpg")
    (tmp_path / "labels" / "Grace" / "no [i]photo.jpg").write_text("text")
    said = typed(tmp_path / "home", "evaluate", "--labels", tmp_path / "labels", "--to", tmp_path / "page.html")
    assert said.returncode == 0, said.stderr
    assert "3 of 4 photos used, of 2 people, 1 of them with one photo only." in said.stdout
    assert "Grace/no [i]photo.jpg: " in said.stdout
    assert "not observable: 2 comparisons" in said.stdout
    assert "photos: 4 of 4" in said.stderr
    assert "Obama" not in said.stderr
    assert (tmp_path / "page.html").is_file()
    figures = as_json(tmp_path / "home", "evaluate", "--labels", tmp_path / "labels")
    assert figures["page"] == str(tmp_path / "home" / "evaluation.html")
    assert figures["models"][0]["at_fars"][0]["tar"] is None
    assert figures["models"][2]["grouped"]["bcubed"]["f"] == 1
    assert "plots" not in figures["models"][0]
    assert as_json(tmp_path / "home", "stats")["images"] == 0


@pytest.mark.slow
def test_bad_input_ends_with_2(tmp_path: Path) -> None:
    for arguments, words in (
        (["evaluate", "--labels", tmp_path / "nowhere"], "no such file or folder"),
        (["evaluate", "--labels", tmp_path], "none of the labelled photos can be used"),
        (["calibrate"], "142 more are needed"),
        (["calibrate", "--fmr", "2"], "between 0 and 1"),
    ):
        done = typed(tmp_path / "home", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert words in " ".join(done.stderr.split())
        assert "Traceback" not in done.stderr
    done = typed(tmp_path / "home", "calibrate", "--reset")
    assert (done.returncode, done.stdout) == (0, "Nothing was calibrated.\n")
    assert as_json(tmp_path / "home", "calibrate", "--reset") == {"reset": False}
