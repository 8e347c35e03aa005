"""References, detected faces and their history, on every store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
import sqlalchemy as sa

from personae.adapters.store.engine import MODE, connect, parse
from personae.adapters.store.reference_tables import (
    character_references,
    detected_embeddings,
    detected_faces,
    embedding_history,
)
from personae.adapters.store.schema import people
from personae.adapters.store.store import SqlStore
from personae.errors import Conflict, InputError, NotFound
from personae.ports import Transaction
from personae.references import (
    DetectedFaceId,
    ImageQuality,
    NewDetectedFace,
    Reference,
    ReferenceId,
    ReferenceStatus,
)
from personae.types import Box, Digest, ModelId, PersonId, Vector

A, B = ModelId("a"), ModelId("b")
ONE, TWO = Digest("1" * 64), Digest("2" * 64)
NOW = datetime(2026, 3, 4, 5, 6, 7, 8, tzinfo=UTC)
MARKUP = "<b>\udcff 'Ada' \"; DROP TABLE people; --"


def unit(seed: int, dimension: int = 8) -> Vector:
    vector = np.random.default_rng(seed).normal(size=dimension)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def found(seed: int, det_score: float = 0.9) -> NewDetectedFace:
    quality = ImageQuality(False, ("blurred",), {"yaw": 1.5})
    return NewDetectedFace(
        Box(seed, 2.5, 30, 40), det_score, {A: unit(seed), B: unit(seed + 100, 16)}, quality
    )  # fmt: skip


def character(tx: Transaction, name: str = "Ada", kind: str = "character") -> PersonId:
    person_id = tx.people.add(name, kind)
    tx.people.set_state(person_id, name=name, merged_into=None)
    return person_id


def anchored(tx: Transaction, person_id: PersonId, seed: int = 1, label: str = "") -> Reference:
    """A completed reference with one face."""
    made = tx.references.add(person_id, label, ONE)
    (face_id,) = tx.references.set_faces(made.id, [found(seed)])
    tx.references.set_primary(made.id, face_id)
    tx.references.put(replace(made, status=ReferenceStatus.COMPLETED))
    return tx.references.get(made.id)


def test_faces_of_references_get_the_embeddings_that_they_lack(store: SqlStore) -> None:
    other = ModelId("c")
    with store.write() as tx:
        for seed, name in enumerate(("Ada", "Bob")):
            anchored(tx, character(tx, name), seed)
        first, second = tx.references.lacking(other)
        assert tx.references.lacking(A) == []
        gone = DetectedFaceId(99)
        tx.references.add_embeddings(other, {first.id: unit(7), gone: unit(8)})
        tx.references.add_embeddings(other, {first.id: unit(9)})
        tx.references.add_embeddings(other, {})
    with store.read() as tx:
        assert tx.references.lacking(other) == [second]
        found = tx.references.embeddings(other, [first.id, second.id, gone])
        assert list(found) == [first.id]
        np.testing.assert_array_equal(found[first.id], unit(7))
    with store.write() as tx, pytest.raises(InputError):
        tx.references.add_embeddings(other, {second.id: 2 * unit(1)})


def test_a_reference_comes_back_as_it_was_given(store: SqlStore) -> None:
    with store.write() as tx:
        person_id = character(tx)
        made = tx.references.add(person_id, "profile", ONE)
        assert made == Reference(made.id, person_id, "profile", ONE, ReferenceStatus.PENDING)
        full = replace(
            made, digest=TWO, status=ReferenceStatus.LOW_CONFIDENCE, det_score=0.65, box=Box(1, 2, 3.5, 4),
            extracted_at=NOW, error="none — really", warning="…", generation=7,
            quality=ImageQuality(True, ("dark",), {"yaw": -3.5}),
        )  # fmt: skip
        tx.references.put(full)
    with store.read() as tx:
        assert tx.references.get(made.id) == full
        assert tx.references.digests() == {TWO: made.id}
        assert (tx.references.held(ONE), tx.references.held(TWO)) == (False, True)


def test_what_is_empty_is_null_and_not_the_json_of_it(store_url: str, store: SqlStore) -> None:
    with store.write() as tx:
        made = tx.references.add(character(tx), "", ONE)
        tx.references.put(made)
    engine = connect(parse(store_url), 20)
    with engine.connect() as connection:
        query = sa.select(sa.func.count()).where(character_references.c.bounding_box.is_(sa.null()))
        assert connection.execute(query.where(character_references.c.quality.is_(sa.null()))).scalar() == 1
    engine.dispose()


def test_characters_come_with_their_references_the_main_one_first(store: SqlStore) -> None:
    with store.write() as tx:
        ada, bob, real = character(tx), character(tx, "Bob"), character(tx, "Real", "real")
        profile = tx.references.add(ada, "profile", ONE)
        main = tx.references.add(ada, "", TWO)
        tx.people.add("Not yet named", "character")
    with store.read() as tx:
        first, second = tx.references.characters()
        assert (first.person_id, first.name, first.references) == (ada, "Ada", (main, profile))
        assert first.main == main
        assert (second.person_id, second.references, second.main, second.version) == (bob, (), None, 0)
        assert tx.references.characters([bob, real, PersonId(99)]) == [second]
        assert tx.references.characters([]) == []


def test_one_reference_a_label(store: SqlStore) -> None:
    with store.write() as tx:
        person_id = character(tx)
        tx.references.add(person_id, "a", ONE)
        with pytest.raises(Conflict):
            tx.references.add(person_id, "a", TWO)
        with pytest.raises(InputError):
            tx.references.add(person_id, "a" * 201, TWO)
        with pytest.raises(NotFound):
            tx.references.add(PersonId(99), "a", ONE)


def test_what_is_not_there(store: SqlStore) -> None:
    nobody, no_face = ReferenceId(99), DetectedFaceId(99)
    with store.write() as tx:
        mine = anchored(tx, character(tx))
        for ask in (tx.references.get, tx.references.remove, tx.references.keep_history):
            with pytest.raises(NotFound):
                ask(nobody)
        with pytest.raises(NotFound):
            tx.references.put(replace(mine, id=nobody))
        with pytest.raises(NotFound):
            tx.references.face(no_face)
        with pytest.raises(NotFound):
            tx.references.set_primary(mine.id, no_face)
        with pytest.raises(NotFound):
            tx.references.set_faces(nobody, [])
        with pytest.raises(NotFound):
            tx.references.renew(PersonId(99))
        assert tx.references.job_of(nobody) is None
        assert tx.references.version(PersonId(99)) == 0
        assert tx.references.history(PersonId(99)) == tx.references.anchors(PersonId(99)) == []
        assert tx.references.erase(PersonId(99)) == []


def test_what_was_replaced_is_held_as_long_as_its_reference_is_there(store: SqlStore) -> None:
    with store.write() as tx:
        mine = anchored(tx, character(tx))
        tx.references.keep_history(mine.id)
        tx.references.put(replace(mine, digest=TWO))
        assert tx.references.past_digests() == {ONE}
        assert (tx.references.held(ONE), tx.references.held(TWO)) == (True, True)
        assert tx.references.digests() == {TWO: mine.id}
        assert sorted(tx.references.remove(mine.id)) == [ONE, TWO]
        assert tx.references.past_digests() == set()
        assert (tx.references.held(ONE), tx.references.held(TWO)) == (False, False)
        assert len(tx.references.history(mine.person_id)) == 1


def test_another_project_sees_nothing(store_url: str, store: SqlStore) -> None:
    with store.write() as tx:
        mine = anchored(tx, character(tx))
        face = tx.references.faces(mine.person_id)[0]
    other = SqlStore.open(store_url, "other", lambda: NOW)
    with other.write() as tx:
        assert tx.references.characters() == []
        assert not tx.references.held(ONE)
        assert tx.references.digests() == {}
        assert tx.references.past_digests() == set()
        assert tx.references.faces(mine.person_id) == tx.references.anchors(mine.person_id) == []
        for ask in (tx.references.get, tx.references.remove):
            with pytest.raises(NotFound):
                ask(mine.id)
        with pytest.raises(NotFound):
            tx.references.face(face.id)
        assert tx.references.erase(mine.person_id) == []
    other.close()
    with store.read() as tx:
        assert tx.references.get(mine.id) == mine


def test_faces_take_the_place_of_the_former_ones(store: SqlStore) -> None:
    with store.write() as tx:
        mine = anchored(tx, character(tx))
        first, second = tx.references.set_faces(mine.id, [found(3, 0.8), found(4, 0.7)])
        faces = tx.references.faces(mine.person_id)
        assert [(face.id, face.det_score, face.is_primary) for face in faces] == [
            (first, 0.8, False),
            (second, 0.7, False),
        ]
        assert faces[0].box == Box(3, 2.5, 30, 40)
        assert faces[0].quality == ImageQuality(False, ("blurred",), {"yaw": 1.5})
        assert tx.references.get(mine.id).face_count == 2
        assert tx.references.anchors(mine.person_id) == []
        tx.references.set_primary(mine.id, first)
        tx.references.set_primary(mine.id, second)
        assert [face.is_primary for face in tx.references.faces(mine.person_id)] == [False, True]
        (anchor,) = tx.references.anchors(mine.person_id)
        np.testing.assert_array_equal(anchor[A], unit(4))
        np.testing.assert_array_equal(anchor[B], unit(104, 16))


def test_a_face_of_another_reference_is_not_made_primary(store: SqlStore) -> None:
    with store.write() as tx:
        mine, other = anchored(tx, character(tx)), anchored(tx, character(tx, "Bob"))
        with pytest.raises(NotFound):
            tx.references.set_primary(mine.id, tx.references.faces(other.person_id)[0].id)


@pytest.mark.parametrize("vector", [np.zeros(8, np.float32), np.full(8, np.nan, np.float32), np.ones(8, np.float32)])
def test_only_unit_vectors_are_kept(store: SqlStore, vector: Vector) -> None:
    with store.write() as tx:
        mine = tx.references.add(character(tx), "", ONE)
        with pytest.raises(InputError):
            tx.references.set_faces(mine.id, [NewDetectedFace(Box(0, 0, 1, 1), 0.5, {A: vector})])
        with pytest.raises(InputError):
            tx.references.set_faces(mine.id, [NewDetectedFace(Box(0, 0, float("nan"), 1), 0.5)])


def test_history_is_kept_and_survives_its_reference(store: SqlStore) -> None:
    with store.write() as tx:
        mine = anchored(tx, character(tx), 1)
        assert tx.references.renew(mine.person_id) == 1
        assert tx.references.keep_history(mine.id)
        tx.references.renew(mine.person_id)
        (face_id,) = tx.references.set_faces(mine.id, [found(2, 0.5)])
        assert not tx.references.keep_history(mine.id)
        tx.references.set_primary(mine.id, face_id)
        assert tx.references.keep_history(mine.id)
        later, earlier = tx.references.history(mine.person_id)
        assert (earlier.version, later.version) == (1, 2)
        assert (earlier.det_score, later.det_score) == (0.9, 0.5)
        assert earlier.model_ids == later.model_ids == (A, B)
        assert (later.reference_id, later.label, later.digest, later.box) == (mine.id, "", ONE, Box(2, 2.5, 30, 40))
        assert earlier.replaced_at.tzinfo is not None
        tx.references.remove(mine.id)
        assert [entry.reference_id for entry in tx.references.history(mine.person_id)] == [None, None]
        assert tx.references.faces(mine.person_id) == []


def test_the_job_of_a_reference(store: SqlStore) -> None:
    with store.write() as tx:
        mine = tx.references.add(character(tx), "", ONE)
        assert tx.references.job_of(mine.id) is None
        job_id = tx.jobs.add("reference.extract", {})
        tx.references.set_job(mine.id, job_id)
        tx.references.put(replace(mine, status=ReferenceStatus.EXTRACTING))
        assert tx.references.job_of(mine.id) == job_id


def test_the_version_changes_with_every_renewal_and_merge(store: SqlStore) -> None:
    with store.write() as tx:
        ada, bob = character(tx), character(tx, "Bob")
        mine, other = anchored(tx, ada, 1), anchored(tx, bob, 2)
        versions = [tx.references.version(ada), tx.references.renew(ada), tx.references.renew(ada)]
        assert versions == [0, 1, 2]
        tx.references.renew(bob)
        tx.people.set_state(bob, name="Bob", merged_into=ada)
        merged = tx.references.version(ada)
        assert merged not in versions
        assert tx.references.renew(ada) not in {merged, *versions}
        (now,) = tx.references.characters()
        assert [each.id for each in now.references] == [mine.id, other.id]
        assert {each.person_id for each in now.references} == {ada}
        assert len(tx.references.anchors(ada)) == len(tx.references.faces(ada)) == 2
        tx.people.set_state(bob, name="Bob", merged_into=None)
        assert tx.references.version(ada) == 3
        assert len(tx.references.anchors(ada)) == 1


def test_erasing_leaves_nothing(store_url: str, store: SqlStore) -> None:
    with store.write() as tx:
        ada, bob = character(tx), character(tx, "Bob")
        mine, other = anchored(tx, ada), anchored(tx, bob, 2)
        tx.references.keep_history(mine.id)
        tx.references.renew(ada)
        tx.references.add(ada, "profile", TWO)
        assert sorted(tx.references.erase(ada)) == [ONE, TWO]
        assert tx.references.history(ada) == tx.references.faces(ada) == []
        assert tx.references.version(ada) == 0
        assert tx.references.get(other.id) == other
    assert counts(store_url) == [1, 1, 2, 0]


def test_removing_a_person_takes_all_along(store_url: str, store: SqlStore) -> None:
    with store.write() as tx:
        mine = anchored(tx, character(tx))
        tx.references.keep_history(mine.id)
        tx.references.renew(mine.person_id)
    engine = connect(parse(store_url), 20)
    with engine.connect().execution_options(**{MODE: "write"}) as connection, connection.begin():
        connection.execute(sa.delete(people).where(people.c.id == mine.person_id))
    engine.dispose()
    assert counts(store_url) == [0, 0, 0, 0]


def counts(url: str) -> list[int]:
    engine = connect(parse(url), 20)
    tables = (character_references, detected_faces, detected_embeddings, embedding_history)
    with engine.connect() as connection:
        found = [connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() for table in tables]
    engine.dispose()
    return found


def test_the_statuses_are_a_table(store_url: str, store: SqlStore) -> None:
    engine = connect(parse(store_url), 20)
    with engine.connect() as connection:
        found = set(connection.execute(sa.text("SELECT status FROM embedding_statuses")).scalars())
    engine.dispose()
    assert found == {status.value for status in ReferenceStatus}


def test_characters_can_be_read_as_a_view(store_url: str, store: SqlStore) -> None:
    with store.write() as tx:
        ada, bob = character(tx), character(tx, "Bob")
        character(tx, "Real", "real")
        tx.references.add(ada, "profile", TWO)
        mine = anchored(tx, ada, 5)
        tx.references.put(replace(mine, det_score=0.9, box=Box(1, 2, 3, 4), extracted_at=NOW))
    engine = connect(parse(store_url), 20)
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT * FROM characters ORDER BY id")).all()
    engine.dispose()
    first, second = rows
    assert (first.id, first.name, first.reference_id, first.embedding_status) == (ada, "Ada", mine.id, "completed")
    assert (first.detection_confidence, first.model_id) == (0.9, "a")
    assert first.reference_embedding is not None
    assert first.extracted_at is not None
    assert "width" in str(first.bounding_box)
    assert (second.id, second.embedding_status, second.reference_embedding) == (bob, None, None)


def test_texts_may_hold_anything(store: SqlStore) -> None:
    with store.write() as tx:
        made = tx.references.add(character(tx), "'; DROP", ONE)
        tx.references.put(replace(made, error=MARKUP, warning="a\0b"))
        assert tx.references.get(made.id).error == MARKUP.replace("\udcff", "\\udcff")
        assert tx.references.get(made.id).warning == "a\\x00b"
