"""Grouping of a real collection by the whole pipeline: photos in, groups out, scored by who is in them."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np

from benchmarks.report import CACHE, SHARED, Row
from personae import Engine, Settings, open_engine
from personae.core.cluster import Linkage
from personae.core.metrics import bcubed, pairwise
from personae.engine.gallery import Gallery, load_gallery
from personae.types import Face, Ids, Image, Labels

PHOTOS = SHARED / "data" / "lfw-dev"
"""A folder per person."""


def run() -> list[Row]:
    """Ingest what is not yet in the benchmark's own store, group all faces, and score the photos' main faces."""
    if not PHOTOS.is_dir():
        return []
    with open_engine(Settings(home=CACHE / "grouping")) as engine:
        engine.ingest(PHOTOS)
        gallery, rows, people = _read(engine)
        fallback = engine.parts.vision().thresholds.cluster
    started = time.perf_counter()
    estimator = Linkage(fallback_threshold=fallback)
    estimator.fit(gallery.vectors, founding=gallery.founding, images=gallery.image_ids)
    seconds = time.perf_counter() - started
    labels = estimator.labels_[rows]
    cubed, pairs = bcubed(labels, people).f, pairwise(labels, people).f
    return [
        Row(f"grouping {len(rows):,} photos of {people.max() + 1:,} people: BCubed F", "at least 0.975", f"{cubed:.4f}",
            cubed >= 0.975),
        Row("likewise, pairwise F", "at least 0.98", f"{pairs:.4f}", pairs >= 0.98),
        Row(f"threshold found by itself; time for {len(labels):,} main and {len(gallery.face_ids) - len(rows):,} other "
            "faces", "", f"{estimator.threshold_:.3f}; {seconds:.1f} s"),
    ]  # fmt: skip


def _read(engine: Engine) -> tuple[Gallery, Ids, Labels]:
    """Return the gallery, the row of each photo's main face, and the person that its folder names."""
    with engine.parts.store.read() as tx:
        gallery = load_gallery(tx, engine.parts.vision().model_ids)
        faces = tx.faces.get(gallery.face_ids.tolist())
        images = {image.id: image for image in tx.images.get(sorted({face.image_id for face in faces}))}
    main: dict[int, int] = {}
    for row, face in enumerate(faces):
        present = main.get(face.image_id)
        if present is None or _weight(face, images) > _weight(faces[present], images):
            main[face.image_id] = row
    names = [images[faces[row].image_id].uris[0].split("/")[-2] for row in main.values()]
    return gallery, np.array(list(main.values()), np.int64), np.unique(names, return_inverse=True)[1].astype(np.int64)


def _weight(face: Face, images: Mapping[int, Image]) -> float:
    """Large and in the middle: that is whom the photo was taken of."""
    image, box = images[face.image_id], face.box
    across = box.x + (box.width - image.width) / 2
    down = box.y + (box.height - image.height) / 2
    return box.width * box.height - 2 * (across**2 + down**2)


if __name__ == "__main__":
    from benchmarks.report import markdown

    print(markdown("Grouping", run()))
