"""Gather what the report page shows."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from personae.album import AlbumReport, ReportFace, ReportGate, ReportModel, ReportRefusal, ReportRow, ReportTotals
from personae.engine.parts import Parts
from personae.engine.people import last_ties
from personae.engine.stats import Stats, stats
from personae.engine.walk import path_of
from personae.errors import BackendError, InputError, NotFound
from personae.ports import Transaction
from personae.types import Decision, Face, FaceRole, Maker

FACES_PER_ROW = 24
ROWS = 400
"""Largest people and groups that are drawn, each."""
SAMPLE = 120
"""Faces that are drawn of those in no group, and of the refused."""


def write_report(parts: Parts, render: Callable[[AlbumReport], str], to: Path) -> Path:
    """Write the report page; see `write_page`."""
    return write_page(render(build(parts)), to)


def write_page(page: str | bytes, to: Path) -> Path:
    """Write a page to a file, atomically, and return its path.

    Raises:
        InputError: there is something else than a file at that path.
        BackendError: the file cannot be written.
    """
    require_page(to)
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=to.parent, prefix=".personae-") as folder:
            draft = Path(folder) / to.name
            with draft.open("wb") as file:
                file.write(page if isinstance(page, bytes) else page.encode("utf-8"))
                file.flush()
                os.fsync(file.fileno())
            draft.chmod(0o600)
            draft.replace(to)
    except OSError as error:
        raise BackendError(f"{to} cannot be written: {error.strerror or error}") from error
    return to


def require_page(to: Path) -> Path:
    """Return the path of a page. Raises InputError where there is something else than a file."""
    if to.exists() and not to.is_file():
        raise InputError(f"{to} is not a file")
    return to


def build(parts: Parts) -> AlbumReport:
    """Return what the page shows of the collection as it is now."""
    numbers = stats(parts)
    with parts.store.read() as tx:
        people = [
            _row(parts, tx, person.name, person.face_count, tx.faces.select(person_id=person.id, limit=FACES_PER_ROW))
            for person in tx.people.all()[:ROWS]
            if person.face_count
        ]
        unknown = [
            _row(
                parts, tx, cluster.label, cluster.face_count,
                tx.faces.select(cluster_id=cluster.id, unknown=True, limit=FACES_PER_ROW),
            )
            for cluster in tx.clusters.all()[:ROWS]
        ]  # fmt: skip
        single = tx.faces.select(
            roles=(FaceRole.FOUNDING, FaceRole.SUPPORTING), unknown=True, unclustered=True, limit=SAMPLE
        )
        refused = tx.faces.select(roles=(FaceRole.REFUSED,), limit=SAMPLE)
        return AlbumReport(
            title="Who is in your pictures",
            created_at=parts.clock(),
            totals=_totals(numbers),
            people=tuple(people),
            unknown=tuple(unknown),
            ungrouped=_faces(parts, tx, single),
            refused_faces=_faces(parts, tx, refused),
            refused_files=tuple(
                ReportRefusal(path_of(uri).name, reason, detail) for uri, reason, detail in tx.images.refusals()
            ),
            profile=numbers.profile,
            gates=tuple(ReportGate(gate.gate, gate.value, gate.effect, gate.count) for gate in numbers.gates),
            models=tuple(ReportModel(card.model_id, card.task, card.licence, card.origin) for card in parts.models()),
        )


def _totals(numbers: Stats) -> ReportTotals:
    return ReportTotals(
        photos=numbers.images,
        files=numbers.files,
        faces=numbers.faces,
        people=numbers.people,
        unknown_groups=numbers.clusters,
        ungrouped_faces=numbers.single_faces,
        refused_faces=numbers.refused_faces,
        refused_files=sum(numbers.refused_files.values()),
    )


def _row(parts: Parts, tx: Transaction, label: str, count: int, faces: Sequence[Face]) -> ReportRow:
    return ReportRow(label, count, _faces(parts, tx, faces))


def _faces(parts: Parts, tx: Transaction, faces: Sequence[Face]) -> tuple[ReportFace, ...]:
    images = {image.id: image for image in tx.images.get([face.image_id for face in faces])}
    ties = last_ties(tx, [face.id for face in faces])
    return tuple(
        ReportFace(
            face.id,
            _crop(parts, face),
            path_of(images[face.image_id].uris[0]).name if images[face.image_id].uris else "",
            face.quality.score,
            _receipt(face, ties.get(face.id)),
        )
        for face in faces
    )


def _crop(parts: Parts, face: Face) -> bytes:
    try:
        return parts.crops.get(face.crop) if face.crop else b""
    except (NotFound, BackendError):
        return b""


def _receipt(face: Face, tie: Decision | None) -> str:
    """Why the face is where it is, in words."""
    reasons = ", ".join(reason.replace("_", " ") for reason in face.reasons)
    if face.role is FaceRole.REFUSED:
        return f"refused: {reasons}"
    words = []
    if tie is not None and tie.maker is Maker.HUMAN:
        words.append("named by a human")
    elif tie is not None and tie.source is not None:
        words.append(f"named by {tie.source}")
    elif tie is not None and tie.score is not None and tie.threshold is not None:
        words.append(f"recognised: score {tie.score:.3f}, threshold {tie.threshold:.3f}, {tie.model_id}")
    elif tie is not None and tie.cluster_id is not None and tie.threshold is not None:
        words.append(f"grouped: joined down to {tie.threshold:.3f}, {tie.model_id}")
    if reasons:
        words.append(f"founds no group: {reasons}")
    return "; ".join(words)
