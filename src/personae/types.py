"""The values that pass between the parts: frozen dataclasses, ids, enums, array aliases.

Arrays, unless a docstring says otherwise:

* pixels: (height, width, 3) uint8, RGB, upright (EXIF orientation applied).
* landmarks: (5, 2) float32, x and y in pixels: right eye, left eye, nose, right and left mouth corner
  as seen in the picture from left to right.
* vectors: (n, dimension) float32, each row of length 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

import numpy as np
from numpy.typing import NDArray

ModelId = NewType("ModelId", str)
ImageId = NewType("ImageId", int)
FaceId = NewType("FaceId", int)
PersonId = NewType("PersonId", int)
ClusterId = NewType("ClusterId", int)
OperationId = NewType("OperationId", int)
JobId = NewType("JobId", int)
Digest = NewType("Digest", str)
"""SHA-256 of a file's bytes, 64 lower-case hexadecimal digits."""

Pixels = NDArray[np.uint8]
Landmarks = NDArray[np.float32]
Vector = NDArray[np.float32]
Vectors = NDArray[np.float32]
Scores = NDArray[np.float32]
Ids = NDArray[np.int64]
Labels = NDArray[np.int64]
"""(n,) int64 cluster numbers; -1 is noise."""


class Reason(StrEnum):
    """Why a file, an image or a face was refused, or may not found a group."""

    # files and images
    UNREADABLE = "unreadable"
    EMPTY = "empty"
    NOT_AN_IMAGE = "not_an_image"
    UNSUPPORTED_FORMAT = "unsupported_format"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_LARGE = "too_large"
    # faces
    IMAGE_TOO_SMALL = "image_too_small"
    FACE_TOO_SMALL = "face_too_small"
    LOW_DET_SCORE = "low_det_score"
    TURNED = "turned"
    BLURRED = "blurred"
    NOT_UPRIGHT = "not_upright"


class FaceRole(StrEnum):
    """What a face may be used for."""

    FOUNDING = "founding"
    """Good enough to found a group, and to be matched."""
    SUPPORTING = "supporting"
    """Kept, embedded and matched, but founds no group."""
    REFUSED = "refused"
    """Kept with its reasons; never embedded."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the upright image; x and y are its left and upper edge."""

    x: float
    y: float
    width: float
    height: float

    @property
    def side(self) -> float:
        """The shorter side, pixels."""
        return min(self.width, self.height)


@dataclass(frozen=True, slots=True)
class Detection:
    """One face found in one picture."""

    box: Box
    landmarks: Landmarks
    det_score: float
    """The detector's confidence, in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded image, upright, perhaps reduced."""

    pixels: Pixels
    width: int
    """Width of the upright image at full size, pixels."""
    height: int
    format: str
    """jpeg, png, webp, ..."""
    taken_at: datetime | None = None
    """When a camera took it, by its own clock, which has no zone; None: it does not say."""

    @property
    def scale(self) -> float:
        """Pixels here per pixel of the full-size image, in (0, 1]."""
        return float(self.pixels.shape[1] / self.width)


@dataclass(frozen=True, slots=True)
class Quality:
    """The measured usefulness of a face."""

    side: float
    """Shorter side of the box, pixels of the full-size image."""
    sharpness: float
    """Spread of the Laplacian over the aligned face; higher is sharper."""
    yaw: float
    """Degrees, 0 is frontal; from the landmarks."""
    roll: float
    score: float
    """One number in [0, 1] to order faces by."""


@dataclass(frozen=True, slots=True)
class FileStamp:
    """What tells, without reading it, that a file is the one seen before."""

    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class NewFace:
    """A face as ingest hands it to the store."""

    box: Box
    """In pixels of the full-size upright image."""
    landmarks: Landmarks
    """Likewise."""
    det_score: float
    quality: Quality
    role: FaceRole
    reasons: tuple[Reason, ...] = ()
    crop: Digest | None = None
    embeddings: Mapping[ModelId, Vector] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewImage:
    """An image as ingest hands it to the store."""

    digest: Digest
    size: int
    """Bytes."""
    width: int = 0
    height: int = 0
    format: str = ""
    detector: ModelId | None = None
    profile: str = ""
    reason: Reason | None = None
    """Set when the bytes could not be used."""
    detail: str = ""
    faces: tuple[NewFace, ...] = ()
    taken_at: datetime | None = None
    """See `Picture`."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image in the store."""

    id: ImageId
    digest: Digest
    size: int
    width: int
    height: int
    format: str
    reason: Reason | None
    detail: str
    uris: tuple[str, ...]
    """Where it was last seen, as file: URIs; exact for any file name."""
    taken_at: datetime | None = None
    """See `Picture`."""


