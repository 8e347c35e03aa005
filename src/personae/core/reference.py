"""The life of a reference: which status follows which, as data.

A picture of it is in docs/references.md; a test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

import numpy as np

from personae.core.compare import normalise
from personae.errors import Conflict
from personae.references import ReferenceStatus
from personae.types import ModelId, Vector


class Step(StrEnum):
    """What can happen to a reference."""

    UPLOAD = "upload"
    """A source image is put here, in place of the one before."""
    EXTRACT = "extract"
    """Somebody asks for the faces again."""
    RECOVER = "recover"
    """Somebody asks again after a job that ended without a result."""
    START = "start"
    """A runner begins, or takes over from one that died, or tries again."""
    STOP = "stop"
    """The job was cancelled."""
    FIND_ONE = "find one face"
    FIND_DOUBTFUL = "find one doubtful face"
    """Its det_score is under the threshold; likewise `SELECT_DOUBTFUL`."""
    FIND_SEVERAL = "find several faces"
    FAIL = "find nothing"
    SELECT = "select a face"
    SELECT_DOUBTFUL = "select a doubtful face"


_S = ReferenceStatus

TRANSITIONS: Mapping[tuple[ReferenceStatus | None, Step], ReferenceStatus] = {
    (None, Step.UPLOAD): _S.PENDING,
    **{(status, Step.UPLOAD): _S.PENDING for status in ReferenceStatus},
    (_S.COMPLETED, Step.EXTRACT): _S.PENDING,
    (_S.LOW_CONFIDENCE, Step.EXTRACT): _S.PENDING,
    (_S.MULTI_FACE_PENDING, Step.EXTRACT): _S.PENDING,
    (_S.FAILED, Step.EXTRACT): _S.PENDING,
    (_S.PENDING, Step.RECOVER): _S.PENDING,
    (_S.EXTRACTING, Step.RECOVER): _S.PENDING,
    (_S.PENDING, Step.START): _S.EXTRACTING,
    (_S.EXTRACTING, Step.START): _S.EXTRACTING,
    (_S.FAILED, Step.START): _S.EXTRACTING,
    (_S.EXTRACTING, Step.STOP): _S.PENDING,
    (_S.EXTRACTING, Step.FIND_ONE): _S.COMPLETED,
    (_S.EXTRACTING, Step.FIND_DOUBTFUL): _S.LOW_CONFIDENCE,
    (_S.EXTRACTING, Step.FIND_SEVERAL): _S.MULTI_FACE_PENDING,
    (_S.EXTRACTING, Step.FAIL): _S.FAILED,
    (_S.MULTI_FACE_PENDING, Step.SELECT): _S.COMPLETED,
    (_S.MULTI_FACE_PENDING, Step.SELECT_DOUBTFUL): _S.LOW_CONFIDENCE,
    (_S.COMPLETED, Step.SELECT): _S.COMPLETED,
    (_S.COMPLETED, Step.SELECT_DOUBTFUL): _S.LOW_CONFIDENCE,
    (_S.LOW_CONFIDENCE, Step.SELECT): _S.COMPLETED,
    (_S.LOW_CONFIDENCE, Step.SELECT_DOUBTFUL): _S.LOW_CONFIDENCE,
}
"""(status, step) -> the status that follows; None: there is no reference yet. What is not here is refused."""

BUSY = frozenset({_S.PENDING, _S.EXTRACTING})
"""A job is on its way."""


def advance(status: ReferenceStatus | None, step: Step) -> ReferenceStatus:
    """Return the status that follows.

    Args:
        status: of the reference; None: there is none yet.
        step: what happens.

    Raises:
        Conflict: a reference of this status does not take the step.
    """
    following = TRANSITIONS.get((status, step))
    if following is None:
        raise Conflict(f"a reference that is {status or 'not there'} does not take the step: {step}")
    return following


def outcome(det_scores: Sequence[float], threshold: float) -> Step:
    """Return the step that an extraction ends with.

    Args:
        det_scores: of the faces found, each in [0, 1].
        threshold: a single face under it is doubtful.
    """
    if len(det_scores) > 1:
        return Step.FIND_SEVERAL
    if not det_scores:
        return Step.FAIL
    return Step.FIND_DOUBTFUL if det_scores[0] < threshold else Step.FIND_ONE


def selection(det_score: float, threshold: float) -> Step:
    """Return the step that the choice of a face with this det_score is."""
    return Step.SELECT_DOUBTFUL if det_score < threshold else Step.SELECT


def doubt(det_score: float) -> str:
    """Return the warning of a primary face under the threshold."""
    return (
        f"Face detection confidence is low ({det_score:.2f}) — this may cause unreliable quality checks. "
        "Consider using a clearer source image."
    )


def fuse_template(faces: Iterable[Mapping[ModelId, Vector]]) -> dict[ModelId, Vector]:
    """Return what several references of one character are together: under each model the mean of those that have it.

    Args:
        faces: the (d,) float32 unit vectors of each primary face, by model.

    Returns:
        (d,) float32 unit vector of each model; none where opposed vectors cancel each other out.

    Source: averaging unit templates, as in the template adaptation of IJB-A (Crosswhite et al., FG 2017).
    """
    by_model: dict[ModelId, list[Vector]] = {}
    for face in faces:
        for model_id, vector in face.items():
            by_model.setdefault(model_id, []).append(vector)
    sums = {model_id: np.sum(vectors, axis=0, dtype=np.float64) for model_id, vectors in by_model.items()}
    return {model_id: normalise(total) for model_id, total in sums.items() if np.linalg.norm(total) > 0}
