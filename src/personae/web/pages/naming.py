"""What the pages of a person and of an unknown group have in common: whom they may be, and where a decision leads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Form, Query
from pydantic import BaseModel, Field

from personae.core.probability import in_100
from personae.engine.browse_people import ListedFace
from personae.engine.facade import Engine
from personae.errors import InputError
from personae.ports import PeopleFilter
from personae.types import Cluster, DecisionKind, FaceRole, Operation, OperationId, Person
from personae.web.api.ids import LARGEST_ID
from personae.web.pages.receipts import group_words

LOOKED_AT = 60
"""Faces like one that are looked at to find whom it may be."""
LIKELY = 6
PROPOSED = 8
AT_ONCE = 96
"""Faces of a page."""
DECISIONS = 8
HALF_SHOWN = 24
"""Faces of each part where a split is proposed."""

Name = Annotated[str, Form(max_length=1000)]
Number = Annotated[int, Form(ge=1, le=LARGEST_ID)]
Text = Annotated[str, Query(max_length=300)]
Start = Annotated[int | None, Query(ge=1, le=LARGEST_ID)]


class Chosen(BaseModel):
    """Faces that are ticked in a grid, and who they are."""

    face: list[Annotated[int, Field(ge=1, le=LARGEST_ID)]] = Field(default_factory=list, max_length=100_000)
    name: str = Field(default="", max_length=1000)


ChosenForm = Annotated[Chosen, Form()]


@dataclass(frozen=True, slots=True)
class Likely:
    """Somebody whom a person or group may be."""

    title: str
    person: Person | None
    group: Cluster | None
    best_face: int | None
    face_count: int
    score: float | None
    """Of the two faces that are most alike; None: found by name."""


def likely(engine: Engine, face_id: int | None, *, person_id: int | None = None,
           cluster_id: int | None = None) -> list[Likely]:  # fmt: skip
    """Return people, and unknown groups, that may be the same by the face most like this one, the likeliest first."""
    if face_id is None:
        return []
    # Below it two faces are rather taken for two people.
    least = engine.parts.vision().thresholds.verify
    try:
        scores = {alike.face_id: alike.score for alike in engine.alike(face_id, LOOKED_AT) if alike.score >= least}
    except InputError:
        # A face that was refused has no embedding.
        return []
    best: dict[tuple[str, int], float] = {}
    for listed in engine.browse.several(list(scores)):
        face = listed.face
        if face.person_id is not None and face.person_id != person_id:
            best.setdefault(("person", face.person_id), scores[face.id])
        elif face.person_id is None and face.cluster_id is not None and face.cluster_id != cluster_id:
            best.setdefault(("group", face.cluster_id), scores[face.id])
    return [_likely(engine, kind, number, score) for (kind, number), score in list(best.items())[:LIKELY]]


def called(engine: Engine, text: str, but: int | None = None) -> list[Likely]:
    """Return people who have the text in their name, those that begin with it first."""
    found = engine.browse.named(PeopleFilter(text, hidden=None), limit=50) if text.split() else []
    wanted = " ".join(text.split()).casefold()
    found.sort(key=lambda person: not person.name.casefold().startswith(wanted))
    return [_of_person(person, None) for person in found if person.id != but][:PROPOSED]


def said(operation: Operation) -> str:
    """Return what was done as a toast says it."""
    text = operation.summary.replace("unknown_cluster_", "unknown group ").replace("unknown_noise_", "face ")
    return text[:1].upper() + text[1:] + "."


def person_of(engine: Engine, operation_id: OperationId) -> int | None:
    """Return the person that the faces of an operation were said to be."""
    decisions = engine.browse.decisions(operation_id)
    return next((int(d.person_id) for d in decisions if d.kind is DecisionKind.CONFIRM and d.person_id), None)


def why(listed: ListedFace) -> str:
    """Return in a few words why a face is where it is."""
    tie = listed.tie
    if tie is None or tie.kind is DecisionKind.CLUSTER:
        return "grouped by likeness" if tie is not None else ""
    if tie.kind is DecisionKind.CONFIRM:
        return "said by a person"
    if tie.kind is DecisionKind.STATE:
        return f"said by {tie.source}"
    score = "" if tie.score is None else f", {tie.score:.2f} alike"
    sure = "" if listed.probability is None else f", right {in_100(listed.probability)} times in 100"
    return f"recognised{score}{sure}"


def usable(faces: Sequence[ListedFace]) -> list[ListedFace]:
    """Return those that are not refused."""
    return [listed for listed in faces if listed.face.role is not FaceRole.REFUSED]


def _likely(engine: Engine, kind: str, number: int, score: float) -> Likely:
    if kind == "person":
        return _of_person(engine.browse.person(number), score)
    group = engine.browse.cluster(number)
    return Likely(group_words(group.label), None, group, group.best_face, group.face_count, score)


def _of_person(person: Person, score: float | None) -> Likely:
    return Likely(person.name, person, None, person.best_face, person.face_count, score)
