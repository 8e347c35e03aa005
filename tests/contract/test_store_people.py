"""People and clusters, on every store."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from personae.adapters.store.store import SqlStore
from personae.errors import Conflict, InputError, NotFound
from personae.ports import Transaction
from personae.records import Gender, ImageRef, PersonRecord
from personae.types import ClusterId, Decision, DecisionKind, FaceId, Maker, PersonId
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
        assert tx.people.in_order([few, PersonId(99), many]) == people[::-1]
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
        assert tx.clusters.several([large, empty, named, small]) == [tx.clusters.get(small), tx.clusters.get(large)]
        assert tx.clusters.several([]) == []


# --- records ----------------------------------------------------------------------------------

FULL = PersonRecord(
    "Q7259", "Ada Lovelace", "mathematician", ("Countess", "AAL"), Gender.FEMALE, "GB", "1815-12-10", "1852-11-27",
    "as stated", 168, "brown", "dark", 1828, 1852, {"imdb": "nm1"}, (("https://example.org/ada", "example"),),
    (ImageRef("p1", "https://example.org/p1.jpg", 640, 480, "0" * 64, "CC0", "test", date(2030, 1, 2)),), True, "Q2",
    "2026-01-02T03:04:05Z",
)  # fmt: skip


def revoke(tx: Transaction, source: str) -> None:
    """Make the word of a source count for nothing."""
    operation_id = tx.decisions.begin("revoke", Maker.HUMAN, source)
    tx.decisions.append(operation_id, [Decision(DecisionKind.REVOKE, Maker.HUMAN, source=source)])


def test_a_record_comes_back_as_it_was_given(store: SqlStore) -> None:
    with store.write() as tx:
        person_id = active(tx, "Ada Lovelace")
        assert tx.people.record(person_id) == PersonRecord("", "Ada Lovelace")
        for record in (FULL, PersonRecord("Q1", "Ada"), FULL):
            tx.people.set_record(person_id, "wiki", record)
            assert tx.people.record(person_id) == record
        person = tx.people.get(person_id)
        assert person.aliases == ("AAL", "Ada", "Countess")
        assert tx.people.stated(person_id, "wiki") == FULL
        assert tx.people.stated(person_id, "imdb") is None
        # Of one source the ids add up, and one is shown.
        assert person.external_ids == {"imdb": "nm1", "wiki": "Q1"}
        assert person.urls == ("https://example.org/ada",)
        assert [tx.people.by_external_id("wiki", i) for i in ("Q1", "Q7259", "Q2")] == [person_id, person_id, None]
        for wrong in (PersonId(10**6), tx.people.add("not active")):
            with pytest.raises(NotFound):
                tx.people.record(wrong)
        with pytest.raises(NotFound):
            tx.people.set_record(PersonId(10**6), "wiki", FULL)
        with pytest.raises(InputError):
            tx.people.set_record(person_id, "", FULL)
    assert not [sentence for sentence in store.check() if "record" in sentence]


def test_the_oldest_source_that_fills_a_field_is_believed(store: SqlStore) -> None:
    with store.write() as tx:
        person_id = active(tx, "Ada")
        first = PersonRecord("1", "Ada", aliases=("A",), country="GB", height_cm=168, external_ids={"imdb": "nm1"})
        second = PersonRecord(
            "2", "Adda", aliases=("B", "A"), country="FR", eye_color="brown", career_start=1828, deleted=True
        )
        tx.people.set_record(person_id, "one", first)
        tx.people.set_record(person_id, "two", second)
        tx.people.set_record(person_id, "one", replace(first, height_cm=None, birth_date="1815"))
        said = tx.people.record(person_id)
        assert said == replace(
            first, aliases=("A", "B"), height_cm=None, birth_date="1815", eye_color="brown", career_start=1828,
            external_ids={"imdb": "nm1", "two": "2"},
        )  # fmt: skip


def test_what_a_revoked_source_says_of_a_person_is_not_shown(store: SqlStore) -> None:
    with store.write() as tx:
        person_id = active(tx, "Ada")
        tx.people.add_alias(person_id, "Countess")
        tx.people.set_record(person_id, "wiki", replace(FULL, name="Ada!"))
        tx.people.set_record(person_id, "press", PersonRecord("p1", "Ada", aliases=("AAL",)))
        revoke(tx, "wiki")
        person = tx.people.get(person_id)
        assert (person.aliases, person.external_ids, person.urls) == (("AAL", "Countess"), {"press": "p1"}, ())
        assert (tx.people.find("Ada!"), tx.people.by_external_id("imdb", "nm1")) == ([], None)
        assert [found.id for name in ("aal", "countess") for found in tx.people.find(name)] == [person_id] * 2
        assert tx.people.record(person_id) == PersonRecord("p1", "Ada", aliases=("AAL",))


def test_two_people_with_one_external_id_are_told(store: SqlStore) -> None:
    with store.write() as tx:
        first, second = active(tx, "First"), active(tx, "Second")
        tx.people.set_record(first, "wiki", PersonRecord("Q1", "First"))
        for record in (PersonRecord("Q1", "Second"), PersonRecord("Q2", "Second", external_ids={"wiki": "Q1"})):
            with pytest.raises(Conflict, match="Q1 belongs to"):
                tx.people.set_record(second, "press", replace(record, external_ids={"wiki": "Q1"}))
        # Nothing of it was written.
        assert tx.people.get(second).aliases == ()
        assert tx.people.record(second) == PersonRecord("", "Second")
        tx.people.set_state(first, name="First", merged_into=second)
        tx.people.set_record(second, "wiki", PersonRecord("Q1", "Second"))
        tx.people.set_record(first, "wiki", PersonRecord("Q1", "First", country="GB"))
        assert tx.people.by_external_id("wiki", "Q1") == second
        assert tx.people.record(second).country == "GB"


def test_ten_thousand_aliases_markup_and_lone_surrogates(store: SqlStore) -> None:
    markup = "<img src=x onerror=alert(1)> [red]Ada[/] {{ 7 }}'; DROP TABLE people; --"
    many = tuple(f"Ada {i}" for i in range(10_000))
    record = PersonRecord("caf\udce9", markup, "\0", (*many, *many, "\udce9", ""), urls=(("https://x/\udce9", ""),))
    with store.write() as tx:
        person_id = active(tx, "Ada")
        for _ in range(2):
            tx.people.set_record(person_id, "wiki", record)
        person, said = tx.people.get(person_id), tx.people.record(person_id)
        assert (said.name, said.disambiguation, said.external_id) == (markup, "\\x00", "caf\\udce9")
        assert len(person.aliases) == 10_002
        assert {markup, "\\udce9", *many} == set(person.aliases)
        assert [found.id for found in tx.people.find("\udce9")] == [person_id]
        assert tx.people.by_external_id("wiki", "caf\udce9") == person_id
        for wrong in ("漢" * 700, "ΐ" * 900):
            with pytest.raises(InputError, match="bytes"):
                tx.people.set_record(person_id, "wiki", PersonRecord("Q1", wrong))
