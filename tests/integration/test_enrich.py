"""Enrichment on real photos with the real models, from folders of several sources."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from personae import Engine, Settings, open_engine
from personae.core.quality import ENRICH
from personae.engine.enrich import EnrichOptions, EnrichSummary
from personae.engine.enrich_image import Fetched, examine_photos
from personae.errors import Conflict, NotFound
from personae.records import ClaimState, ImageRef, SourceSpec, Trust
from tests.photos import originals

SOURCES = {
    "agency": (Trust.HIGH, {"Barack": ["obama"], "Joe": ["biden"], "Party": ["party1"]}),
    "press": (Trust.MEDIUM, {"Barack": ["obama2", "obama3", "biden"], "Joe": ["obama"], "Eileen": ["collins"]}),
    "web": (Trust.LOW, {"Barack": ["obama3"], "Grace": ["hopper"]}),
}


def fill(root: Path) -> list[SourceSpec]:
    """Make the sources' folders; return their entries."""
    specs = []
    for source, (trust, people) in SOURCES.items():
        for person, photos in people.items():
            folder = root / source / person
            folder.mkdir(parents=True)
            for photo in photos:
                place = originals()[photo]
                shutil.copy(place, folder / f"{photo}{place.suffix}")
        specs.append(SourceSpec(source, "folder", trust=trust, endpoint=str(root / source)))
    (root / "press" / "Joe" / "page.jpg").write_text("<html>not here</html>", encoding="utf-8")
    return specs


def opened(home: Path, specs: list[SourceSpec]) -> Engine:
    """Open an engine with these sources."""
    engine = open_engine(Settings(home=home))
    engine.parts = replace(engine.parts, sources=lambda: specs)
    return engine


@pytest.fixture(scope="module")
def enriched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[SourceSpec], EnrichSummary]:
    """A home that was enriched once; tests work on copies of it."""
    root = tmp_path_factory.mktemp("sources")
    specs = fill(root)
    with opened(root / "home", specs) as engine:
        return root / "home", specs, engine.enrich(EnrichOptions(faces=True))


@pytest.fixture
def engine(enriched: tuple[Path, list[SourceSpec], EnrichSummary], tmp_path: Path) -> Iterator[Engine]:
    home, specs, _ = enriched
    shutil.copytree(home, tmp_path / "home")
    with opened(tmp_path / "home", specs) as engine:
        yield engine


def test_each_source_is_believed_as_far_as_it_is_trusted(
    enriched: tuple[Path, list[SourceSpec], EnrichSummary],
) -> None:
    rows = {row.source: row for row in enriched[2].sources}
    assert (rows["agency"].faces_added, rows["agency"].refused) == (2, {"several_faces": 1})
    assert rows["press"].faces_added == 2
    assert {key: rows["press"].refused[key] for key in ("no_match", "no_existing_faces")} == {
        "no_match": 2, "no_existing_faces": 1,
    }  # fmt: skip
    assert (rows["web"].faces_added, rows["web"].quarantined) == (1, 1)
    assert sum(rows["press"].refused.values()) + sum(rows["press"].errors.values()) == 4


def test_every_face_has_its_receipt(engine: Engine) -> None:
    with engine.parts.store.read() as tx:
        claims = {claim.image_ref: claim for claim in tx.sources.claims(source="press")}
        accepted = tx.sources.claims(states=(ClaimState.ACCEPTED,))
        faces = {face.id: face for face in tx.faces.get([claim.face_id for claim in accepted if claim.face_id])}
    matched, refused = claims["Barack/obama2"], claims["Barack/biden"]
    assert matched.reason == "matched_existing"
    assert matched.distance is not None
    assert refused.distance is not None
    assert matched.threshold is not None
    assert matched.distance < matched.threshold <= refused.distance
    assert matched.model_id == "facenet512+arcface512"
    assert matched.url.startswith("file:")
    assert all(faces[claim.face_id].person_id == claim.person_id for claim in accepted if claim.face_id)
    shown = {face.source: face for face in engine.show("Barack").faces}
    assert {source: face.reason for source, face in shown.items()} == {
        "agency": "high_trust", "press": "matched_existing", "web": "corroborated",
    }  # fmt: skip
    assert shown["press"].photo == matched.url
    assert shown["press"].score == pytest.approx(1 - matched.distance)
    assert shown["press"].threshold == pytest.approx(1 - matched.threshold)


def test_people_of_several_sources_are_one(engine: Engine) -> None:
    people = {person.name: person for person in engine.people()[0]}
    assert set(people) == {"Barack", "Joe", "Eileen", "Grace", "Party"}
    assert people["Barack"].external_ids == {"agency": "Barack", "press": "Barack", "web": "Barack"}
    assert people["Barack"].face_count == 3
    assert engine.doctor() == []


