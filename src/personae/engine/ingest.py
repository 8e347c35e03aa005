"""Take pictures in: find the files, skip what is known, and store images, faces and embeddings.

    feeder -> files -> readers -> pictures -> analysts -> results -> writer
    (walk)             (hash, decode)         (models)               (one transaction a batch)

Every channel is bounded, so memory does not grow with the album. Only the writer touches the store's
write side; whatever it has committed is never asked for again, so an interrupted run is simply run again.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from personae.engine.analyse import Analysed, analyse, keep_crops
from personae.engine.channel import Cancelled, Channel
from personae.engine.parts import Parts
from personae.engine.stats import remember_gates
from personae.engine.walk import NEVER, PICTURE_SUFFIXES, Found, expand, walk
from personae.errors import ImageError
from personae.ports import Transaction
from personae.types import Digest, FaceRole, ImageId, NewImage, Picture, Reason

DECODED_SIDE = 1280
"""Pictures are decoded to at least this many pixels on the longer side: enough for detector and embedders."""
PICTURES_AT_ONCE = 4
"""Pictures an analyst takes at a time, so that one run of an embedder serves the faces of several."""
HEAD_BYTES = 512
STAMPS_AT_ONCE = 500
SECONDS_PER_TRANSACTION = 2.0
"""A transaction is made after so long even when its batch is not full, so that progress is kept and shown."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an ingest has come; all counts are of this run."""

    total: int
    """Files met so far; final once `walked`."""
    walked: bool
    known: int
    """Files that were dealt with before."""
    images: int
    """Pictures newly stored, refused ones included."""
    faces: int
    refused_files: int
    committed: tuple[ImageId, ...] = ()
    """Images acknowledged by the last transaction."""

    @property
    def done(self) -> int:
        """Files dealt with."""
        return self.known + self.images + self.refused_files


@dataclass(frozen=True, slots=True)
class IngestSummary:
    """What one ingest did."""

    files: int
    known: int
    """Unchanged, or holding a picture that was already stored."""
    ignored: int
    """Neither named as a picture nor one."""
    images: int
    faces: int
    founding: int
    refused_faces: int
    refused_files: dict[str, int] = field(default_factory=dict)
    """By reason."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A file whose content is known."""

    found: Found
    digest: Digest
    image: NewImage | None = None
    """None: this content is stored already or is on its way from another file."""
    faces: tuple[Analysed, ...] = ()


@dataclass(frozen=True, slots=True)
class _Decoded:
    found: Found
    digest: Digest
    picture: Picture


_Result = Found | _Read
"""What the writer records: Found for a file that could not be read."""


def ingest(parts: Parts, paths: Sequence[str | Path], leave_out: Path | None = None,
           report: Callable[[Progress], None] = lambda _: None) -> IngestSummary:  # fmt: skip
    """Store the pictures under `paths` with their faces; what is known is skipped.

    Args:
        parts: adapters and rules.
        paths: folders, files or globs.
        leave_out: a folder that is not entered.
        report: called after every transaction, and, from another thread, while files are looked up.

    Raises:
        InputError: a path does not exist.
        ModelError: the models cannot be loaded.
        BackendError: the store or the disk does not take the write; everything acknowledged before stays.
    """
    return _Run(parts, expand(paths), leave_out, report).run()


