"""The verbs of the library, the same as the command line's."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from personae.album import AlbumReport
from personae.engine import people, review, stats
from personae.engine.browse import Browse
from personae.engine.facade_characters import CharacterVerbs
from personae.engine.facade_likeness import LikenessVerbs
from personae.engine.facade_map import MapVerbs
from personae.engine.facade_models import ModelVerbs
from personae.engine.facade_people import PeopleVerbs
from personae.engine.facade_review import ReviewVerbs
from personae.engine.facade_settings import SettingVerbs
from personae.engine.facade_training import TrainingVerbs
from personae.engine.methods import SETTINGS, GroupOptions
from personae.engine.outbox import Outbox
from personae.engine.parts import Parts
from personae.engine.people import Shown
from personae.engine.photos import Photos
from personae.engine.progress import NOBODY
from personae.engine.progress import Progress as Watcher
from personae.engine.report import build, require_page, write_page, write_report
from personae.engine.stats import Stats
from personae.errors import PersonaeError
from personae.records import SourceSpec
from personae.types import Cluster, Digest, FaceId, Image, Job, JobId, Operation, OperationId, Person

# The other use cases are imported by the verbs that need them: with their libraries they take up to a second, which
# a look at the people need not wait for.
if TYPE_CHECKING:
    from personae.core.evaluation import Evaluation
    from personae.engine.backfill import BackfillSummary
    from personae.engine.calibrate import Calibrated
    from personae.engine.cluster import GroupSummary
    from personae.engine.doctor import Difference
    from personae.engine.enrich import EnrichOptions, EnrichSummary
    from personae.engine.enrich_look import SourceStatus, WaitingFace
    from personae.engine.identify import Comparison, Extract, Looked, Sighting, Suspect
    from personae.engine.ingest import IngestSummary, Progress
    from personae.engine.search import Alike
    from personae.engine.splitting import Split, SplitProposal
    from personae.engine.suggest import Suggestion

Paths = str | Path | Sequence[str | Path]
Photo = str | Path | bytes
"""A file, or the bytes of one."""


REPORT = "report.html"
"""Name of the report in the project's folder."""
EVALUATION = "evaluation.html"


@dataclass(frozen=True, slots=True)
class Organised:
    """What `organise` did."""

    ingest: IngestSummary
    grouping: GroupSummary
    report: Path


