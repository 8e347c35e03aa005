"""Port of reference identities: source images, the faces on them, and what anchored a character before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from personae.references import (
    Character,
    DetectedFace,
    DetectedFaceId,
    NewDetectedFace,
    PastEmbedding,
    Reference,
    ReferenceId,
)
from personae.types import Digest, JobId, ModelId, PersonId, Vector


class ReferenceTable(Protocol):
    """References of the project's characters. What belongs to a merged character shows at the one that it is now."""

    def characters(self, person_ids: Sequence[PersonId] | None = None) -> list[Character]:
        """Active characters (all when None), by id; unknown ids, and those of real people, are left out."""
        ...

    def add(self, person_id: PersonId, label: str, digest: Digest) -> Reference:
        """Insert a pending reference. Raises Conflict when the character has one of this label."""
        ...

    def get(self, reference_id: ReferenceId) -> Reference:
        """Raises NotFound, also when its character is not active any more."""
        ...

    def put(self, reference: Reference) -> None:
        """Write every field of a reference but id, person and label, which stay. Raises NotFound."""
        ...

    def remove(self, reference_id: ReferenceId) -> list[Digest]:
        """Remove a reference with its faces; its history stays. Return the source images that it has and had."""
        ...

    def job_of(self, reference_id: ReferenceId) -> JobId | None:
        """The job that was queued for it last."""
        ...

    def set_job(self, reference_id: ReferenceId, job_id: JobId) -> None: ...

    def held(self, digest: Digest) -> bool:
        """Whether any reference has this source image, or had it: what was replaced can be looked at again."""
        ...

    def digests(self) -> dict[Digest, ReferenceId]:
        """Every source image and a reference that has it."""
        ...

    def past_digests(self) -> set[Digest]:
        """Source images that references had before, and whose face is in the history."""
        ...

    def faces(self, person_id: PersonId) -> list[DetectedFace]:
        """The faces on all source images of a character, by reference, then by id."""
        ...

    def face(self, face_id: DetectedFaceId) -> DetectedFace:
        """Raises NotFound."""
        ...

    def set_faces(self, reference_id: ReferenceId, faces: Sequence[NewDetectedFace]) -> list[DetectedFaceId]:
        """Put these faces in place of those that the reference had; none is primary."""
        ...

    def set_primary(self, reference_id: ReferenceId, face_id: DetectedFaceId) -> None:
        """Make a face of this reference its primary one, and no other. Raises NotFound."""
        ...

    def keep_history(self, reference_id: ReferenceId) -> bool:
        """Note the primary face's embeddings as replaced now; False when there is no primary face."""
        ...

    def history(self, person_id: PersonId) -> list[PastEmbedding]:
        """What anchored a character before, latest first."""
        ...

    def anchors(self, person_id: PersonId) -> list[Mapping[ModelId, Vector]]:
        """The embeddings of each primary face of a character, by reference."""
        ...

    def version(self, person_id: PersonId) -> int:
        """Of the character's template; 0 before there was any."""
        ...

    def renew(self, person_id: PersonId) -> int:
        """Give the character's template a new version, and return it."""
        ...

    def lacking(self, model_id: ModelId) -> list[DetectedFace]:
        """The faces on source images that have no embedding under this model, by reference, then by id."""
        ...

    def embeddings(self, model_id: ModelId, face_ids: Sequence[DetectedFaceId]) -> Mapping[DetectedFaceId, Vector]:
        """Of those of these faces that have one, their embedding under this model."""
        ...

    def add_embeddings(self, model_id: ModelId, vectors: Mapping[DetectedFaceId, Vector]) -> None:
        """Insert; faces that are gone, or have one already, are left as they are."""
        ...

    def erase(self, person_id: PersonId) -> list[Digest]:
        """Remove everything that anchors, or did anchor, a character; return the source images it has and had."""
        ...
