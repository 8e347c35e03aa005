"""Calibrating on a gallery of synthetic faces: from names, without them, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from personae import Engine, Settings, open_engine
from personae.core.calibrate import strangers_threshold, threshold_at_fmr
from personae.core.pairs import pair_scores
from personae.engine import calibrate, ledger
from personae.engine.parts import Parts, Vision
from personae.engine.thresholds import thresholds
from personae.errors import Conflict, InputError, TooFewComparisons
from personae.types import (
    Box,
    Decision,
    DecisionKind,
    Digest,
    FaceRole,
    Labels,
    Maker,
    ModelId,
    NewFace,
    NewImage,
    Quality,
    Thresholds,
    Vectors,
)
from tests.generate import faces, unit_rows

OWN = Thresholds(verify=0.28, review=0.34, match=0.7, cluster=0.45)


def vision(model_id: str = "model") -> Vision:
    """Models that are never asked to look at anything."""
    return Vision(SimpleNamespace(), (SimpleNamespace(model_id=ModelId(model_id), thresholds=OWN),), OWN)  # type: ignore[arg-type]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with open_engine(Settings(home=tmp_path / "home")) as opened:
        yield opened


@pytest.fixture
def parts(engine: Engine) -> Parts:
    return replace(engine.parts, vision=vision)


def store(parts: Parts, vectors: Vectors, names: Labels | None = None, models: Sequence[str] = ("model",)) -> None:
    """Store one photo a face, and name the people, those of -1 left out."""
    quality = Quality(80, 10, 0, 0, 0.5)
    with parts.store.write() as tx:
        for at, vector in enumerate(vectors):
            embeddings = {ModelId(model): vector for model in models}
            face = NewFace(
                Box(0, 0, 80, 80), np.zeros((5, 2), np.float32), 0.9, quality, FaceRole.FOUNDING, embeddings=embeddings
            )
            tx.images.add(NewImage(Digest(f"{at:064x}"), 1, 100, 100, "jpeg", faces=(face,)))
        face_ids = tx.faces.gallery()[0].tolist()
        if names is None:
            return
        decisions = []
        for person in np.unique(names[names >= 0]).tolist():
            person_id = tx.people.add(f"P{person}")
            decisions.append(Decision(DecisionKind.NAME, Maker.HUMAN, person_id=person_id, name=f"P{person}"))
            decisions += [
                Decision(DecisionKind.CONFIRM, Maker.HUMAN, face_id=face_ids[row], person_id=person_id)
                for row in np.flatnonzero(names == person).tolist()
            ]
        ledger.record(tx, "name", Maker.HUMAN, "everybody", decisions)


def review_threshold(parts: Parts) -> float:
    with parts.store.read() as tx:
        return thresholds(tx, parts.vision()).review


def test_named_faces_are_asked_first(parts: Parts) -> None:
    vectors, people = faces([10] * 12)
    store(parts, vectors, people)
    found = calibrate.calibrate(parts, 1e-3)
    nonmated = pair_scores(vectors, people).nonmated
    assert found.calibration.source == "labels"
    assert found.calibration.comparisons == len(nonmated) == 12 * 11 // 2 * 100
    assert found.calibration.threshold == pytest.approx(threshold_at_fmr(nonmated, 1e-3), abs=1e-6)
    assert (found.before, found.model_threshold, found.look_alikes) == (OWN.review, OWN.review, 0)
    assert review_threshold(parts) == found.calibration.threshold
    assert calibrate.calibrate(parts, 1e-2).before == found.calibration.threshold


def test_what_the_machine_tied_is_no_truth(parts: Parts) -> None:
    store(parts, faces([3] * 80)[0])
    with parts.store.write() as tx:
        person_id = tx.people.add("Ann")
        ledger.record(tx, "name", Maker.HUMAN, "Ann",
                      [Decision(DecisionKind.NAME, Maker.HUMAN, person_id=person_id, name="Ann")])  # fmt: skip
        assign = [
            Decision(DecisionKind.ASSIGN, Maker.MACHINE, face_id=face_id, person_id=person_id, score=0.9, threshold=0.7)
            for face_id in tx.faces.gallery()[0].tolist()
        ]
        ledger.record(tx, "assign", Maker.MACHINE, "all", assign)
    assert calibrate.calibrate(parts, 1e-3).calibration.source == "strangers"


def test_few_names_are_not_asked(parts: Parts) -> None:
    vectors, people = faces([3] * 80)
    store(parts, vectors, np.where(people < 9, people, -1))
    found = calibrate.calibrate(parts, 1e-3)
    assert found.calibration.source == "strangers"
    assert found.calibration.threshold == pytest.approx(strangers_threshold(vectors, 1e-3).threshold, abs=1e-5)


def test_wrong_names_are_pointed_at(parts: Parts) -> None:
    vectors, people = faces([10] * 12, spread=0.4)
    wrong = people.copy()
    wrong[np.flatnonzero(people == 0)[:2]] = 1
    store(parts, vectors, wrong)
    assert calibrate.calibrate(parts, 1e-3).look_alikes == 2 * 8


def test_too_small_a_gallery_is_refused_and_nothing_kept(parts: Parts) -> None:
    with pytest.raises(TooFewComparisons, match="142 more are needed"):
        calibrate.calibrate(parts, 1e-4)
    store(parts, unit_rows(30, 32))
    with pytest.raises(TooFewComparisons, match="112 more are needed"):
        calibrate.calibrate(parts, 1e-4)
    assert review_threshold(parts) == OWN.review


def test_a_gallery_of_one_person_is_refused(parts: Parts) -> None:
    store(parts, faces([200], spread=0.5)[0])
    with pytest.raises(TooFewComparisons, match="more people"):
        calibrate.calibrate(parts, 1e-3)


def test_identical_faces_are_refused(parts: Parts) -> None:
    store(parts, np.repeat(unit_rows(1, 32), 60, axis=0))
    with pytest.raises(TooFewComparisons, match="more people"):
        calibrate.calibrate(parts, 1e-3)


@pytest.mark.parametrize("fmr", [0.0, 1.0, -1e-4, float("nan")])
def test_a_rate_lies_between_0_and_1(parts: Parts, fmr: float) -> None:
    with pytest.raises(InputError):
        calibrate.calibrate(parts, fmr)


def test_models_keep_their_own_calibration(parts: Parts) -> None:
    store(parts, unit_rows(300, 64), models=("model", "other"))
    other = replace(parts, vision=lambda: vision("other"))
    first = calibrate.calibrate(parts, 1e-3).calibration.threshold
    second = calibrate.calibrate(other, 1e-4).calibration.threshold
    assert (review_threshold(parts), review_threshold(other)) == (first, second)
    assert calibrate.reset(other)
    assert (review_threshold(parts), review_threshold(other)) == (first, OWN.review)
    assert not calibrate.reset(other)
    assert calibrate.reset(parts)
    assert review_threshold(parts) == OWN.review


def test_a_calibration_and_a_reset_are_taken_back(parts: Parts) -> None:
    store(parts, unit_rows(300, 64))
    with pytest.raises(Conflict, match="nothing was calibrated"):
        calibrate.undo(parts)
    first = calibrate.calibrate(parts, 1e-3).calibration.threshold
    assert calibrate.undo(parts) == review_threshold(parts) == OWN.review
    assert calibrate.undo(parts) == review_threshold(parts) == first
    assert calibrate.calibrate(parts, 1e-2).calibration.threshold != first
    assert calibrate.undo(parts) == review_threshold(parts) == first
    calibrate.reset(parts)
    assert calibrate.undo(parts) == review_threshold(parts) == first


def test_only_the_question_moves(parts: Parts) -> None:
    store(parts, unit_rows(300, 64))
    found = calibrate.calibrate(parts, 1e-3)
    with parts.store.read() as tx:
        assert thresholds(tx, parts.vision()) == replace(OWN, review=found.calibration.threshold)
        event = tx.events.after(0, kinds=["threshold.calibrated"])[-1]
    assert event.payload["threshold"] == found.calibration.threshold
