"""What sources have brought, in words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from personae.album import reason_words
from personae.engine.enrich_look import SourceStatus, WaitingFace
from personae.engine.facade import Engine
from personae.records import SourceSpec
from personae.types import Person, PersonId
from personae.web.places import file_name, without_places

KEPT = re.compile(r"[0-9a-f]{64}")
"""Name of a photo that is kept here: it says nothing to anybody."""
TYPES = {
    "folder": "a folder of photos", "manifest": "a list of photos", "stash_box": "a stash-box server",
    "immich": "an Immich server", "wikidata": "Wikidata",
}  # fmt: skip
TRUST = {"high": "trusted", "medium": "trusted where it fits", "low": "trusted only when vouched for"}
REASONS = {
    "no_match": "not like the person's other faces",
    "no_existing_faces": "the person has no face yet to compare with",
    "low_trust_quarantined": "the source is not trusted by itself",
    "nearer_to_another": "nearer to somebody else",
    "several_faces": "several faces in the photo",
    "no_face": "no face in the photo",
    "total_limit": "the person has enough faces",
    "source_limit": "the source has brought enough of the person",
    "face_not_kept": "the face is not good enough",
    "gone": "no longer there",
    "wrong_hash": "another photo than was announced",
    "forbidden_address": "an address that may not be asked",
    "bad_url": "an address that cannot be used",
    "html_page": "a web page in place of a photo",
    "outside_folder": "lies outside the source's folder",
    "not_a_file": "no file",
    "deleted": "deleted at the source",
    "busy": "the server was busy",
    "refused_key": "the server refused the key",
    "conflicting_external_id": "two people with one number",
    "expired": "may not be used any more",
    "rejected": "somebody said no",
    "link": "the address cannot be used",
}
"""Why a source's photo or face was not taken; others as `reason_words` has them."""


@dataclass(frozen=True, slots=True)
class ShownSource:
    """One source, as its card shows it."""

    status: SourceStatus
    kind: str
    trust: str
    purpose: str
    legal_basis: str
    state: str
    colour: str
    waiting: int
    refused: tuple[tuple[str, int], ...]
    troubles: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A face that waits, beside the best faces of whom it may be."""

    face: WaitingFace
    photo: str
    why: str
    person_face: int | None
    person_faces: int
    other_face: int | None


def shown(status: SourceStatus, spec: SourceSpec | None) -> ShownSource:
    """Return a source as its card shows it."""
    state, colour = _state(status)
    return ShownSource(
        status, TYPES.get(status.type, status.type), TRUST.get(status.trust, status.trust),
        spec.purpose if spec else "", spec.legal_basis if spec else "", state, colour,
        status.quarantined + status.held, _counted(status.refused), _counted({**status.errors, **status.left_out}),
    )  # fmt: skip


def candidates(engine: Engine, faces: Sequence[WaitingFace]) -> list[Candidate]:
    """Return the faces that wait, each beside whom it may be."""
    wanted = {PersonId(i) for face in faces for i in (face.person_id, face.other_id) if i is not None}
    people = engine.browse.people_now(wanted)
    return [_candidate(face, people) for face in faces]


def _candidate(face: WaitingFace, people: Mapping[PersonId, Person]) -> Candidate:
    person, other = (people.get(PersonId(i or 0)) for i in (face.person_id, face.other_id))
    name = file_name(face.url)
    return Candidate(
        face, "" if KEPT.fullmatch(name) else name, _why(face), person.best_face if person else None,
        person.face_count if person else 0, other.best_face if other else None,
    )  # fmt: skip


def words_for(reason: str) -> str:
    """Return a reason as a person reads it."""
    return REASONS.get(reason) or without_places(reason_words(reason))


def _state(status: SourceStatus) -> tuple[str, str]:
    if status.revoked:
        return "revoked", "red"
    if not status.type:
        return "not in sources.yaml any more", ""
    if not status.enabled:
        return "switched off", ""
    if status.errors:
        return "had trouble", "orange"
    if status.complete:
        return "up to date", "green"
    return ("goes on where it was", "blue") if status.last_id or status.people else ("not run yet", "")


def _counted(counts: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """Return counts by words, the largest first."""
    together: dict[str, int] = {}
    for reason, count in counts.items():
        words = words_for(reason)
        together[words] = together.get(words, 0) + count
    return tuple(sorted(together.items(), key=lambda each: (-each[1], each[0])))


def _why(face: WaitingFace) -> str:
    why = words_for(face.reason)
    if face.state == "held" and face.other is not None:
        mine = "" if face.score is None else f", and {face.score:.2f} like {face.person or 'its own person'}"
        theirs = "" if face.other_score is None else f"{face.other_score:.2f} like {face.other or 'somebody else'}"
        return f"{theirs}{mine}" if theirs else why
    if face.score is not None and face.threshold is not None:
        return f"{why}: {face.score:.2f} alike, {face.threshold:.2f} is enough"
    return why
