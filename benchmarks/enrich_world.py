"""A world to enrich from: people of a research data set, offered by three sources of different trust.

Everything is drawn by fixed seeds, so that each process that asks for a world of one size gets the same one.
"""

from __future__ import annotations

import functools
import hashlib
import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.report import SHARED
from personae import Engine, Settings, open_engine
from personae.adapters.sources import immich, stash_box
from personae.adapters.sources.cache import ImageCache
from personae.adapters.sources.http import PoliteClient
from personae.adapters.sources.limits import Limits, Machine
from personae.adapters.sources.manifest import ManifestSource
from personae.engine.parts import Vision
from personae.ports import PeopleSource
from personae.records import SourceSpec, Trust
from personae.types import PersonId

PHOTOS = SHARED / "data" / "lfw-dev"
STASH, IMMICH, LIST = "agency", "press", "web"
TRUSTS = {STASH: Trust.HIGH, IMMICH: Trust.MEDIUM, LIST: Trust.LOW}
KNOWN_TO = {STASH: 0.85, IMMICH: 0.7, LIST: 0.6}
"""How many of the people each source knows."""
PER_PERSON = 15
"""Photos of a person, as they are, at most."""
AS_THEY_ARE = 0.75
"""Share of the photos, at most; the others are mirrored copies, and some photos are offered twice."""
WRONG = {STASH: 0.03, IMMICH: 0.05, LIST: 0.10}
"""How many of a source's photos show somebody else than it says."""
TWICE = 40
"""Each so manieth photo is offered, byte by byte, by two sources."""
MAX_FACES = 6
"""Faces a person that a source may bring: some people have more photos, so that the limit acts."""
SMALLEST_IMAGE, SMALLEST_FACE = 100.0, 40.0
"""Gates, pixels: the photos of the data set are small."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A photo: a file, as it is or mirrored."""

    file: str
    mirrored: bool = False

    @property
    def person(self) -> str:
        """Who is on it."""
        return Path(self.file).parent.name

    def data(self) -> bytes:
        """Return its bytes."""
        there = (PHOTOS / self.file).read_bytes()
        return _mirror(there) if self.mirrored else there


@dataclass(frozen=True, slots=True)
class Entry:
    """A person as a source knows them."""

    external_id: str
    name: str
    photos: tuple[tuple[str, Shot], ...]
    """(id within the source, photo)."""


World = Mapping[str, tuple[Entry, ...]]
"""By source."""


def make_world(people: int, photos: int) -> World:
    """Return a world of so many people, the most photographed ones, and so many photos offered in all."""
    chance = random.Random(f"{people} {photos}")
    folders = sorted((each for each in PHOTOS.iterdir() if each.is_dir()), key=lambda each: each.name)
    files: dict[str, Sequence[str]] = {
        each.name: sorted(f"{each.name}/{file.name}" for file in each.glob("*.jpg")) for each in folders
    }
    order = sorted(files, key=lambda name: (-len(files[name]), name))
    inside, outside = order[:people], order[people:]
    files.update(_capped({name: files[name] for name in inside}, int(AS_THEY_ARE * photos)))
    strangers = [files[name][0] for name in outside] or [files[name][-1] for name in inside]
    knows = {name: [source for source, share in KNOWN_TO.items() if chance.random() < share] or [STASH]
             for name in inside}  # fmt: skip
    offers: dict[str, dict[str, list[Shot]]] = {name: defaultdict(list) for name in inside}
    left = photos
    for name in inside:
        for number, file in enumerate(files[name]):
            source = knows[name][number % len(knows[name])]
            wrong = chance.random() < WRONG[source]
            others = [files[each][0] for each in inside if each != name]
            pool = strangers if source != STASH and chance.random() < 0.5 else others
            shots = [Shot(chance.choice(pool), mirrored=True) if wrong else Shot(file)]
            offers[name][source] += shots
            left -= 1
            if left and number and len(knows[name]) > 1 and chance.random() < 1 / TWICE:
                offers[name][knows[name][(number + 1) % len(knows[name])]] += shots
                left -= 1
    _fill_up(offers, knows, {name: files[name] for name in inside}, left)
    return {source: tuple(_entries(source, offers)) for source in TRUSTS}


