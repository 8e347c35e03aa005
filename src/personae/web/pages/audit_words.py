"""The ledger in words: operations by day, and each decision as a sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from personae.engine.facade import Engine
from personae.types import Decision, DecisionKind, Maker, Operation

KINDS = {
    "name": "Named",
    "confirm": "Confirmed",
    "merge": "Merged",
    "split": "Split",
    "reject": "Rejected",
    "assign": "Recognised",
    "cluster": "Grouped",
    "enrich": "Brought",
    "revoke": "Source revoked",
    "delete": "Deleted",
    "hide": "Hidden",
    "show": "Shown again",
    "undo": "Undone",
}
"""What kinds of operations are called; others by their own name."""
DRAWINGS = {
    "name": "edit", "confirm": "check", "merge": "merge", "split": "split", "reject": "cross", "assign": "people",
    "cluster": "people", "enrich": "sources", "revoke": "sources", "delete": "bin", "hide": "hide", "show": "show",
    "undo": "undo",
}  # fmt: skip
"""Of icons.svg."""
_LABEL = re.compile(r"unknown_(cluster|noise)_(\d+)")
MAKERS = {Maker.HUMAN: "a person", Maker.SOURCE: "a source", Maker.MACHINE: "the machine"}


@dataclass(frozen=True, slots=True)
class Row:
    """One operation of the list."""

    operation: Operation
    kind: str
    drawing: str
    maker: str
    summary: str
    day: str
    """ISO 8601, in UTC."""


@dataclass(frozen=True, slots=True)
class Said:
    """One decision as it is shown."""

    before: str
    """What is said, up to the person's name."""
    after: str
    """And behind it."""
    face_id: int | None
    person_id: int | None
    person: str
    note: str
    """The figures of a machine's decision; empty: there are none."""


def row_of(operation: Operation) -> Row:
    """Return an operation as the list shows it."""
    return Row(
        operation, KINDS.get(operation.kind, operation.kind.replace("_", " ").capitalize()),
        DRAWINGS.get(operation.kind, "audit"), MAKERS[operation.maker], sentence(operation.summary),
        operation.created_at.date().isoformat(),
    )  # fmt: skip


def by_day(operations: Sequence[Operation]) -> list[tuple[str, list[Row]]]:
    """Return rows by the day on which they were made, in their order."""
    days: list[tuple[str, list[Row]]] = []
    for row in map(row_of, operations):
        if not days or days[-1][0] != row.day:
            days.append((row.day, []))
        days[-1][1].append(row)
    return days


def sentence(summary: str) -> str:
    """Return what an operation says of itself, as people read it."""
    said = _LABEL.sub(lambda found: f"{'face' if found[1] == 'noise' else 'unknown group'} {found[2]}", summary)
    return said[:1].upper() + said[1:]


def names_of(engine: Engine, decisions: Sequence[Decision]) -> dict[int, str]:
    """Return the names of the people whom decisions speak of; who is nobody any more is left out."""
    wanted = {i for said in decisions for i in (said.person_id, said.into_person_id) if i is not None}
    return {int(person_id): person.name for person_id, person in engine.browse.people_now(wanted).items()}


def said_of(decision: Decision, names: Mapping[int, str]) -> Said:
    """Return a decision as it is shown."""
    person = names.get(decision.person_id or 0, "")
    before, after = _words(decision, names)
    gone = "" if person or decision.person_id is None else f"person {decision.person_id}, who is nobody now"
    return Said(
        before, f"{gone} {after}".strip(), decision.face_id, decision.person_id if person else None, person,
        _note(decision),
    )  # fmt: skip


def _words(decision: Decision, names: Mapping[int, str]) -> tuple[str, str]:
    """Return what a decision says before the person's name, and after it."""
    into = names.get(decision.into_person_id or 0, f"person {decision.into_person_id}")
    other = decision.other_face_id
    said = {
        DecisionKind.NAME: ("", f"is called {decision.name}" if decision.name else "exists no more"),
        DecisionKind.CONFIRM: ("This face is", ""),
        DecisionKind.REJECT: ("This face is not", ""),
        DecisionKind.ASSIGN: ("This face is", ""),
        DecisionKind.CLUSTER: (f"This face is in {'no group' if decision.cluster_id is None else 'a group'}", ""),
        DecisionKind.MERGE: ("", f"and {into} are one person"),
        DecisionKind.LINK: (f"This face and face {other} are one person", ""),
        DecisionKind.SEPARATE: (f"This face and face {other} are two people", ""),
        DecisionKind.RELEASE: ("This face is tied to nobody any more", ""),
        DecisionKind.STATE: ("This face is", f"says {decision.source}"),
        DecisionKind.HIDE: ("" if decision.person_id is not None else "This group", "is hidden"),
        DecisionKind.SHOW: ("" if decision.person_id is not None else "This group", "is shown again"),
        DecisionKind.REVOKE: (f"Nothing that {decision.source} said counts", ""),
    }
    return said.get(decision.kind, (sentence(str(decision.kind).replace("_", " ")), ""))


def _note(decision: Decision) -> str:
    figures = []
    if decision.score is not None and decision.threshold is not None:
        figures.append(f"{decision.score:.2f} alike, {decision.threshold:.2f} was enough")
    elif decision.score is not None:
        figures.append(f"{decision.score:.2f} alike")
    if decision.runner_up is not None:
        figures.append(f"the next person {decision.runner_up:.2f}")
    if decision.model_id:
        figures.append(decision.model_id.replace("+", " and "))
    return "; ".join(figures)
