"""What sources state beside what people decide and the machine finds, on every store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from personae import Engine
from personae.engine import ledger
from personae.types import Decision, DecisionKind, FaceId, Maker, PersonId
from tests.likenesses import add_faces, engine_at, like

ANN, BOB = 0, 1
SOURCE = Maker.SOURCE


@pytest.fixture
def engine(store_url: str, tmp_path: Path) -> Iterator[Engine]:
    """Faces 1 to 4 are like Ann, 5 to 8 like Bob; a source names Ann and states face 1, another one face 2."""
    with engine_at(tmp_path / "home", store_url) as opened:
        with opened.parts.store.write() as tx:
            for person in (ANN, BOB):
                add_faces(tx, [like(person, 0.95, i) for i in range(4)])
            ann = tx.people.add("Ann")
            named = Decision(DecisionKind.NAME, SOURCE, person_id=ann, name="Ann", source="wiki")
            ledger.record(tx, "enrich", SOURCE, "wiki", [named, stated(1, ann, "wiki"), stated(2, ann, "press")])
        yield opened
        assert opened.parts.store.check() == []


def stated(face_id: int, person_id: PersonId, source: str) -> Decision:
    return Decision(
        DecisionKind.STATE, SOURCE, FaceId(face_id), person_id, score=0.75, threshold=0.5, model_id="m", source=source
    )


def revoke(engine: Engine, source: str) -> None:
    with engine.parts.store.write() as tx:
        decision = Decision(DecisionKind.REVOKE, Maker.HUMAN, source=source)
        ledger.record(tx, "revoke", Maker.HUMAN, f"revoke {source}", [decision])


def makers(engine: Engine, name: str) -> dict[int, str]:
    return {face.face_id: face.made_by for face in engine.show(name).faces}


def test_faces_that_a_source_names_teach_whom_to_recognise(engine: Engine) -> None:
    engine.cluster_dual()
    assert makers(engine, "Ann") == {1: "source", 2: "source", 3: "machine", 4: "machine"}
    engine.cluster_dual()
    assert makers(engine, "Ann") == {1: "source", 2: "source", 3: "machine", 4: "machine"}


def test_a_human_is_believed_before_a_source(engine: Engine) -> None:
    engine.reject(FaceId(1), "Ann")
    assert makers(engine, "Ann") == {2: "source"}
    with engine.parts.store.write() as tx:
        (ann,) = tx.people.find("Ann")
        ledger.record(tx, "enrich", SOURCE, "wiki", [stated(1, ann.id, "wiki")])
    assert makers(engine, "Ann") == {2: "source"}
    engine.name("unknown_noise_2", "Bob")
    engine.name("Ann", "Anna")
    with engine.parts.store.write() as tx:
        named = Decision(DecisionKind.NAME, SOURCE, person_id=ann.id, name="Ann", source="wiki")
        ledger.record(tx, "enrich", SOURCE, "wiki", [named, stated(2, ann.id, "wiki")])
    assert (makers(engine, "Anna"), makers(engine, "Bob")) == ({}, {2: "human"})


def test_a_revoked_source_takes_its_people_along_and_undo_brings_them_back(engine: Engine) -> None:
    revoke(engine, "wiki")
    assert engine.people()[0] == []
    engine.undo()
    assert makers(engine, "Ann") == {1: "source", 2: "source"}
    revoke(engine, "press")
    assert makers(engine, "Ann") == {1: "source"}


def test_a_person_whom_a_human_tied_a_face_to_stays(engine: Engine) -> None:
    engine.name("unknown_noise_3", "Ann")
    revoke(engine, "wiki")
    assert makers(engine, "Ann") == {2: "source", 3: "human"}
    engine.undo()
    engine.undo()
    assert makers(engine, "Ann") == {1: "source", 2: "source"}
