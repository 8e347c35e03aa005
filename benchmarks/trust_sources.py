"""Three sources made of one collection, some of their photos under a wrong name; and what an engine makes of them."""

from __future__ import annotations

import csv
import os
import shutil
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from benchmarks.trust_models import Models
from personae import Engine, Settings, open_engine
from personae.core.quality import ENRICH
from personae.core.trust import LOW_TRUST_QUARANTINED, NO_EXISTING_FACES
from personae.engine.enrich import EnrichOptions
from personae.engine.enrich_image import Examined, Fetched, examine_photos
from personae.engine.parts import Vision
from personae.engine.progress import Unwatched
from personae.errors import Cancelled
from personae.records import Claim, ClaimState, ImageRef, SourceSpec, Trust

GATES = replace(ENRICH, min_face_side=40, min_image_side=0)
"""The photos are 150 pixels wide, their faces 60 to 100: else all would be refused."""
PER_PERSON = 5
"""Photos a person of the medium source."""
WRONG = 0.05
"""Share of the medium and of the low source's photos that are planted under another person's name."""
UNLIMITED = 100_000
EVERYTHING = EnrichOptions(faces=True, max_faces_total=UNLIMITED)
STORE = "personae.db"
ALONE = f"{LOW_TRUST_QUARANTINED} (nobody known)"
"""Waiting for somebody of whom no face is known."""
ALL_HELD = f"{NO_EXISTING_FACES} (held)"
"""The high source has shown the person, but its face is held."""
PHOTOS_AT_ONCE = 8
HIGH, MEDIUM, LOW = "high", "medium", "low"
TRUST = {HIGH: Trust.HIGH, MEDIUM: Trust.MEDIUM, LOW: Trust.LOW}


@dataclass(frozen=True, slots=True)
class Offer:
    """A source says: this photo shows this person."""

    source: str
    person: str
    photo: str
    """The folder of the person whom it shows, and the file."""


Key = tuple[str, bool, str, str]
"""Source, whether the name is the right one, state, reason."""


@dataclass
class Outcome:
    """What became of the faces."""

    faces: Counter[Key] = field(default_factory=Counter)
    """Those that passed the gates."""
    photos: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Those that gave no face, by source and reason."""
    scored: Counter[tuple[str, bool]] = field(default_factory=Counter)
    """Held faces that tell both scores, by source and whether the name is right."""

    def add(self, other: Outcome) -> None:
        """Count what another run gave, too."""
        self.faces += other.faces
        self.photos += other.photos
        self.scored += other.scored

    def count(self, source: str, right: bool, state: ClaimState | None = None, reasons: Iterable[str] = ()) -> int:
        """Return how many faces of a source there are, of one state and of some reasons if such are given."""
        wanted = tuple(reasons)
        return sum(n for (name, named, became, why), n in self.faces.items()
                   if (name, named) == (source, right) and (state is None or became == state.value)
                   and (not wanted or why in wanted))  # fmt: skip

    def reasons(self, source: str, right: bool) -> dict[str, int]:
        """Return why faces were not accepted, commonest first."""
        found: Counter[str] = Counter()
        for (name, named, became, why), n in self.faces.items():
            if (name, named) == (source, right) and became != ClaimState.ACCEPTED.value:
                found[why] += n
        return dict(found.most_common())


def split(photos: Mapping[str, Sequence[str]], seed: int) -> list[Offer]:
    """Return who offers what: one photo a person to the high source, some to the medium one, the rest to the low.

    Args:
        photos: by person.
        seed: decides which photos, and which of them get whose name.
    """
    rng = np.random.default_rng(seed)
    offers: dict[str, list[Offer]] = defaultdict(list)
    for person, own in photos.items():
        for place, i in enumerate(rng.permutation(len(own)).tolist()):
            source = HIGH if place == 0 else MEDIUM if place <= PER_PERSON else LOW
            offers[source].append(Offer(source, person, own[i]))
    people = [*photos]
    for source in (MEDIUM, LOW):
        given = offers[source]
        for place in rng.permutation(len(given))[: round(WRONG * len(given))].tolist():
            other = people.index(given[place].person) + int(rng.integers(1, len(people)))
            given[place] = replace(given[place], person=people[other % len(people)])
    return [offer for source in TRUST for offer in sorted(offers[source], key=lambda each: (each.person, each.photo))]


def write(offers: Sequence[Offer], folder: Path, trust: Mapping[str, Trust] = TRUST) -> list[SourceSpec]:
    """Write a manifest a source beside the photos; return the sources' entries."""
    specs = []
    for source, level in trust.items():
        manifest = folder / f"{source}.csv"
        with manifest.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "name", "image"])
            for offer in offers:
                if offer.source == source:
                    writer.writerow([offer.person, offer.person.replace("_", " "), f"photos/{offer.photo}"])
        hour_ago = time.time() - 3600  # what has just changed would be read anew each time
        os.utime(manifest, (hour_ago, hour_ago))
        specs.append(SourceSpec(source, "manifest", trust=level, endpoint=str(manifest), max_faces=UNLIMITED))
    return specs


