"""The map: all faces in two dimensions, laid out once as a job, and kept as a file. Whose they are, the ledger says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from personae.engine.gallery import load_gallery
from personae.engine.parts import Parts
from personae.engine.progress import Progress
from personae.errors import BackendError, InputError, NotFound
from personae.ports import Transaction
from personae.types import Digest, Ids

KIND = "map"
KEPT = "map"
"""Setting that says which file is the map."""
FORMAT = 1
"""A map of another format is drawn again."""
ACROSS = 65535
"""Steps along each side: no screen shows more."""

Steps = NDArray[np.uint16]


@dataclass(frozen=True)
class MapOptions:
    """A drawing is told nothing."""


@dataclass(frozen=True, slots=True)
class MapSummary:
    """What one drawing did."""

    faces: int
    model_id: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of a map without opening it."""

    digest: str
    faces: int
    model_id: str
    """Whose embeddings it was made from: the embedder's, or several joined by +."""
    drawn_at: str
    """ISO 8601."""
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class MapState:
    """Whether there is a map, and how much of the collection it shows."""

    kept: Kept | None
    faces: int
    """That could be on it."""

    @property
    def drawn_at(self) -> datetime | None:
        """When it was drawn."""
        return None if self.kept is None else datetime.fromisoformat(self.kept.drawn_at)

    @property
    def fresh(self) -> int:
        """Faces that have come since it was drawn."""
        return max(0, self.faces - (self.kept.faces if self.kept else 0))


@dataclass(frozen=True, slots=True)
class FaceMap:
    """Faces row by row, ids ascending, with where they lie and what the ledger says of them now; -1 stands for none."""

    kept: Kept
    face_ids: Ids
    image_ids: Ids
    person_ids: Ids
    cluster_ids: Ids
    places: Steps
    """(n, 2) uint16: from the left, from the top."""
    people: Mapping[int, str]
    """Names of the people who are on it."""
    clusters: Mapping[int, str]
    """Labels of the unknown groups that are on it."""


def check(parts: Parts, _options: MapOptions) -> None:
    """Raise InputError while there is nothing to draw."""
    with parts.store.read() as tx:
        if not _count(tx):
            raise InputError("there are no faces to draw yet: take photos in first")


def draw(parts: Parts, _options: MapOptions, progress: Progress) -> MapSummary:
    """Lay out every face that can be compared, and keep the result in place of the last one. Embeddings are not kept.

    Args:
        parts: the outfit.
        progress: is told how far it is.

    Raises:
        InputError: there are no faces.
        Cancelled: `progress` says to stop.
    """
    from personae.core.layout import lay_out  # noqa: PLC0415 - numba comes with it

    vision = parts.vision()
    with parts.store.read() as tx:
        gallery = load_gallery(tx, vision.model_ids, parts.vectors)
    if not len(gallery.face_ids):
        raise InputError("there are no faces to draw yet: take photos in first")
    places = np.rint(lay_out(gallery.vectors, progress.step) * ACROSS).astype("<u2")
    digest = parts.maps.put(gallery.face_ids.astype("<i8").tobytes() + places.tobytes())
    kept = Kept(digest, len(places), vision.model_id, parts.clock().isoformat(timespec="seconds"))
    with parts.store.write() as tx:
        progress.hold(tx)
        tx.settings.set(KEPT, asdict(kept))
    _sweep(parts, digest)
    return MapSummary(len(places), vision.model_id)


def state(parts: Parts) -> MapState:
    """Return whether there is a map, and how much of the collection it shows."""
    with parts.store.read() as tx:
        kept = _kept(tx)
        return MapState(kept if kept and Digest(kept.digest) in parts.maps else None, _count(tx))


def look(parts: Parts) -> FaceMap:
    """Return the map, with the faces that are there still and whose they are now. Raises NotFound: there is none."""
    with parts.store.read() as tx:
        kept = _kept(tx)
        if kept is None:
            raise NotFound("there is no map yet: draw it")
        drawn, places = _read(parts, kept)
        face_ids, image_ids, person_ids, cluster_ids, _ = tx.faces.gallery()
        here, on_map, in_gallery = np.intersect1d(drawn, face_ids, assume_unique=True, return_indices=True)
        people, clusters = person_ids[in_gallery], cluster_ids[in_gallery]
        shown = set(np.unique(people).tolist())
        grouped = set(np.unique(clusters[people < 0]).tolist())
        return FaceMap(
            kept, here, image_ids[in_gallery], people, clusters, places[on_map],
            {int(person.id): person.name for person in tx.people.all() if person.id in shown},
            {int(cluster.id): cluster.label for cluster in tx.clusters.all() if cluster.id in grouped},
        )  # fmt: skip


def forget(parts: Parts) -> None:
    """Remove the map: of an erased face not even the place stays."""
    with parts.store.write() as tx:
        tx.settings.set(KEPT, None)
    _sweep(parts, None)


def kept_file(parts: Parts) -> Digest | None:
    """Return which file is the map; None: there is none."""
    with parts.store.read() as tx:
        kept = _kept(tx)
    return None if kept is None else Digest(kept.digest)


def _kept(tx: Transaction) -> Kept | None:
    said = tx.settings.get(KEPT)
    return Kept(**said) if isinstance(said, Mapping) and said.get("format") == FORMAT else None


def _read(parts: Parts, kept: Kept) -> tuple[Ids, Steps]:
    try:
        data = parts.maps.get(Digest(kept.digest))
    except BackendError as error:
        raise NotFound("the map's file is damaged: draw it again") from error
    ids = np.frombuffer(data, "<i8", kept.faces).astype(np.int64)
    places = np.frombuffer(data, "<u2", 2 * kept.faces, ids.nbytes).reshape(-1, 2).astype(np.uint16)
    return ids, places


def _count(tx: Transaction) -> int:
    counts = tx.faces.counts()
    return counts.get("founding", 0) + counts.get("supporting", 0)


def _sweep(parts: Parts, digest: Digest | None) -> None:
    """Remove all maps but this one."""
    for other in list(parts.maps):
        if other != digest:
            parts.maps.delete(other)