@dataclass(frozen=True, slots=True)
class Face:
    """A face in the store, with what the ledger says of it now."""

    id: FaceId
    image_id: ImageId
    box: Box
    landmarks: Landmarks
    det_score: float
    quality: Quality
    role: FaceRole
    reasons: tuple[Reason, ...]
    crop: Digest | None
    person_id: PersonId | None
    cluster_id: ClusterId | None


@dataclass(frozen=True, slots=True)
class Person:
    """A human or character with a record."""

    id: PersonId
    name: str
    kind: str
    """real or character."""
    disambiguation: str
    aliases: tuple[str, ...]
    external_ids: Mapping[str, str]
    urls: tuple[str, ...]
    face_count: int
    best_face: FaceId | None


@dataclass(frozen=True, slots=True)
class Cluster:
    """A machine-made group of faces of one unknown person."""

    id: ClusterId
    label: str
    """unknown_cluster_N."""
    face_count: int
    best_face: FaceId | None


class DecisionKind(StrEnum):
    """What a row of the ledger says."""

    NAME = "name"
    """This person exists and is called `name`; with an empty name: it exists no more."""
    CONFIRM = "confirm"
    """This face is this person (said by a human)."""
    REJECT = "reject"
    """This face is not this person (said by a human)."""
    ASSIGN = "assign"
    """This face is this person (found by the machine)."""
    CLUSTER = "cluster"
    """This face is in this cluster, or (None) in none."""
    MERGE = "merge"
    """This person is the same as `into_person_id`."""
    LINK = "link"
    """This face and `other_face_id` are one person, whoever it is (said by a human)."""
    SEPARATE = "separate"
    """This face and `other_face_id` are two people (said by a human)."""
    RELEASE = "release"
    """The machine no longer ties this face to anybody."""
    STATE = "state"
    """This face is this person (said by a source)."""
    REVOKE = "revoke"
    """Nothing that `source` has stated counts (said by a human)."""
    HIDE = "hide"
    """This person, or this face whoever it is, is not shown where people are listed (said by a human)."""
    SHOW = "show"
    """It is shown again (said by a human)."""


class Maker(StrEnum):
    """Who made a decision. A human's outranks a source's, and that a machine's."""

    HUMAN = "human"
    SOURCE = "source"
    MACHINE = "machine"


@dataclass(frozen=True, slots=True)
class Decision:
    """One row of the append-only ledger.

    `score`, `threshold` and `model_id` are the receipt of a machine's decision; None for a human's.
    """

    kind: DecisionKind
    maker: Maker
    face_id: FaceId | None = None
    person_id: PersonId | None = None
    into_person_id: PersonId | None = None
    cluster_id: ClusterId | None = None
    name: str | None = None
    score: float | None = None
    threshold: float | None = None
    model_id: str | None = None
    runner_up: float | None = None
    other_face_id: FaceId | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """The decisions that one command made together; the unit of undo."""

    id: OperationId
    kind: str
    maker: Maker
    summary: str
    created_at: datetime
    undoes: OperationId | None
    undone: bool


@dataclass(frozen=True, slots=True)
class Event:
    """One row of the outbox."""

    seq: int
    kind: str
    payload: Mapping[str, object]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of long work, as its row says."""

    id: JobId
    kind: str
    payload: Mapping[str, object]
    state: str
    """queued, running, done, failed or cancelled."""
    done: int
    total: int
    attempts: int
    token: str | None
    lease_until: datetime | None
    cancel: bool
    result: Mapping[str, object]
    """What its runner said last: while it runs {"doing"}, then the summary, or {"error"}."""
    created_at: datetime
    failures: int = 0
    """Attempts that ended with an error that may pass."""
    not_before: datetime | None = None
    """When it is tried again after such an error."""
    checkpoint: Mapping[str, object] | None = None
    """Where the next runner goes on; None: at the beginning."""


class Outcome(StrEnum):
    """The open-set decision on one probe."""

    MATCH = "match"
    REVIEW = "review"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which faces a search may find; everything that is asked for must hold."""

    people: tuple[PersonId, ...] | None = None
    """Only faces of these people; None: of anybody, or nobody."""
    clusters: tuple[ClusterId, ...] | None = None
    """Only faces of these clusters; None: of any, or none."""
    unknown: bool = False
    """Only faces that have no person."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Cosine thresholds of one model (or of a fused pair), each in [-1, 1]."""

    verify: float
    """Best accuracy in 1:1 comparison."""
    review: float
    """At FMR 1e-3: below it nobody is asked."""
    match: float
    """From here on the machine assigns by itself."""
    cluster: float
    """Mean similarity at which two groups of faces are still one person."""
    trust: tuple[float, ...] = ()
    """Distances (1 - cosine) under which a face that a source brings is the person's, for people with up to 1, up to 3,
    and more faces; empty: 1 - `review` for all."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a user should know about a model before using it."""

    model_id: ModelId
    task: str
    """detector or embedder."""
    licence: str
    origin: str
    """Where the weights come from, as far as is known."""
