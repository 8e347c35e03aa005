"""People, groups and faces in the orders that humans look through them, on every store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from personae.adapters.store.store import SqlStore
from personae.engine import ledger
from personae.errors import NotFound
from personae.ports import FaceFilter, FaceOrder, Key, PeopleFilter, PeopleOrder, Transaction
from personae.types import Cluster, ClusterId, Decision, DecisionKind, FaceId, FaceRole, Maker, Person, PersonId
from tests.contract.test_store_pictures import face, picture

FACES = {"Ann": 2, "bea": 3, "Çem": 0, "Dr. 50%_": 2}


def add_people(tx: Transaction, faces: dict[str, int] = FACES) -> dict[str, PersonId]:
    """Make people of so many faces, one photo for each face."""
    made = {name: tx.people.add(name) for name in faces}
    said = [Decision(DecisionKind.NAME, Maker.HUMAN, person_id=i, name=name) for name, i in made.items()]
    for name, count in faces.items():
        for number in range(count):
            image = tx.images.add(picture(f"{name} {number}", face(number, quality=number / 10)))
            (found,) = tx.faces.of_images([image])
            said.append(Decision(DecisionKind.CONFIRM, Maker.HUMAN, face_id=found.id, person_id=made[name]))
    ledger.record(tx, "name", Maker.HUMAN, "", said)
    return made


def said(tx: Transaction, kind: str, *decisions: Decision) -> int:
    """Record what a human says."""
    return int(ledger.record(tx, kind, Maker.HUMAN, "", decisions))


def turn(fetch: Callable[[Any], Sequence[Any]], key: Callable[[Any], Any]) -> list[Any]:
    """Turn all pages."""
    met: list[Any] = []
    while rows := fetch(key(met[-1]) if met else None):
        met += rows
    return met


@pytest.mark.parametrize("order", PeopleOrder)
@pytest.mark.parametrize("size", [1, 2, 9])
def test_every_order_of_people_holds_each_once(store: SqlStore, order: PeopleOrder, size: int) -> None:
    with store.write() as tx:
        add_people(tx)
    keys: dict[PeopleOrder, Callable[[Person], Key]] = {
        PeopleOrder.FACES: lambda person: person.face_count,
        PeopleOrder.NAME: lambda person: person.name,
        PeopleOrder.NEWEST: lambda person: int(person.id),
    }
    with store.read() as tx:
        met = turn(
            lambda after: tx.browse.named(PeopleFilter(), order, after, size),
            lambda person: (keys[order](person), int(person.id)),
        )
    wanted = {
        PeopleOrder.FACES: ["bea", "Ann", "Dr. 50%_", "Çem"],
        PeopleOrder.NAME: None,
        PeopleOrder.NEWEST: ["Dr. 50%_", "Çem", "bea", "Ann"],
    }[order]
    names = [person.name for person in met]
    assert sorted(names) == sorted(FACES)
    if wanted is not None:
        assert names == wanted
    assert names.index("Ann") < names.index("bea") or order is not PeopleOrder.NAME


@pytest.mark.parametrize(
    ("text", "found"),
    [("an", ["Ann"]), ("EA", ["bea"]), ("  dr.   50%", ["Dr. 50%_"]), ("%", ["Dr. 50%_"]), ("_", ["Dr. 50%_"]),
     ("nobody", []), ("ÇEM", ["Çem"]), ("", list(FACES)), ("annie", ["Ann"])],
)  # fmt: skip
def test_a_piece_of_a_name_or_an_alias_finds_people(store: SqlStore, text: str, found: list[str]) -> None:
    with store.write() as tx:
        made = add_people(tx)
        tx.people.add_alias(made["Ann"], "Annie")
    with store.read() as tx:
        assert sorted(p.name for p in tx.browse.named(PeopleFilter(text), PeopleOrder.NAME, None, 9)) == sorted(found)


def test_who_was_merged_is_found_under_who_it_is_now(store: SqlStore) -> None:
    with store.write() as tx:
        made = add_people(tx)
        merge = Decision(DecisionKind.MERGE, Maker.HUMAN, person_id=made["bea"], into_person_id=made["Ann"])
        said(tx, "merge", merge)
    with store.read() as tx:
        (found,) = tx.browse.named(PeopleFilter("bea"), PeopleOrder.FACES, None, 9)
        assert (found.name, found.face_count) == ("Ann", 5)
        assert tx.browse.with_faces() == sum(bool(p.face_count) for p in tx.browse.people(0, 9, None))
        assert tx.people.now(made["bea"]) == made["Ann"] == tx.people.now(made["Ann"])
        assert tx.people.all_now([made["bea"], PersonId(999)]) == {made["bea"]: made["Ann"]}
        with pytest.raises(NotFound):
            tx.people.now(PersonId(999))


def test_who_is_hidden_is_left_out_until_it_is_shown_or_undone(store: SqlStore) -> None:
    def listed(hidden: bool | None) -> list[str]:
        with store.read() as tx:
            return sorted(p.name for p in tx.browse.named(PeopleFilter(hidden=hidden), PeopleOrder.NAME, None, 9))

    with store.write() as tx:
        made = add_people(tx)
        said(tx, "hide", Decision(DecisionKind.HIDE, Maker.HUMAN, person_id=made["Ann"]))
        last = said(tx, "hide", Decision(DecisionKind.HIDE, Maker.HUMAN, person_id=made["bea"]))
    assert (listed(False), listed(True)) == (["Dr. 50%_", "Çem"], ["Ann", "bea"])
    with store.read() as tx:
        assert tx.browse.with_faces() == 1
    with store.write() as tx:
        said(tx, "show", Decision(DecisionKind.SHOW, Maker.HUMAN, person_id=made["Ann"]))
        ledger.undo(tx, last)  # type: ignore[arg-type]
    assert (listed(True), listed(None)) == ([], sorted(FACES))


def in_groups(tx: Transaction, sizes: Sequence[int]) -> list[ClusterId]:
    """Make groups of so many faces."""
    made = tx.clusters.add(len(sizes))
    for cluster, size in zip(made, sizes, strict=True):
        found = tx.faces.of_images([tx.images.add(picture(f"group {cluster}", *(face(i) for i in range(size))))])
        decisions = [Decision(DecisionKind.CLUSTER, Maker.HUMAN, face_id=f.id, cluster_id=cluster) for f in found]
        said(tx, "cluster", *decisions)
    return made


def hide_faces(tx: Transaction, cluster: ClusterId, count: int) -> None:
    """Hide so many faces of a group."""
    found = tx.faces.select(cluster_id=cluster)[:count]
    said(tx, "hide", *(Decision(DecisionKind.HIDE, Maker.HUMAN, face_id=f.id) for f in found))


def test_groups_largest_first_without_those_mostly_hidden(store: SqlStore) -> None:
    with store.write() as tx:
        small, large, same, half, less = in_groups(tx, [2, 5, 5, 4, 4])
        hide_faces(tx, half, 2)
        hide_faces(tx, less, 1)
    with store.read() as tx:

        def after(cluster: Cluster) -> tuple[int, int]:
            return cluster.face_count, int(cluster.id)

        shown = turn(lambda key: tx.browse.groups(key, 2), after)
        assert [cluster.id for cluster in shown] == [large, same, less, small]
        assert [cluster.face_count for cluster in shown] == [5, 5, 4, 2]
        assert all(cluster == tx.clusters.get(cluster.id) for cluster in shown)
        assert [cluster.id for cluster in tx.browse.groups(None, 9, hidden=True)] == [half]
        assert len(tx.browse.groups(None, 9, hidden=None)) == 5
        assert list(tx.browse.group_sizes().items()) == [(large, 5), (same, 5), (half, 4), (less, 4), (small, 2)]
        assert set(tx.browse.group_sizes(hidden=False)) == {large, same, less, small}


@pytest.mark.parametrize("order", FaceOrder)
@pytest.mark.parametrize("size", [1, 3, 20])
def test_pages_of_faces_in_an_order_hold_each_once(store: SqlStore, order: FaceOrder, size: int) -> None:
    with store.write() as tx:
        images = [
            tx.images.add(picture(f"{i}", face(i, quality=i % 3 / 2), face(i + 50, FaceRole.SUPPORTING)))
            for i in range(5)
        ]
    with store.read() as tx:
        met = turn(
            lambda after: tx.browse.members(FaceFilter(), order, after, size), lambda found: FaceId(int(found.id))
        )
        every = tx.faces.of_images(images)
        again = tx.browse.members(FaceFilter(), order, FaceId(999), size)
    ids = [found.id for found in met]
    assert [found.id for found in again] == ids[:size]
    assert len(ids) == len(set(ids)) == len(every)
    if order is FaceOrder.BEST:
        with store.read() as tx:
            assert ids == [found.id for found in tx.faces.select()]
    else:
        assert ids == sorted((found.id for found in every), reverse=True)


def test_what_was_said_of_people_and_faces(store: SqlStore) -> None:
    with store.write() as tx:
        made = add_people(tx)
        (cluster,) = in_groups(tx, [3])
        group = [found.id for found in tx.faces.select(cluster_id=cluster)]
        (first, *_) = tx.faces.select(person_id=made["Ann"])
        reject = said(tx, "reject", Decision(DecisionKind.REJECT, Maker.HUMAN, face_id=first.id, person_id=made["Ann"]))
        merge = said(
            tx, "merge", Decision(DecisionKind.MERGE, Maker.HUMAN, person_id=made["bea"], into_person_id=made["Çem"])
        )
        machine = Decision(DecisionKind.ASSIGN, Maker.MACHINE, face_id=group[0], person_id=made["Ann"], score=0.9)
        ledger.record(tx, "assign", Maker.MACHINE, "", [machine])
        ledger.undo(tx, reject)  # type: ignore[arg-type]
    with store.read() as tx:
        naming, grouping = 1, 2
        assert [(o.id, o.undone) for o in tx.browse.said_of([made["Ann"]], [], None, 9)] == [
            (reject, True), (naming, False),
        ]  # fmt: skip
        assert [o.id for o in tx.browse.said_of([made["Çem"]], [], None, 9)] == [merge, naming]
        assert [o.id for o in tx.browse.said_of([made["Çem"]], [], merge, 9)] == [naming]
        assert [o.id for o in tx.browse.said_of([], group, None, 9)] == [grouping]
        assert tx.browse.said_of([], [], None, 9) == []