def _capped(files: Mapping[str, Sequence[str]], most: int) -> dict[str, Sequence[str]]:
    """Return as many photos of each person as there may be in all, the same number of everybody who has so many."""
    cap = PER_PERSON
    while cap > 1 and sum(min(len(each), cap) for each in files.values()) > most:
        cap -= 1
    return {name: each[:cap] for name, each in files.items()}


def _fill_up(offers: dict[str, dict[str, list[Shot]]], knows: Mapping[str, Sequence[str]],
             files: Mapping[str, Sequence[str]], left: int) -> None:  # fmt: skip
    """Offer mirrored copies until there are enough photos, those of people with few photos first."""
    turn = 0
    while left > 0:
        for name in sorted(offers, key=lambda each: (len(files[each]), each)):
            if left > 0 and turn < len(files[name]):
                offers[name][knows[name][(turn + 1) % len(knows[name])]].append(Shot(files[name][turn], mirrored=True))
                left -= 1
        turn += 1
        if turn > PER_PERSON:
            raise ValueError("there are not so many photos")


def _entries(source: str, offers: Mapping[str, Mapping[str, Sequence[Shot]]]) -> Iterator[Entry]:
    for number, (name, by_source) in enumerate(sorted(offers.items())):
        if source in by_source:
            shots = dict.fromkeys(by_source[source])
            photos = tuple((f"{source}-{number:04}-{at:02}", shot) for at, shot in enumerate(shots))
            yield Entry(f"{source[0]}{number * 7919 % 10007:05}", name.replace("_", " "), photos)


def by_ref(world: World) -> dict[tuple[str, str], Shot]:
    """Return every photo by source and id."""
    return {(source, ref): shot for source, entries in world.items() for each in entries for ref, shot in each.photos}


@functools.lru_cache(maxsize=16)
def _mirror(data: bytes) -> bytes:
    """Return a photo mirrored and encoded anew: another file, of the same person."""
    picture: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return bytes(cv2.imencode(".jpg", cv2.flip(picture, 1), [cv2.IMWRITE_JPEG_QUALITY, 88])[1])


# --- sources ----------------------------------------------------------------------------------


def specs(endpoints: Mapping[str, str], manifest: Path, gap: float) -> list[SourceSpec]:
    """Return the sources' entries, for servers at these addresses.

    Args:
        endpoints: by source.
        manifest: the file of the source that is a list.
        gap: seconds between two requests.
    """
    said = {"purpose": "a benchmark", "legal_basis": "research data", "max_faces": MAX_FACES, "rate_limit": gap}
    kinds = {STASH: ("stash_box", endpoints[STASH]), IMMICH: ("immich", endpoints[IMMICH]),
             LIST: ("manifest", str(manifest))}  # fmt: skip
    keys = {STASH: "a-key-that-must-not-be-seen", IMMICH: "an-immich-key", LIST: ""}
    return [SourceSpec(name, kind, trust=TRUSTS[name], endpoint=endpoint, api_key=keys[name], allow_private=True,
                       **said)  # type: ignore[arg-type]
            for name, (kind, endpoint) in kinds.items()]  # fmt: skip


def write_manifest(world: World, endpoint: str, place: Path) -> Path:
    """Write the list of photos whose bytes a server at `endpoint` has; half of them with their SHA-256."""
    lines = []
    for entry in world[LIST]:
        for number, (ref, shot) in enumerate(entry.photos):
            row = {"id": entry.external_id, "name": entry.name, "image": f"{endpoint}/images/{ref}"}
            if number % 2:
                row["sha256"] = hashlib.sha256(shot.data()).hexdigest()
            lines.append(json.dumps(row) + "\n")
    place.write_text("".join(lines), "utf-8")
    return place


@dataclass(frozen=True)
class Opener:
    """Opens sources as personae does, with limits and a clock of the benchmark's own."""

    cache: Path
    limits: Limits
    machine: Machine
    endpoint: str
    """Of the photos in the list: a list itself has no server of its own."""
    clients: dict[str, PoliteClient]
    """Those that were opened last, by source."""

    def __call__(self, spec: SourceSpec) -> PeopleSource:
        """Open one."""
        heads = {"stash_box": stash_box.headers, "immich": immich.headers}
        headers = heads[spec.type](spec) if spec.type in heads else {}
        own = spec if spec.type in heads else replace(spec, endpoint=self.endpoint)
        client = self.clients[spec.name] = PoliteClient(own, headers=headers, limits=self.limits, machine=self.machine)
        if spec.type == "stash_box":
            return stash_box.StashBoxSource(spec, client, ImageCache(self.cache / spec.name))
        if spec.type == "immich":
            return immich.ImmichSource(spec, client)
        return ManifestSource(spec, client)


