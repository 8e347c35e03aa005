"""The job of a reference: find the faces on the source image, embed them, and judge what the image is worth."""

from __future__ import annotations

from dataclasses import dataclass, replace

from personae.core.geometry import scale_box
from personae.core.image_quality import judge
from personae.core.reference import TRANSITIONS, Step, advance, doubt, outcome
from personae.engine.analyse import embed_all
from personae.engine.ingest import DECODED_SIDE
from personae.engine.parts import Parts
from personae.engine.progress import NOBODY, Progress
from personae.engine.reference import announce, threshold
from personae.errors import BackendError, Cancelled, Conflict, ImageError, ModelError, NotFound
from personae.ports import Transaction
from personae.references import ImageQuality, NewDetectedFace, Reference, ReferenceId, ReferenceStatus
from personae.types import Picture

NO_FACE = "no face was found on the source image"


@dataclass(frozen=True, slots=True)
class ExtractOptions:
    """Which source image; of a reference's several, `generation` counts them."""

    reference_id: int
    generation: int


@dataclass(frozen=True, slots=True)
class ExtractSummary:
    """What came of it."""

    reference_id: int
    status: ReferenceStatus
    faces: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class _Found:
    """What is on a source image; with an `error` nothing could be told."""

    faces: tuple[NewDetectedFace, ...] = ()
    """Best det_score first."""
    quality: ImageQuality | None = None
    error: str = ""


def extract(parts: Parts, options: ExtractOptions, progress: Progress = NOBODY) -> ExtractSummary:
    """Look for the faces of a pending reference, and write what was found unless it is too late.

    Args:
        parts: adapters and rules.
        options: the reference, and the source image that it had when the job was queued.
        progress: of the job.

    Returns:
        What came of it; of a reference that is done already, what it is.

    Raises:
        NotFound: the reference was removed.
        Conflict: another source image has taken this one's place, or another runner this job.
        Cancelled: somebody asked to stop; the reference is pending again.
        ModelError: the models cannot be had; the reference says so.
    """
    progress.step(0, 2, "reading the source image")
    begun = _begin(parts, options)
    if begun.status is not ReferenceStatus.EXTRACTING:
        return ExtractSummary(begun.id, begun.status, begun.face_count, begun.error)
    try:
        found = _look(parts, begun, progress)
        progress.step(2, 2, "writing")
        return _finish(parts, options, progress, found)
    except Cancelled:
        _stop(parts, options)
        raise
    except ModelError as error:
        _finish(parts, options, progress, _Found(error=str(error)))
        raise


def _begin(parts: Parts, options: ExtractOptions) -> Reference:
    """Say that the extraction is under way; a reference that is done already is returned as it is."""
    with parts.store.write() as tx:
        present = _current(tx, options)
        # A runner that was killed between its last write and the end of its job has left nothing to do.
        if (present.status, Step.START) not in TRANSITIONS:
            return present
        begun = replace(present, status=advance(present.status, Step.START), error="")
        tx.references.put(begun)
        announce(tx, begun, renewed=False)
        return begun


def _look(parts: Parts, reference: Reference, progress: Progress) -> _Found:
    try:
        picture = parts.decode(parts.pictures.get(reference.digest), DECODED_SIDE)
    except NotFound:
        return _Found(error="the source image is missing: upload it again")
    except BackendError:
        return _Found(error="the source image is damaged, or cannot be read from the disk: upload it again")
    except ImageError as error:
        return _Found(error=f"the source image cannot be read: {error.detail}")
    progress.step(1, 2, "looking for faces")
    return _examine(parts, picture)


def _examine(parts: Parts, picture: Picture) -> _Found:
    vision = parts.vision()
    detections = sorted(vision.detector.detect(picture.pixels), key=lambda each: -each.det_score)
    vectors = embed_all(vision, [(picture.pixels, each.landmarks) for each in detections])
    # Each face is judged as if it were the chosen one, since any of them may be.
    orders = [[detection, *(other for other in detections if other is not detection)] for detection in detections]
    judged = [judge(picture.pixels, order, picture.scale) for order in orders or [[]]]
    faces = tuple(
        NewDetectedFace(
            scale_box(detection.box, 1 / picture.scale), min(max(detection.det_score, 0.0), 1.0), embeddings, quality
        )
        for detection, embeddings, quality in zip(detections, vectors, judged, strict=False)
    )
    return _Found(faces, judged[0], "" if faces else NO_FACE)


def _finish(parts: Parts, options: ExtractOptions, progress: Progress, found: _Found) -> ExtractSummary:
    """Write what was found, in place of what an earlier extraction of the same image has found."""
    with parts.store.write() as tx:
        progress.hold(tx)
        present = _current(tx, options)
        step = outcome([face.det_score for face in found.faces], threshold(tx, parts.rules))
        replaced = tx.references.keep_history(present.id)
        face_ids = tx.references.set_faces(present.id, found.faces)
        primary = found.faces[0] if len(face_ids) == 1 else None
        if primary:
            tx.references.set_primary(present.id, face_ids[0])
        done = replace(
            present,
            status=advance(present.status, step),
            det_score=primary.det_score if primary else None,
            box=primary.box if primary else None,
            extracted_at=parts.clock(),
            error=found.error,
            warning=doubt(primary.det_score) if primary and step is Step.FIND_DOUBTFUL else "",
            quality=found.quality,
        )
        tx.references.put(done)
        announce(tx, done, renewed=replaced or primary is not None)
    return ExtractSummary(done.id, done.status, len(face_ids), found.error)


def _stop(parts: Parts, options: ExtractOptions) -> None:
    """Leave the reference as if nobody had begun, if it is still this image's."""
    with parts.store.write() as tx:
        try:
            present = _current(tx, options)
        except (NotFound, Conflict):
            return
        if (present.status, Step.STOP) in TRANSITIONS:
            stopped = replace(present, status=advance(present.status, Step.STOP))
            tx.references.put(stopped)
            announce(tx, stopped, renewed=False)


def _current(tx: Transaction, options: ExtractOptions) -> Reference:
    """Return the reference if it still has the source image that the job was queued for."""
    present = tx.references.get(ReferenceId(options.reference_id))
    if present.generation != options.generation:
        raise Conflict(f"another source image has taken the place of this one of reference {present.id}")
    return present
