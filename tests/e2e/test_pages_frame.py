"""The frame of all pages in a real browser: keys, toasts, menus, signing in, a server that is away, foreign scripts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from personae.access import Role
from personae.bootstrap import open_house
from personae.engine import sign_in
from tests.browser import SCHEMES, SIZES, at_sizes, axe, chromium, needs_chromium, opened, quiet
from tests.patterns import photo
from tests.served import Served, make_key, pattern_settings, served

pytestmark = needs_chromium
PASSWORD = "four words are enough"  # noqa: S105


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("home")) as server:
        yield server


@pytest.fixture
def page(browser: Browser, web: Served) -> Iterator[Page]:
    with opened(browser) as fresh, quiet(fresh, but=("404",)):
        yield fresh


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.className"))


def test_the_frame_stands_up_to_axe_in_light_and_dark_at_every_size(browser: Browser, web: Served) -> None:
    for scheme in SCHEMES:
        for size in SIZES[:2]:
            with opened(browser, web.url + "/no/such/page", size, scheme) as page:
                axe(page)
                page.locator(".menu.more summary").click()
                axe(page)
                at_sizes(page)


def test_it_is_used_by_keyboard(page: Page, web: Served) -> None:
    page.goto(web.url + "/no/such/page")
    page.keyboard.press("Tab")
    assert focused(page) == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#main"
    summary = page.locator(".menu.more summary")
    summary.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Settings")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Settings")).to_be_hidden()
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_the_keys_are_listed_and_can_be_switched_off(page: Page, web: Served) -> None:
    page.goto(web.url + "/no/such/page")
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys on this page")
    expect(dialog).to_contain_text("undo what was done last")
    axe(page)
    dialog.get_by_role("button", name="Switch keys off").click()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)
    assert page.evaluate("localStorage.getItem('personae.keys.off')") == "yes"
    page.keyboard.press("?")
    page.get_by_role("button", name="Switch keys on").click()


def test_a_toast_says_what_was_done_and_takes_it_back(page: Page, web: Served) -> None:
    person = web.engine.add_person("Ann")
    other = web.engine.add_person("Bob")
    operation = web.engine.merge(f"#{other.id}", f"#{person.id}")
    page.clock.install()
    page.goto(web.url + "/no/such/page")
    page.evaluate("document.body.addEventListener('undone', (event) => { window.heard = event.detail.operation; })")
    page.evaluate(
        "([text, id]) => document.body.dispatchEvent(new CustomEvent('said', {detail: {text, operation: id}}))",
        [operation.summary, int(operation.id)],
    )
    toast = page.locator(".toast")
    expect(toast).to_contain_text(operation.summary)
    expect(page.locator("#live")).to_have_text(operation.summary)
    axe(page)
    page.clock.fast_forward("01:00")
    expect(toast).to_have_count(0)
    page.keyboard.press("u")
    expect(toast).to_have_text("Taken back.")
    assert page.evaluate("window.heard") == int(operation.id)
    assert {each.name for each in web.engine.browse.people()} >= {"Ann", "Bob"}
    page.keyboard.press("u")
    expect(toast.last).to_contain_text("Nothing was done on this page")


def test_what_cannot_be_taken_back_is_said(browser: Browser, web: Served) -> None:
    with opened(browser, web.url + "/no/such/page") as page:
        page.evaluate(
            "document.body.dispatchEvent(new CustomEvent('said', {detail: {text: '<b>done', operation: 999}}))"
        )
        expect(page.locator(".toast")).to_contain_text("<b>done")
        page.get_by_role("button", name="Undo").click()
        expect(page.locator(".toast.wrong")).to_contain_text("999")
        expect(page.locator("#alarm")).to_contain_text("999")


def test_a_script_that_somebody_brings_in_does_not_run(browser: Browser, web: Served) -> None:
    with opened(browser, web.url + "/no/such/page") as page:
        page.evaluate(
            """() => {
              const script = document.createElement('script'); script.textContent = 'window.ran = 1';
              document.body.append(script);
              const box = document.createElement('div'); document.body.append(box);
              box.innerHTML = '<img src=x onerror="window.ran = 2"><a id=link href="javascript:window.ran=3">x</a>'
                + '<p style="position:fixed">x</p>';
            }"""
        )
        page.locator("#link").click()
        page.wait_for_timeout(300)
        assert page.evaluate("window.ran") is None
        assert page.evaluate("getComputedStyle(document.querySelector('p[style]')).position") == "static"


def test_a_database_that_is_away_is_asked_again_until_it_is_back(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path / "home") as web, opened(browser) as page:
        # The models of these tests are not installed, so /ready never says yes: the answer is given in its place.
        page.route("**/ready", lambda route: route.fulfill(status=200, json={"status": "ready"}))
        page.route("**/photos", lambda route: route.fulfill(status=503, body=away(web)), times=1)
        page.goto(web.url + "/photos")
        expect(page.get_by_role("heading", level=1)).to_have_text("The database is away")
        expect(page.get_by_role("heading", level=1)).to_have_text("Photos", timeout=15_000)


def away(web: Served) -> str:
    """Return the page of a database that is away, as the server renders it."""
    from personae.web.pages.render import environment  # noqa: PLC0415

    values = {
        "visitor": None, "project": "default", "projects": (), "path": "/photos", "nonce": "", "code": 503,
        "problem": "The database is away", "detail": "It does not answer.",
    }  # fmt: skip
    return environment().get_template("problem.html.j2").render(values).replace(' nonce=""', "")


def test_signing_in_with_a_password_and_out_again(browser: Browser, tmp_path: Path) -> None:
    settings = pattern_settings(tmp_path)
    make_key(settings, Role.READ, "Zoë")
    house = open_house(settings)
    sign_in.set_password(house.sign_ins, "Zoë", PASSWORD)
    house.close()
    with served(settings) as web, opened(browser) as page, quiet(page, but=("401",)):
        page.goto(web.url + "/jobs?state=done")
        expect(page).to_have_url(web.url + "/signin?next=%2Fjobs%3Fstate%3Ddone")
        axe(page)
        at_sizes(page)
        page.get_by_label("Name").fill("Zoë")
        page.get_by_label("Password", exact=True).fill("not this one")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert").first).to_contain_text("No key in force has this name and this password.")
        expect(page.get_by_label("Name")).to_have_value("Zoë")
        axe(page)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page).to_have_url(web.url + "/jobs?state=done")
        page.get_by_label("Signed in as Zoë").click()
        expect(page.get_by_text("role read")).to_be_visible()
        axe(page)
        page.get_by_role("button", name="Sign out").click()
        expect(page).to_have_url(web.url + "/signin")


def test_a_session_that_ends_leads_to_the_sign_in_from_a_script_too(browser: Browser, tmp_path: Path) -> None:
    settings = pattern_settings(tmp_path)
    key = make_key(settings, Role.ADMIN, "ann")
    with served(settings) as web, opened(browser) as page:
        page.goto(web.url + "/signin")
        page.get_by_text("Sign in with a key instead").click()
        page.get_by_label("Key").fill(key)
        page.keyboard.press("Enter")
        expect(page).to_have_url(web.url + "/")
        page.context.clear_cookies()
        page.evaluate("document.body.dispatchEvent(new CustomEvent('said', {detail: {text: 'x', operation: 1}}))")
        page.keyboard.press("u")
        expect(page).to_have_url(web.url + "/signin?next=%2F")


def test_a_page_of_characters_listens_while_it_is_seen(page: Page, web: Served) -> None:
    seen = """(seen) => { Object.defineProperty(document, "hidden", {value: !seen, configurable: true});
                           document.dispatchEvent(new Event("visibilitychange")); }"""
    with page.expect_request("**/live?*"):
        page.goto(web.url + "/characters")
    with page.expect_event("requestfailed", lambda request: "/live?" in request.url):
        page.evaluate(seen, False)
    with page.expect_request("**/live?*"):
        page.evaluate(seen, True)


def test_a_window_keeps_its_project_when_another_one_chooses(browser: Browser, tmp_path: Path) -> None:
    picture = tmp_path / "new.png"
    picture.write_bytes(photo(2, 0))

    def chosen_elsewhere(page: Page) -> None:
        other = page.context.new_page()
        other.goto(f"{web.url}/jobs")
        other.select_option("#project", "film")
        expect(other.locator("body")).to_have_attribute("data-project", "film")

    with served(tmp_path / "home") as web, opened(browser) as page, quiet(page):
        web.site.engines.create("film")
        film = web.site.engines.open("film")
        film.take_in(picture.read_bytes())
        ann = web.engine.add_person("Ann").id
        page.goto(f"{web.url}/people/{ann}")
        chosen_elsewhere(page)
        page.keyboard.press("e")
        page.keyboard.type("Anne")
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text("Anne")
        page.get_by_role("link", name="Add photos").first.click()
        expect(page.locator("body")).to_have_attribute("data-project", "default")
        chosen_elsewhere(page)
        page.set_input_files("#pictures", str(picture))
        expect(page.locator("#uploads [data-title]")).to_have_text("Your photos are in")
        assert len(web.engine.browse.images()) == 1
        expect(page.locator("#found .tile", has_text="photo").first).to_contain_text("1")
        assert not film.browse.jobs()
