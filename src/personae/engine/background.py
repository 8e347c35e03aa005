"""Long work on paths and labels of the runner's own machine, as jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from personae.engine import cluster
from personae.engine.cluster import GroupSummary
from personae.engine.evaluate import evaluate
from personae.engine.ingest import IngestSummary, ingest
from personae.engine.ingest import Progress as IngestProgress
from personae.engine.parts import Parts
from personae.engine.progress import Progress
from personae.engine.walk import expand
from personae.errors import InputError


@dataclass(frozen=True)
class PathOptions:
    """What an ingest is told."""

    paths: tuple[str, ...] = ()
    """Folders, files or globs."""

    def __post_init__(self) -> None:
        if not self.paths:
            raise InputError("say which folders, files or globs: paths")


@dataclass(frozen=True)
class LabelOptions:
    """What an evaluation is told."""

    labels: str = ""
    """A folder with a folder for each person, or a CSV."""

    def __post_init__(self) -> None:
        if not self.labels:
            raise InputError("say where the labelled photos are: labels")


@dataclass(frozen=True, slots=True)
class AlbumSummary:
    """What an organising did."""

    ingest: IngestSummary
    grouping: GroupSummary


def check_paths(_parts: Parts, options: PathOptions) -> None:
    """Raise InputError for a path that is not there."""
    expand(options.paths)


def run_ingest(parts: Parts, options: PathOptions, progress: Progress) -> IngestSummary:
    """Take pictures in."""

    def tell(done: IngestProgress) -> None:
        progress.step(done.done, done.total if done.walked else 0, "taking in")

    return ingest(parts, options.paths, parts.home, tell)


def run_organise(parts: Parts, options: PathOptions, progress: Progress) -> AlbumSummary:
    """Take pictures in, and group the faces."""
    return AlbumSummary(run_ingest(parts, options, progress), cluster.group(parts, progress))


def run_evaluate(parts: Parts, options: LabelOptions, progress: Progress) -> Mapping[str, object]:
    """Measure the models; the points of the plots are left out."""
    measured = asdict(evaluate(parts, options.labels, progress, parts.home))
    for model in measured["models"]:
        del model["plots"]
    return measured