def no_source(spec: SourceSpec) -> PeopleSource:
    """Refuse: nothing is asked of sources here."""
    raise NotImplementedError(spec.name)


@contextmanager
def engine_on(home: Path, sources: Sequence[SourceSpec], opener: Callable[[SourceSpec], PeopleSource],
              vision: Vision | None = None) -> Iterator[Engine]:  # fmt: skip
    """Open an engine with these sources; `vision` takes the place of the models."""
    with open_engine(Settings(home=home, enrich_min_face_side=SMALLEST_FACE)) as engine:
        rules = engine.parts.rules
        gates = replace(rules.enrich_gates, min_image_side=SMALLEST_IMAGE, founding_side=SMALLEST_FACE)
        engine.parts = replace(engine.parts, rules=replace(rules, enrich_gates=gates), sources=lambda: sources,
                               open_source=opener)  # fmt: skip
        if vision is not None:
            engine.parts = replace(engine.parts, vision=lambda: vision)
        yield engine


# --- what is left behind ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Left:
    """What an enrichment leaves behind, in words that do not depend on numbers that the store gives."""

    people: frozenset[str]
    """Who they are, by which ids, with which faces: a face is the photo that it is in."""
    claims: frozenset[str]
    """Of each photo whom it shows by its source's word, what became of it, and its face."""
    reasons: frozenset[str]
    """Why, of each photo."""
    accepted: frozenset[tuple[str, str]]
    """(source, photo) of the faces that were let in."""
    kept: frozenset[str]
    """Every face: which source brought it, and the photo that it is in."""
    doubles: int
    """Faces beyond one a photo: a source's photo has one face that is kept."""

    def differences(self, other: Left) -> list[str]:
        """Return what is here and not there, and the other way round; without reasons."""
        pairs = ((self.people, other.people), (self.claims, other.claims))
        found = [f"{self.doubles} faces are there twice"] if self.doubles else []
        for mine, theirs in pairs:
            found += [f"+ {each}" for each in sorted(mine - theirs)] + [f"- {each}" for each in sorted(theirs - mine)]
        return found


def left_by(engine: Engine) -> Left:
    """Return the state of the store."""
    with engine.parts.store.read() as tx:
        people = tx.people.all()
        keys = {each.id: f"{each.name} {sorted(each.external_ids.items())}" for each in people}
        face_ids, image_ids, person_ids, _, _ = tx.faces.gallery()
        digests = {each.id: each.digest for each in tx.images.get(sorted(set(image_ids.tolist())))}
        photo = {face: digests[image][:12] for face, image in zip(face_ids.tolist(), image_ids.tolist(), strict=True)}
        faces = defaultdict(list)
        for face, person in zip(face_ids.tolist(), person_ids.tolist(), strict=True):
            faces[person].append(photo[face])
        claims = tx.sources.claims()
        told = [f"{each.source} {_short(each.image_ref)} {keys[PersonId(each.person_id)]} {each.state} "
                f"{photo.get(each.face_id or -1)}" for each in claims]  # fmt: skip
        known = {each.id: _said(tx.people.record(each.id)) for each in people}
        return Left(
            frozenset(f"{keys[each.id]} {sorted(faces[each.id])} {known[each.id]}" for each in people),
            frozenset(told),
            frozenset(f"{line} {each.reason}" for line, each in zip(told, claims, strict=True)),
            frozenset((each.source, _short(each.image_ref)) for each in claims if each.state == "accepted"),
            frozenset(f"{each.source} {_short(each.image_ref)} {photo[each.face_id]}" for each in claims
                      if each.face_id in photo),
            len(face_ids) - len(digests),
        )  # fmt: skip


def _short(ref: str) -> str:
    """Return the id of a photo without the address of its server, whose port is another each time."""
    return ref.rpartition("/")[2]


def _said(record: object) -> str:
    """Return what sources state of a person; of lists their content, whichever source was quicker."""
    found = {name: getattr(record, name) for name in ("aliases", "birth_date", "country", "gender")}
    found["aliases"] = sorted(found["aliases"])
    return str(found)
