"""What sources say, on every store, and on one that an older version made."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import as_file, files

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from personae.adapters.store.engine import MODE, connect, parse
from personae.adapters.store.migrate import migrate
from personae.adapters.store.schema import aliases, embeddings, faces, people, person_facts
from personae.adapters.store.store import SqlStore
from personae.engine import ledger
from personae.errors import Conflict, InputError
from personae.ports import Transaction
from personae.records import Claim, ClaimState, PersonRecord, SourceProgress, Trust
from personae.types import Decision, DecisionKind, FaceId, Maker, OperationId, PersonId
from tests.contract.test_store_people import active, some_faces

H, S = Maker.HUMAN, Maker.SOURCE
MARKUP = "<script>alert('1')</script> & \"Ada\" [bold]x[/] {{ 7 * 7 }}'; DROP TABLE people; --"


def now() -> datetime:
    return datetime.now(UTC)


def claim(person_id: PersonId, image_ref: str = "p1", source: str = "wiki", face_id: int | None = None) -> Claim:
    return Claim(
        source, "Q1", image_ref, f"https://example.org/{image_ref}", person_id, face_id, ClaimState.QUARANTINED,
        "low_trust_quarantined", Trust.LOW,
    )  # fmt: skip


def state(face_id: FaceId, person_id: PersonId, source: str = "wiki") -> Decision:
    return Decision(DecisionKind.STATE, S, face_id, person_id, score=0.75, threshold=0.5, model_id="a+b", source=source)


def named(tx: Transaction, name: str, source: str | None = None) -> PersonId:
    """A person that a source, or a human, has named."""
    person_id = tx.people.add(name)
    maker = H if source is None else S
    said = [Decision(DecisionKind.NAME, maker, person_id=person_id, name=name, source=source)]
    ledger.record(tx, "name", maker, name, said)
    return person_id


def revoke(tx: Transaction, source: str) -> OperationId:
    return ledger.record(tx, "revoke", H, source, [Decision(DecisionKind.REVOKE, H, source=source)])


# --- the ledger -------------------------------------------------------------------------------


def test_what_sources_say_comes_back_as_it_was_given(store: SqlStore) -> None:
    with store.write() as tx:
        person, other = tx.people.add("Ada"), tx.people.add("Bob")
        (face_id,) = some_faces(tx, "one", 0.5)
        given = [
            Decision(DecisionKind.NAME, S, person_id=person, name=MARKUP, source="wiki"),
            state(face_id, person),
            state(face_id, other, "press"),
            Decision(DecisionKind.MERGE, S, person_id=other, into_person_id=person, source="wiki"),
        ]
        operation_id = tx.decisions.begin("enrich", S, "wiki")
        tx.decisions.append(operation_id, given)
        assert tx.decisions.of_operation(operation_id) == given
        assert tx.decisions.active() == tx.decisions.active(makers=[S, H]) == given[1:3]
        assert tx.decisions.active(makers=[H]) == []
        assert tx.decisions.active_people() == tx.decisions.active_people([person, other]) == [given[0], given[3]]
        assert tx.decisions.active_people([person]) == given[:1]
        assert tx.decisions.of_source("wiki") == [given[0], given[1], given[3]]
        assert tx.decisions.of_source("nobody") == []


def test_a_revocation_takes_back_what_only_the_source_said(store: SqlStore) -> None:
    with store.write() as tx:
        ada, bob = named(tx, "Ada", "wiki"), named(tx, "Bob", "wiki")
        one, two, three = some_faces(tx, "one", 0.5, 0.6, 0.7)
        ledger.record(tx, "enrich", S, "", [state(one, ada), state(two, ada), state(three, bob)])
        ledger.record(tx, "enrich", S, "", [
            Decision(DecisionKind.NAME, S, person_id=ada, name="Ada", source="press"), state(two, ada, "press"),
        ])  # fmt: skip
        ledger.record(tx, "name", H, "", [Decision(DecisionKind.CONFIRM, H, three, bob)])
    with store.write() as tx:
        last = tx.events.last()
        operation_id = revoke(tx, "wiki")
        assert tx.sources.revoked() == {"wiki"}
        assert [person.id for person in tx.people.all()] == [ada]
        assert [found.person_id for found in tx.faces.get([one, two, three])] == [None, ada, None]
        moved = [event.payload["face_ids"] for event in tx.events.after(last, kinds=["faces.placed"])]
        assert moved == [[one, three]]
    assert store.check() == []
    with store.write() as tx:
        ledger.undo(tx, operation_id)
        assert tx.sources.revoked() == set()
        assert [found.person_id for found in tx.faces.get([one, two, three])] == [ada, ada, bob]
        assert {person.id for person in tx.people.all()} == {ada, bob}
    assert store.check() == []


def test_a_source_is_revoked_in_its_own_project(store: SqlStore, store_url: str) -> None:
    with store.write() as tx:
        revoke(tx, "wiki")
    with contextlib.closing(SqlStore.open(store_url, "other", now)) as neighbour, neighbour.write() as tx:
        assert tx.sources.revoked() == set()
        assert tx.people.get(named(tx, "Ada", "wiki")).name == "Ada"
        assert tx.sources.seen("wiki", "Q1", ["p1"]) == set()


# --- claims -----------------------------------------------------------------------------------


def test_claims_come_back_newest_first(store: SqlStore) -> None:
    with store.write() as tx:
        ada, bob = active(tx, "Ada"), active(tx, "Bob")
        (face_id,) = some_faces(tx, "one", 0.5)
        held = Claim("wiki", "Q1", "p2", "file:///x", ada, face_id, ClaimState.HELD, "nearer", Trust.MEDIUM,
                     0.625, 0.375, "a+b", bob, 0.25)  # fmt: skip
        refused = replace(claim(bob, "p1", "press"), state=ClaimState.REFUSED, reason="several_faces")
        tx.sources.add_claims([])
        tx.sources.add_claims(iter([claim(ada), held, refused]))
        assert tx.sources.claims() == [refused, held, claim(ada)]
        assert tx.sources.claims(limit=2) == [refused, held]
        assert tx.sources.claims(source="wiki") == [held, claim(ada)]
        assert tx.sources.claims(person_id=bob) == [refused]
        assert tx.sources.claims(states=[ClaimState.HELD, ClaimState.REFUSED]) == [refused, held]
        assert tx.sources.claims(source="wiki", person_id=ada, states=[ClaimState.HELD], limit=1) == [held]
        assert tx.sources.claims(source="nobody") == []
        assert tx.sources.claims_on([face_id, face_id]) == [held]
        assert tx.sources.claims_on([FaceId(10**6)]) == tx.sources.claims_on([]) == []


def test_a_later_claim_takes_the_place_of_the_former(store: SqlStore) -> None:
    with store.write() as tx:
        ada = active(tx, "Ada")
        (face_id,) = some_faces(tx, "one", 0.5)
        tx.sources.add_claims([claim(ada, "p1"), claim(ada, "p2"), claim(ada, "p1", "press")])
        accepted = replace(claim(ada, "p1", face_id=face_id), state=ClaimState.ACCEPTED, distance=0.25)
        tx.sources.add_claims([replace(accepted, reason="x"), accepted])
        assert tx.sources.claims() == [accepted, claim(ada, "p1", "press"), claim(ada, "p2")]
        assert tx.sources.seen("wiki", "Q1", ["p0", "p1", "p1", "p2"]) == {"p1", "p2"}
        assert tx.sources.seen("press", "Q1", ["p1", "p2"]) == {"p1"}
        assert tx.sources.seen("wiki", "Q1", []) == set()


def test_a_photo_of_two_people_is_claimed_for_each(store: SqlStore) -> None:
    with store.write() as tx:
        ada, bob = active(tx, "Ada"), active(tx, "Bob")
        other = replace(claim(bob), external_id="Q2")
        tx.sources.add_claims([claim(ada), other])
        assert tx.sources.claims() == [other, claim(ada)]
        assert tx.sources.seen("wiki", "Q3", ["p1"]) == set()
        later = replace(claim(ada), reason="x")
        tx.sources.add_claims([later])
        assert tx.sources.claims() == [later, other]
        # Where one ends and the other begins is part of the name.
        odd = [replace(claim(ada, "b1"), external_id="a"), replace(claim(ada, "1"), external_id="ab")]
        tx.sources.add_claims(odd)
        assert tx.sources.claims(limit=2) == odd[::-1]


def test_claims_of_revoked_sources_are_left_out_but_seen(store: SqlStore) -> None:
    with store.write() as tx:
        ada = active(tx, "Ada")
        tx.sources.add_claims([claim(ada), claim(ada, source="press")])
        operation_id = revoke(tx, "wiki")
        assert tx.sources.claims() == tx.sources.claims(person_id=ada) == [claim(ada, source="press")]
        assert tx.sources.seen("wiki", "Q1", ["p1"]) == {"p1"}
        ledger.undo(tx, operation_id)
        assert len(tx.sources.claims()) == 2


def test_claims_on_a_merged_person_speak_of_the_one_it_is_now(store: SqlStore) -> None:
    with store.write() as tx:
        gone, stays, third = (named(tx, name) for name in ("Jon", "John", "Jim"))
        given = replace(claim(third), other_person_id=gone, other_distance=0.5)
        tx.sources.add_claims([claim(gone, "p0"), given])
        merge = [Decision(DecisionKind.MERGE, H, person_id=gone, into_person_id=stays)]
        operation_id = ledger.record(tx, "merge", H, "", merge)
        assert tx.sources.claims(person_id=stays) == [claim(stays, "p0")]
        assert tx.sources.claims(person_id=gone) == []
        assert tx.sources.claims()[0].other_person_id == stays
        ledger.undo(tx, operation_id)
        assert tx.sources.claims() == [given, claim(gone, "p0")]


def test_a_thousand_claims_and_any_text_go_in_at_once(store: SqlStore) -> None:
    with store.write() as tx:
        ada = active(tx, "Ada")
        given = [claim(ada, f"https://example.org/{'x' * 5000}/{i}") for i in range(1000)]
        odd = replace(claim(ada, "caf\udce9\0"), url="\udce9", reason=MARKUP, external_id="\0")
        for _ in range(2):
            tx.sources.add_claims([*given, odd])
        (kept,) = tx.sources.claims(limit=1)
        assert (kept.image_ref, kept.url, kept.reason) == ("caf\\udce9\\x00", "\\udce9", MARKUP)
        tx.sources.add_claims([kept])
        assert tx.sources.claims(limit=1) == [kept]
        assert len(tx.sources.claims()) == 1001
        refs = [each.image_ref for each in given]
        asked = [*refs, odd.image_ref, *map(str, range(10_000))]
        assert tx.sources.seen("wiki", "Q1", asked) == {*refs}
        assert tx.sources.seen("wiki", "\0", asked) == tx.sources.seen("wiki", "\\x00", asked) == {odd.image_ref}


def test_a_claim_on_nobody_is_refused(store: SqlStore) -> None:
    with pytest.raises(Conflict), store.write() as tx:
        tx.sources.add_claims([claim(PersonId(10**6))])


def test_a_claim_with_a_distance_that_is_no_number_is_refused(store: SqlStore) -> None:
    with store.write() as tx:
        ada = active(tx, "Ada")
        for wrong in (replace(claim(ada), distance=float("nan")), replace(claim(ada), threshold=float("inf"))):
            with pytest.raises(InputError, match="no number"):
                tx.sources.add_claims([claim(ada, "p2"), wrong])
        assert tx.sources.claims() == []


def test_check_knows_records(store: SqlStore) -> None:
    with store.write() as tx:
        for number, name in enumerate(("Ada", "Bob", "Cid")):
            tx.people.set_record(named(tx, name), "wiki", PersonRecord(str(number), name))
        for number, wrong in ((1, ["Ada"]), (2, {"colour": "blue"}), (3, {"images": ["x"]})):
            changed = sa.update(person_facts).where(person_facts.c.id == number).values(record=wrong)
            tx.sources.scope.connection.execute(changed)
    assert store.check() == ["3 records of people cannot be read: 1, 2, 3"]


def test_check_knows_claims(store: SqlStore, store_url: str) -> None:
    with contextlib.closing(SqlStore.open(store_url, "other", now)) as neighbour:
        with neighbour.write() as tx:
            theirs = named(tx, "Bob")
        with store.write() as tx:
            ada = named(tx, "Ada")
            one, two = some_faces(tx, "one", 0.5, 0.6)
            ledger.record(tx, "enrich", S, "", [state(one, ada)])
            good = replace(claim(ada, "p1", face_id=one), state=ClaimState.ACCEPTED)
            tx.sources.add_claims([good, claim(ada, "p2", face_id=two)])
        assert store.check() == []
        with store.write() as tx:
            tx.sources.add_claims([replace(good, image_ref="p3", face_id=two), claim(theirs, "p4")])
        assert sorted(sentence.partition(":")[0] for sentence in store.check()) == [
            "1 claims are accepted, but the ledger never tied their faces to anybody",
            "1 claims speak of people that this project does not have",
        ]
        assert neighbour.check() == []


def test_people_and_faces_can_be_removed_beside_their_claims(store: SqlStore) -> None:
    with store.write() as tx:
        ada, bob = active(tx, "Ada"), active(tx, "Bob")
        (face_id,) = some_faces(tx, "one", 0.5)
        tx.people.set_record(bob, "wiki", PersonRecord("", "Bob"))
        held = replace(claim(ada, face_id=face_id), other_person_id=bob, other_distance=0.5)
        tx.sources.add_claims([held, claim(bob, "p2")])
        connection = tx.sources.scope.connection
        for table, column, number in (
            (embeddings, "face_id", face_id),
            (faces, "id", face_id),
            (aliases, "person_id", bob),
            (people, "id", bob),
        ):
            connection.execute(sa.delete(table).where(table.c[column] == number))
        assert tx.sources.claims() == [replace(held, face_id=None, other_person_id=None)]
        assert connection.execute(sa.select(sa.func.count()).select_from(person_facts)).scalar() == 0


# --- progress ---------------------------------------------------------------------------------


def test_progress_is_kept_by_source(store: SqlStore) -> None:
    with store.write() as tx:
        assert tx.sources.progress("wiki") is None
        first = SourceProgress(None, "", 0, 0)
        later = SourceProgress("Q1", "2026-01-02T03:04:05Z", 100, 250, {"errors": 1, "refused:blurred": 2})
        tx.sources.set_progress("wiki", first)
        tx.sources.set_progress("press", first)
        assert tx.sources.progress("wiki") == first
        tx.sources.set_progress("wiki", later)
        assert (tx.sources.progress("wiki"), tx.sources.progress("press")) == (later, first)


# --- an older store ---------------------------------------------------------------------------


def make_second_version(store_url: str) -> None:
    """Create a store as the second version did."""
    engine = connect(parse(store_url), 20)
    with as_file(files("personae.adapters.store") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        with engine.connect().execution_options(**{MODE: "write"}) as connection, connection.begin():
            config.attributes["connection"] = connection
            command.upgrade(config, "0002")
            for text in (
                "INSERT INTO projects (name, created_at) VALUES ('test', '2026-01-02')",
                "INSERT INTO people (project_id, name, name_key, kind, disambiguation, active, created_at) "
                "VALUES (1, 'Ada', 'ada', 'real', '', true, '2026-01-02')",
                "INSERT INTO operations (project_id, kind, maker, summary, created_at) "
                "VALUES (1, 'name', 'human', 'Ada', '2026-01-02')",
                "INSERT INTO decisions (operation_id, kind, maker, person_id, name) "
                "VALUES (1, 'name', 'human', 1, 'Ada')",
                "INSERT INTO aliases (person_id, alias_key, alias) VALUES (1, 'countess', 'Countess')",
                "INSERT INTO external_ids (project_id, source, external_id, person_id) VALUES (1, 'imdb', 'nm1', 1)",
                "INSERT INTO urls (person_id, url, site) VALUES (1, 'https://example.org/ada', 'example')",
            ):
                connection.execute(sa.text(text))
    engine.dispose()


def test_a_store_of_the_second_version_is_upgraded(new_url: str) -> None:
    make_second_version(new_url)
    migrate(new_url)
    for _ in range(2):
        with contextlib.closing(SqlStore.open(new_url, "test", now)) as store:
            with store.write() as tx:
                (ada,) = tx.people.find("countess")
                assert (ada.name, ada.aliases, ada.external_ids["imdb"]) == ("Ada", ("Countess",), "nm1")
                assert ada.urls == ("https://example.org/ada",)
                (face_id,) = some_faces(tx, f"photo {tx.events.last()}", 0.5)
                ledger.record(tx, "enrich", S, "", [state(face_id, ada.id)])
                tx.people.set_record(ada.id, "wiki", PersonRecord("Q1", "Ada", aliases=("Countess",)))
                tx.sources.add_claims([claim(ada.id, face_id=face_id)])
            assert store.check() == []
            with pytest.raises(Conflict, match="append-only"), store.write() as tx:
                tx.sources.scope.connection.execute(sa.text("UPDATE decisions SET source = NULL"))