class _Run:
    """One ingest: its channels, threads and counts."""

    def __init__(self, parts: Parts, places: Sequence[Path], leave_out: Path | None,
                 report: Callable[[Progress], None]) -> None:  # fmt: skip
        workers = parts.rules.workers
        self._parts = parts
        self._places = places
        self._leave_out = leave_out
        self._report = report
        self._files: Channel[Found] = Channel(4 * STAMPS_AT_ONCE, producers=1)
        self._pictures: Channel[_Decoded] = Channel(PICTURES_AT_ONCE * workers, producers=workers)
        self._results: Channel[_Result] = Channel(2 * parts.rules.batch_size, producers=2 * workers + 1)
        self._claims: set[Digest] = set()
        self._lock = threading.Lock()
        self._error: BaseException | None = None
        self._counts: Counter[str] = Counter()
        self._refusals: Counter[str] = Counter()
        self._waiting: list[_Read] = []

    def run(self) -> IngestSummary:
        workers = self._parts.rules.workers
        stages = [self._feed] + [self._read] * workers + [self._analyse] * workers
        threads = [threading.Thread(target=self._guard, args=(stage,), daemon=True) for stage in stages]
        for thread in threads:
            thread.start()
        try:
            self._write()
        except Cancelled:
            pass  # the stage that failed has left its error
        finally:
            self._cancel()
            for thread in threads:
                thread.join()
        if self._error is not None:
            raise self._error
        return self._summary()

    def _guard(self, stage: Callable[[], None]) -> None:
        """Run one stage; its failure is the run's."""
        try:
            stage()
        except Cancelled:
            pass
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread, where it is raised
            self._error = self._error or error
            self._cancel()

    def _cancel(self) -> None:
        self._files.cancel()
        self._pictures.cancel()
        self._results.cancel()

    # --- feeder: which files are new? ---------------------------------------------------------

    def _feed(self) -> None:
        met = walk(self._places, self._leave_out)
        while chunk := list(islice(met, STAMPS_AT_ONCE)):
            for found in chunk:
                if found.reason is not None:
                    self._results.put(found)
            files = [found for found in chunk if found.reason is None]
            uris = [found.uri for found in files]
            with self._parts.store.read() as tx:
                stamps = tx.images.stamps(uris)
            fresh = [found for found, uri in zip(files, uris, strict=True) if stamps.get(uri) != found.stamp]
            self._count(files=len(chunk), known=len(files) - len(fresh))
            self._report(self._progress(()))
            for found in fresh:
                self._files.put(found)
        self._count(walked=1)
        self._files.done()
        self._results.done()

    # --- readers: bytes, digest, pixels -------------------------------------------------------

    def _read(self) -> None:
        for found in self._files:
            result = self._read_one(found)
            if isinstance(result, _Decoded):
                self._pictures.put(result)
            elif result is not None:
                self._results.put(result)
        self._pictures.done()
        self._results.done()

    def _read_one(self, found: Found) -> _Result | _Decoded | None:
        """Return what is to be done with a file; None when it neither is nor calls itself a picture."""
        limit = self._parts.rules.max_file_bytes
        try:
            if not self._concerns_us(found.path):
                self._count(ignored=1)
                return None
            if found.stamp.size > limit:
                return replace(found, stamp=NEVER, reason=Reason.TOO_LARGE, detail=f"larger than {limit} bytes")
            data = found.path.read_bytes()
        except OSError as error:
            return replace(found, stamp=NEVER, reason=Reason.UNREADABLE, detail=error.strerror or str(error))
        digest = Digest(hashlib.sha256(data).hexdigest())
        return self._decode(found, digest, data) if self._claim(digest) else _Read(found, digest)

    def _decode(self, found: Found, digest: Digest, data: bytes) -> _Result | _Decoded:
        try:
            return _Decoded(found, digest, self._parts.decode(data, DECODED_SIDE))
        except ImageError as error:
            if error.reason == Reason.TOO_MANY_PIXELS:  # the limit is a setting: another run may have another
                self._release([digest])
                return replace(found, stamp=NEVER, reason=Reason.TOO_MANY_PIXELS, detail=error.detail)
            return _Read(found, digest, NewImage(digest, len(data), reason=Reason(error.reason), detail=error.detail))

    def _concerns_us(self, path: Path) -> bool:
        """Whether a file is named as a picture, or is one by its first bytes; a film is not read to its end."""
        if path.suffix.lower() in PICTURE_SUFFIXES:
            return True
        with path.open("rb") as file:
            return self._parts.sniff(file.read(HEAD_BYTES)) is not None

    def _claim(self, digest: Digest) -> bool:
        """Whether this content is new: neither stored nor being worked on."""
        with self._lock:
            if digest in self._claims:
                return False
            self._claims.add(digest)
        with self._parts.store.read() as tx:
            if not tx.images.find([digest]):
                return True
        self._release([digest])
        return False

    def _release(self, digests: Sequence[Digest]) -> None:
        with self._lock:
            self._claims.difference_update(digests)

    # --- analysts: faces ----------------------------------------------------------------------

    def _analyse(self) -> None:
        rules = self._parts.rules
        while batch := self._pictures.take(PICTURES_AT_ONCE, among=rules.workers):
            vision = self._parts.vision()
            found = analyse(vision, rules.gates, self._parts.encode, [item.picture for item in batch])
            for item, faces in zip(batch, found, strict=True):
                picture = item.picture
                image = NewImage(
                    item.digest, item.found.stamp.size, picture.width, picture.height, picture.format,
                    vision.detector.model_id, rules.gates.name, taken_at=picture.taken_at,
                )  # fmt: skip
                self._results.put(_Read(item.found, item.digest, image, tuple(faces)))
        self._results.done()

    # --- writer: one transaction a batch ------------------------------------------------------

    def _write(self) -> None:
        while batch := self._results.take(self._parts.rules.batch_size, SECONDS_PER_TRANSACTION):
            self._commit(batch)
        # What still waits has the content of a picture that a limit refused under another name.
        detail = "a copy of a picture that was refused"
        copies = [
            replace(item.found, stamp=NEVER, reason=Reason.TOO_MANY_PIXELS, detail=detail) for item in self._waiting
        ]
        self._waiting = []
        if copies:
            self._commit(copies)

    def _commit(self, batch: Sequence[_Result]) -> None:
        """Keep the crops, then everything else in one transaction, then tell."""
        refused = [item for item in batch if isinstance(item, Found)]
        images = [replace(item.image, faces=keep_crops(self._parts.crops, item.faces))
                  for item in batch if isinstance(item, _Read) and item.image]  # fmt: skip
        with self._parts.store.write() as tx:
            for item in refused:
                tx.images.place(item.uri, item.stamp, None, item.reason, item.detail)
            committed = tuple(tx.images.add(image) for image in images)
            if any(image.faces for image in images):
                remember_gates(tx, self._parts.rules.gates)
            placed = [*self._waiting, *(item for item in batch if isinstance(item, _Read))]
            waiting = _place(tx, placed)
        self._release([image.digest for image in images])
        self._tally(images, refused, known=len(placed) - len(waiting) - len(images))
        self._waiting = waiting
        self._report(self._progress(committed))

    def _tally(self, images: Sequence[NewImage], refused: Sequence[Found], known: int) -> None:
        faces = [face for image in images for face in image.faces]
        self._count(
            images=len(images),
            known=known,
            faces=sum(face.role is not FaceRole.REFUSED for face in faces),
            founding=sum(face.role is FaceRole.FOUNDING for face in faces),
            refused_faces=sum(face.role is FaceRole.REFUSED for face in faces),
            refused_files=len(refused),
        )
        self._refusals.update(str(image.reason) for image in images if image.reason)
        self._refusals.update(str(item.reason) for item in refused)

    def _count(self, **more: int) -> None:
        with self._lock:
            self._counts.update(more)

    def _progress(self, committed: tuple[ImageId, ...]) -> Progress:
        c = self._counts
        return Progress(
            c["files"],
            bool(c["walked"]),
            c["known"] + c["ignored"],
            c["images"],
            c["faces"],
            c["refused_files"],
            committed,
        )

    def _summary(self) -> IngestSummary:
        c = self._counts
        return IngestSummary(
            c["files"], c["known"], c["ignored"], c["images"], c["faces"], c["founding"], c["refused_faces"],
            dict(self._refusals),
        )  # fmt: skip


def _place(tx: Transaction, items: Sequence[_Read]) -> list[_Read]:
    """Tie files to their images; return those whose image another file is still bringing."""
    ids = tx.images.find([item.digest for item in items])
    for item in items:
        if item.digest in ids:
            tx.images.place(item.found.uri, item.found.stamp, ids[item.digest])
    return [item for item in items if item.digest not in ids]