class _UntilSettled(Unwatched):
    """Cuts a run short when everything is brought and nothing settled yet."""

    def step(self, done: int, total: int, doing: str = "") -> None:  # noqa: ARG002
        """Stop before the settlement."""
        if doing == "settling":
            raise Cancelled


def bring(specs: Sequence[SourceSpec], vision: Vision, home: Path) -> None:
    """Let an engine bring everything into an empty store, and cut it short there.

    What is brought is the same whichever of the embedders settle it, so it is done once for all of them.
    """
    with _opened(home, specs, vision) as engine, suppress(Cancelled):
        engine.enrich(EVERYTHING, _UntilSettled())
        raise RuntimeError("the run did not tell that it settles")


def settle(specs: Sequence[SourceSpec], vision: Vision, home: Path) -> list[Claim]:
    """Continue what was cut short, with these embedders, in a copy of the store; return all claims as they are then."""
    with tempfile.TemporaryDirectory(dir=home.parent) as name:
        copy = Path(name)
        shutil.copy(home / STORE, copy / STORE)
        with _opened(copy, specs, vision) as engine:
            summary = engine.enrich(EVERYTHING)
            failed = [f"{row.source}: {row.failure or row.errors}" for row in summary.sources
                      if row.failure or row.errors]  # fmt: skip
            if failed:
                raise RuntimeError("; ".join(failed))
            with engine.parts.store.read() as tx:
                return tx.sources.claims()


def _opened(home: Path, specs: Sequence[SourceSpec], vision: Vision) -> Engine:
    engine = open_engine(Settings(home=home))
    parts = engine.parts
    rules = replace(parts.rules, enrich_gates=GATES)
    engine.parts = replace(parts, vision=lambda: vision, sources=lambda: specs, rules=rules)
    return engine


def count(claims: Sequence[Claim], people: Collection[str]) -> Outcome:
    """Count what became of the faces that were said to be these people."""
    outcome = Outcome()
    shown = {claim.external_id for claim in claims if claim.source == HIGH and claim.face_id is not None}
    for claim in claims:
        if claim.external_id not in people:
            continue
        if claim.face_id is None:
            outcome.photos[claim.source, claim.reason] += 1
            continue
        right = Path(claim.image_ref).parent.name == claim.external_id
        reason = claim.reason
        if claim.state is ClaimState.QUARANTINED and claim.distance is None:
            reason = ALONE
        elif reason == NO_EXISTING_FACES and claim.external_id in shown:
            reason = ALL_HELD
        outcome.faces[claim.source, right, claim.state.value, reason] += 1
        if claim.state is ClaimState.HELD and claim.distance is not None and claim.other_distance is not None:
            outcome.scored[claim.source, right] += 1
    return outcome


def look(photos: Path, models: Models, *embedders: str) -> dict[str, Examined]:
    """Return what each photo is worth, by person and file; the models are asked what they were not asked before."""
    vision = models.vision(*embedders)
    places = sorted(photos.glob("*/*.jpg"))
    spec = SourceSpec("look", "folder", trust=Trust.MEDIUM)
    with tempfile.TemporaryDirectory() as home, open_engine(Settings(home=Path(home))) as engine:
        parts = replace(engine.parts, vision=lambda: vision)

        def part(start: int) -> list[Examined]:
            some = places[start : start + PHOTOS_AT_ONCE]
            fetched = [Fetched(ImageRef(_name(photo), photo.as_uri()), photo.read_bytes()) for photo in some]
            return examine_photos(parts, GATES, spec, fetched)

        with ThreadPoolExecutor(parts.rules.workers) as pool:
            found = [each for some in pool.map(part, range(0, len(places), PHOTOS_AT_ONCE)) for each in some]
    models.save()
    return {each.ref.id: each for each in found}


def copied(photos: Path, folder: Path) -> None:
    """Put the photos where manifests may refer to them: a source reads nothing beyond its own folder."""
    shutil.copytree(photos, folder / "photos")


def _name(photo: Path) -> str:
    return f"{photo.parent.name}/{photo.name}"
