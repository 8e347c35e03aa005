"""What the use cases are given: adapters behind their ports, and the rules to follow."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from personae.core.continuity import Continuity
from personae.core.head import Head
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
    from personae.engine.lesson import Learnable
    from personae.engine.scores import ScoreCounts


@dataclass(frozen=True)
class Vision:
    """The loaded models: one detector, one or two embedders, and perhaps a head that is laid over them."""

    detector: Detector
    embedders: tuple[Embedder, ...]
    thresholds: Thresholds
    """Of what is compared: the head, the one embedder, or the pair fused."""
    head: Head | None = None
    frozen: Thresholds | None = None
    """Of the embedders, where there is a head."""

    @cached_property
    def model_id(self) -> str:
        """What scores are signed with: the head's id, the embedder's, or both embedders' joined by +."""
        return "+".join(self.model_ids)

    @cached_property
    def model_ids(self) -> tuple[ModelId, ...]:
        """The models whose embeddings are compared, in order: the head alone where there is one."""
        if self.head is not None:
            return (self.head.model_id,)
        return tuple(embedder.model_id for embedder in self.embedders)

    @cached_property
    def compared(self) -> tuple[tuple[ModelId, int], ...]:
        """The same, each with the components of its embeddings."""
        if self.head is not None:
            return ((self.head.model_id, self.head.dimension),)
        return tuple((embedder.model_id, embedder.dimension) for embedder in self.embedders)

    @cached_property
    def made(self) -> tuple[ModelId, ...]:
        """Every model under which a new face gets an embedding: the embedders, then the head."""
        above = () if self.head is None else self.model_ids
        return (*(embedder.model_id for embedder in self.embedders), *above)

    @property
    def base(self) -> Vision:
        """The same embedders without a head: what is learnt from, and what sources are trusted by."""
        return self if self.head is None else Vision(self.detector, self.embedders, self.frozen or self.thresholds)

    def under(self, head: Head, thresholds: Thresholds) -> Vision:
        """Return the same embedders with a head over them.

        Args:
            head: learnt on them.
            thresholds: of its embeddings.
        """
        return Vision(self.detector, self.embedders, thresholds, head, self.base.thresholds)


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
    trains: bool = False
    """Whether a head is learnt from new labels before faces are judged again."""


def _no_networks(name: str) -> Vision:
    raise InputError(f"no other models can be loaded here, {name} among them")


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
    """What is live: the models are loaded on the first call, pulled when they are not there, and kept. Another call may
    return others, when the project was switched to them: ask once for each piece of work."""
    index: Callable[[ModelId, int, int], VectorIndex]
    """(model_id, dimension, expected faces) -> that model's index, as last saved."""
    forget_index: Callable[[ModelId, int, int], None]
    """The same -> nothing of it is kept, until it is wanted again."""
    models: Callable[[], Sequence[ModelCard]]
    """Cards of the models in use."""
    queue: JobQueue
    pulse: Pulse
    """Keeps a job's lease alive while this process lives."""
    clock: Clock
    rules: Rules
    """As at the start; `engine.preferences.rules_now` knows what was changed since."""
    networks: Callable[[str], Vision] = _no_networks
    """Embedders, joined by + -> them without a head, loaded and kept; "": those that the settings say."""
    changeable: Sequence[Changeable] = ()
    """Settings that may be changed while personae runs."""
    vectors: VectorCache = field(default_factory=VectorCache)
    """What was read of the gallery already."""
    known: Memo[Known] = field(default_factory=Memo)
    """What was learnt of the known people already."""
    found: Memo[Found] = field(default_factory=Memo)
    """What was found by the latest event."""
    labels: Memo[tuple[tuple[object, ...], Learnable]] = field(default_factory=Memo)
    """What there was to learn from by the latest event, under which models and seed."""
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
    cannot_train: Callable[[], str] = lambda: ""
    """Why `train` cannot learn here, whatever the lesson; empty: it can."""
    open_post: Callable[[], Post] = _no_post
    """Opens what carries messages to receivers of events; to be closed."""
    close_indexes: Callable[[], None] = lambda: None
    """Lets go of what `index` has opened."""

    def steady(self) -> Parts:
        """Return the outfit for one piece of work, throughout which the models stay those that it asks for first."""
        held: list[Vision] = []

        def vision() -> Vision:
            if not held:
                held.append(self.vision())
            return held[0]

        return replace(self, vision=vision)
