"""What decisions resolve to."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personae.core.ledger import (
    FaceState,
    PersonState,
    counting,
    hidden,
    kin,
    resolve_faces,
    resolve_people,
    revoked,
    undone,
    validate,
)
from personae.errors import InputError
from personae.types import ClusterId, Decision, DecisionKind, FaceId, Maker, OperationId, PersonId

H, S, M = Maker.HUMAN, Maker.SOURCE, Maker.MACHINE
A, B, C, D = map(PersonId, range(1, 5))
F, G = FaceId(1), FaceId(2)


def name(person: PersonId, text: str = "x") -> Decision:
    return Decision(DecisionKind.NAME, H, person_id=person, name=text)


def merge(gone: PersonId, stays: PersonId) -> Decision:
    return Decision(DecisionKind.MERGE, H, person_id=gone, into_person_id=stays)


def confirm(face: FaceId, person: PersonId) -> Decision:
    return Decision(DecisionKind.CONFIRM, H, face_id=face, person_id=person)


def reject(face: FaceId, person: PersonId) -> Decision:
    return Decision(DecisionKind.REJECT, H, face_id=face, person_id=person)


def assign(face: FaceId, person: PersonId) -> Decision:
    return Decision(DecisionKind.ASSIGN, M, face_id=face, person_id=person, score=0.9, threshold=0.5, model_id="m")


def state(face: FaceId, person: PersonId, source: str = "wiki") -> Decision:
    return Decision(DecisionKind.STATE, S, face_id=face, person_id=person, source=source)


def called(person: PersonId, text: str, source: str = "wiki") -> Decision:
    return Decision(DecisionKind.NAME, S, person_id=person, name=text, source=source)


def revoke(source: str = "wiki") -> Decision:
    return Decision(DecisionKind.REVOKE, H, source=source)


def release(face: FaceId) -> Decision:
    return Decision(DecisionKind.RELEASE, M, face_id=face)


def link(face: FaceId, other: FaceId, kind: DecisionKind = DecisionKind.LINK, maker: Maker = H) -> Decision:
    return Decision(kind, maker, face_id=face, other_face_id=other)


def cluster(face: FaceId, number: int | None) -> Decision:
    return Decision(DecisionKind.CLUSTER, M, face_id=face, cluster_id=None if number is None else ClusterId(number))


def face(*decisions: Decision, people: tuple[PersonId, ...] = (A, B, C, D)) -> FaceState:
    ledger = [*map(name, people), *decisions]
    return resolve_faces(ledger, resolve_people(ledger)).get(F, FaceState())


def test_the_last_name_wins() -> None:
    assert resolve_people([name(A, "Ada"), name(B, "Bob"), name(A, "Ada L.")]) == {
        A: PersonState("Ada L.", None),
        B: PersonState("Bob", None),
    }


def test_merges_lead_to_the_end_of_the_chain() -> None:
    people = resolve_people([name(A), name(B), name(C), merge(A, B), merge(B, C)])
    assert [people[i].merged_into for i in (A, B, C)] == [C, C, None]


def test_a_merge_that_would_close_a_circle_is_passed_over() -> None:
    people = resolve_people([name(A), name(B), name(C), merge(A, B), merge(B, C), merge(C, A)])
    assert [people[i].merged_into for i in (A, B, C)] == [C, C, None]


def test_a_second_merge_of_a_person_joins_all_three() -> None:
    people = resolve_people([name(A), name(B), name(C), merge(A, B), merge(A, C)])
    assert [people[i].merged_into for i in (A, B, C)] == [C, C, None]


def test_nobody_is_merged_into_a_person_without_a_name() -> None:
    people = resolve_people([name(A), merge(A, B), merge(B, C), name(C)])
    assert people == {A: PersonState("x", None), B: PersonState(None, C), C: PersonState("x", None)}


def test_a_human_ties_and_a_machine_does_not_change_it() -> None:
    assert face(assign(F, A)) == FaceState(A, M)
    assert face(assign(F, A), assign(F, B)) == FaceState(B, M)
    assert face(assign(F, A), confirm(F, B), assign(F, C)) == FaceState(B, H)


def test_a_rejected_person_comes_back_only_by_a_human() -> None:
    assert face(assign(F, A), reject(F, A), assign(F, A)) == FaceState(rejected=frozenset({A}))
    assert face(reject(F, A), assign(F, B)) == FaceState(B, M, rejected=frozenset({A}))
    assert face(confirm(F, A), reject(F, B)) == FaceState(A, H, rejected=frozenset({B}))
    assert face(reject(F, A), confirm(F, A)) == FaceState(A, H)
    assert face(confirm(F, A), reject(F, A), assign(F, B)) == FaceState(B, M, rejected=frozenset({A}))


def test_a_release_takes_back_a_machines_tie_only() -> None:
    assert face(assign(F, A), release(F)) == FaceState()
    assert face(release(F), assign(F, A)) == FaceState(A, M)
    assert face(assign(F, A), confirm(F, A), release(F)) == FaceState(A, H)
    assert face(cluster(F, 7), reject(F, A), release(F)) == FaceState(None, None, ClusterId(7), frozenset({A}))


def test_a_source_ties_below_a_human_and_above_a_machine() -> None:
    assert face(assign(F, A), state(F, B), assign(F, A)) == FaceState(B, S)
    assert face(state(F, A), state(F, B, "press")) == FaceState(B, S)
    assert face(confirm(F, A), state(F, B)) == face(state(F, B), confirm(F, A)) == FaceState(A, H)
    assert face(state(F, A), release(F)) == FaceState(A, S)


def test_a_source_does_not_tie_whom_a_human_rejected() -> None:
    assert face(reject(F, A), state(F, A)) == face(state(F, A), reject(F, A)) == FaceState(rejected=frozenset({A}))
    assert face(reject(F, A), merge(A, B), state(F, B)) == FaceState(rejected=frozenset({B}))
    assert face(reject(F, A), state(F, B)) == FaceState(B, S, rejected=frozenset({A}))
    assert face(state(F, A), reject(F, A), confirm(F, A)) == FaceState(A, H)


def test_what_a_revoked_source_says_counts_for_nothing() -> None:
    assert face(state(F, A), revoke()) == face(revoke(), state(F, A)) == FaceState()
    assert face(state(F, A), state(F, B, "press"), revoke("press")) == FaceState(A, S)
    assert face(assign(F, B), state(F, A), revoke()) == FaceState(B, M)
    assert face(state(F, A), confirm(F, A), revoke()) == FaceState(A, H)
    assert face(Decision(DecisionKind.MERGE, S, person_id=A, into_person_id=B, source="wiki"), confirm(F, A), revoke(),
                ) == FaceState(A, H)  # fmt: skip
    assert revoked([state(F, A), revoke("b"), revoke("a"), revoke("b")]) == {"a", "b"}
    assert counting([name(A), state(F, A), revoke()]) == [name(A)]


def test_a_person_is_there_as_long_as_somebody_says_so() -> None:
    assert resolve_people([called(A, "Ada"), revoke()]) == {}
    assert resolve_people([called(A, "Ada"), called(A, "Ada L.", "press"), revoke()])[A].name == "Ada L."
    assert resolve_people([called(A, "Ada"), name(A, "Ada L."), revoke()])[A].name == "Ada L."
    assert face(called(A, "Ada"), confirm(F, A), revoke(), people=()) == FaceState()


def test_a_humans_name_outranks_a_sources_and_the_oldest_source_the_others() -> None:
    assert resolve_people([name(A, "Ada L."), called(A, "Ada")])[A].name == "Ada L."
    assert resolve_people([called(A, "Ada"), called(A, "Adda", "press")])[A].name == "Ada"
    assert resolve_people([called(A, "Ada"), called(A, "Adda", "press"), called(A, "Ada!")])[A].name == "Ada!"


def test_a_long_chain_of_merges_takes_no_longer() -> None:
    ids = [PersonId(i) for i in range(1, 20_001)]
    people = resolve_people([*map(name, ids), *(merge(one, other) for one, other in pairwise(ids))])
    assert {state.merged_into for state in people.values()} == {None, ids[-1]}


def test_links_tie_nobody() -> None:
    assert face(confirm(F, A), link(F, G), link(G, F, DecisionKind.SEPARATE)) == FaceState(A, H)
    assert face(link(F, G)) == FaceState()


def test_clusters_come_and_go_beside_people() -> None:
    assert face(cluster(F, 7), confirm(F, A)) == FaceState(A, H, ClusterId(7))
    assert face(cluster(F, 7), cluster(F, None)) == FaceState()


def test_people_are_read_through_merges() -> None:
    assert face(confirm(F, A), merge(A, B)).person_id == B
    assert face(reject(F, A), merge(A, B), assign(F, B)) == FaceState(rejected=frozenset({B}))
    assert face(assign(F, A), merge(A, B), reject(F, B)) == FaceState(rejected=frozenset({B}))


def test_people_without_a_name_are_nobody() -> None:
    assert face(confirm(F, A), people=()) == FaceState()
    assert face(assign(F, B), confirm(F, A), people=(B,)) == FaceState(B, M)
    assert face(reject(F, A), people=()) == FaceState()


def test_kin_are_found_in_both_directions() -> None:
    assert kin([merge(A, B), merge(B, C)], [C]) == {A, B, C}
    assert kin([merge(A, B)], [D]) == {D}
    assert kin([merge(A, B)], []) == set()


def test_undone_through_undos_of_undos() -> None:
    one, two, three, four = map(OperationId, range(1, 5))
    assert undone([]) == set()
    assert undone([(two, one)]) == {one}
    assert undone([(two, one), (three, two)]) == {two}
    assert undone([(four, one), (three, two), (two, one)]) == {one, two}


@pytest.mark.parametrize(
    "wrong",
    [
        Decision(DecisionKind.NAME, H, person_id=A),
        Decision(DecisionKind.REJECT, H, face_id=F),
        Decision(DecisionKind.MERGE, H, person_id=A),
        Decision(DecisionKind.MERGE, H, person_id=A, into_person_id=A),
        Decision(DecisionKind.CLUSTER, M),
        Decision(DecisionKind.ASSIGN, H, face_id=F, person_id=A),
        Decision(DecisionKind.CONFIRM, M, face_id=F, person_id=A),
        Decision(DecisionKind.STATE, S, face_id=F, person_id=A),
        Decision(DecisionKind.STATE, H, face_id=F, person_id=A, source="wiki"),
        Decision(DecisionKind.STATE, S, face_id=F, source="wiki"),
        Decision(DecisionKind.STATE, S, face_id=F, person_id=A, source=""),
        Decision(DecisionKind.REVOKE, H),
        Decision(DecisionKind.REVOKE, H, source=""),
        Decision(DecisionKind.REVOKE, S, source="wiki"),
        Decision(DecisionKind.NAME, S, person_id=A, name="Ada"),
        Decision(DecisionKind.NAME, H, person_id=A, name="Ada", source="wiki"),
        Decision(DecisionKind.CLUSTER, S, face_id=F, source="wiki"),
        Decision(DecisionKind.LINK, H, face_id=F),
        Decision(DecisionKind.SEPARATE, H, other_face_id=F),
        Decision(DecisionKind.RELEASE, M),
        Decision(DecisionKind.RELEASE, H, face_id=F),
        link(F, F),
        link(F, G, maker=M),
        link(F, G, DecisionKind.SEPARATE, maker=M),
    ],
)
def test_a_decision_needs_what_its_kind_needs(wrong: Decision) -> None:
    with pytest.raises(InputError):
        validate(wrong)


# --- properties -------------------------------------------------------------------------------

PEOPLE = st.sampled_from([A, B, C, D])
FACES = st.sampled_from([F, G])
SOURCES = st.sampled_from(["wiki", "press"])
SOURCE = st.one_of(
    st.builds(state, FACES, PEOPLE, SOURCES),
    st.builds(called, PEOPLE, st.sampled_from("xyz"), SOURCES),
    st.builds(revoke, SOURCES),
)
TIES = st.one_of(st.builds(confirm, FACES, PEOPLE), st.builds(reject, FACES, PEOPLE), st.builds(assign, FACES, PEOPLE))
MACHINE = st.one_of(
    st.builds(assign, FACES, PEOPLE),
    st.builds(cluster, FACES, st.sampled_from([None, 1, 2])),
    st.builds(release, FACES),
)
DECISIONS = st.one_of(
    TIES, MACHINE, SOURCE, st.builds(name, PEOPLE, st.sampled_from("xyz")), st.builds(merge, PEOPLE, PEOPLE)
)
OPERATIONS = st.lists(DECISIONS, min_size=1, max_size=4)


@dataclass
class Ledger:
    """Operations as the store keeps them: rows and undos, nothing taken out."""

    decisions: list[tuple[OperationId, Decision]]
    undos: list[tuple[OperationId, OperationId]]
    last: int = 0

    def record(self, decisions: list[Decision]) -> OperationId:
        self.last += 1
        self.decisions += [(OperationId(self.last), decision) for decision in decisions]
        return OperationId(self.last)

    def undo(self, target: OperationId) -> OperationId:
        self.last += 1
        self.undos.append((OperationId(self.last), target))
        return OperationId(self.last)

    def state(self) -> tuple[dict[PersonId, PersonState], dict[FaceId, FaceState]]:
        gone = undone(self.undos)
        active = [decision for operation, decision in self.decisions if operation not in gone]
        people = resolve_people(active)
        return people, resolve_faces(active, people)


@given(st.lists(OPERATIONS, max_size=6), OPERATIONS)
def test_undoing_the_last_operation_restores_the_state_before_it(
    before: list[list[Decision]], last: list[Decision]
) -> None:
    ledger = Ledger([], [])
    for operation in before:
        ledger.record(operation)
    wanted = ledger.state()
    number = ledger.record(last)
    changed = ledger.state()
    undo = ledger.undo(number)
    assert ledger.state() == wanted
    redo = ledger.undo(undo)
    assert ledger.state() == changed
    ledger.undo(redo)
    assert ledger.state() == wanted


@given(st.lists(OPERATIONS, min_size=1, max_size=6), st.data())
def test_undoing_any_operation_is_as_if_it_had_not_been_made(
    operations: list[list[Decision]], data: st.DataObject
) -> None:
    target = data.draw(st.integers(0, len(operations) - 1))
    ledger, without = Ledger([], []), Ledger([], [])
    for i, operation in enumerate(operations):
        ledger.record(operation)
        if i != target:
            without.record(operation)
    ledger.undo(OperationId(target + 1))
    assert ledger.state() == without.state()


@given(st.lists(DECISIONS, max_size=12), st.lists(MACHINE, max_size=12))
def test_machines_never_change_what_humans_said(ledger: list[Decision], later: list[Decision]) -> None:
    people = resolve_people(ledger)
    before, after = resolve_faces(ledger, people), resolve_faces(ledger + later, people)
    for face_id, state in before.items():
        assert after[face_id].rejected == state.rejected
        if state.by is H:
            assert (after[face_id].person_id, after[face_id].by) == (state.person_id, H)


@given(st.lists(DECISIONS, max_size=12), st.lists(st.builds(state, FACES, PEOPLE, SOURCES), max_size=12))
def test_sources_never_change_what_humans_said(ledger: list[Decision], later: list[Decision]) -> None:
    people = resolve_people(ledger)
    before, after = resolve_faces(ledger, people), resolve_faces(ledger + later, people)
    for face_id, each in before.items():
        assert after[face_id].rejected == each.rejected
        if each.by is H:
            assert (after[face_id].person_id, after[face_id].by) == (each.person_id, H)


@given(st.lists(DECISIONS, max_size=12), SOURCES)
def test_a_revocation_is_as_if_the_source_had_said_nothing(ledger: list[Decision], source: str) -> None:
    silent = [decision for decision in ledger if decision.source != source]
    people = resolve_people([*ledger, revoke(source)])
    assert people == resolve_people(silent)
    found = resolve_faces([*ledger, revoke(source)], people)
    assert found == resolve_faces(silent, people)


@given(st.lists(DECISIONS, max_size=12), st.lists(DECISIONS, max_size=12))
def test_no_face_is_tied_to_a_person_that_it_is_not(ledger: list[Decision], more: list[Decision]) -> None:
    people = resolve_people(ledger + more)
    for state in resolve_faces(ledger + more, people).values():
        assert state.person_id not in state.rejected
        if state.person_id is not None:
            assert people[state.person_id] == PersonState(people[state.person_id].name, None)
            assert people[state.person_id].name is not None


@given(st.lists(st.one_of(TIES, MACHINE), max_size=12))
def test_the_order_of_unrelated_faces_is_irrelevant(ledger: list[Decision]) -> None:
    people = resolve_people(map(name, (A, B, C, D)))
    apart = sorted(ledger, key=lambda decision: decision.face_id or 0)
    assert resolve_faces(ledger, people) == resolve_faces(apart, people)


@given(st.lists(st.builds(merge, PEOPLE, PEOPLE), max_size=12))
def test_every_chain_of_merges_ends(merges: list[Decision]) -> None:
    people = resolve_people([*map(name, (A, B, C, D)), *merges])
    assert any(state.merged_into is None for state in people.values())
    for state in people.values():
        if state.merged_into is not None:
            assert people[state.merged_into].merged_into is None


def test_the_latest_word_on_who_is_hidden_holds() -> None:
    human = Maker.HUMAN
    said = [
        Decision(DecisionKind.HIDE, human, person_id=PersonId(1)),
        Decision(DecisionKind.HIDE, human, face_id=FaceId(1)),
        Decision(DecisionKind.HIDE, human, person_id=PersonId(2)),
        Decision(DecisionKind.CONFIRM, human, face_id=FaceId(2), person_id=PersonId(2)),
        Decision(DecisionKind.SHOW, human, person_id=PersonId(1)),
    ]
    assert hidden(said) == ({2}, {1})
    assert resolve_faces(said[:2], {})[FaceId(1)] == FaceState()


def test_hiding_is_about_a_face_or_a_person() -> None:
    for kind in (DecisionKind.HIDE, DecisionKind.SHOW):
        validate(Decision(kind, Maker.HUMAN, face_id=FaceId(1)))
        for wrong in (
            Decision(kind, Maker.HUMAN),
            Decision(kind, Maker.HUMAN, face_id=FaceId(1), person_id=PersonId(1)),
        ):
            with pytest.raises(InputError, match="either a face or a person"):
                validate(wrong)
        with pytest.raises(InputError, match="made by a human"):
            validate(Decision(kind, Maker.MACHINE, face_id=FaceId(1)))
