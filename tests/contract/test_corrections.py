"""Names, rejections, splits and merges of unknown groups, on every store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from personae import Engine
from personae.core.ledger import resolve_faces, resolve_people
from personae.core.links import Links, resolve_links
from personae.engine import ledger
from personae.errors import Conflict, InputError, NotFound
from personae.types import Decision, DecisionKind, FaceId, Maker
from tests.likenesses import add_faces, engine_at, like, put_together

ONE, TWO = "unknown_cluster_1", "unknown_cluster_2"


@pytest.fixture
def engine(store_url: str, tmp_path: Path) -> Iterator[Engine]:
    """Faces 1 to 4 in unknown_cluster_1, 5 to 7 in unknown_cluster_2, 8 and 9 in none."""
    with engine_at(tmp_path / "home", store_url) as opened:
        with opened.parts.store.write() as tx:
            people = (0, 0, 0, 1, 2, 2, 2, 3, 4)
            ids = add_faces(tx, [like(person, seed=seed) for seed, person in enumerate(people)])
            assert ids == list(range(1, 10))
            put_together(tx, ids[:4])
            put_together(tx, ids[4:7])
        yield opened
        assert opened.parts.store.check() == []


def faces(engine: Engine, reference: str) -> set[int]:
    try:
        return {face.face_id for face in engine.show(reference).faces}
    except NotFound:
        return set()


def state(engine: Engine) -> tuple[object, ...]:
    people, clusters = engine.people()
    with engine.parts.store.read() as tx:
        every = tx.faces.select()
    placed = {face.id: (face.person_id, face.cluster_id) for face in every}
    return placed, {p.id: p.name for p in people}, {c.label: c.face_count for c in clusters}, links(engine)


def links(engine: Engine) -> Links:
    with engine.parts.store.read() as tx:
        active = tx.decisions.active()
        return resolve_links(active, resolve_faces(active, resolve_people(tx.decisions.active_people())))


def counted(engine: Engine, operation_id: int) -> dict[str, int]:
    with engine.parts.store.read() as tx:
        kinds = [decision.kind.value for decision in tx.decisions.of_operation(operation_id)]  # type: ignore[arg-type]
    return {kind: kinds.count(kind) for kind in kinds}


# --- split ------------------------------------------------------------------------------------


def test_faces_split_off_a_group_are_a_group_of_their_own(engine: Engine) -> None:
    before = state(engine)
    done = engine.split(ONE, [4, 3])
    assert (done.label, done.face_ids, done.left) == ("unknown_cluster_3", (3, 4), 2)
    assert "unknown_cluster_3" in done.operation.summary
    assert (faces(engine, ONE), faces(engine, "unknown_cluster_3")) == ({1, 2}, {3, 4})
    assert counted(engine, done.operation.id) == {"separate": 2, "cluster": 2, "link": 1}
    kept = links(engine)
    assert (kept.must, kept.among([1, 2, 4]).cannot) == (((3, 4),), ((1, 4), (2, 4)))
    engine.undo()
    assert state(engine) == before


def test_faces_split_off_a_group_can_be_named_at_once(engine: Engine) -> None:
    before = state(engine)
    done = engine.split(ONE, [4], "Ann")
    assert done.label == "Ann"
    assert (faces(engine, ONE), faces(engine, "Ann")) == ({1, 2, 3}, {4})
    assert links(engine).rejected == {1: {1}, 2: {1}, 3: {1}}
    engine.split(ONE, [3], "ann")
    assert faces(engine, "Ann") == {3, 4}
    engine.undo()
    engine.undo()
    assert state(engine) == before


def test_faces_split_off_a_person_are_rejected_and_stay_together(engine: Engine) -> None:
    engine.name(ONE, "Ann")
    before = state(engine)
    done = engine.split("Ann", [3, 4])
    assert (faces(engine, "Ann"), faces(engine, "unknown_cluster_3")) == ({1, 2}, {3, 4})
    assert counted(engine, done.operation.id) == {"reject": 2, "cluster": 2, "link": 1}
    assert links(engine).must == ((1, 2), (3, 4))
    with pytest.raises(Conflict, match="every face"):
        engine.name("unknown_cluster_3", "Ann")
    engine.undo()
    assert state(engine) == before
    done = engine.split("Ann", [3, 4], "Bob")
    assert (done.label, faces(engine, "Ann"), faces(engine, "Bob")) == ("Bob", {1, 2}, {3, 4})
    engine.undo()
    assert state(engine) == before


def test_a_face_that_a_machine_tied_can_be_split_off(engine: Engine) -> None:
    engine.name(ONE, "Ann")
    person_id = engine.people()[0][0].id
    with engine.parts.store.write() as tx:
        tie = Decision(DecisionKind.ASSIGN, Maker.MACHINE, face_id=FaceId(8), person_id=person_id, score=0.9)
        ledger.record(tx, "assign", Maker.MACHINE, "", [tie])
        assert tx.faces.get([FaceId(8)])[0].person_id == person_id
    assert {face.face_id: (face.made_by, face.score) for face in engine.show("Ann").faces}[8] == ("machine", 0.9)
    engine.split("Ann", [8])
    assert faces(engine, "Ann") == {1, 2, 3, 4}
    assert [(face.made_by, face.score) for face in engine.show("unknown_cluster_3").faces] == [("human", None)]
    with engine.parts.store.write() as tx:
        ledger.record(tx, "assign", Maker.MACHINE, "", [tie])
        assert tx.faces.get([FaceId(8)])[0].person_id is None


@pytest.mark.parametrize(
    ("who", "chosen", "said"),
    [
        (ONE, [], "say which faces"),
        (ONE, [1, 2, 3, 4], "all the faces"),
        (ONE, [1, 1], "given twice: face 1"),
        (ONE, [1, 5, 9], "not in unknown_cluster_1: face 5, 9"),
        (ONE, [10**6], "not in"),
        (ONE, [10**30], "not in"),
        (ONE, [-1], "not in"),
        ("unknown_noise_8", [8], "single face"),
        ("Ann", [9], "all the faces of Ann"),
        ("Ann", [1], "not in Ann"),
    ],
)
def test_what_cannot_be_split_is_told(engine: Engine, who: str, chosen: list[int], said: str) -> None:
    engine.name("unknown_noise_9", "Ann")
    before = state(engine)
    with pytest.raises(InputError, match=said):
        engine.split(who, chosen)
    assert state(engine) == before


def test_a_split_needs_a_group_a_name_and_somebody_else(engine: Engine) -> None:
    engine.name(ONE, "Ann")
    before = state(engine)
    with pytest.raises(NotFound):
        engine.split("unknown_cluster_99", [1])
    with pytest.raises(NotFound):
        engine.split("Nobody", [1])
    with pytest.raises(Conflict, match="no unknown faces"):
        engine.split(ONE, [1])
    with pytest.raises(Conflict, match="taken out of"):
        engine.split("Ann", [1], " ANN ")
    with pytest.raises(InputError, match="empty"):
        engine.split("Ann", [1], " ")
    assert state(engine) == before


def test_what_was_linked_stays_linked_when_a_link_between_leaves(engine: Engine) -> None:
    engine.merge(ONE, TWO)
    assert links(engine).must == ((1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7))
    engine.split(TWO, [4])
    kept = links(engine)
    assert kept.must == ((1, 2), (2, 3), (3, 5), (5, 6), (6, 7))
    assert kept.among(range(1, 8)).cannot == ((1, 4),)
    assert {(each.kind, each.face_id, each.other_face_id) for each in kept.conflicts} == {
        (DecisionKind.LINK, 3, 4), (DecisionKind.LINK, 4, 5)
    }  # fmt: skip


def test_a_split_is_proposed_where_a_group_comes_apart(engine: Engine) -> None:
    before = state(engine)
    proposed = engine.propose_split(ONE)
    assert proposed.who == ONE
    assert [(face.face_id, face.photo) for face in proposed.take_out] == [(4, "file:///album/4.jpg")]
    assert [face.face_id for face in proposed.leave] == [1, 2, 3]
    assert proposed.across < proposed.cluster_threshold < proposed.within
    engine.name(ONE, "Ann")
    assert [face.face_id for face in engine.propose_split("Ann").take_out] == [4]
    engine.undo()
    assert state(engine) == before
    engine.name("unknown_noise_8", "Bob")
    for who, said in (("Bob", "fewer than two"), ("unknown_noise_9", "single face")):
        with pytest.raises(InputError, match=said):
            engine.propose_split(who)


# --- merge ------------------------------------------------------------------------------------


def test_two_groups_become_one_and_stay_one(engine: Engine) -> None:
    before = state(engine)
    operation = engine.merge(TWO, ONE)
    assert operation.summary == f"merge {TWO} into {ONE}"
    assert faces(engine, ONE) == set(range(1, 8))
    assert {(1, i) for i in range(2, 8)} <= {(1, b) for _, b in links(engine).must}
    with pytest.raises(Conflict, match="no unknown faces"):
        engine.merge(TWO, ONE)
    with pytest.raises(Conflict, match="together already"):
        engine.merge("unknown_noise_3", ONE)
    engine.undo()
    assert state(engine) == before
    with pytest.raises(Conflict, match="together already"):
        engine.merge(ONE, "1")


def test_single_faces_join_groups_and_each_other(engine: Engine) -> None:
    before = state(engine)
    engine.merge("unknown_noise_8", ONE)
    assert faces(engine, ONE) == {1, 2, 3, 4, 8}
    engine.merge("unknown_noise_4", TWO)
    assert (faces(engine, ONE), faces(engine, TWO)) == ({1, 2, 3, 8}, {4, 5, 6, 7})
    engine.undo()
    engine.undo()
    assert state(engine) == before
    engine.merge("unknown_noise_8", "unknown_noise_9")
    assert faces(engine, "unknown_cluster_3") == {8, 9}
    engine.merge(ONE, "unknown_noise_9")
    assert faces(engine, "unknown_cluster_3") == {1, 2, 3, 4, 8, 9}
    engine.undo()
    engine.undo()
    assert state(engine) == before
    with pytest.raises(Conflict, match="together already"):
        engine.merge("unknown_noise_8", "unknown_noise_8")


def test_a_group_becomes_a_person_and_never_the_reverse(engine: Engine) -> None:
    engine.name(ONE, "Ann")
    before = state(engine)
    engine.merge(TWO, "ann")
    assert faces(engine, "Ann") == set(range(1, 8))
    engine.undo()
    assert state(engine) == before
    with pytest.raises(Conflict, match="merge unknown_cluster_2 into Ann"):
        engine.merge("Ann", TWO)
    with pytest.raises(Conflict, match="has a name already"):
        engine.merge("unknown_noise_1", TWO)
    with pytest.raises(NotFound):
        engine.merge(TWO, "Nobody")


def test_a_merge_after_a_split_wins_and_says_what_it_overrules(engine: Engine) -> None:
    engine.split(ONE, [4])
    engine.merge("unknown_cluster_3", ONE)
    kept = links(engine)
    assert (len(kept.must), kept.cannot) == (3, ())
    assert {(each.kind, each.other_face_id) for each in kept.conflicts} == {
        (DecisionKind.SEPARATE, face_id) for face_id in (1, 2, 3)
    }


# --- rejections -------------------------------------------------------------------------------


def test_naming_a_group_leaves_out_those_that_were_rejected(engine: Engine) -> None:
    engine.name(TWO, "Ann")
    engine.reject(2, "Ann")
    engine.reject(3, "Ann")
    for name_it in (lambda: engine.name(ONE, "Ann"), lambda: engine.merge(ONE, "Ann")):
        operation = name_it()
        assert operation.summary.endswith("; not the faces that were rejected before: 2, 3")
        assert faces(engine, "Ann") == {1, 4, 5, 6, 7}
        assert faces(engine, ONE) == {2, 3}
        engine.undo()
    engine.merge(ONE, "Ann")
    with pytest.raises(Conflict, match="name that face: unknown_noise_NUMBER"):
        engine.merge(ONE, "Ann")
    engine.name("unknown_noise_2", "Ann")
    engine.merge("unknown_noise_3", "Ann")
    assert faces(engine, "Ann") == set(range(1, 8))


def test_a_split_leaves_out_those_that_were_rejected_as_well(engine: Engine) -> None:
    engine.name(TWO, "Ann")
    engine.reject(2, "Ann")
    done = engine.split(ONE, [1, 2], "Ann")
    assert done.operation.summary.endswith("; not the faces that were rejected before: 2")
    assert faces(engine, "Ann") == {1, 5, 6, 7}
    assert faces(engine, "unknown_cluster_3") == {2}


def test_a_whole_group_is_rejected_at_once(engine: Engine) -> None:
    engine.name(TWO, "Ann")
    before = state(engine)
    operation = engine.reject(ONE, "Ann")
    assert operation.summary == f"{ONE} is not Ann"
    assert counted(engine, operation.id) == {"reject": 4}
    engine.reject("unknown_noise_8", "Ann")
    assert set(links(engine).rejected) == {1, 2, 3, 4, 8}
    engine.undo()
    engine.undo()
    assert state(engine) == before
    with pytest.raises(Conflict, match="tied to nobody"):
        engine.reject(ONE)
    for who in ("Ann", "Nobody"):
        with pytest.raises(NotFound, match="no unknown group and no face"):
            engine.reject(who, "Ann")


# --- grouping again ---------------------------------------------------------------------------


def test_what_was_said_holds_whenever_faces_are_grouped_again(engine: Engine) -> None:
    engine.split(ONE, [1])
    engine.merge("unknown_noise_8", TWO)
    for group in (engine.cluster_dual, engine.cluster, engine.reassign, engine.group, engine.cluster_dual):
        assert group().conflicts == 0
        groups = [faces(engine, cluster.label) for cluster in engine.people()[1]]
        assert {5, 6, 7, 8} in groups
        assert not any({1, 2} <= each or {1, 3} <= each for each in groups)
        assert {2, 3} in groups or not any({2, 3} & each for each in groups)


def test_a_rejection_holds_whenever_faces_are_grouped_again(engine: Engine) -> None:
    engine.name("unknown_noise_1", "Ann")
    engine.reject(2, "Ann")
    engine.merge("unknown_noise_9", "unknown_noise_3")
    engine.reject(9, "Ann")
    for group in (engine.cluster_dual, engine.assign, engine.reassign, engine.cluster_dual):
        group()
        assert faces(engine, "Ann") == {1}
    engine.undo()
    engine.assign()
    assert faces(engine, "Ann") == {1, 3}


def test_a_face_that_the_machine_lets_go_shows_no_tie(engine: Engine) -> None:
    engine.name(ONE, "Ann")
    with engine.parts.store.write() as tx:
        for kind, person_id in ((DecisionKind.ASSIGN, engine.people()[0][0].id), (DecisionKind.RELEASE, None)):
            decision = Decision(kind, Maker.MACHINE, face_id=FaceId(5), person_id=person_id, score=0.9)
            ledger.record(tx, "assign", Maker.MACHINE, "", [decision])
    assert faces(engine, "Ann") == {1, 2, 3, 4}
    assert {face.score for face in engine.show(TWO).faces} == {None}


def test_contradictions_are_counted(engine: Engine) -> None:
    engine.split(ONE, [4])
    engine.merge("unknown_cluster_3", ONE)
    assert engine.cluster_dual().conflicts == 3
    engine.undo()
    assert engine.cluster_dual().conflicts == 0
