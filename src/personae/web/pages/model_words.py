"""Models in words: what they are and may be used for, what there is to choose from, what a switch would change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from personae.engine.facade import Engine
from personae.engine.live import InUse
from personae.loading import Offer
from personae.types import Face, FaceId, Job, ModelCard, PersonId
from personae.web.api.settings import NOBODY
from personae.web.pages.values import listed, mapping, whole
from personae.web.places import placeless

TASKS = {
    "detector": "finds the faces on a photo",
    "embedder": "tells faces apart",
    "head": "learnt from your answers, laid over the models that tell faces apart",
}
UNKNOWN = "Read this licence before you use it; personae knows nothing of it."
LICENCES = {
    "MIT": "May be used for anything, also in business, as long as its notice is kept.",
    "MIT (as labelled)": "Its package is labelled MIT, but does not say where the weights come from. Judge for "
    "yourself whether that suffices for your use.",
    "non-commercial research": "For research alone: not for work that earns money.",
    "yours": "You made or brought it: what it may be used for, you know. The models that it was made from have "
    "licences of their own.",
}  # fmt: skip
COMMAND, LEARNT = "command line", "reassign --smart"
"""Who switches there, and after learning."""
NON_COMMERCIAL = "non-commercial research"
HERE = "Here"
REGISTRIES = {"pypi": "PyPI", "npm": "npm", "url": "its address"}
BY = {
    "human": ("that people confirmed", "as a person said"),
    "source": ("that sources brought", "as a source said"),
    "machine": ("that were recognised", "as personae found"),
}


@dataclass(frozen=True, slots=True)
class ShownModel:
    """A model with its licence."""

    id: str
    task: str
    licence: str
    means: str
    """What the licence means for people who use it."""
    colour: str
    origin: str


@dataclass(frozen=True, slots=True)
class Choice:
    """What can be gone by."""

    model: str
    title: str
    members: tuple[ShownModel, ...]
    in_use: bool
    here: bool
    can: bool
    """Whether it can be chosen: it is here, or can be fetched."""
    where: str


@dataclass(frozen=True, slots=True)
class Changed:
    """A face that two models take for different people."""

    face: Face
    person_id: int | None
    """None: who is nobody any more."""
    tied: str
    """Whom it is tied to, and by whom."""
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Report:
    """What came of the last trial or switch."""

    job: Job
    title: str
    lines: tuple[str, ...]
    changed: tuple[Changed, ...]
    more: int
    """Faces that would change and are not shown."""


def shown(card: ModelCard, non_commercial: bool = False) -> ShownModel:
    """Return a model in words.

    Args:
        card: of the model.
        non_commercial: whether it is marked so, whatever its licence is called.
    """
    key = NON_COMMERCIAL if non_commercial else card.licence
    colour = {"MIT": "green", "yours": "blue", NON_COMMERCIAL: "red"}.get(key, "yellow")
    return ShownModel(
        str(card.model_id), TASKS.get(card.task, card.task), card.licence, LICENCES.get(key, UNKNOWN), colour,
        card.origin,
    )  # fmt: skip


def choice(offer: Offer, now: InUse) -> Choice:
    """Return what can be gone by, as it is offered."""
    if offer.to_bring:
        where = f"Not here. Bring it: personae models add FILE --model {offer.to_bring[0]}"
    elif offer.fetched_from:
        places = " and ".join(REGISTRIES.get(kind, kind) for kind in offer.fetched_from)
        where = f"Not here yet: it is fetched first, from {places}"
    else:
        where = HERE
    members = tuple(shown(card, offer.non_commercial and len(offer.cards) == 1) for card in offer.cards)
    return Choice(
        offer.model, named(offer.model), members, offer.model == now.model_id, where == HERE, not offer.to_bring, where
    )  # fmt: skip


def named(model: str) -> str:
    """Return what a model is called, a pair as two."""
    return model.replace("+", " and ")


def somebody(by: str) -> str:
    """Return who has switched."""
    words = {NOBODY: "on this machine", "": "on this machine", COMMAND: "from the command line", LEARNT: "by learning"}
    return words.get(by, f"by {by}")


def back_to(now: InUse) -> str:
    """Return what a rollback goes back to; empty: nothing was ever switched."""
    return "" if now.before is None else named(now.before) if now.before else "what the settings say"


def report_of(engine: Engine, job: Job) -> Report:
    """Return what a trial or switch that has ended says, with the faces that it is about."""
    result: Mapping[str, Any] = placeless(job.result)
    after, before = (named(str(result.get(name) or "")) for name in ("after", "before"))
    title = f"From {before} to {after}" if result.get("switched") else f"{after}, tried beside {before}"
    told = mapping(result.get("agreement"))
    rows = [mapping(row) for row in listed(told.get("examples"))]
    changed = _changed(engine, rows)
    apart = whole(told.get("disagreements"))
    return Report(job, title, tuple(_lines(result, told)), tuple(changed), max(0, apart - len(changed)))


def agreed(agreement: Mapping[str, Any]) -> list[str]:
    """Say how far two models agree, by whom the faces are tied."""
    said = []
    for each in listed(agreement.get("counts")):
        row = mapping(each)
        faces, same, right, after = (
            whole(row.get(name)) for name in ("faces", "same", "right_before", "right_after")
        )  # fmt: skip
        if faces:
            whose = BY.get(str(row.get("by")), (f"tied by a {row.get('by')}", ""))[0]
            said.append(
                f"Of {faces:,} {'face' if faces == 1 else 'faces'} {whose}, {same:,} "
                f"{'is' if same == 1 else 'are'} taken for the same person as before; taken for the right one: "
                f"{right:,} before, {after:,} by it."
            )
    return said


def _lines(result: Mapping[str, Any], told: Mapping[str, Any]) -> list[str]:
    if not told:
        return ["What was in use could not be loaded, so that nothing was compared."]
    lines = agreed(told) or ["No face is tied to anybody yet, so that there was nothing to compare."]
    without = whole(result.get("without_embedding"))
    if without:
        lines.append(f"{without:,} {'face has' if without == 1 else 'faces have'} no picture left: "
                     "it keeps them by name, and does not recognise by them.")  # fmt: skip
    return lines


def _changed(engine: Engine, rows: Sequence[Mapping[str, Any]]) -> list[Changed]:
    faces = {face.face.id: face.face for face in engine.browse.several([whole(row.get("face_id")) for row in rows])}
    wanted = {whole(row.get(name)) for row in rows for name in ("tied_to", "before", "after")}
    people = {int(i): each for i, each in engine.browse.people_now({PersonId(i) for i in wanted if i}).items()}

    def name(number: object) -> str:
        if number is None:
            return "nobody"
        person = people.get(whole(number))
        return person.name if person else f"person {number}, who is nobody now"

    found = []
    for row in rows:
        face = faces.get(FaceId(whole(row.get("face_id"))))
        if face is not None:
            tied = people.get(whole(row.get("tied_to")))
            who = BY.get(str(row.get("by")), ("", ""))[1]
            found.append(Changed(face, int(tied.id) if tied else None, f"{name(row.get('tied_to'))}, {who}",
                                 name(row.get("before")), name(row.get("after"))))  # fmt: skip
    return found
