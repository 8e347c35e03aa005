"""Pictures that were held against characters, on every store."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from personae.adapters.store.store import SqlStore
from personae.errors import InputError, NotFound
from personae.ports import Transaction
from personae.references import LikenessCheck, NewDetectedFace
from personae.types import Box, Digest, ModelId, PersonId, Vector

BOX = Box(1.5, 2, 30, 40.25)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def character(tx: Transaction, name: str) -> PersonId:
    person_id = tx.people.add(name, kind="character")
    tx.people.set_state(person_id, name=name, merged_into=None)
    return person_id


def check(person_id: PersonId, version: int = 0, score: float | None = 0.75) -> LikenessCheck:
    return LikenessCheck(
        0, person_id, Digest("ab" * 32), score, 0.5, score is not None, None if score is None else BOX,
        ("several_faces", "below_threshold"), "a+b", version, True, LONG_AGO,
    )  # fmt: skip


def unit(*values: float) -> Vector:
    vector = np.array(values, np.float32)
    return vector / np.linalg.norm(vector)


def anchor(tx: Transaction, person_id: PersonId, label: str, **vectors: Vector) -> None:
    """Give a character a reference with one primary face, and another face that is not."""
    reference = tx.references.add(person_id, label, Digest("cd" * 32))
    embeddings = {ModelId(name): vector for name, vector in vectors.items()}
    other = {ModelId(name): -vector for name, vector in vectors.items()}
    made = tx.references.set_faces(
        reference.id, [NewDetectedFace(BOX, 0.9, other), NewDetectedFace(BOX, 0.9, embeddings)]
    )
    tx.references.set_primary(reference.id, made[1])
    tx.references.renew(person_id)


def test_the_pictures_of_all_checks_are_known(store: SqlStore) -> None:
    with store.write() as tx:
        ada, bob = character(tx, "Ada"), character(tx, "Bob")
        tx.likeness.add([check(ada), check(bob), replace(check(bob), digest=Digest("cd" * 32))])
        assert tx.likeness.digests() == {"ab" * 32, "cd" * 32}
        tx.references.erase(bob)
        assert tx.likeness.digests() == {"ab" * 32}


def test_checks_come_back_newest_first_as_they_were_given(store: SqlStore) -> None:
    with store.write() as tx:
        ada, bob = character(tx, "Ada"), character(tx, "Bob")
        kept = tx.likeness.add([check(ada), check(ada, score=None), check(bob)])
        assert tx.likeness.add([]) == []
    assert [(one.person_id, one.score) for one in kept] == [(ada, 0.75), (ada, None), (bob, 0.75)]
    assert len({one.id for one in kept}) == 3
    assert all(not one.stale and one.made_at > LONG_AGO for one in kept)
    with store.read() as tx:
        assert tx.likeness.of_person(ada) == [kept[1], kept[0]]
        assert tx.likeness.of_person(ada, limit=1) == [kept[1]]
        assert tx.likeness.of_person(ada, limit=1, before=kept[1].id) == [kept[0]]
        assert tx.likeness.of_person(PersonId(10**6)) == []


def test_a_check_is_stale_under_any_other_version(store: SqlStore) -> None:
    with store.write() as tx:
        ada = character(tx, "Ada")
        anchor(tx, ada, "", a=unit(1, 0))
        tx.likeness.add([check(ada, tx.references.version(ada))])
        assert [one.stale for one in tx.likeness.of_person(ada)] == [False]
        tx.references.renew(ada)
        # One that was under way when the reference changed.
        tx.likeness.add([check(ada, tx.references.version(ada) - 1)])
        tx.likeness.add([check(ada, tx.references.version(ada))])
        assert [one.stale for one in tx.likeness.of_person(ada)] == [False, True, True]


def test_checks_of_a_merged_character_are_stale_until_it_is_taken_back(store: SqlStore) -> None:
    with store.write() as tx:
        ada, bob = character(tx, "Ada"), character(tx, "Bob")
        for each in (ada, bob):
            anchor(tx, each, "", a=unit(1, 0))
            tx.likeness.add([check(each, tx.references.version(each))])
        tx.people.set_state(ada, name="Ada", merged_into=bob)
        assert [(one.person_id, one.stale) for one in tx.likeness.of_person(bob)] == [(bob, True), (bob, True)]
        tx.likeness.add([check(bob, tx.references.version(bob))])
        assert [one.stale for one in tx.likeness.of_person(bob)] == [False, True, True]
        tx.people.set_state(ada, name="Ada", merged_into=None)
        assert [one.stale for one in tx.likeness.of_person(ada)] == [False]
        assert [one.stale for one in tx.likeness.of_person(bob)] == [True, False]


def test_what_is_no_number_is_refused(store: SqlStore) -> None:
    with store.write() as tx:
        ada = character(tx, "Ada")
    for wrong in (check(ada, score=float("nan")), replace(check(ada), threshold=float("inf"))):
        with pytest.raises(InputError), store.write() as tx:
            tx.likeness.add([check(ada), wrong])
    with store.read() as tx:
        assert tx.likeness.of_person(ada) == []


def test_numpy_numbers_are_kept(store: SqlStore) -> None:
    with store.write() as tx:
        ada = character(tx, "Ada")
        given = replace(check(ada), score=np.float32(0.5), threshold=np.float64(0.25), version=np.int64(0))
        tx.likeness.add([given])
        assert tx.likeness.of_person(ada)[0].score == 0.5


def test_the_primary_faces_of_all_characters(store: SqlStore, store_url: str) -> None:
    with store.write() as tx:
        ids, vectors = tx.likeness.anchors(ModelId("a"))
        assert len(ids) == len(vectors) == 0
        ada, bob, real, gone = (character(tx, name) for name in ("Ada", "Bob", "Cid", "Dan"))
        bare = character(tx, "Eve")
        anchor(tx, bob, "", a=unit(0, 1), b=unit(1, 2, 3))
        anchor(tx, ada, "", a=unit(1, 0))
        anchor(tx, ada, "side", a=unit(3, 4))
        anchor(tx, gone, "", a=unit(1, 0))
        tx.people.set_state(gone, name=None, merged_into=None)
        ids, vectors = tx.likeness.anchors(ModelId("a"))
        assert ids.tolist() == [ada, ada, bob]
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(vectors, [[1, 0], [0.6, 0.8], [0, 1]], atol=1e-6)
        ids, vectors = tx.likeness.anchors(ModelId("b"))
        assert (ids.tolist(), vectors.shape) == ([bob], (1, 3))
        tx.people.set_state(bob, name="Bob", merged_into=bare)
        assert tx.likeness.anchors(ModelId("a"))[0].tolist() == [ada, ada, bare]
        assert real not in tx.likeness.anchors(ModelId("a"))[0]
    opened = SqlStore.open(store_url, "other", lambda: datetime.now(UTC))
    with contextlib.closing(opened) as neighbour, neighbour.read() as tx:
        assert len(tx.likeness.anchors(ModelId("a"))[0]) == 0
        assert tx.likeness.of_person(ada) == []


def test_a_character_of_another_project_is_refused(store: SqlStore, store_url: str) -> None:
    with store.write() as tx:
        ada = character(tx, "Ada")
    with contextlib.closing(SqlStore.open(store_url, "other", lambda: datetime.now(UTC))) as neighbour:
        for who in (ada, PersonId(10**6)):
            with pytest.raises(NotFound), neighbour.write() as tx:
                tx.likeness.add([check(who)])


def test_erasing_a_character_takes_its_checks(store: SqlStore) -> None:
    with store.write() as tx:
        ada, bob = character(tx, "Ada"), character(tx, "Bob")
        tx.likeness.add([check(ada), check(bob)])
        tx.references.erase(ada)
        assert tx.likeness.of_person(ada) == []
        assert len(tx.likeness.of_person(bob)) == 1