def test_who_knows_those_whom_sources_brought(engine: Engine) -> None:
    assert engine.who(originals()["obama4"])[0].who == "Barack"


def test_the_quarantine_is_listed(engine: Engine) -> None:
    (waiting,) = engine.quarantine()
    assert (waiting.source, waiting.person, waiting.state) == ("web", "Grace", "quarantined")


def test_a_humans_word_on_a_waiting_face_holds(engine: Engine) -> None:
    (waiting,) = engine.quarantine()
    engine.reject(waiting.face_id, "Grace")
    engine.enrich(EnrichOptions(("web",), faces=True))
    assert engine.quarantine() == []
    with engine.parts.store.read() as tx:
        assert [claim.reason for claim in tx.sources.claims(source="web", states=(ClaimState.REFUSED,))] == ["rejected"]


def test_a_waiting_face_that_a_human_names_is_accepted(engine: Engine) -> None:
    (waiting,) = engine.quarantine()
    engine.name(f"unknown_noise_{waiting.face_id}", "Grace")
    engine.enrich(EnrichOptions(("web",), faces=True))
    assert engine.quarantine() == []


def test_status_says_what_came(engine: Engine) -> None:
    rows = {row.source: row for row in engine.enrich_status()}
    assert (rows["agency"].people, rows["agency"].accepted, rows["agency"].complete) == (3, 2, True)
    assert rows["web"].quarantined == 1


def test_a_revoked_source_leaves_nothing_and_may_come_back(engine: Engine) -> None:
    operation = engine.revoke_source("agency")
    people = {person.name: person for person in engine.people()[0]}
    assert people["Barack"].face_count == 2
    assert {row.source for row in engine.enrich_status() if row.revoked} == {"agency"}
    with pytest.raises(Conflict):
        engine.revoke_source("agency")
    again = engine.enrich(EnrichOptions(("agency",), faces=True))
    assert again.sources[0].failure
    assert again.faces_brought == 0
    engine.undo(operation.id)
    assert {person.name: person.face_count for person in engine.people()[0]}["Barack"] == 3
    with pytest.raises(NotFound):
        engine.revoke_source("nobody")


def test_without_faces_only_records_come(tmp_path: Path) -> None:
    specs = fill(tmp_path)
    with opened(tmp_path / "home", specs) as engine:
        summary = engine.enrich(EnrichOptions())
        assert (summary.faces_brought, summary.people) == (0, 8)
        assert len(engine.people()[0]) == 5
        # Faces that are wanted later come although nothing has changed.
        assert engine.enrich(EnrichOptions(("agency",), faces=True)).faces_added == 2


def test_one_photo_has_its_reasons(engine: Engine, tmp_path: Path) -> None:
    small = tmp_path / "small.png"
    Image.new("RGB", (300, 300), "grey").save(small)
    photos = {
        "sky": small.read_bytes(),
        "torn": originals()["obama"].read_bytes()[:5000],
        "party": originals()["party1"].read_bytes(),
        "good": originals()["obama"].read_bytes(),
        "other": originals()["biden"].read_bytes(),
    }
    fetched = [Fetched(ImageRef(name, "", sha256="0" * 64 if name == "other" else None), data)
               for name, data in photos.items()]  # fmt: skip
    strict = SourceSpec("a", "folder", trust=Trust.HIGH)
    found = examine_photos(engine.parts, ENRICH, strict, [*fetched, Fetched(ImageRef("gone", ""), reason="gone")])
    assert [photo.reason for photo in found] == [
        "no_face", found[1].reason, "several_faces", "", "wrong_sha256", "gone",
    ]  # fmt: skip
    assert found[1].reason in {"truncated", "corrupt", "not_an_image"}
    good = found[3].face
    assert good is not None
    assert set(good.face.embeddings) == {"facenet512", "arcface512"}
    box = good.face.box
    assert good.face.quality.score == pytest.approx(min(1.0, box.width * box.height / 10_000 * good.face.det_score))
    loose = replace(strict, prefer_single_face=False)
    party = examine_photos(engine.parts, replace(ENRICH, min_face_side=20), loose, [fetched[2]])[0]
    assert party.usable
    every = engine.extract(_written(tmp_path, photos["party"]))["faces"]
    areas = [face["bounding_box"]["width"] * face["bounding_box"]["height"] for face in every]
    assert party.face is not None
    assert party.face.face.box.width * party.face.face.box.height == pytest.approx(max(areas))


def _written(folder: Path, data: bytes) -> Path:
    place = folder / "photo.jpg"
    place.write_bytes(data)
    return place
