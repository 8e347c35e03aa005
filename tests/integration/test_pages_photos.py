"""The pages of photos: the grid with its filters, one photo with its receipts, and who is this."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from personae.errors import NotFound
from personae.ports import PhotoFilter
from personae.types import Digest, NewImage
from personae.web.pages import photos
from tests.patterns import photo
from tests.served import Served, make_key, pattern_settings, served

HTMX = {"HX-Request": "true"}
HOSTILE = "<img src=x onerror=alert(1)>\"' {{ 7*7 }}"
SHOTS = {"Ann": 3, "Bo": 2}
"""Photos of each; the folder of each is called so."""


def fill(folder: Path, server: Served) -> None:
    """Take in Ann's photos and Bo's from two folders, a broken file, and a photo that was sent; Ann is known."""
    for place, (name, count) in enumerate(SHOTS.items()):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            (folder / name / f"{number}.png").write_bytes(photo(place, number))
    (folder / "Bo" / "broken.png").write_bytes(photo(9, 9)[:400])
    server.engine.ingest([folder / name for name in SHOTS])
    server.engine.take_in(photo(7, 0))
    server.engine.name(f"unknown_noise_{faces_in(server, 'Ann')[0]}", "Ann")


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that no test changes."""
    with served(tmp_path_factory.mktemp("home")) as server:
        fill(tmp_path_factory.mktemp("album"), server)
        yield server


@pytest.fixture
def reader(still: Served) -> Iterator[httpx.Client]:
    with still.client() as opened:
        yield opened


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "home") as server:
        fill(tmp_path / "album", server)
        yield server


@pytest.fixture
def client(web: Served) -> Iterator[httpx.Client]:
    with web.client() as opened:
        yield opened


def faces_in(web: Served, folder: str) -> list[int]:
    """Return the faces of the photos of a folder, the oldest first."""
    (key,) = [each for each in web.engine.photos.folders() if each.name == folder]
    listed = web.engine.photos.listed(PhotoFilter(folder=key.uri))
    return [seen.face.id for each in reversed(listed) for seen in each.faces]


def photos_of(text: str) -> list[int]:
    return [int(i) for i in re.findall(r'id="photo-(\d+)"', text)]


def get(client: httpx.Client, path: str, **options: Any) -> str:
    answer = client.get(path, **options)
    assert answer.status_code == 200, answer.text
    return answer.text


def said(answer: httpx.Response) -> dict[str, Any]:
    """Return what the toast says of an answer to htmx."""
    told: dict[str, Any] = json.loads(answer.headers["HX-Trigger"])["said"]
    return told


# --- the grid ---------------------------------------------------------------------------------


def test_the_grid_shows_the_newest_first_with_names_and_boxes(reader: httpx.Client, still: Served) -> None:
    text = get(reader, "/photos")
    ids = photos_of(text)
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 7
    assert "7 photos" in text
    assert text.count('<rect class="named"') == 1
    assert "Photo of Ann" in text
    assert "broken.png" in text
    assert str(still.engine.home) not in text


