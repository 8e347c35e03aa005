"""Learning from labels: as a job; and what came of it so far."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from personae.ports.train import SAMPLED
from personae.web.deps import EngineDep, Reader, Writer
from personae.web.errors import responses
from personae.web.models import JobShape
from personae.web.places import Sentence

router = APIRouter(prefix="/api", tags=["training"], dependencies=[Reader])


class TrainBody(BaseModel):
    """How a head is learnt; null is as the settings say."""

    model_config = ConfigDict(extra="forbid")

    loss: Literal["softmax", "triplet"] | None = None
    epochs: int | None = Field(default=None, ge=1, le=10_000)
    margin: float | None = Field(default=None, ge=0, le=2)
    batch_size: int | None = Field(default=None, ge=2 * SAMPLED, le=4096)
    learning_rate: float | None = Field(default=None, gt=0, le=1)
    seed: int = Field(default=0, ge=0, lt=2**32)


class HeadShape(BaseModel):
    """A head that was kept, whether it may go live, and why; of a damaged one only its name is known."""

    model_config = ConfigDict(extra="ignore")

    head: str = Field(description="Its model_id.")
    base: str = Field(default="", description="The model that it stands on.")
    against: str = Field(default="", description="What was live then, which it had to outdo.")
    accepted: bool = False
    reasons: list[str] = Field(default=[], description="A sentence for each test of the guard.")
    verdict: dict[str, Any] = Field(default={}, description="What was measured before and after.")
    plan: dict[str, Any] = Field(default={}, description="How it was learnt.")
    losses: list[float] = Field(default=[], description="Of the epochs.")
    people: int = Field(default=0, description="Who were learnt from.")
    faces: int = Field(default=0, description="That were.")
    rejections: int = 0
    held_faces: int = Field(default=0, description="Of the same people, that judged.")
    new_people: int = Field(default=0, description="Who judged.")
    data: str = Field(default="", description="SHA-256 of what it was learnt from and judged by.")
    created_at: str = ""
    error: Sentence = Field(default="", description="Why it cannot be used; empty: it is as it was written.")


@router.post(
    "/faces/train", name="train", dependencies=[Writer], status_code=202, responses=responses(409),
)  # fmt: skip
def train(engine: EngineDep, body: TrainBody) -> JobShape:
    """Learn a head from confirmed and rejected faces, as a job; what is live stays."""
    return JobShape.of(engine.queue("faces.train", body.model_dump(exclude_none=True)), engine.parts.clock())


@router.get("/heads", name="heads")
def list_heads(engine: EngineDep) -> list[HeadShape]:
    """List the heads that were kept with their reports, newest first."""
    return [HeadShape.model_validate(dict(note)) for note in engine.heads()]
