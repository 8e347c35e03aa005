"""People and clusters, on every store."""

from __future__ import annotations

import pytest

from personae.adapters.store.store import SqlStore
from personae.errors import Conflict, InputError, NotFound
from personae.ports import Transaction
from personae.types import ClusterId, FaceId, PersonId
from tests.contract.test_store_pictures import face, picture


def active(tx: Transaction, name: str) -> PersonId:
    person_id = tx.people.add(name)
    tx.people.set_state(person_id, name=name, merged_into=None)
    return person_id


def some_faces(tx: Transaction, name: str, *qualities: float) -> list[FaceId]:
    image_id = tx.images.add(picture(name, *(face(i, quality=quality) for i, quality in enumerate(qualities))))
    return [found.id for found in tx.faces.of_images([image_id])]


def test_a_new_person_is_not_active_until_the_ledger_says_so(store: SqlStore) -> None:
    with store.write() as tx:
        person_id = tx.people.add("Ada")
        with pytest.raises(NotFound):
            tx.people.get(person_id)
        assert tx.people.find("Ada") == tx.people.all() == []
        tx.people.set_state(person_id, name="Ada L.", merged_into=None)
        assert tx.people.get(person_id).name == "Ada L."
        tx.people.set_state(person_id, name=None, merged_into=None)
        assert tx.people.all() == []
        with pytest.raises(NotFound):
            tx.people.set_state(PersonId(10**6), name="x", merged_into=None)
        with pytest.raises(InputError):
            tx.people.add("Ada", kind="robot")


def test_people_are_found_by_name_or_alias_in_any_case(store: SqlStore) -> None:
    with store.write() as tx:
        person_id = active(tx, "Émile ZOLA")
        namesake = active(tx, "émile zola")
        tx.people.add_alias(person_id, "Straße")
        tx.people.add_alias(person_id, "STRASSE")
        assert [person.id for person in tx.people.find("éMILE zola")] == [person_id, namesake]
        assert [person.id for person in tx.people.find("strasse")] == [person_id]
        assert tx.people.find("zola") == []
        assert tx.people.get(person_id).aliases == ("Straße",)


def test_faces_are_counted_and_the_best_is_shown(store: SqlStore) -> None:
    with store.write() as tx:
        few, many = active(tx, "Few"), active(tx, "Many")
        low, high, one = some_faces(tx, "one", 0.1, 0.9, 0.5)
        tx.faces.set_people({low: many, high: many, one: few})
        people = tx.people.all()
    assert [(person.id, person.face_count, person.best_face) for person in people] == [(many, 2, high), (few, 1, one)]


def test_a_merged_person_lives_on_in_the_other(store: SqlStore) -> None:
    with store.write() as tx:
        gone, stays = active(tx, "Jon"), active(tx, "John")
        tx.people.add_alias(gone, "Johnny")
        tx.people.add_external_id(gone, "imdb", "nm1")
        tx.people.add_url(gone, "https://example.org/jon", "example")
        tx.people.set_state(gone, name="Jon", merged_into=stays)
        person = tx.people.get(stays)
        assert (person.aliases, person.external_ids) == (("Johnny", "Jon"), {"imdb": "nm1"})
        assert person.urls == ("https://example.org/jon",)
        assert [found.id for name in ("jon", "JOHNNY") for found in tx.people.find(name)] == [stays, stays]
        assert tx.people.by_external_id("imdb", "nm1") == stays
        with pytest.raises(NotFound):
            tx.people.get(gone)
        tx.people.set_state(gone, name="Jon", merged_into=None)
        assert tx.people.get(stays).aliases == ()
        assert tx.people.get(gone).external_ids == {"imdb": "nm1"}


def test_an_external_id_belongs_to_one_person(store: SqlStore) -> None:
    with store.write() as tx:
        first, second = active(tx, "First"), active(tx, "Second")
        tx.people.add_external_id(first, "imdb", "nm1")
        tx.people.add_external_id(first, "imdb", "nm1")
        assert tx.people.by_external_id("imdb", "nm1") == first
        assert tx.people.by_external_id("imdb", "nm2") is None
        with pytest.raises(Conflict):
            tx.people.add_external_id(second, "imdb", "nm1")
        tx.people.set_state(first, name=None, merged_into=None)
        assert tx.people.by_external_id("imdb", "nm1") is None
        tx.people.add_external_id(second, "imdb", "nm1")
        assert tx.people.by_external_id("imdb", "nm1") == second


def test_urls_are_kept_once(store: SqlStore) -> None:
    with store.write() as tx:
        person_id = active(tx, "Ada")
        tx.people.add_url(person_id, "https://example.org/b")
        tx.people.add_url(person_id, "https://example.org/a")
        tx.people.add_url(person_id, "https://example.org/b", "again")
        assert tx.people.get(person_id).urls == ("https://example.org/a", "https://example.org/b")
        with pytest.raises(InputError):
            tx.people.add_url(person_id, "https://example.org/" + "x" * 3000)


def test_names_that_no_database_holds_are_escaped(store: SqlStore) -> None:
    with store.write() as tx:
        person_id = active(tx, "caf\udce9\0")
        assert tx.people.get(person_id).name == "caf\\udce9\\x00"
        assert [person.id for person in tx.people.find("CAF\udce9\0")] == [person_id]


def test_cluster_numbers_count_up_for_ever(store: SqlStore, store_url: str) -> None:
    other = SqlStore.open(store_url, "other", store._clock)
    with store.write() as tx:
        first = tx.clusters.add(2)
        assert tx.clusters.add(0) == []
    with store.write() as tx:
        second = tx.clusters.add(1)
        assert [tx.clusters.get(i).label for i in first + second] == [f"unknown_cluster_{n}" for n in (1, 2, 3)]
    with other.write() as tx:
        assert tx.clusters.get(tx.clusters.add(1)[0]).label == "unknown_cluster_1"
        with pytest.raises(NotFound):
            tx.clusters.get(first[0])
    other.close()


def test_clusters_are_found_by_label_or_number(store: SqlStore) -> None:
    with store.write() as tx:
        tx.clusters.add(3)
        assert tx.clusters.find("2") == tx.clusters.find("unknown_cluster_2")
        for wrong in ("4", "unknown_cluster_", "x", "", "-1", "٢", "9" * 30):
            with pytest.raises(NotFound):
                tx.clusters.find(wrong)
        with pytest.raises(NotFound):
            tx.clusters.get(ClusterId(10**6))


def test_clusters_show_their_unknown_faces(store: SqlStore) -> None:
    with store.write() as tx:
        small, large, empty, named = tx.clusters.add(4)
        a, b, c, d = some_faces(tx, "one", 0.1, 0.2, 0.9, 0.8)
        tx.faces.set_clusters({a: small, b: large, c: large, d: named})
        tx.faces.set_people({d: active(tx, "Ada")})
        found = tx.clusters.all()
        assert [(cluster.id, cluster.face_count, cluster.best_face) for cluster in found] == [
            (large, 2, c),
            (small, 1, a),
        ]
        assert (tx.clusters.get(empty).face_count, tx.clusters.get(named).face_count) == (0, 0)
