"""Every kind of source, for the tests that each must pass. A new type adds one builder to BUILDERS."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from personae.adapters.sources.folder import FolderSource
from personae.adapters.sources.http import PoliteClient
from personae.adapters.sources.immich import ImmichSource
from personae.adapters.sources.immich import headers as immich_headers
from personae.adapters.sources.manifest import ManifestSource
from personae.adapters.sources.stash_box import StashBoxSource
from personae.adapters.sources.stash_box import headers as stash_box_headers
from personae.adapters.sources.wikidata import WikidataSource
from personae.adapters.sources.wikidata import headers as wikidata_headers
from personae.ports.sources import PeopleSource
from personae.records import SourceSpec
from tests.servers import immich as immich_server
from tests.servers import stash_box as stash_box_server
from tests.servers.immich import ImmichServer
from tests.servers.stash_box import StashBoxServer, performer
from tests.servers.web import Reply
from tests.servers.wikimedia import WikimediaServer


@dataclass(frozen=True)
class Given:
    """A source, and the truth about the people it knows."""

    source: PeopleSource
    names: Mapping[str, str]
    """Of everybody, by external id."""
    photos: Mapping[str, frozenset[bytes]]
    """Of everybody, by external id; one at least has none, one has several."""


Builder = Callable[[Path], AbstractContextManager[Given]]


def photo(number: int, kind: str = "JPEG") -> bytes:
    """Return a small picture, another one for each number."""
    data = io.BytesIO()
    Image.new("RGB", (8, 8), (number * 37 % 256, number * 91 % 256, number % 256)).save(data, kind)
    return data.getvalue()


PEOPLE = {
    "Ann Lee": [photo(1), photo(2, "PNG")],
    "Bob Ray (actor)": [photo(3)],
    "Carla_Díaz": [photo(4), photo(5, "WEBP"), photo(6)],
    "Dan": [],
    "Eve": [photo(7)],
}
"""By the name of a folder."""
NAMES = {"Ann Lee": "Ann Lee", "Bob Ray (actor)": "Bob Ray", "Carla_Díaz": "Carla Díaz", "Dan": "Dan", "Eve": "Eve"}
PHOTOS = {each: frozenset(photos) for each, photos in PEOPLE.items()}


_HTTP: dict[str, Any] = {
    "purpose": "tests, write to tests@example.org",
    "legal_basis": "none needed",
    "rate_limit": 0.0,
    "allow_private": True,
}


def fill(folder: Path) -> Path:
    """Make a folder for each of PEOPLE."""
    for name, photos in PEOPLE.items():
        (folder / name).mkdir(parents=True)
        for number, data in enumerate(photos):
            (folder / name / f"{number}.jpg").write_bytes(data)
    return folder


def age(place: Path) -> None:
    """Let everything here be an hour old: what has just changed is stated with care, and anew each time."""
    hour_ago = time.time() - 3600
    for each in [*place.rglob("*"), place]:
        os.utime(each, (hour_ago, hour_ago))


@contextmanager
def folder_source(place: Path) -> Iterator[Given]:
    """A folder per person."""
    spec = SourceSpec("family", "folder", endpoint=str(fill(place / "people")))
    age(place)
    source = FolderSource(spec)
    yield Given(source, NAMES, PHOTOS)
    source.close()


def _rows() -> list[dict[str, str]]:
    """Return rows of PEOPLE, those of one person not side by side."""
    rows = []
    for turn in range(3):
        for name, photos in PEOPLE.items():
            if turn < max(1, len(photos)):
                row = {"id": name, "name": NAMES[name], "aliases": "", "image": "", "sha256": ""}
                if photos:
                    digest = hashlib.sha256(photos[turn]).hexdigest()
                    row |= {"image": f"people/{name}/{turn}.jpg", "sha256": digest}
                rows.append(row)
    return rows


@contextmanager
def csv_source(place: Path) -> Iterator[Given]:
    """A manifest with a header."""
    fill(place / "people")
    with (place / "list.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, _rows()[0])
        writer.writeheader()
        writer.writerows(_rows())
    age(place)
    source = ManifestSource(SourceSpec("archive", "manifest", endpoint=str(place / "list.csv")))
    yield Given(source, NAMES, PHOTOS)
    source.close()


@contextmanager
def jsonl_source(place: Path) -> Iterator[Given]:
    """A manifest of JSON lines."""
    fill(place / "people")
    lines = [json.dumps({name: value for name, value in row.items() if value}) + "\n" for row in _rows()]
    (place / "list.jsonl").write_text("".join(lines), "utf-8")
    age(place)
    source = ManifestSource(SourceSpec("archive", "manifest", endpoint=str(place / "list.jsonl")))
    yield Given(source, NAMES, PHOTOS)
    source.close()


@contextmanager
def stash_box_source(place: Path) -> Iterator[Given]:
    """A GraphQL server with small pages."""
    server = StashBoxServer([])
    for number, (name, photos) in enumerate(PEOPLE.items()):
        images = [server.add_image(f"i{number}{at}", Reply(200, data, "image/jpeg")) for at, data in enumerate(photos)]
        created = f"2024-01-0{1 + number}T00:00:00Z"
        server.people.append(performer(name, name=NAMES[name], images=images, created=created))
    spec = SourceSpec("box", "stash_box", endpoint=server.endpoint, api_key=stash_box_server.KEY, **_HTTP)
    source = StashBoxSource(spec, PoliteClient(spec, headers=stash_box_headers(spec)), size=2)
    yield Given(source, NAMES, PHOTOS)
    source.close()
    server.close()


@contextmanager
def immich_source(place: Path) -> Iterator[Given]:
    """A server of photos, with people whom nobody has named."""
    people = {name: {"name": NAMES[name]} for name in PEOPLE} | {"nameless": {"name": ""}}
    assets = {
        f"{name} {at}": {"of": [name], "photo": data}
        for name, photos in PEOPLE.items()
        for at, data in enumerate(photos)
    }
    server = ImmichServer(people, assets)
    spec = SourceSpec("home", "immich", endpoint=server.url, api_key=immich_server.KEY, **_HTTP)
    source = ImmichSource(spec, PoliteClient(spec, headers=immich_headers(spec)), size=2)
    yield Given(source, NAMES, PHOTOS)
    source.close()
    server.close()


@contextmanager
def wikidata_source(place: Path) -> Iterator[Given]:
    """A query service, and files."""
    server = WikimediaServer()
    ids = {name: f"Q{7 + number}" for number, name in enumerate(PEOPLE)}
    for name, photos in PEOPLE.items():
        titles = [f"{ids[name]} {at}.jpg" for at in range(len(photos))]
        said = [("P31", "Q5"), ("label", NAMES[name], "en"), ("dateModified", "2024-01-01T00:00:00Z")]
        server.people[ids[name]] = said + [("P18", title) for title in titles]
        server.photos |= {f"File:{title}": (data, {}) for title, data in zip(titles, photos, strict=True)}
    spec = SourceSpec("wiki", "wikidata", endpoint=server.endpoint, ids=tuple(ids.values()), **_HTTP)
    client = PoliteClient(spec, headers=wikidata_headers(spec))
    source = WikidataSource(spec, client, server.api, server.below)
    names = {ids[name]: NAMES[name] for name in PEOPLE}
    yield Given(source, names, {ids[name]: PHOTOS[name] for name in PEOPLE})
    source.close()
    server.close()


BUILDERS: dict[str, Builder] = {
    "folder": folder_source,
    "manifest-csv": csv_source,
    "manifest-jsonl": jsonl_source,
    "stash_box": stash_box_source,
    "immich": immich_source,
    "wikidata": wikidata_source,
}
"""By the name under which the tests show it; the type of the source is what stands before a dash."""
