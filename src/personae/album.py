"""What the report page shows: plain values, filled by the engine and drawn by an adapter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from personae.types import Reason

_WORDS = {
    Reason.UNREADABLE: "could not be opened",
    Reason.EMPTY: "empty file",
    Reason.NOT_AN_IMAGE: "not a picture",
    Reason.UNSUPPORTED_FORMAT: "picture format that is not taken",
    Reason.TRUNCATED: "cut short",
    Reason.CORRUPT: "damaged",
    Reason.TOO_MANY_PIXELS: "too many pixels",
    Reason.TOO_LARGE: "file too large",
    Reason.IMAGE_TOO_SMALL: "photo too small",
    Reason.FACE_TOO_SMALL: "too small",
    Reason.LOW_DET_SCORE: "hardly a face",
    Reason.TURNED: "turned away",
    Reason.BLURRED: "blurred",
    Reason.NOT_UPRIGHT: "not upright",
}


def reason_words(reason: str) -> str:
    """Return a reason as a person reads it; an unknown one with its underscores opened."""
    return _WORDS[Reason(reason)] if reason in _WORDS else reason.replace("_", " ")


@dataclass(frozen=True, slots=True)
class ReportFace:
    """One face, ready to be shown."""

    face_id: int
    crop: bytes
    """An encoded picture (JPEG, PNG or WebP); empty when the crop is not at hand."""
    image: str
    """File name of the photo, for reading; it may hold any character."""
    quality: float
    """In [0, 1]."""
    receipt: str = ""
    """How the face came here, or why it was refused; in words."""


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One person, or one group of faces of an unknown person."""

    label: str
    """The person's name, or unknown_cluster_N."""
    count: int
    """All faces of the row, also those that are not in `faces`."""
    faces: tuple[ReportFace, ...]
    """The best first."""


@dataclass(frozen=True, slots=True)
class ReportRefusal:
    """A file that could not be used."""

    name: str
    """For reading; it may hold any character."""
    reason: str
    """A `personae.types.Reason`."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ReportGate:
    """One quality gate and what it did."""

    gate: str
    value: str
    effect: str
    count: int


@dataclass(frozen=True, slots=True)
class ReportModel:
    """One model that was used."""

    model_id: str
    task: str
    licence: str
    origin: str
    """Where the weights come from, as far as is known."""


@dataclass(frozen=True, slots=True)
class ReportTotals:
    """The collection in a few numbers."""

    photos: int
    files: int
    faces: int
    """Those that were not refused."""
    people: int
    unknown_groups: int
    ungrouped_faces: int
    refused_faces: int
    refused_files: int


@dataclass(frozen=True, slots=True)
class AlbumReport:
    """Everything on the report page."""

    title: str
    created_at: datetime
    totals: ReportTotals
    people: tuple[ReportRow, ...] = ()
    unknown: tuple[ReportRow, ...] = ()
    """Largest first."""
    ungrouped: tuple[ReportFace, ...] = ()
    """A sample of the faces that are in no group; `totals.ungrouped_faces` counts them all."""
    refused_faces: tuple[ReportFace, ...] = ()
    """A sample, likewise."""
    refused_files: tuple[ReportRefusal, ...] = ()
    profile: str = ""
    gates: tuple[ReportGate, ...] = ()
    models: tuple[ReportModel, ...] = ()
