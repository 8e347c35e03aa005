"""What the API answers: the shapes that several subjects share. No embedding is in any of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from personae.engine.browse_people import ListedFace
from personae.engine.carry import WAITING
from personae.engine.jobs import abandoned
from personae.types import Decision, Image, Job, Operation
from personae.web.places import FileName, file_name, placeless, without_places


class Shape(BaseModel):
    """A part of an answer, read from a value of the engine."""

    model_config = ConfigDict(from_attributes=True)


Probability = Annotated[
    float | None, Field(description="That it is right, 0 to 1; null: it was not learnt how often such scores are.")
]


class BoxShape(Shape):
    """A rectangle in pixels of the upright image; x and y are its left and upper edge."""

    x: float
    y: float
    width: float
    height: float


class QualityShape(Shape):
    """The measured usefulness of a face."""

    side: float = Field(description="Shorter side of the box, pixels.")
    sharpness: float
    yaw: float = Field(description="Degrees; 0 is frontal.")
    roll: float
    score: float = Field(description="0 to 1, to order faces by.")


class Receipt(Shape):
    """The decision that put a face where it is."""

    kind: str = Field(description="confirm, state, assign or cluster.")
    maker: str = Field(description="human, source or machine.")
    score: float | None
    threshold: float | None
    model_id: str | None
    runner_up: float | None
    source: str | None
    probability: Probability = None


class FaceShape(Shape):
    """One face of one image."""

    id: int
    image_id: int
    box: BoxShape
    det_score: float
    quality: QualityShape
    role: str = Field(description="founding, supporting or refused.")
    reasons: list[str] = Field(description="What the quality gates had to say.")
    person_id: int | None
    cluster_id: int | None
    has_crop: bool = Field(description="Whether /api/faces/{id}/crop has a picture.")
    receipt: Receipt | None = Field(description="Why it is where it is; null: it is nowhere.")

    @classmethod
    def of(cls, listed: ListedFace) -> FaceShape:
        """Show a face."""
        face, receipt = listed.face, None
        if listed.tie is not None:
            receipt = Receipt.model_validate(listed.tie).model_copy(update={"probability": listed.probability})
        return cls(
            id=face.id, image_id=face.image_id, box=BoxShape.model_validate(face.box), det_score=face.det_score,
            quality=QualityShape.model_validate(face.quality), role=face.role, reasons=list(face.reasons),
            person_id=face.person_id, cluster_id=face.cluster_id, has_crop=face.crop is not None,
            receipt=receipt,
        )  # fmt: skip


class ImageShape(Shape):
    """One picture."""

    id: int
    digest: str = Field(description="SHA-256 of its bytes.")
    size: int = Field(description="Bytes.")
    width: int
    height: int
    format: str
    reason: str | None = Field(description="Why it could not be used; null: it could.")
    detail: str
    taken_at: str | None = Field(description="When a camera took it, by its clock, which has no zone; null: unknown.")
    files: list[str] = Field(description="The names that it was last seen under; in which folders is not told.")

    @classmethod
    def of(cls, image: Image) -> ImageShape:
        """Show an image."""
        return cls(
            id=image.id, digest=image.digest, size=image.size, width=image.width, height=image.height,
            format=image.format, reason=image.reason, detail=without_places(image.detail),
            taken_at=None if image.taken_at is None else image.taken_at.isoformat(timespec="seconds"),
            files=[file_name(uri) for uri in image.uris],
        )  # fmt: skip


class PersonShape(Shape):
    """A human or character with a record."""

    id: int
    name: str
    kind: str = Field(description="real or character.")
    disambiguation: str
    aliases: list[str]
    external_ids: dict[str, str]
    urls: list[str]
    face_count: int
    best_face: int | None


class ClusterShape(Shape):
    """A machine-made group of faces of one unknown person."""

    id: int
    label: str
    face_count: int
    best_face: int | None


class OperationShape(Shape):
    """The decisions that one command made together; the unit of undo."""

    id: int
    kind: str
    maker: str
    summary: str
    created_at: datetime
    undoes: int | None
    undone: bool

    @classmethod
    def of(cls, operation: Operation) -> OperationShape:
        """Show an operation."""
        return cls.model_validate(operation)


class DecisionShape(Shape):
    """One row of the ledger."""

    kind: str
    maker: str
    face_id: int | None
    person_id: int | None
    into_person_id: int | None
    cluster_id: int | None
    name: str | None
    score: float | None
    threshold: float | None
    model_id: str | None
    runner_up: float | None
    other_face_id: int | None
    source: str | None

    @classmethod
    def of(cls, decision: Decision) -> DecisionShape:
        """Show a decision."""
        return cls.model_validate(decision)


class JobShape(Shape):
    """One piece of long work."""

    id: int
    kind: str
    state: str = Field(description="queued, running, done, failed or cancelled.")
    done: int
    total: int
    doing: str = Field(description="What is going on; empty unless it runs.")
    attempts: int
    cancel: bool = Field(description="Whether it was asked to stop.")
    abandoned: bool = Field(description="Whether its runner has died; the next one takes it over.")
    created_at: datetime
    payload: dict[str, Any] = Field(description="Its options.")
    failures: int = Field(description="Attempts that ended with an error that may pass.")
    not_before: datetime | None = Field(description="When a queued job is tried again after such an error.")
    waiting: str = Field(description="Why no runner has been told of it: what carries the jobs does not answer.")
    result: dict[str, Any] = Field(description="What it did, or {error}; empty while it runs or waits to begin.")

    @classmethod
    def of(cls, job: Job, now: datetime) -> JobShape:
        """Show a job without its token, which is its runner's alone."""
        return cls(
            id=job.id, kind=job.kind, state=job.state, done=job.done, total=job.total,
            doing=str(job.result.get("doing") or "") if job.state == "running" else "", attempts=job.attempts,
            cancel=job.cancel, abandoned=abandoned(job, now), created_at=job.created_at, payload=placeless(job.payload),
            failures=job.failures, not_before=job.not_before if job.state == "queued" else None,
            waiting=without_places(str(job.result.get(WAITING) or "")) if job.state == "queued" else "",
            result=placeless({} if job.state == "running" else {k: v for k, v in job.result.items() if k != WAITING}),
        )  # fmt: skip


