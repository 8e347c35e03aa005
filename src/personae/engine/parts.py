"""What the use cases are given: adapters behind their ports, and the rules to follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from personae.core.quality import ENRICH, Gates
from personae.engine.gallery import VectorCache
from personae.engine.memo import Memo
from personae.errors import InputError
from personae.ports import Clock, Decode, Detector, Embedder, Files, JobQueue, PeopleSource, Pulse, Store, VectorIndex
from personae.records import SourceSpec
from personae.types import ModelCard, ModelId, Pixels, Thresholds

if TYPE_CHECKING:
    from personae.engine.known import Known


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


def _no_source(spec: SourceSpec) -> PeopleSource:
    raise InputError(f"source {spec.name} cannot be opened here")


@dataclass(frozen=True)
class Parts:
    """The whole outfit; built by bootstrap alone."""

    store: Store
    crops: Files
    sniff: Callable[[bytes], str | None]
    """First bytes of a file -> the picture format they show, or None."""
    decode: Decode
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
    vectors: VectorCache = field(default_factory=VectorCache)
    """What was read of the gallery already."""
    known: Memo[Known] = field(default_factory=Memo)
    """What was learnt of the known people already."""
    sources: Callable[[], Sequence[SourceSpec]] = lambda: ()
    """The entries of sources.yaml, also those that are not enabled."""
    open_source: Callable[[SourceSpec], PeopleSource] = _no_source
    forget_photos: Callable[[str], None] = lambda _source: None
    """Removes the photos of a source that were kept as they came."""
    close_indexes: Callable[[], None] = lambda: None
    """Lets go of what `index` has opened."""
