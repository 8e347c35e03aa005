"""The pages of characters without a browser: what they say, what they refuse, and that names are only words."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from html import escape

import httpx
import pytest
from PIL import Image

from personae.access import Role
from personae.engine.likeness import COPY_SIDE
from personae.types import Digest
from tests.patterns import photo
from tests.served import Served, make_key, pattern_settings, served

HTMX = {"HX-Request": "true"}
HOSTILE = "<img src=x onerror=alert(1)>\"'&"


@pytest.fixture
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("home"), job_threads=1) as server:
        yield server


@pytest.fixture
def client(web: Served) -> Iterator[httpx.Client]:
    with web.client() as opened:
        yield opened


def add(client: httpx.Client, name: str, picture: bytes | None = None) -> str:
    """Make a character by the form, and return the address of its page."""
    files = {} if picture is None else {"picture": ("picture.png", picture)}
    answer = client.post("/characters", data={"name": name}, files=files)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def ended(client: httpx.Client, page: str) -> str:
    """Wait until no source image is being looked at, and return the page."""
    pause = threading.Event()
    for _ in range(600):
        text = client.get(page).text
        if "every 2s" not in text:
            return text
        pause.wait(0.05)
    raise AssertionError(text)


def number(page: str) -> str:
    return page.rpartition("/")[2]


def test_there_are_no_characters_yet(client: httpx.Client) -> None:
    text = client.get("/characters").text
    assert "No characters yet" in text
    assert client.get("/characters/7").status_code == 404
    assert client.get("/characters/duplicates").text.count("Nobody to compare") == 1


def test_from_the_name_to_the_likeness(client: httpx.Client) -> None:
    page = add(client, "Ada", photo(1, 0))
    text = ended(client, page)
    assert 'data-status="completed"' in text
    assert "the default" in text
    assert f'src="{page}/references/' in client.get("/people").text
    again = text.split(f'hx-get="{page}/references')[1].partition('"')[0]
    assert client.get(f"{page}/references{again}", headers=HTMX).status_code == 204
    assert client.get(f"{page}/references?seen=other", headers=HTMX).text.count('class="reference card"') == 1
    sent = [("pictures", ("a.png", photo(1, 1))), ("pictures", ("b.png", photo(2, 0))), ("pictures", ("c.txt", b"no"))]
    answer = client.post(f"{page}/likeness", files=sent, headers=HTMX)
    assert (answer.text.count(">pass<"), answer.text.count(">fail<")) == (1, 1)
    assert "c.txt" in answer.text
    assert "1 of 2 pass. 1 could not be used." in answer.headers["hx-trigger"]
    (copy, *_) = [
        part.partition('"')[0] for part in answer.text.split('src="') if part.startswith("/characters/checked")
    ]
    with Image.open(io.BytesIO(client.get(copy).content)) as small:
        assert small.format == "JPEG"
        assert max(small.size) <= 360

    frames = [("frames", (f"frame_{n}.png", photo(2 if n == 10 else 1, n))) for n in range(12)]
    answer = client.post(f"{page}/continuity", files=frames[::-1], data={"every": "1"}, headers=HTMX)
    assert "12</b> frames looked at" in answer.text
    assert 'class="dot below_threshold" ' in answer.text
    assert answer.text.index("frame_2.png") < answer.text.index("frame_10.png")

    put = client.post(f"{page}/references", files={"picture": photo(3, 0)}, headers=HTMX)
    assert "is replaced" in put.headers["hx-trigger"]
    text = ended(client, page)
    assert text.count(">stale<") == 2
    past = [part.partition('"')[0] for part in text.split('src="') if part.startswith(f"{page}/past/")]
    assert len(past) == 1
    assert client.get(past[0]).headers["content-type"] == "image/jpeg"
    assert "The face before" in client.get(f"{page}/history").text

    gone = client.post(f"{page}/delete")
    assert gone.status_code == 303
    assert client.get(page).status_code == client.get(copy).status_code == 404


def test_copies_that_no_check_names_are_removed(client: httpx.Client, web: Served) -> None:
    pages = [add(client, name, photo(1, 0)) for name in ("Ada", "Bob")]
    for page in pages:
        ended(client, page)
        client.post(f"{page}/likeness", files={"pictures": photo(1, 1)})
    web.engine.parts.checked.put(Digest("ab" * 32), COPY_SIDE, b"of nobody")
    found = web.engine.doctor(fix=True)
    assert [each.fixed for each in found if each.kind == "copy_orphan"] == [True]
    for page, left in zip(pages, (1, 0), strict=True):
        client.post(f"{page}/delete")
        assert len(set(web.engine.parts.checked)) == left


def test_what_cannot_be_used_is_said_in_words(client: httpx.Client) -> None:
    page = add(client, "Ada")
    assert "Drop a source image of Ada" in client.get(page).text
    refused = client.post(f"{page}/references", files={"picture": b"no picture"}, headers=HTMX)
    assert refused.status_code == 415
    assert "not that of a picture" in refused.headers["hx-trigger"]
    assert client.post("/characters", data={"name": "Ada"}).status_code == 409
    assert client.post("/characters", data={"name": " "}).status_code == 422
    assert client.post(f"{page}/likeness", files={"pictures": photo(1, 0)}).status_code == 409
    assert client.post(f"{page}/continuity", files={"frames": b""}).status_code in {409, 415, 422}
    assert client.post(f"{page}/select-face", data={"face_id": "7"}).status_code == 404
    assert client.post(f"{page}/references/7/extract").status_code == 404
    assert client.get(f"{page}/references/7/face").status_code == 404
    assert client.get(f"{page}/past/{'0' * 64}/1").status_code == 404
    half = client.post("/characters", data={"name": "Bob"}, files={"picture": photo(1, 0)[:4000]})
    assert half.status_code == 303
    assert "Bob" in client.get("/characters").text


def test_a_character_shows_pictures_of_its_own_alone(client: httpx.Client) -> None:
    one, other = add(client, "Ada", photo(1, 0)), add(client, "Bob")
    text = ended(client, one)
    faces = {part.partition('"')[0] for part in text.split('src="') if part.startswith(f"{one}/references/")}
    assert faces
    for address in faces:
        assert client.get(address).status_code == 200
        assert client.get(address.replace(one, other, 1)).status_code == 404
    for what in ("extract", "remove"):
        assert client.post(f"{other}/references/1/{what}").status_code == 404


def test_look_alikes_are_made_one_and_two_again(client: httpx.Client, web: Served) -> None:
    first, second = add(client, "Ada", photo(1, 0)), add(client, "Eda", photo(1, 1))
    add(client, "Bob", photo(2, 0))
    for page in (first, second, "/characters"):
        ended(client, page)
    text = client.get("/characters/duplicates").text
    assert (text.count('class="card pair"'), "They are one" in text) == (1, True)
    assert client.get("/characters/duplicates?threshold=-1").text.count('class="card pair"') == 3
    answer = client.post(f"{second}/merge", data={"into": number(first)})
    assert answer.status_code == 303
    assert "No two look alike" in client.get("/characters/duplicates").text
    web.engine.undo()
    assert 'class="card pair"' in client.get("/characters/duplicates").text


def test_the_list_is_searched_filtered_and_comes_in_pages(client: httpx.Client, web: Served) -> None:
    for at in range(70):
        web.engine.add_character(f"Person {at}")
    text = client.get("/characters").text
    assert text.count("character-card") == 60
    following = text.split('class="pager"')[-1].split('href="')[1].partition('"')[0].replace("&amp;", "&")
    assert client.get(following).text.count("character-card") == 10
    assert client.get("/characters?find=PERSON+6").text.count("character-card") == 11
    assert "Nobody here" in client.get("/characters?which=ready").text


def test_names_are_only_words(client: httpx.Client) -> None:
    page = add(client, HOSTILE, photo(1, 0))
    ended(client, page)
    client.post(f"{page}/references", files={"picture": photo(1, 1)}, data={"label": HOSTILE})
    text = ended(client, page)
    for address in (page, "/characters", f"{page}/history", f"{page}/likeness"):
        text = client.get(address).text
        assert "<img src=x" not in text
        assert escape(HOSTILE, quote=False)[:20] in text


def test_a_warning_that_was_dismissed_stays_away_until_the_picture_changes(client: httpx.Client, web: Served) -> None:
    web.engine.set_setting("reference_threshold", 1.0, "Ann")
    page = add(client, "Ada", photo(1, 0))
    text = ended(client, page)
    assert "Face detection confidence is low (0.99)" in text
    assert "set for this project by Ann" in text
    client.post(f"{page}/references/1/dismiss")
    assert "Face detection confidence" not in client.get(page).text
    client.post(f"{page}/references", files={"picture": photo(2, 0)})
    assert "Face detection confidence is low" in ended(client, page)


def test_who_may_only_look_is_offered_nothing_else(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = pattern_settings(tmp_path_factory.mktemp("locked"))
    reader, writer = make_key(settings, Role.READ), make_key(settings, Role.WRITE)
    with served(settings, job_threads=1) as server, server.client(reader) as looks, server.client(writer) as writes:
        page = add(writes, "Ada", photo(1, 0))
        ended(writes, page)
        assert "Replace" in writes.get(page).text
        text = looks.get(page).text
        for word in ("Replace", "Delete", "dropzone", "Look again"):
            assert word not in text
        assert looks.post(f"{page}/delete").status_code == 403
        assert looks.post("/characters", data={"name": "Bob"}).status_code == 403
