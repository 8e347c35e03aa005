"""Upkeep: numbers, the report, thresholds, and what is not as it should be."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field

from personae.engine.facade import Engine
from personae.web.deps import Admin, EngineDep, Reader
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


class AskedFromShape(BaseModel):
    """The score from which somebody is asked."""

    threshold: float


class CurveShape(Shape):
    """On what it rests how often a score is right, for one kind of question."""

    method: str = Field(description="platt or isotonic.")
    right: int = Field(description="Right answers that it rests on.")
    wrong: int


class ChancesShape(Shape):
    """How often answers of models are right, by their score, as learnt from confirmed faces."""

    model_id: str
    curves: dict[str, CurveShape] = Field(description="By question: face, group, search, pair.")
    people: int = Field(description="With confirmed faces on two photos or more.")
    faces: int = Field(description="Confirmed ones.")
    prior: float = Field(description="Share of the unknown faces that were taken to be of known people.")
    data: str = Field(description="SHA-256 of what it was learnt from.")
    created_at: str


class ResetShape(BaseModel):
    """Whether there was anything to take back."""

    reset: bool


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


@router.post("/calibration/undo", name="undo_calibration", dependencies=[Admin], responses=responses(409))
def undo_calibration(engine: EngineDep) -> AskedFromShape:
    """Take the last calibration or reset back; once more: as it was."""
    return AskedFromShape(threshold=engine.undo_calibration())


@router.get("/probability", name="chances")
def chances(engine: EngineDep) -> ChancesShape | None:
    """Say on what it rests how often scores are right; null when it was not learnt."""
    found = engine.chances()
    return None if found is None else ChancesShape.model_validate(found)


@router.post("/probability", name="learn_chances", dependencies=[Admin])
def learn_chances(engine: EngineDep) -> ChancesShape:
    """Learn from confirmed faces how often a score is right, and say so in receipts from now on."""
    return ChancesShape.model_validate(engine.learn_chances())


@router.delete("/probability", name="forget_chances", dependencies=[Admin])
def forget_chances(engine: EngineDep) -> ResetShape:
    """Say nothing of how often scores are right."""
    return ResetShape(reset=engine.forget_chances())


@router.post("/evaluations", name="evaluate", status_code=202, dependencies=[Admin])
def evaluate(engine: EngineDep, body: LabelBody) -> JobShape:
    """Measure the models on labelled photos of the server's machine, as a job."""
    return JobShape.of(engine.queue("models.evaluate", body.model_dump()), engine.parts.clock())


def _examined(engine: Engine, fix: bool) -> DoctorShape:
    found = engine.doctor(fix)
    remaining = [each for each in found if not each.fixed and each.kind != "photo_gone"]
    differences = [DifferenceShape.model_validate(each) for each in found]
    return DoctorShape(differences=differences, remaining=len(remaining))
