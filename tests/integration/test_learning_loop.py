"""Detect, group, label, learn, judge again, on real photos with real models: what the guard promises, each round."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from personae import Engine, Settings, open_engine
from personae.core.likeness import Prototypes
from personae.core.metrics import bcubed
from personae.core.open_set import place
from personae.engine.gallery import load_gallery
from personae.engine.preferences import rules_now
from personae.engine.relearn import Relearnt
from personae.engine.switch import SwitchOptions
from personae.engine.thresholds import thresholds
from personae.engine.train import TrainOptions
from personae.errors import Conflict
from personae.types import Maker, Outcome

pytestmark = pytest.mark.slow

PHOTOS = Path(__file__).parents[3] / "shared" / "data" / "lfw-dev"
PEOPLE, EACH, SINGLE = 24, 6, 112
ROUNDS = (2, 3, 4)
"""Photos of each person that are labelled by then; the last two never are."""
SHORT = TrainOptions(epochs=5)


class Truth(NamedTuple):
    """Whose face is whose."""

    people: dict[int, str]
    """Face -> folder that its photo is in."""
    turn: dict[int, int]
    """Face -> number of its photo among those of the person."""


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Links to photos of 24 people, six of each, and of 112 people who are on one."""
    if not PHOTOS.is_dir():
        pytest.skip("../shared/data/lfw-dev is not here")
    pytest.importorskip("torch", reason="PyTorch is not installed")
    folder = tmp_path_factory.mktemp("loop") / "album"
    found = {each.name: sorted(each.glob("*.jpg")) for each in sorted(PHOTOS.iterdir()) if each.is_dir()}
    several = [name for name, photos in found.items() if len(photos) >= EACH][:PEOPLE]
    single = [name for name, photos in found.items() if len(photos) == 1][:SINGLE]
    for name in [*several, *single]:
        (folder / name).mkdir(parents=True)
        for photo in found[name][:EACH]:
            (folder / name / photo.name).symlink_to(photo)
    return folder


@pytest.fixture
def engine(album: Path, tmp_path: Path) -> Iterator[Engine]:
    with open_engine(Settings(home=tmp_path / "home", embedders=("facenet512",))) as opened:
        opened.ingest(album)
        yield opened


def truth_of(engine: Engine) -> Truth:
    """Return whose the clearest face of each photo is; others on the photo are nobody's."""
    with engine.parts.store.read() as tx:
        face_ids, image_ids, *_ = tx.faces.gallery()
        images = {image.id: image for image in tx.images.get(sorted(set(image_ids.tolist())))}
        faces = {face.id: face for face in tx.faces.get(face_ids.tolist())}
    clearest: dict[str, int] = {}
    for face_id, face in sorted(faces.items(), key=lambda item: item[1].quality.score):
        clearest[images[face.image_id].uris[0]] = int(face_id)
    people = {face_id: Path(uri).parent.name for uri, face_id in clearest.items()}
    turn = {face_id: int(Path(uri).stem.rpartition("_")[2]) for uri, face_id in clearest.items()}
    ranks: dict[int, int] = {}
    for name in set(people.values()):
        own = sorted((face_id for face_id in people if people[face_id] == name), key=lambda face_id: turn[face_id])
        ranks.update({face_id: rank for rank, face_id in enumerate(own)})
    return Truth(people, ranks)


def grouped_right(engine: Engine, truth: Truth) -> float:
    """Return how well the unknown groups agree with the people."""
    with engine.parts.store.read() as tx:
        face_ids, _, _, clusters, _ = tx.faces.gallery()
    rows = np.isin(face_ids, list(truth.people))
    alone = np.where(clusters < 0, -1, clusters)
    names = np.unique([truth.people[i] for i in face_ids[rows].tolist()], return_inverse=True)[1]
    return bcubed(alone[rows].astype(np.int64), names.astype(np.int64)).f


