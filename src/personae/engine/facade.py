"""The verbs of the library, the same as the command line's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from personae.album import AlbumReport
from personae.engine import cluster, doctor, identify, ingest, people, review, stats
from personae.engine.cluster import GroupSummary
from personae.engine.doctor import Difference
from personae.engine.identify import Comparison, Extract, Sighting
from personae.engine.ingest import IngestSummary, Progress
from personae.engine.parts import Parts
from personae.engine.people import Shown
from personae.engine.report import write_report
from personae.engine.stats import Stats
from personae.types import Cluster, FaceId, Operation, OperationId, Person

Paths = str | Path | Sequence[str | Path]


REPORT = "report.html"
"""Name of the report in the project's folder."""


@dataclass(frozen=True, slots=True)
class Organised:
    """What `organise` did."""

    ingest: IngestSummary
    grouping: GroupSummary
    report: Path


class Engine:
    """Knows who is in your pictures. Made by `personae.open_engine`; close it, or use it in a `with`.

    Every method raises InputError, NotFound or Conflict for what cannot be done, ModelError for a
    missing or damaged model, and BackendError when the store or the disk refuses.
    """

    def __init__(self, parts: Parts, folder: Path, home: Path, render: Callable[[AlbumReport], str]) -> None:
        self.parts = parts
        self.folder = folder
        """Where the project's crops, indexes and report are."""
        self.home = home
        """The folder that holds those of all projects; pictures in it are never taken in."""
        self._render = render

    def organise(self, paths: Paths, report: Callable[[Progress], None] = lambda _: None) -> Organised:
        """Ingest, group, and write the report, unless it shows everything already."""
        taken = self.ingest(paths, report)
        grouped = self.group()
        page = self.folder / REPORT
        if taken.images or taken.refused_files or not grouped.unchanged or not page.exists():
            self.report()
        return Organised(taken, grouped, page)

    def ingest(self, paths: Paths, report: Callable[[Progress], None] = lambda _: None) -> IngestSummary:
        """Take pictures in; see `personae.engine.ingest.ingest`."""
        places = [paths] if isinstance(paths, str | Path) else list(paths)
        return ingest.ingest(self.parts, places, self.home, report)

    def group(self) -> GroupSummary:
        """Recognise known people, and group the unknown faces."""
        return cluster.group(self.parts)

    def people(self) -> tuple[list[Person], list[Cluster]]:
        """Return the named people and the unknown groups, largest first."""
        return people.people(self.parts)

    def show(self, reference: str) -> Shown:
        """Return one person or unknown group with every face."""
        return people.show(self.parts, reference)

    def name(self, reference: str, new_name: str) -> Operation:
        """Name an unknown group or face, or rename a person."""
        return review.name(self.parts, reference, new_name)

    def merge(self, reference: str, into: str) -> Operation:
        """Make two people one."""
        return review.merge(self.parts, reference, into)

    def reject(self, face_id: int, reference: str | None = None) -> Operation:
        """Say that a face is not this person."""
        return review.reject(self.parts, FaceId(face_id), reference)

    def undo(self, operation_id: int | None = None) -> Operation:
        """Take a decision back."""
        return review.undo(self.parts, None if operation_id is None else OperationId(operation_id))

    def history(self, limit: int = 50) -> list[Operation]:
        """Return the latest decisions, newest first."""
        return review.history(self.parts, limit)

    def who(self, photo: str | Path) -> list[Sighting]:
        """Say who is in a photo, with a receipt for every face."""
        return identify.who(self.parts, photo)

    def verify(self, first: str | Path, second: str | Path) -> Comparison:
        """Say whether two photos show the same person."""
        return identify.verify(self.parts, first, second)

    def extract(self, image: str | Path, model_id: str | None = None) -> Extract:
        """Return the faces of one image with their embeddings, ready for JSON."""
        return identify.extract(self.parts, image, model_id)

    def stats(self) -> Stats:
        """Return the collection in numbers."""
        return stats.stats(self.parts)

    def doctor(self, fix: bool = False) -> list[Difference]:
        """Compare store, files and indexes; with `fix`, put right what can be."""
        return doctor.doctor(self.parts, fix)

    def report(self, to: str | Path | None = None) -> Path:
        """Write the report page and return its path."""
        return write_report(self.parts, self._render, Path(to) if to else self.folder / REPORT)

    def close(self) -> None:
        """Close the store."""
        self.parts.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        self.close()
