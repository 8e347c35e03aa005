"""Why a face is whose it is, in words."""

from __future__ import annotations

from dataclasses import dataclass

from personae.album import reason_words
from personae.core.probability import in_100
from personae.engine.photos import SeenFace, SeenPhoto
from personae.types import Decision, DecisionKind, Face, Maker

_CLAIMS = {
    "high_trust": "the source is trusted",
    "matched_existing": "the face is like the person's others",
    "corroborated": "another source says the same",
    "clustered": "faces alike are the same person's",
    "no_existing_faces": "the person had no face yet",
    "vouched": "somebody vouched for it",
}
"""Why a source was believed."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of a receipt."""

    name: str
    value: str


def why(seen: SeenFace) -> str:
    """Return in a sentence or two why a face is whose it is, or why it is nobody's."""
    tie = seen.tie
    if seen.refused and seen.who is None:
        return f"Not used: {listed([reason_words(reason) for reason in seen.face.reasons])}."
    if seen.who is None:
        return _why_unknown(seen)
    if tie is None:
        return "There is no receipt."
    if tie.kind is DecisionKind.ASSIGN:
        sure = "" if seen.probability is None else f" Such a score is right {in_100(seen.probability)} times in 100."
        return f"Recognised by the machine: {_scores(tie)}.{sure}"
    if tie.kind is DecisionKind.STATE:
        reason = "" if seen.claim is None else _CLAIMS.get(seen.claim.reason, seen.claim.reason.replace("_", " "))
        return f"Said by the source {tie.source}{f': {reason}' if reason else ''}."
    return "Said by a person; no machine will change it."


def facts(seen: SeenFace) -> list[Fact]:
    """Return the figures of a receipt, and those of the face."""
    rows = _of_tie(seen.tie, seen.who) if seen.tie is not None else []
    if seen.claim is not None:
        rows.append(Fact("Trust in the source", seen.claim.trust.value))
        if seen.claim.distance is not None:
            rows.append(Fact("Distance from the person", f"{seen.claim.distance:.2f}"))
    return rows + _of_face(seen.face)


def shown_in(photo: SeenPhoto) -> str:
    """Return who is in a photo: "Ann, Bo and 2 unknown faces"."""
    names = list(dict.fromkeys(seen.who for seen in photo.faces if seen.who is not None))
    unknown = sum(seen.who is None for seen in photo.used)
    if unknown:
        names.append("1 unknown face" if unknown == 1 else f"{unknown} unknown faces")
    return listed(names)


def group_words(label: str) -> str:
    """Return the label of an unknown group as people read it."""
    return f"Unknown group {label.rpartition('_')[2]}"


def listed(words: list[str]) -> str:
    """Return words as a sentence lists them: "a, b and c"."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def _why_unknown(seen: SeenFace) -> str:
    if seen.tie is None or seen.tie.cluster_id is None:
        return "Nobody has said who this is, and no other face is like it."
    if seen.tie.maker is Maker.HUMAN:
        return "A person put it with faces of the same unknown person."
    return "The machine put it with faces that look alike; nobody has named them yet."


def _scores(tie: Decision) -> str:
    said = "" if tie.score is None else f"it is {tie.score:.2f} alike"
    if tie.score is not None and tie.threshold is not None:
        said += f", and {tie.threshold:.2f} is enough"
    if tie.runner_up is not None:
        said += f"; the next person is {tie.runner_up:.2f} alike"
    return said or "the scores were not kept"


def _of_tie(tie: Decision, who: str | None) -> list[Fact]:
    makers = {Maker.HUMAN: "a person", Maker.SOURCE: f"the source {tie.source}", Maker.MACHINE: "the machine"}
    rows = [Fact("Decided by", makers[tie.maker])]
    figures = (("Score", tie.score), ("Enough for a match", tie.threshold), ("Next person", tie.runner_up))
    rows += [Fact(name, f"{value:.3f}") for name, value in figures if value is not None]
    if who is not None and tie.score is not None and tie.runner_up is not None:
        rows.append(Fact("Lead", f"{tie.score - tie.runner_up:.3f}"))
    if tie.model_id:
        rows.append(Fact("Model", tie.model_id.replace("+", " and ")))
    return rows


def _of_face(face: Face) -> list[Fact]:
    rows = [
        Fact("Face", f"{face.box.width:.0f} × {face.box.height:.0f} pixels"),
        Fact("Detector's score", f"{face.det_score:.2f}"),
        Fact("Quality", f"{face.quality.score:.2f}"),
        Fact("Turned", f"{abs(face.quality.yaw):.0f}°"),
    ]
    if face.reasons:
        rows.append(Fact("Remarks", listed([reason_words(reason) for reason in face.reasons])))
    return rows