def label(engine: Engine, truth: Truth, upto: int) -> None:
    """Say of the first photos of everybody who is on them."""
    with engine.parts.store.read() as tx:
        known = {int(face.id) for face in tx.faces.get(list(truth.people)) if face.person_id is not None}  # type: ignore[arg-type]
        said = {int(d.face_id) for d in tx.decisions.active() if d.maker is Maker.HUMAN and d.face_id is not None}
    for face_id, name in sorted(truth.people.items()):
        if truth.turn[face_id] < upto and face_id not in known & said:
            engine.name(f"unknown_noise_{face_id}", name)


def tied(engine: Engine, truth: Truth) -> dict[int, str]:
    """Return what the open faces are called now."""
    with engine.parts.store.read() as tx:
        names = {person.id: person.name for person in tx.people.all()}
        faces = tx.faces.get([i for i in truth.people if truth.turn[i] >= max(ROUNDS)])  # type: ignore[misc]
    return {int(face.id): names[face.person_id] for face in faces if face.person_id is not None}


def right(found: Mapping[int, str], truth: Truth) -> float:
    """Return the share of the faces that nobody has labelled which are called by their name."""
    asked = [face_id for face_id, turn in truth.turn.items() if turn >= max(ROUNDS)]
    return sum(found.get(face_id) == truth.people[face_id] for face_id in asked) / len(asked)


def frozen(engine: Engine, truth: Truth) -> dict[int, str]:
    """Return what the open faces would be called by the embedders without a head, from the same labels."""
    base = engine.parts.vision().base
    with engine.parts.store.read() as tx:
        gallery = load_gallery(tx, base.model_ids)
        limits, match = thresholds(tx, base), rules_now(tx, engine.parts.rules).match_threshold
        said = {int(d.face_id) for d in tx.decisions.active() if d.maker is Maker.HUMAN and d.face_id is not None}
        names = {int(person.id): person.name for person in tx.people.all()}
    labelled = gallery.at(np.isin(gallery.face_ids, list(said)) & (gallery.person_ids >= 0))
    asked = gallery.at(np.isin(gallery.face_ids, [i for i in truth.people if truth.turn[i] >= max(ROUNDS)]))
    people = Prototypes(limits.review).fit(labelled.vectors, labelled.person_ids)
    placed = place(asked.vectors, asked.face_ids, people, match=match, review=limits.review)
    return {int(asked.face_ids[row]): names[int(placed.person_ids[row])] for row in placed.rows(Outcome.MATCH).tolist()}


def require_guarded(engine: Engine, done: Relearnt) -> None:
    """What the guard refuses cannot come into use; what it accepts has proved itself."""
    assert done.head is not None, done.why
    verdict = done.head.verdict
    if done.switched:
        assert done.head.accepted
        assert engine.live_model().model_id == done.head.head
        assert verdict.both.high < 0
        return
    assert not done.head.accepted
    assert engine.live_model().as_set
    with pytest.raises(Conflict):
        engine.switch_model(SwitchOptions(done.head.head))


def test_no_round_is_worse_than_the_frozen_model_or_loses_a_name(engine: Engine) -> None:
    truth = truth_of(engine)
    engine.group()
    curve, grouping = [], grouped_right(engine, truth)
    assert grouping > 0.8
    for upto in ROUNDS:
        label(engine, truth, upto)
        done = engine.reassign_smart()
        require_guarded(engine, done)
        found = tied(engine, truth)
        curve.append(right(found, truth))
        assert curve[-1] >= right(frozen(engine, truth), truth)
        assert sum(truth.people[face_id] != name for face_id, name in found.items()) <= 1
        named = {face_id: name for face_id, name in truth.people.items() if truth.turn[face_id] < upto}
        shown = {
            face.face_id: name for name in set(named.values()) for face in engine.show(name).faces
            if face.made_by == "human"
        }  # fmt: skip
        assert {face_id: shown.get(face_id) for face_id in named} == named
    assert curve == sorted(curve)
    first, second = engine.train(SHORT), engine.train(SHORT)
    assert replace(first, created_at="") == replace(second, created_at="")
