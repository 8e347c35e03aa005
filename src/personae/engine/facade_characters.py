"""The verbs on characters and their references."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from personae.engine import character, reference
from personae.engine.parts import Parts
from personae.engine.reference import CharacterStatus
from personae.references import (
    Character,
    DetectedFace,
    DetectedFaceId,
    PastEmbedding,
    Reference,
    ReferenceId,
)
from personae.types import Digest, PersonId

if TYPE_CHECKING:
    from personae.types import JobId, Operation


class CharacterVerbs:
    """What `Engine` does with characters. `who` is a character by name or #number."""

    parts: Parts

    def characters(self, person_ids: Sequence[PersonId] | None = None) -> list[Character]:
        """Return the characters, or those of these people who are some, with their references, oldest first."""
        return reference.characters(self.parts, person_ids)

    def add_character(self, name: str) -> Character:
        """Make a character of this name."""
        return character.add_character(self.parts, name)

    def delete_character(self, who: str) -> Operation:
        """Remove a character with all that anchors it."""
        return character.delete_character(self.parts, who)

    def set_reference(self, who: str, data: bytes, label: str = "") -> Reference:
        """Put a source image to a character, in place of the one of this label, and queue its extraction."""
        return reference.set_reference(self.parts, who, data, label)

    def remove_reference(self, who: str, label: str = "") -> Character:
        """Remove one reference of a character."""
        return reference.remove_reference(self.parts, who, label)

    def reference(self, reference_id: int) -> Reference:
        """Return one reference."""
        return reference.reference(self.parts, ReferenceId(reference_id))

    def reference_image(self, reference_id: int) -> bytes:
        """Return the bytes of a source image."""
        return reference.source_image(self.parts, ReferenceId(reference_id))

    def reference_preview(self, reference_id: int) -> bytes:
        """Return a source image as a JPEG that any browser shows, reduced."""
        from personae.engine import reference_pictures

        return reference_pictures.preview(self.parts, ReferenceId(reference_id))

    def reference_face(self, reference_id: int) -> bytes:
        """Return the face that anchors a reference, a JPEG."""
        from personae.engine import reference_pictures

        return reference_pictures.primary_face(self.parts, ReferenceId(reference_id))

    def detected_face(self, who: str, face_id: int) -> bytes:
        """Return a face that was found on a source image of a character, a JPEG."""
        from personae.engine import reference_pictures

        return reference_pictures.detected_face(self.parts, who, DetectedFaceId(face_id))

    def past_face(self, who: str, digest: str, version: int) -> bytes:
        """Return a face that anchored a character before, a JPEG."""
        from personae.engine import reference_pictures

        return reference_pictures.past_face(self.parts, who, Digest(digest), version)

    def reference_status(self, who: str) -> CharacterStatus:
        """Return how far a character's references are."""
        return reference.status(self.parts, who)

    def reference_history(self, who: str) -> list[PastEmbedding]:
        """Return what anchored a character before, latest first."""
        return reference.history(self.parts, who)

    def extract_reference(self, reference_id: int) -> JobId:
        """Queue the extraction of a source image again."""
        return reference.extract_reference(self.parts, ReferenceId(reference_id))

    def extract_character(self, who: str, label: str | None = None) -> JobId:
        """Queue the extraction of a character's source image again; without a label, of the main one."""
        return reference.extract_character(self.parts, who, label)

    def detected_faces(self, who: str) -> list[DetectedFace]:
        """Return the faces on all source images of a character."""
        return reference.detected_faces(self.parts, who)

    def select_face(self, who: str, face_id: int) -> Reference:
        """Make a detected face the one that anchors its reference."""
        return reference.select_face(self.parts, who, DetectedFaceId(face_id))
