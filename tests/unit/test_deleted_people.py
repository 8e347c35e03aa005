"""A human's empty name: the person is no more, until that is undone."""

from __future__ import annotations

from personae.core.ledger import PersonState, resolve_faces, resolve_people
from personae.types import Decision, DecisionKind, FaceId, Maker, PersonId

ONE, TWO, FACE = PersonId(1), PersonId(2), FaceId(1)


def name(person_id: PersonId, text: str, source: str | None = None) -> Decision:
    maker = Maker.SOURCE if source else Maker.HUMAN
    return Decision(DecisionKind.NAME, maker, person_id=person_id, name=text, source=source)


def test_an_empty_name_takes_the_person_away() -> None:
    assert resolve_people([name(ONE, "Ada"), name(ONE, "")]) == {ONE: PersonState(None, None)}


def test_no_source_brings_it_back_but_a_human_does() -> None:
    said = [name(ONE, "Ada", "wiki"), name(ONE, ""), name(ONE, "Ada L.", "wiki"), name(ONE, "Ada", "press")]
    assert resolve_people(said)[ONE].name is None
    assert resolve_people([*said, name(ONE, "Ada")])[ONE].name == "Ada"


def test_its_faces_are_nobodys() -> None:
    said = [Decision(DecisionKind.CONFIRM, Maker.HUMAN, face_id=FACE, person_id=ONE)]
    people = resolve_people([name(ONE, "Ada"), name(ONE, "")])
    states = resolve_faces(said, people)
    assert FACE not in states or states[FACE].person_id is None


def test_nobody_is_merged_into_whom_is_no_more() -> None:
    merge = Decision(DecisionKind.MERGE, Maker.HUMAN, person_id=TWO, into_person_id=ONE)
    said = [name(ONE, "Ada"), name(TWO, "Bob"), merge, name(ONE, "")]
    assert resolve_people(said) == {ONE: PersonState(None, None), TWO: PersonState("Bob", None)}