class Engine(
    CharacterVerbs, LikenessVerbs, MapVerbs, ModelVerbs, PeopleVerbs, ReviewVerbs, SettingVerbs, TrainingVerbs
):
    """Knows who is in your pictures. Made by `personae.open_engine`; close it, or use it in a `with`.

    Every method raises InputError, NotFound or Conflict for what cannot be done, ModelError for a
    missing or damaged model, and BackendError when the store or the disk refuses.
    """

    def __init__(self, parts: Parts, folder: Path, home: Path, render: Callable[[AlbumReport], str],
                 render_evaluation: Callable[[Evaluation], str]) -> None:  # fmt: skip
        self.parts = parts
        self.browse = Browse(parts)
        """Pages of what there is."""
        self.photos = Photos(parts)
        """The photos, each with its faces."""
        self.outbox = Outbox(parts)
        """What happened, and who is told of it."""
        self.folder = folder
        """Where the project's crops, indexes and report are."""
        self.home = home
        """The folder that holds those of all projects; pictures in it are never taken in."""
        self._render = render
        self._render_evaluation = render_evaluation

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
        from personae.engine import ingest

        return ingest.ingest(self.parts, places, self.home, report)

    def group(self, progress: Watcher = NOBODY) -> GroupSummary:
        """Recognise known people, and group the unknown faces that have come since."""
        from personae.engine import cluster

        return cluster.group(self.parts, progress)

    def cluster_dual(self, options: GroupOptions = SETTINGS, progress: Watcher = NOBODY) -> GroupSummary:
        """Recognise known people, and group all unknown faces anew."""
        from personae.engine import cluster

        return cluster.cluster_dual(self.parts, options, progress)

    def assign(self, options: GroupOptions = SETTINGS, progress: Watcher = NOBODY) -> GroupSummary:
        """Recognise known people."""
        from personae.engine import cluster

        return cluster.assign(self.parts, options, progress)

    def cluster(self, options: GroupOptions = SETTINGS, progress: Watcher = NOBODY) -> GroupSummary:
        """Group all unknown faces anew."""
        from personae.engine import cluster

        return cluster.cluster(self.parts, options, progress)

    def reassign(self, options: GroupOptions = SETTINGS, progress: Watcher = NOBODY) -> GroupSummary:
        """Judge every tie of the machine again."""
        from personae.engine import cluster

        return cluster.reassign(self.parts, options, progress)

    def backfill(self, limit: int | None = None, progress: Watcher = NOBODY) -> BackfillSummary:
        """Embed the faces that lack a model, from their crops."""
        from personae.engine import backfill

        return backfill.backfill(self.parts, limit, progress)

    def people(self) -> tuple[list[Person], list[Cluster]]:
        """Return the named people and the unknown groups, largest first."""
        return people.people(self.parts)

    def show(self, reference: str) -> Shown:
        """Return one person or unknown group with every face."""
        return people.show(self.parts, reference)

    def name(self, reference: str, new_name: str) -> Operation:
        """Name an unknown group or face, or rename a person."""
        return review.name(self.parts, reference, new_name)

    def add_person(self, name: str, kind: str = "real") -> Person:
        """Make a person, of whom there is no face yet."""
        return people.add(self.parts, name, kind)

    def merge(self, reference: str, into: str) -> Operation:
        """Make two one: people, unknown groups, or an unknown group and the person that it is."""
        return review.merge(self.parts, reference, into)

    def reject(self, who: int | str, reference: str | None = None) -> Operation:
        """Say that a face (by its number), or no face of an unknown group (by its label), is this person."""
        return review.reject(self.parts, who if isinstance(who, str) else FaceId(who), reference)

    def split(self, reference: str, face_ids: Sequence[int], new_name: str | None = None) -> Split:
        """Take faces out of an unknown group or a person."""
        from personae.engine import splitting

        return splitting.split(self.parts, reference, face_ids, new_name)

    def reject_faces(self, reference: str, face_ids: Sequence[int]) -> Operation:
        """Say that these faces are not the person whom they are tied to."""
        from personae.engine import splitting

        return splitting.reject_faces(self.parts, reference, face_ids)

    def confirm_faces(self, reference: str, face_ids: Sequence[int]) -> Operation:
        """Say that these faces are the person whom they are tied to."""
        from personae.engine import splitting

        return splitting.confirm_faces(self.parts, reference, face_ids)

    def propose_split(self, reference: str) -> SplitProposal:
        """Propose how to split an unknown group or a person in two."""
        from personae.engine import splitting

        return splitting.propose_split(self.parts, reference)

    def suggestions(
        self, limit: int | None = 50, skip: Collection[str] = (), person_id: int | None = None
    ) -> list[Suggestion]:
        """Return whom to ask a human about, best first; `person_id`: only whether they are this person."""
        from personae.engine import suggest

        return suggest.suggestions(self.parts, limit, skip, person_id)

    def crop_file(self, crop: Digest) -> Path:
        """Return the picture of a face (`Suggestion.crop`), for a human to open."""
        return self.parts.crops.path(crop)

    def undo(self, operation_id: int | None = None) -> Operation:
        """Take a decision back."""
        return review.undo(self.parts, None if operation_id is None else OperationId(operation_id))

    def history(self, limit: int = 50) -> list[Operation]:
        """Return the latest decisions, newest first."""
        return review.history(self.parts, limit)

    def take_in(self, data: bytes, name: str = "") -> tuple[Image, bool]:
        """Take in one picture that is nowhere else, and keep it; return it, and whether it is new."""
        from personae.engine import upload

        return upload.take_in(self.parts, data, name)

    def refuse(self, name: str, error: PersonaeError) -> None:
        """Remember that a file that was sent could not be used, and why."""
        from personae.engine import upload

        upload.refuse(self.parts, name, error)

    def alike(self, face_id: int, limit: int = 20) -> list[Alike]:
        """Return the faces most like a face, best first."""
        from personae.engine import search

        return search.alike(self.parts, face_id, limit)

    def who(self, photo: Photo) -> list[Sighting]:
        """Say who is in a photo, with a receipt for every face."""
        from personae.engine import identify

        return identify.who(self.parts, photo)

    def look(self, photo: bytes) -> Looked:
        """Say who is in a photo, with pictures of it and of every face to show; nothing is kept."""
        from personae.engine import identify

        return identify.look(self.parts, photo)

    def likely(self, face_id: int, limit: int = 3) -> list[Suspect]:
        """Return the people whom a face may show, best first."""
        from personae.engine import identify

        return identify.likely(self.parts, face_id, limit)

    def verify(self, first: Photo, second: Photo) -> Comparison:
        """Say whether two photos show the same person."""
        from personae.engine import identify

        return identify.verify(self.parts, first, second)

    def extract(self, image: Photo, model_id: str | None = None) -> Extract:
        """Return the faces of one image with their embeddings, ready for JSON."""
        from personae.engine import identify

        return identify.extract(self.parts, image, model_id)

    def evaluate(
        self, labels: str | Path, to: str | Path | None = None, progress: Watcher | None = None
    ) -> tuple[Evaluation, Path]:
        """Measure the models on labelled photos, write the page with the plots, and return both."""
        place = require_page(Path(to) if to else self.folder / EVALUATION)
        from personae.engine import evaluate

        measured = evaluate.evaluate(self.parts, labels, progress, self.home)
        return measured, write_page(self._render_evaluation(measured), place)

    def calibrate(self, fmr: float = 1e-4) -> Calibrated:
        """Find the gallery's own threshold at a false match rate, and go by it from now on."""
        from personae.engine import calibrate

        return calibrate.calibrate(self.parts, fmr)

    def reset_calibration(self) -> bool:
        """Go by the models' own threshold again; return whether another was in use."""
        from personae.engine import calibrate

        return calibrate.reset(self.parts)

    def undo_calibration(self) -> float:
        """Take back the last calibration or reset; return the score that is asked from now."""
        from personae.engine import calibrate

        return calibrate.undo(self.parts)

    def enrich(self, options: EnrichOptions, progress: Watcher = NOBODY) -> EnrichSummary:
        """Bring people, and their faces, from sources."""
        from personae.engine import enrich

        return enrich.enrich(self.parts, options, progress)

    def sources(self) -> Sequence[SourceSpec]:
        """Return the entries of sources.yaml."""
        return self.parts.sources()

    def enrich_status(self) -> list[SourceStatus]:
        """Return what each source has brought, and how far its walk has come."""
        from personae.engine import enrich_look

        return enrich_look.status(self.parts)

    def quarantine(
        self, limit: int | None = None, before: tuple[int, str] | None = None, state: str = "", source: str = ""
    ) -> list[WaitingFace]:
        """Return the faces of sources that wait for somebody to vouch for them, or are held."""
        from personae.engine import enrich_look

        return enrich_look.waiting(self.parts, limit, before, state, source)

    def revoke_source(self, source: str) -> Operation:
        """Take back everything that a source has brought."""
        from personae.engine import enrich_look

        return enrich_look.revoke(self.parts, source)

    def stats(self) -> Stats:
        """Return the collection in numbers."""
        return stats.stats(self.parts)

    def doctor(self, fix: bool = False) -> list[Difference]:
        """Compare store, files and indexes; with `fix`, put right what can be."""
        from personae.engine import doctor

        return doctor.doctor(self.parts, fix)

    def report(self, to: str | Path | None = None) -> Path:
        """Write the report page and return its path."""
        return write_report(self.parts, self._render, Path(to) if to else self.folder / REPORT)

    def report_page(self) -> str:
        """Return the report page, without writing it."""
        return self._render(build(self.parts))

    def queue(self, kind: str, payload: Mapping[str, object] | None = None) -> Job:
        """Put long work into the queue, and see to a runner; see `personae.engine.kinds` for what there is."""
        from personae.engine import jobs

        return jobs.carry(self.parts, jobs.submit(self.parts, kind, payload or {}))

    def jobs(self, limit: int = 20) -> list[Job]:
        """Return the newest jobs, newest first."""
        from personae.engine import jobs

        return jobs.latest(self.parts, limit)

    def unfinished_jobs(self) -> list[Job]:
        """Return the jobs that are queued or running, oldest first."""
        from personae.engine import jobs

        return jobs.unfinished(self.parts)

    def job(self, job_id: int) -> Job:
        """Return one job."""
        from personae.engine import jobs

        return jobs.show(self.parts, JobId(job_id))

    def cancel_job(self, job_id: int) -> Job:
        """Stop a job; nothing of a clustering is written then."""
        from personae.engine import jobs

        return jobs.cancel(self.parts, JobId(job_id))

    def work(self, watcher: Watcher | None = None) -> Iterator[Job]:
        """Run what is queued, one job after another, and yield each as it has ended."""
        from personae.engine import jobs

        return jobs.work(self.parts, pulse=self.parts.pulse, watcher=watcher)

    def close(self) -> None:
        """Close the indexes and the store."""
        self.parts.pulse.close()
        self.parts.close_indexes()
        self.parts.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        self.close()
