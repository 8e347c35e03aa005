"""What links and separations resolve to, beside the plainest way to work it out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations, product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from personae.core.ledger import FaceState
from personae.core.links import Contradiction, Links, resolve_links
from personae.types import Decision, DecisionKind, FaceId, Maker, PersonId

H, M = Maker.HUMAN, Maker.MACHINE
A, B, C, D, E, F = map(FaceId, range(1, 7))
ANN, BOB = PersonId(1), PersonId(2)
LINK, SEPARATE = DecisionKind.LINK, DecisionKind.SEPARATE


def link(one: FaceId, other: FaceId) -> Decision:
    return Decision(LINK, H, face_id=one, other_face_id=other)


def separate(one: FaceId, other: FaceId) -> Decision:
    return Decision(SEPARATE, H, face_id=one, other_face_id=other)


def is_(person: PersonId, *rejected: PersonId, by: Maker = H) -> FaceState:
    return FaceState(person, by, None, frozenset(rejected))


def is_not(*rejected: PersonId) -> FaceState:
    return FaceState(rejected=frozenset(rejected))


def test_links_join_through_others() -> None:
    found = resolve_links([link(A, B), link(C, B), separate(D, E)])
    assert found.must == ((A, B), (B, C))
    assert found.cannot == ((D, E),)
    assert found.conflicts == ()


def test_nothing_said_is_nothing_kept_to() -> None:
    assert resolve_links([]) == Links()
    assert resolve_links([Decision(DecisionKind.CLUSTER, M, face_id=A)]) == Links()
    assert Links().among([1, 2, 3]) == Links()


def test_the_later_word_holds_and_the_older_one_is_listed() -> None:
    assert resolve_links([link(A, B), separate(A, B)]) == Links(
        cannot=((A, B),), conflicts=(Contradiction(LINK, A, B),)
    )
    assert resolve_links([separate(A, B), link(A, B)]) == Links(
        must=((A, B),), conflicts=(Contradiction(SEPARATE, A, B),)
    )


def test_a_contradiction_through_others_leaves_out_the_oldest_word() -> None:
    found = resolve_links([link(A, B), link(B, C), separate(A, C)])
    assert (found.must, found.cannot, found.conflicts) == (((B, C),), ((A, B),), (Contradiction(LINK, A, B),))
    found = resolve_links([separate(A, C), link(A, B), link(B, C)])
    assert (found.must, found.cannot) == (((A, B), (B, C)), ())
    assert found.conflicts == (Contradiction(SEPARATE, A, C),)


def test_names_come_before_links() -> None:
    found = resolve_links([link(A, B)], {A: is_(ANN), B: is_(BOB)})
    assert (found.must, found.conflicts) == ((), (Contradiction(LINK, A, B),))
    found = resolve_links([link(A, B)], {A: is_(ANN), B: is_not(ANN)})
    assert (found.must, found.cannot, found.conflicts) == ((), ((A, B),), (Contradiction(LINK, A, B),))
    found = resolve_links([separate(A, B)], {A: is_(ANN), B: is_(ANN)})
    assert (found.must, found.conflicts) == (((A, B),), (Contradiction(SEPARATE, A, B),))


def test_a_machines_ties_count_for_nothing() -> None:
    assert resolve_links([link(A, B)], {A: is_(ANN, by=M), B: is_(BOB, by=M)}).must == ((A, B),)


def test_what_is_said_of_a_face_holds_for_those_linked_with_it() -> None:
    found = resolve_links([link(A, B), separate(B, C), link(D, E)], {A: is_(ANN, BOB), D: is_not(BOB)})
    assert found.people == {A: ANN, B: ANN}
    assert found.rejected == {A: {BOB}, B: {BOB}, C: {ANN}, D: {BOB}, E: {BOB}}


def test_a_rejected_face_is_apart_from_the_persons_faces() -> None:
    found = resolve_links([], {A: is_(ANN), B: is_(ANN), C: is_not(ANN), D: is_not(BOB)})
    assert (found.must, found.cannot, found.conflicts) == (((A, B),), ((A, C),), ())


def test_among_some_faces_links_through_the_others_hold() -> None:
    found = resolve_links([link(A, B), link(B, C), separate(B, D), link(D, E)])
    some = found.among(np.array([E, C, A]))
    assert (some.must, some.cannot) == (((A, C),), ((A, E),))
    assert found.among([A, F]).must == ()
    assert found.among([A, F]).cannot == ()


def test_among_some_faces_different_people_are_apart() -> None:
    found = resolve_links([link(A, B), link(C, D)], {A: is_(ANN), C: is_(BOB)})
    assert found.cannot == ()
    assert found.among([B, D]).cannot == ((B, D),)
    assert found.among([B, D]).people == {B: ANN, D: BOB}


# --- against the plainest way -----------------------------------------------------------------

FACES = st.sampled_from([A, B, C, D, E, F])
PAIRS = st.tuples(FACES, FACES).filter(lambda pair: pair[0] != pair[1])
SAID = st.lists(st.one_of(st.builds(lambda p: link(*p), PAIRS), st.builds(lambda p: separate(*p), PAIRS)), max_size=14)
STATES = st.dictionaries(
    FACES,
    st.builds(
        lambda person, by, refused: FaceState(person, by if person else None, None, frozenset(refused) - {person}),
        st.sampled_from([None, ANN, BOB]), st.sampled_from([H, M]), st.sets(st.sampled_from([ANN, BOB])),
    ),
)  # fmt: skip


def closure(joined: Iterable[tuple[object, object]]) -> list[set[object]]:
    """The sets into which these pairs join their members."""
    sets: list[set[object]] = []
    for pair in joined:
        touched = [each for each in sets if each & set(pair)]
        sets = [each for each in sets if each not in touched] + [set(pair).union(*touched)]
    return sets


def consistent(joined: Sequence[tuple[object, object]], parted: Sequence[tuple[object, object]]) -> bool:
    sets = closure(joined)
    people = (("person", ANN), ("person", BOB))
    return not any(set(pair) <= each for pair in [*parted, people] for each in sets)


@given(SAID, STATES)
def test_it_is_what_trying_each_statement_in_turn_gives(said: list[Decision], states: dict[FaceId, FaceState]) -> None:
    joined: list[tuple[object, object]] = []
    parted: list[tuple[object, object]] = []
    for face_id, state in states.items():
        if state.by is H:
            joined.append((face_id, ("person", state.person_id)))
        parted += [(face_id, ("person", person)) for person in state.rejected]
    conflicts = []
    for decision in reversed(said):
        pair = (decision.face_id, decision.other_face_id)
        more = ([*joined, pair], parted) if decision.kind is LINK else (joined, [*parted, pair])
        if consistent(*more):
            joined, parted = more
        else:
            conflicts.append(Contradiction(decision.kind, *pair))  # type: ignore[arg-type]
    found = resolve_links(said, states)
    assert list(found.conflicts) == conflicts
    faces = {each for pair in [*joined, *parted] for each in pair if isinstance(each, int)}
    sets = [*closure(joined), *({face} for face in faces if not any(face in each for each in closure(joined)))]
    same = {pair for each in sets for pair in combinations(sorted(f for f in each if isinstance(f, int)), 2)}
    chains = [*closure(found.must)]
    assert {pair for each in chains for pair in combinations(sorted(each), 2)} == same  # type: ignore[type-var]
    assert found.people == {f: p for each in sets for f in each for p in (ANN, BOB)
                            if isinstance(f, int) and ("person", p) in each}  # fmt: skip
    apart, refused = set(), set()
    for one, other in parted:
        first, second = (next((each for each in sets if x in each), {x}) for x in (one, other))
        for a, b in (*product(first, second), *product(second, first)):
            if isinstance(a, int):
                (apart if isinstance(b, int) else refused).add((a, b))
    told = {(a, b) for x, y in found.cannot
            for a in next((each for each in chains if x in each), {x})
            for b in next((each for each in chains if y in each), {y})}  # fmt: skip
    assert told | {(b, a) for a, b in told} == apart
    assert {(f, ("person", p)) for f, people in found.rejected.items() for p in people} == refused


@given(SAID, STATES, st.sets(FACES))
def test_among_all_faces_or_some_the_same_holds(
    said: list[Decision], states: dict[FaceId, FaceState], some: set[FaceId]
) -> None:
    whole = resolve_links(said, states)

    def together(links: Links) -> set[tuple[object, object]]:
        return {pair for each in closure(links.must) for pair in combinations(sorted(each), 2)}  # type: ignore[type-var]

    def apart(links: Links) -> set[tuple[object, object]]:
        sides = [
            [next((each for each in closure(links.must) if x in each), {x}) for x in pair] for pair in links.cannot
        ]
        return {pair for one, other in sides for pair in (*product(one, other), *product(other, one))}

    part = whole.among(some)
    people = {(a, b) for a, p in whole.people.items() for b, q in whole.people.items() if p != q}
    assert together(part) == {pair for pair in together(whole) if some.issuperset(pair)}
    assert apart(part) == {pair for pair in apart(whole) | people if some.issuperset(pair)}
    assert set(part.people) == some & set(whole.people)
    assert part.rejected == {face: refused for face, refused in whole.rejected.items() if face in some}


@given(SAID)
def test_what_is_kept_never_contradicts_itself(said: list[Decision]) -> None:
    found = resolve_links(said)
    assert consistent(list(found.must), list(found.cannot))
    kept = len(said) - len(found.conflicts)
    assert bool(kept) == bool(found.must or found.cannot)


def test_a_hundred_thousand_statements_are_no_matter_of_squares() -> None:
    """One face apart from all others, and those then linked one by one: every link meets the same separations."""
    n = 50_000
    said = [separate(FaceId(1), FaceId(i)) for i in range(2, n)]
    said += [link(FaceId(i), FaceId(i + 1)) for i in range(2, n - 1)]
    found = resolve_links(said)
    assert (len(found.must), found.cannot, found.conflicts) == (n - 3, ((1, 2),), ())