def test_photos_by_what_the_address_asks_for(reader: httpx.Client, still: Served) -> None:
    folders = {folder.name: folder for folder in still.engine.photos.folders()}
    assert {name: folder.count for name, folder in folders.items()} == {"Sent here": 1, "Ann": 3, "Bo": 3}
    person = still.engine.people()[0][0].id
    counts = {
        query: len(photos_of(get(reader, f"/photos?{query}")))
        for query in (
            "", "person=ann", "person=An", f"person={person}", "show=unknown", "show=empty", "show=refused",
            f"folder={folders['Ann'].key}", f"folder={folders['Bo'].key}&show=unknown", "folder=sent",
            "reason=truncated", "reason=blurred", "since=2020-01-01", "until=2020-01-01", "source=&person=&since=",
        )
    }  # fmt: skip
    assert counts == {
        "": 7, "person=ann": 1, "person=An": 1, f"person={person}": 1, "show=unknown": 5, "show=empty": 0,
        "show=refused": 1, f"folder={folders['Ann'].key}": 3, f"folder={folders['Bo'].key}&show=unknown": 2,
        "folder=sent": 1, "reason=truncated": 1, "reason=blurred": 0, "since=2020-01-01": 7, "until=2020-01-01": 0,
        "source=&person=&since=": 7,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("person=Nobody", "nobody is called"), ("person=999", "no person"), ("folder=x", "no such folder"),
        ("reason=x", "nothing is refused for"), ("since=yesterday", "no day"), ("until=0001-01-01", "no photo is from"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_for_is_said_in_words(reader: httpx.Client, query: str, words: str) -> None:
    text = html.unescape(get(reader, f"/photos?{query}"))
    assert words in text.lower()
    assert "Show all photos" in text
    assert photos_of(text) == []


def test_pages_of_the_grid_follow_each_other_as_links(tmp_path: Path) -> None:
    with served(tmp_path) as server, server.client() as client:
        with server.engine.parts.store.write() as tx:
            for number in range(2 * photos.AT_ONCE + 1):
                digest = Digest(hashlib.sha256(b"%d" % number).hexdigest())
                tx.images.add(NewImage(digest, size=1, width=4, height=4, format="JPEG"))
        met: list[int] = []
        at = "/photos?since=2020-01-01"
        while at:
            text = get(client, at)
            part = get(client, at, headers=HTMX)
            assert photos_of(part) == photos_of(text)
            assert "<html" not in part
            met += photos_of(text)
            more = re.search(r'href="([^"]*)" rel="next"', text)
            at = html.unescape(more[1]) if more else ""
    assert met == sorted(met, reverse=True)
    assert len(met) == 2 * photos.AT_ONCE + 1


def test_an_empty_collection_says_what_to_do(tmp_path: Path) -> None:
    with served(tmp_path) as server, server.client() as client:
        text = get(client, "/photos")
        assert "No photos yet" in text
        assert client.get("/photos/1").status_code == 404


# --- pictures ---------------------------------------------------------------------------------


def test_a_copy_is_made_once_and_goes_with_the_file(client: httpx.Client, web: Served, tmp_path: Path) -> None:
    image = web.engine.photos.listed(PhotoFilter(folder=web.engine.photos.folders()[1].uri))[0].image
    copies = web.engine.folder / "copies"
    for kind, side in (("thumbnail", 640), ("preview", 2048)):
        address = f"/api/images/{image.id}/{kind}"
        first = client.get(address).content
        made = Image.open(io.BytesIO(first))
        assert (made.format, made.size) == ("JPEG", (480, 480))
        (kept,) = copies.glob(f"*/{image.digest}-{side}.jpg")
        kept.write_bytes(b"\xff\xd8 as it was kept")
        assert client.get(address).content == b"\xff\xd8 as it was kept"
        kept.write_bytes(b"")
        assert client.get(address).content == first
    assert str(tmp_path) not in client.get("/photos").text
    (tmp_path / "album" / "Ann" / f"{image.uris[0].rpartition('/')[2]}").unlink()
    assert client.get(f"/api/images/{image.id}/thumbnail").status_code == 404
    assert list(copies.glob(f"*/{image.digest}*")) == []


def test_when_a_camera_took_it_is_told_by_its_clock(client: httpx.Client, web: Served) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2009:01:13 14:02:11"
    dated, plain = io.BytesIO(), io.BytesIO()
    Image.open(io.BytesIO(photo(3, 3))).save(dated, "JPEG", exif=exif)
    Image.open(io.BytesIO(photo(3, 4))).save(plain, "JPEG")
    ids = [web.engine.take_in(data.getvalue())[0].id for data in (dated, plain)]
    assert "13 January 2009, 14:02" in get(client, f"/photos/{ids[0]}")
    assert "Photographed" not in get(client, f"/photos/{ids[1]}")
    exif.get_ifd(0x8769)[0x9003] = "long ago"
    odd = io.BytesIO()
    Image.open(io.BytesIO(photo(3, 5))).save(odd, "JPEG", exif=exif)
    assert web.engine.parts.when_taken(odd.getvalue()) is None
    assert web.engine.parts.when_taken(b"no picture") is None


# --- one photo --------------------------------------------------------------------------------


def test_a_photo_has_its_receipts_and_leads_to_its_neighbours(reader: httpx.Client, still: Served) -> None:
    listed = [seen.image.id for seen in still.engine.photos.listed(PhotoFilter())]
    for place, image_id in enumerate(listed):
        text = get(reader, f"/photos/{image_id}?show=unknown")
        before, after = (re.search(rf'id="{name}"[^>]* href="/photos/(\d+)\?show=unknown"', text)
                         for name in ("newer", "older"))  # fmt: skip
        unknown = photos_of(get(reader, "/photos?show=unknown"))
        assert (int(before[1]) if before else None) == min((i for i in unknown if i > image_id), default=None), place
        assert (int(after[1]) if after else None) == max((i for i in unknown if i < image_id), default=None), place
    ann = get(reader, f"/photos/{photos_of(get(reader, '/photos?person=ann'))[0]}")
    assert "Said by a person" in ann
    assert 'viewBox="0 0 480 480"' in ann
    assert re.search(r"<dd>\d\.png</dd>", ann)
    broken = get(reader, f"/photos/{photos_of(get(reader, '/photos?show=refused'))[0]}")
    assert "could not be used" in broken


def test_saying_who_it_is_confirming_and_rejecting(client: httpx.Client, web: Served) -> None:
    face = faces_in(web, "Ann")[1]
    image = web.engine.browse.face(face).face.image_id
    at = f"/photos/{image}/faces/{face}"
    likely = get(client, f"{at}/likely", headers=HTMX)
    assert ">Ann</a>?" in likely
    person = web.engine.people()[0][0].id
    answer = client.post(f"{at}/reject", data={"person_id": person}, headers=HTMX)
    assert said(answer)["text"] == "This is not Ann."
    assert ">Ann</a>?" not in get(client, f"{at}/likely", headers=HTMX)
    web.engine.undo(said(answer)["operation"])
    answer = client.post(f"{at}/confirm", data={"person_id": person}, headers=HTMX)
    assert said(answer)["text"] == "This is Ann."
    assert 'id="faces"' in answer.text
    assert 'hx-swap-oob="true"' in answer.text
    assert web.engine.browse.face(face).face.person_id == person
    answer = client.post(f"{at}/name", data={"name": " Cy  Zed "}, headers=HTMX)
    assert said(answer)["text"] == "This is Cy Zed."
    assert web.engine.people()[0][1].name == "Cy Zed"
    answer = client.post(f"{at}/name", data={"name": "Ann", "person_id": str(person)}, headers=HTMX)
    assert web.engine.browse.face(face).face.person_id == person
    by_hand = client.post(f"{at}/reject", data={"person_id": person})
    assert (by_hand.status_code, by_hand.headers["Location"]) == (303, f"/photos/{image}")
    assert web.engine.browse.face(face).face.person_id is None


def test_what_cannot_be_said_changes_nothing(reader: httpx.Client, still: Served) -> None:
    face, image = faces_in(still, "Bo")[0], photos_of(get(reader, "/photos?person=ann"))[0]
    own = still.engine.browse.face(face).face.image_id
    for at, data, status in (
        (f"/photos/{image}/faces/{face}/name", {"name": "Ann"}, 404),
        (f"/photos/{own}/faces/{face}/name", {"name": "  "}, 422),
        (f"/photos/{own}/faces/{face}/name", {"name": "12"}, 422),
        (f"/photos/{own}/faces/{face}/confirm", {"person_id": "999"}, 404),
        (f"/photos/{own}/faces/{face}/confirm", {}, 422),
    ):
        answer = reader.post(at, data=data, headers=HTMX)
        assert answer.status_code == status, at
        assert said(answer)["wrong"]
    assert still.engine.browse.face(face).face.person_id is None


def test_names_are_text_wherever_they_stand(client: httpx.Client, web: Served) -> None:
    face = faces_in(web, "Bo")[0]
    image = web.engine.browse.face(face).face.image_id
    answer = client.post(f"/photos/{image}/faces/{face}/name", data={"name": HOSTILE}, headers=HTMX)
    person = next(each for each in web.engine.people()[0] if each.name != "Ann").id
    for text in (
        answer.text, get(client, "/photos"), get(client, f"/photos/{image}"), get(client, f"/photos?person={person}"),
        get(client, f"/photos/{image}?source={HOSTILE}"), get(client, "/photos", params={"person": HOSTILE * 9}),
    ):  # fmt: skip
        assert "<img src=x" not in text
        assert "<img src=x" in html.unescape(text)
        assert "' 49" not in html.unescape(text)


def test_who_may_only_read_is_shown_no_buttons(tmp_path: Path) -> None:
    from personae.access import Role  # noqa: PLC0415

    settings = pattern_settings(tmp_path)
    key = make_key(settings, Role.READ, "reader")
    with served(settings) as server, server.client(key) as client:
        image, _ = server.engine.take_in(photo(1, 1))
        text = get(client, f"/photos/{image.id}")
        assert "<form" not in text.partition('id="faces"')[2].partition("</section>")[0]
        face = server.engine.photos.one(image.id)[0].faces[0].face.id
        answer = client.post(f"/photos/{image.id}/faces/{face}/name", data={"name": "Ann"}, headers=HTMX)
        assert answer.status_code == 403
        assert "It is" not in client.post("/who", files={"picture": photo(1, 2)}, headers=HTMX).text


# --- who is this ------------------------------------------------------------------------------


def test_a_photo_is_looked_at_and_not_kept(reader: httpx.Client, still: Served) -> None:
    before = still.engine.stats()
    files = sorted(path for path in still.engine.folder.rglob("*") if path.is_file() and "store" not in path.name)
    sent = {"picture": ("x.png", photo(0, 50), "image/png")}
    for headers in ({}, HTMX):
        text = reader.post("/who", files=sent, headers=headers).text
        assert "1 face" in text
        assert ">Ann</a>" in text
        (copy, crop) = re.findall(r'"data:image/jpeg;base64,([^"]*)"', text)
        assert Image.open(io.BytesIO(base64.b64decode(copy))).size == (480, 480)
        assert Image.open(io.BytesIO(base64.b64decode(crop))).format == "JPEG"
    assert still.engine.stats() == before
    after = sorted(path for path in still.engine.folder.rglob("*") if path.is_file() and "store" not in path.name)
    assert [path for path in after if path not in files and "index" not in path.parts] == []


def test_a_photo_that_is_here_already_leads_to_itself(reader: httpx.Client, still: Served) -> None:
    data = photo(0, 0)
    answer = reader.post("/who", files={"picture": data}, headers=HTMX).text
    assert "in the collection already" in answer
    image = still.engine.browse.image_of(hashlib.sha256(data).hexdigest())
    assert image is not None
    assert f'href="/photos/{image.id}"' in answer


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 415),
        (b"not a picture", 415),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415),
        (photo(1, 1)[:300], 200),
    ],
)
def test_what_is_no_picture_is_said_in_words(reader: httpx.Client, data: bytes, status: int) -> None:
    answer = reader.post("/who", files={"picture": ("a.png", data, "image/png")}, headers=HTMX)
    assert answer.status_code == status
    assert "cannot be looked at" in answer.text if status == 200 else said(answer)["wrong"]


def test_it_is_taken_in_when_somebody_says_who_it_is(client: httpx.Client, web: Served) -> None:
    place = {"x": "1", "y": "2", "width": "470", "height": "470"}
    person = web.engine.people()[0][0]
    for number, who in ((60, {"person_id": str(person.id), "name": "Ann"}), (61, {"name": "Dee"})):
        answer = client.post("/who/keep", files={"picture": photo(0, number)}, data=place | who, headers=HTMX)
        assert answer.status_code == 204
        to, _, face = answer.headers["HX-Redirect"].partition("#face-")
        text = get(client, to)
        assert f'id="face-{face}"' in text
        listed = web.engine.browse.face(int(face)).face
        assert listed.person_id is not None
        assert web.engine.browse.person(listed.person_id).name == who["name"]
    elsewhere = place | {"x": "5000", "name": "Ann"}
    answer = client.post("/who/keep", files={"picture": photo(0, 62)}, data=elsewhere, headers=HTMX)
    assert answer.status_code == 409
    with pytest.raises(NotFound):
        web.engine.likely(10**6)
