"""What the use cases are given: adapters behind their ports, and the rules to follow."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from personae.core.continuity import Continuity
from personae.core.quality import ENRICH, Gates
from personae.engine.gallery import VectorCache
from personae.engine.memo import Memo
from personae.errors import InputError
from personae.ports import (
    Clock,
    Copies,
    Decode,
    Detector,
    Embedder,
    Epoch,
    Files,
    HeadFiles,
    JobFeed,
    JobQueue,
    Lesson,
    OpenVideo,
    PeopleSource,
    Plan,
    Post,
    Pulse,
    Store,
    Train,
    VectorIndex,
    VideoFrame,
    Watch,
)
from personae.preferences import Changeable
from personae.records import SourceSpec
from personae.types import ModelCard, ModelId, Pixels, Thresholds, Vectors

if TYPE_CHECKING:
    from personae.engine.found import Found
    from personae.engine.known import Known
    from personae.engine.scores import ScoreCounts


@dataclass(frozen=True)
class Vision:
    """The loaded models: one detector, one or two embedders."""

    detector: Detector
    embedders: tuple[Embedder, ...]
    thresholds: Thresholds
    """Of the one embedder, or of the pair fused."""

    @property
    def model_id(self) -> str:
        """What scores are signed with: the embedder's id, or both joined by +."""
        return "+".join(embedder.model_id for embedder in self.embedders)

    @property
    def model_ids(self) -> tuple[ModelId, ...]:
        """The embedders' ids, in order."""
        return tuple(embedder.model_id for embedder in self.embedders)


@dataclass(frozen=True)
class Rules:
    """The settings that the use cases obey."""

    gates: Gates
    workers: int
    batch_size: int
    max_file_bytes: int
    match_threshold: float
    unknown_method: str
    min_cluster_size: int
    unknown_eps: float
    embedders: tuple[str, ...]
    """model_ids that the user wants; `Vision` has those that could be had."""
    enrich_gates: Gates = ENRICH
    """What a face that a source brings must be."""
    reference_threshold: float = 0.7
    """det_score under which the primary face of a reference is doubtful."""
    plan: Plan = field(default_factory=Plan)
    """How a head is learnt."""


def _no_source(spec: SourceSpec) -> PeopleSource:
    raise InputError(f"source {spec.name} cannot be opened here")


def _no_video(path: Path, every: int, side: int) -> Iterator[VideoFrame]:  # noqa: ARG001
    raise InputError(f"{path} is no picture, and videos cannot be read here")


def _no_plot(continuity: Continuity, form: str) -> bytes:  # noqa: ARG001
    raise InputError("nothing can be drawn here")


def _no_training(lesson: Lesson, plan: Plan, state: Mapping[str, Vectors], watch: Watch) -> Iterator[Epoch]:  # noqa: ARG001
    raise InputError("nothing can be learnt here")


def _no_post() -> Post:
    raise InputError("nothing can be sent from here")


@dataclass(frozen=True)
class Parts:
    """The whole outfit; built by bootstrap alone."""

    store: Store
    home: Path
    """The folder of all projects; pictures in it are never taken in."""
    crops: Files
    photos: Files
    """Pictures that were sent here, and lie nowhere else."""
    pictures: Files
    """Source images of references."""
    heads: HeadFiles
    """What was learnt from labels."""
    copies: Copies
    """Reduced copies of photos."""
    checked: Copies
    """Reduced copies of pictures that were held against characters."""
    maps: Files
    """The map of all faces: places, never embeddings."""
    sniff: Callable[[bytes], str | None]
    """First bytes of a file -> the picture format they show, or None."""
    decode: Decode
    check_picture: Callable[[bytes], None]
    """Encoded image -> nothing; raises ImageError when it is not whole, as decoding would, but sooner."""
    when_taken: Callable[[bytes], datetime | None]
    """Encoded image -> when a camera took it, by its own clock; None: it does not say."""
    encode: Callable[[Pixels], bytes]
    """RGB pixels -> JPEG bytes."""
    vision: Callable[[], Vision]
    """Loads the models on the first call, pulling them when they are not there; the same object ever after."""
    index: Callable[[ModelId, int, int], VectorIndex]
    """(model_id, dimension, expected faces) -> that model's index, as last saved."""
    models: Callable[[], Sequence[ModelCard]]
    """Cards of the models in use."""
    queue: JobQueue
    pulse: Pulse
    """Keeps a job's lease alive while this process lives."""
    clock: Clock
    rules: Rules
    """As at the start; `engine.preferences.rules_now` knows what was changed since."""
    changeable: Sequence[Changeable] = ()
    """Settings that may be changed while personae runs."""
    vectors: VectorCache = field(default_factory=VectorCache)
    """What was read of the gallery already."""
    known: Memo[Known] = field(default_factory=Memo)
    """What was learnt of the known people already."""
    found: Memo[Found] = field(default_factory=Memo)
    """What was found by the latest event."""
    scores: Memo[tuple[tuple[str, int], ScoreCounts]] = field(default_factory=Memo)
    """What was counted of pairs of faces already, and when."""
    indexing: AbstractContextManager[object] = field(default_factory=threading.RLock)
    """Held by the one thread that brings indexes up to the store."""
    sources: Callable[[], Sequence[SourceSpec]] = lambda: ()
    """The entries of sources.yaml, also those that are not enabled."""
    open_source: Callable[[SourceSpec], PeopleSource] = _no_source
    forget_photos: Callable[[str], None] = lambda _source: None
    """Removes the photos of a source that were kept as they came."""
    open_video: OpenVideo = _no_video
    draw_continuity: Callable[[Continuity, str], bytes] = _no_plot
    """(what was measured, png, svg or html) -> the file."""
    feed: JobFeed | None = None
    """Where runners fetch the jobs that `queue` carries; None: they look into the table."""
    train: Train = _no_training
    open_post: Callable[[], Post] = _no_post
    """Opens what carries messages to receivers of events; to be closed."""
    close_indexes: Callable[[], None] = lambda: None
    """Lets go of what `index` has opened."""
