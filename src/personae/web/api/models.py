"""Models: those in use, whether they are themselves, and going by others."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from personae.loading import check_models as check_all
from personae.web.api.settings import NOBODY
from personae.web.deps import Admin, EngineDep, KeyDep, Reader, SiteDep
from personae.web.errors import responses
from personae.web.models import JobShape, Shape

router = APIRouter(prefix="/api/models", tags=["models"], dependencies=[Reader])


class ModelShape(Shape):
    """A model in use."""

    model_id: str
    task: str
    licence: str
    origin: str = Field(description="Where the weights come from, as far as is known.")


class ModelsCheckedShape(BaseModel):
    """The models that are as they should be."""

    ok: list[str]


class InUseShape(Shape):
    """What faces are recognised by."""

    model_id: str = Field(description="An embedder's id, several joined by +, or a head's.")
    base: str = Field(description="Of a head: the embedders that it is laid over.")
    as_set: bool = Field(description="Whether it is what the settings say.")
    before: str | None = Field(
        description="What a rollback goes back to: empty is what the settings say; null: nothing was ever switched."
    )
    since: str = Field(description="ISO 8601; empty: always.")
    by: str = Field(description="Who switched.")


class SwitchBody(BaseModel):
    """What to go by."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(
        max_length=200, description="An embedder's id, several joined by +, or a head's; empty: as the settings say."
    )
    dry_run: bool = Field(default=False, description="Embed and report, and go on as before.")


@router.get("", name="models")
def models(engine: EngineDep) -> list[ModelShape]:
    """List the models in use with their licences."""
    return [ModelShape.model_validate(card) for card in engine.parts.models()]


@router.post("/check", name="check_models", responses=responses(404, 500))
def check_models(site: SiteDep, engine: EngineDep) -> ModelsCheckedShape:
    """Check the files of the models in use by their hashes, and run fixed inputs whose outputs are known."""
    cards = engine.parts.models()
    check_all(site.settings, cards, engine.parts.heads)
    return ModelsCheckedShape(ok=[str(card.model_id) for card in cards])


@router.get("/live", name="live_model")
def live_model(engine: EngineDep) -> InUseShape:
    """Say what faces are recognised by, and since when."""
    return InUseShape.model_validate(engine.live_model())


@router.post("/switch", name="switch_model", dependencies=[Admin], status_code=202, responses=responses(404, 409, 500))
def switch_model(engine: EngineDep, key: KeyDep, body: SwitchBody) -> JobShape:
    """Embed everything under another model, say what would change, and go by it: as a job."""
    payload = {**body.model_dump(), "by": NOBODY if key is None else key.name}
    return JobShape.of(engine.queue("models.switch", payload), engine.parts.clock())


@router.post(
    "/rollback", name="rollback_model", dependencies=[Admin], status_code=202, responses=responses(404, 409, 500)
)
def rollback_model(engine: EngineDep, key: KeyDep) -> JobShape:
    """Go back to the model before, or forward again: as a job."""
    options = engine.rollback_options(NOBODY if key is None else key.name)
    return JobShape.of(engine.queue("models.switch", asdict(options)), engine.parts.clock())
