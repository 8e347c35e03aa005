"""Upkeep: numbers, the report, thresholds, models, and what is not as it should be."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field

from personae.bootstrap import open_registry, wanted_models
from personae.engine.facade import Engine
from personae.web.deps import Admin, EngineDep, Reader, SiteDep
from personae.web.errors import responses
from personae.web.models import JobShape, Shape
from personae.web.places import Sentence

router = APIRouter(prefix="/api", tags=["upkeep"], dependencies=[Reader])


class GateShape(Shape):
    """One quality gate and what it did."""

    gate: str
    value: str
    effect: str
    count: int


class StatsShape(Shape):
    """The collection in numbers."""

    images: int
    files: int
    refused_files: dict[str, int]
    faces: int
    founding: int
    supporting: int
    refused_faces: int
    people: int
    named_faces: int
    clusters: int
    clustered_faces: int
    single_faces: int
    embeddings: dict[str, int]
    profile: str
    gates: list[GateShape]
    gate_sets: int


class DifferenceShape(Shape):
    """Something that is not as it should be."""

    kind: str
    what: Sentence
    fixable: bool
    fixed: bool


class DoctorShape(BaseModel):
    """What the doctor found."""

    differences: list[DifferenceShape]
    remaining: int = Field(description="Those that are not put right; photos that were put away do not count.")


class CalibrationBody(BaseModel):
    """What a calibration is told."""

    model_config = ConfigDict(extra="forbid")

    fmr: float = Field(default=1e-4, gt=0, lt=1, description="Wanted false match rate.")


class CalibrationShape(Shape):
    """A threshold that was found on this gallery."""

    model_id: str
    fmr: float
    threshold: float
    comparisons: int
    source: str = Field(description="labels or strangers.")
    created_at: str


class CalibratedShape(Shape):
    """What one calibration found."""

    calibration: CalibrationShape
    before: float
    model_threshold: float
    look_alikes: int
    match_threshold: float


class ResetShape(BaseModel):
    """Whether another threshold than the models' own was in use."""

    reset: bool


class ModelShape(Shape):
    """A model in use."""

    model_id: str
    task: str
    licence: str
    origin: str = Field(description="Where the weights come from, as far as is known.")


class ModelsCheckedShape(BaseModel):
    """The models that are as they should be."""

    ok: list[str]


class LabelBody(BaseModel):
    """What an evaluation is told."""

    model_config = ConfigDict(extra="forbid")

    labels: str = Field(
        min_length=1, max_length=4096,
        description="A folder with a folder for each person, or a CSV, on the server's machine.",
    )  # fmt: skip


@router.get("/stats", name="stats")
def stats(engine: EngineDep) -> StatsShape:
    """Show the collection in numbers, and what each quality gate did."""
    return StatsShape.model_validate(engine.stats())


@router.get("/report", name="report", response_class=HTMLResponse)
def report(engine: EngineDep) -> HTMLResponse:
    """Return the report: one HTML page that needs nothing else."""
    return HTMLResponse(engine.report_page())


@router.get("/doctor", name="doctor")
def doctor(engine: EngineDep) -> DoctorShape:
    """Compare store, files and indexes, and name each difference."""
    return _examined(engine, fix=False)


@router.post("/doctor/fix", name="doctor_fix", dependencies=[Admin])
def doctor_fix(engine: EngineDep) -> DoctorShape:
    """Put right what can be put right; not while pictures are being taken in."""
    return _examined(engine, fix=True)


@router.post("/calibration", name="calibrate", dependencies=[Admin])
def calibrate(engine: EngineDep, body: CalibrationBody) -> CalibratedShape:
    """Find the score that strangers of the gallery reach at a false match rate, and ask from there on."""
    return CalibratedShape.model_validate(engine.calibrate(body.fmr))


@router.delete("/calibration", name="reset_calibration", dependencies=[Admin])
def reset_calibration(engine: EngineDep) -> ResetShape:
    """Go by the models' own threshold again."""
    return ResetShape(reset=engine.reset_calibration())


@router.post("/evaluations", name="evaluate", status_code=202, dependencies=[Admin])
def evaluate(engine: EngineDep, body: LabelBody) -> JobShape:
    """Measure the models on labelled photos of the server's machine, as a job."""
    return JobShape.of(engine.queue("models.evaluate", body.model_dump()), engine.parts.clock())


@router.get("/models", name="models")
def models(engine: EngineDep) -> list[ModelShape]:
    """List the models in use with their licences."""
    return [ModelShape.model_validate(card) for card in engine.parts.models()]


@router.post("/models/check", name="check_models", responses=responses(500))
def check_models(site: SiteDep) -> ModelsCheckedShape:
    """Check the files' hashes and run fixed inputs whose outputs are known."""
    registry = open_registry(site.settings)
    wanted = wanted_models(site.settings, registry)
    for model_id in wanted:
        registry.check(model_id)
    return ModelsCheckedShape(ok=[str(model_id) for model_id in wanted])


def _examined(engine: Engine, fix: bool) -> DoctorShape:
    found = engine.doctor(fix)
    remaining = [each for each in found if not each.fixed and each.kind != "photo_gone"]
    differences = [DifferenceShape.model_validate(each) for each in found]
    return DoctorShape(differences=differences, remaining=len(remaining))
