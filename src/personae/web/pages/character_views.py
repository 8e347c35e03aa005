"""What the templates of characters are given, read from the engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from personae.engine.facade import Engine
from personae.engine.reference import CharacterStatus
from personae.errors import NotFound
from personae.preferences import InForce
from personae.references import Character, DetectedFace, LikenessCheck, PastEmbedding, Reference
from personae.web.pages.character_words import Verdict, verdict, who_set
from personae.web.places import without_places

THRESHOLD = "reference_threshold"
BUSY = frozenset({"pending", "extracting"})
ATTENTION = frozenset({"multi_face_pending", "failed", "low_confidence", "none"})
"""Statuses that wait for somebody."""
PAST_SHOWN = 6


@dataclass(frozen=True, slots=True)
class ReferenceView:
    """One source image with all that was found on it."""

    reference: Reference
    faces: tuple[DetectedFace, ...]
    width: int
    """Of the upright picture at full size, pixels; 0: nobody has looked yet."""
    height: int
    verdict: Verdict | None
    error: str
    busy: bool

    @property
    def version(self) -> str:
        """Of what its pictures show: a part of their addresses."""
        chosen = self.chosen
        return f"{self.reference.digest[:12]}-{self.reference.generation}-{chosen.id if chosen else 0}"

    @property
    def chosen(self) -> DetectedFace | None:
        """The face that anchors it."""
        return next((face for face in self.faces if face.is_primary), None)


@dataclass(frozen=True, slots=True)
class Replaced:
    """What anchored a character before, and what took its place."""

    past: PastEmbedding
    newer: PastEmbedding | None
    now: Reference | None
    """With both None the reference has no face now, or was removed."""


@dataclass(frozen=True, slots=True)
class CharacterView:
    """A character as its page shows it."""

    id: int
    name: str
    status: str
    version: int
    references: tuple[ReferenceView, ...]
    threshold: InForce
    threshold_words: str
    past: tuple[Replaced, ...]
    more_past: bool

    @property
    def busy(self) -> bool:
        """Whether some source image is being looked at."""
        return any(each.busy for each in self.references)

    @property
    def ready(self) -> bool:
        """Whether pictures can be held against it."""
        return any(each.reference.box is not None and not each.busy for each in self.references)


@dataclass(frozen=True, slots=True)
class CharacterCard:
    """A character in the list."""

    id: int
    name: str
    status: str
    references: int
    face: Reference | None
    """A reference whose face stands for the character."""
    main: Reference | None
    """The main reference, of which there may be no face yet."""


def character_view(engine: Engine, character_id: int) -> CharacterView:
    """Return a character with its references, and the latest of its history. Raises NotFound."""
    who = f"#{character_id}"
    found = engine.reference_status(who)
    faces = engine.detected_faces(who)
    setting = next(each for each in engine.settings() if each.name == THRESHOLD)
    past = replaced(engine, found)
    return CharacterView(
        id=found.person_id, name=found.name, status=status_of(found.references), version=found.version,
        references=tuple(_reference(each, faces) for each in found.references), threshold=setting,
        threshold_words=who_set(setting), past=tuple(past[:PAST_SHOWN]), more_past=len(past) > PAST_SHOWN,
    )  # fmt: skip


def replaced(engine: Engine, found: CharacterStatus) -> list[Replaced]:
    """Return the history, latest first, each with what came after it."""
    newer: dict[int, PastEmbedding] = {}
    current = {reference.id: reference for reference in found.references if reference.box is not None}
    shown = []
    for past in engine.reference_history(f"#{found.person_id}"):
        key = past.reference_id
        if key is None:
            shown.append(Replaced(past, None, None))
            continue
        shown.append(Replaced(past, newer.get(key), None if key in newer else current.get(key)))
        newer[key] = past
    return shown


def own_reference(engine: Engine, character_id: int, reference_id: int) -> Reference:
    """Return a reference of this character. Raises NotFound."""
    found = engine.reference_status(f"#{character_id}")
    for reference in found.references:
        if reference.id == reference_id:
            return reference
    raise NotFound(f"{found.name} has no reference {reference_id}")


def status_of(references: Sequence[Reference]) -> str:
    """Return the status that stands for a character: its main reference's, "none" without one."""
    return references[0].status.value if references else "none"


def card_of(character: Character) -> CharacterCard:
    """Return a character as the list shows it."""
    references = character.references
    face = next((each for each in references if each.box is not None), None)
    return CharacterCard(
        character.person_id, character.name, status_of(references), len(references), face, character.main
    )


def on_picture(faces: Sequence[DetectedFace], reference_id: int) -> list[DetectedFace]:
    """Return the faces on one source image as they are counted: from the left."""
    return sorted((face for face in faces if face.reference_id == reference_id), key=lambda face: (face.box.x, face.id))


def _reference(reference: Reference, faces: Sequence[DetectedFace]) -> ReferenceView:
    measures = reference.quality.measures if reference.quality else {}
    return ReferenceView(
        reference=reference, faces=tuple(on_picture(faces, reference.id)), width=round(measures.get("width", 0)),
        height=round(measures.get("height", 0)), error=_sentence(without_places(reference.error)),
        verdict=None if reference.quality is None else verdict(reference.quality),
        busy=reference.status in BUSY and not reference.error,
    )  # fmt: skip


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""


@dataclass(frozen=True, slots=True)
class CheckView:
    """A picture that was held against a character."""

    check: LikenessCheck
    image_id: int | None
    """Of the photo of the project with the same bytes."""
    shown: bool
    """Whether there is a copy of it."""


def check_views(engine: Engine, checks: Sequence[LikenessCheck]) -> list[CheckView]:
    """Return checks with what shows them."""
    images, copied = engine.pictured(checks)
    return [
        CheckView(check, images[check.digest].id if check.digest in images else None, check.digest in copied)
        for check in checks
    ]