class NameBody(BaseModel):
    """A name to give."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=1000, description="The name; an existing person's adds to that person.")


class SplitBody(BaseModel):
    """Which faces to take out."""

    model_config = ConfigDict(extra="forbid")

    face_ids: list[int] = Field(min_length=1, max_length=100_000)
    name: str | None = Field(default=None, max_length=1000, description="Who they are; null: nobody known.")


class SplitShape(Shape):
    """What a split did."""

    operation: OperationShape
    label: str = Field(description="The group or person that the faces are now.")
    face_ids: list[int]
    left: int = Field(description="Faces that stay where they were.")


class ProposedFaceShape(Shape):
    """A face that a proposal speaks of."""

    face_id: int
    photo: FileName


class SplitProposalShape(Shape):
    """Where a group or person comes apart most easily; nothing has been written."""

    who: str
    take_out: list[ProposedFaceShape]
    leave: list[ProposedFaceShape]
    across: float = Field(description="Mean cosine between faces of different halves.")
    within: float = Field(description="Mean cosine between faces of one half.")
    cluster_threshold: float
    model_id: str


class ContradictionShape(Shape):
    """Labelled faces of a person that do not look like the others."""

    person_id: int
    face_ids: list[int]
    score: float
    resembles: int | None
    kept: bool


class GroupShape(Shape):
    """What one grouping did."""

    assigned_to_people: int
    unknown_clusters: int
    grouped: int
    single: int
    total_processed: int
    to_review: int
    released: int
    threshold: float | None
    conflicts: int
    contradictions: list[ContradictionShape]
    unchanged: bool
