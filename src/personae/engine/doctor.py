"""Compare store, files and indexes, name each difference, and put right what can be."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import numpy as np

from personae.core.geometry import crop_scale, crop_window, cut, scale_box
from personae.engine import map as face_map
from personae.engine.backfill import backfill
from personae.engine.copies import photo_bytes
from personae.engine.follow import catch_up
from personae.engine.ingest import DECODED_SIDE
from personae.engine.parts import Parts
from personae.engine.reference import forget_checked, forget_pictures
from personae.engine.walk import path_of
from personae.errors import BackendError, ImageError, ModelError, NotFound
from personae.ports import Files, VectorIndex
from personae.types import Digest, FaceId, Image, Picture

DATES_AT_ONCE = 100
"""Photos whose dates go into one transaction."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as it should be."""

    kind: str
    """store, crop_missing, crop_damaged, crop_orphan, leftover, picture_missing, picture_damaged, picture_orphan,
    copy_orphan, sent_orphan, map_orphan, map_damaged, model, embedding_missing, index, photo_moved, photo_undated, or
    photo_gone (which is no damage)."""
    what: str
    fixable: bool
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class _Finding:
    """A difference and how to put it right; `fix` returns whether it succeeded."""

    kind: str
    what: str
    fix: Callable[[], bool] | None = None


def doctor(parts: Parts, fix: bool = False) -> list[Difference]:
    """Return every difference between store, files and indexes.

    Args:
        parts: adapters and rules.
        fix: also put right what can be: crops are cut again from the photos, crops of no face removed,
            missing embeddings made from the crops, indexes rebuilt. Not while an ingest is running.
    """
    results = []
    pictures = (_orphans, _lost_crops, _leftovers, _pictures, _checked, _copies, _sent, _maps)
    for check in (_store, *pictures, _embeddings, _indexes, _photos, _dates):
        for finding in _findings(check, parts):
            fixed = fix and finding.fix is not None and finding.fix()
            results.append(Difference(finding.kind, finding.what, finding.fix is not None, fixed))
    return results


def _findings(check: Callable[[Parts], Iterator[_Finding]], parts: Parts) -> list[_Finding]:
    """Run one check to its end; that the models cannot be had is a finding as well."""
    try:
        return list(check(parts))
    except ModelError as error:
        return [_Finding("model", str(error))]


def _store(parts: Parts) -> Iterator[_Finding]:
    for sentence in parts.store.check():
        yield _Finding("store", sentence)


# --- crops ------------------------------------------------------------------------------------


def _orphans(parts: Parts) -> Iterator[_Finding]:
    with parts.store.read() as tx:
        wanted = tx.faces.crops()
    yield from _strays("crop_orphan", parts.crops, wanted, "crop {} belongs to no face", parts.crops.delete)


def _strays(
    kind: str, there: Iterable[Digest], wanted: Collection[Digest | None], what: str, remove: Callable[[Digest], object]
) -> Iterator[_Finding]:
    """Yield the files that nothing names; `what` has a place for the digest."""
    for digest in sorted(set(there) - set(wanted)):
        yield _Finding(kind, what.format(digest), partial(_gone, remove, digest))


def _gone(remove: Callable[[Digest], object], digest: Digest) -> bool:
    remove(digest)
    return True


def _forget_one(forget: Callable[[Parts, Sequence[Digest]], object], parts: Parts, digest: Digest) -> None:
    forget(parts, [digest])


def _lost_crops(parts: Parts) -> Iterator[_Finding]:
    with parts.store.read() as tx:
        wanted = tx.faces.crops()
    for digest, face_id in sorted(wanted.items()):
        kind = _trouble(parts.crops, digest)
        if kind is not None:
            what = f"crop {digest} of face {face_id} is {kind}"
            yield _Finding(f"crop_{kind}", what, partial(_recut, parts, digest, face_id))


def _trouble(files: Files, digest: Digest) -> str | None:
    try:
        files.get(digest)
    except NotFound:
        return "missing"
    except BackendError:
        return "damaged"
    return None


def _recut(parts: Parts, digest: Digest, face_id: FaceId) -> bool:
    """Cut the crop again from the photo, if that is still there."""
    with parts.store.read() as tx:
        face = tx.faces.get([face_id])[0]
        image = tx.images.get([face.image_id])[0]
    picture = _photo(parts, image)
    if picture is None:
        return False
    box = scale_box(face.box, picture.scale)
    height, width = picture.pixels.shape[:2]
    window = crop_window(box, width, height)
    parts.crops.delete(digest)
    again = parts.crops.put(parts.encode(cut(picture.pixels, window, crop_scale(window))))
    with parts.store.write() as tx:
        tx.faces.set_crop(face_id, again)
    return True


def _photo(parts: Parts, image: Image) -> Picture | None:
    """Decode the image from wherever it still is; another picture may lie there by now."""
    for uri in image.uris:
        try:
            data = path_of(uri).read_bytes()
            if hashlib.sha256(data).hexdigest() == image.digest:
                return parts.decode(data, DECODED_SIDE)
        except (OSError, ImageError):
            continue
    return None


def _leftovers(parts: Parts) -> Iterator[_Finding]:
    for files in (parts.crops, parts.photos, parts.pictures, parts.maps):
        for name in files.leftovers():
            yield _Finding("leftover", f"{name} was left by an interrupted write", partial(_sweep, files))


def _sweep(files: Files) -> bool:
    files.sweep()
    return True


# --- source images of references --------------------------------------------------------------


def _pictures(parts: Parts) -> Iterator[_Finding]:
    with parts.store.read() as tx:
        wanted, past = tx.references.digests(), tx.references.past_digests()
    let_go = partial(_forget_one, forget_pictures, parts)
    named = wanted.keys() | past
    yield from _strays("picture_orphan", parts.pictures, named, "source image {} belongs to no reference", let_go)
    for digest, reference_id in sorted(wanted.items()):
        kind = _trouble(parts.pictures, digest)
        if kind is not None:
            what = f"source image {digest} of reference {reference_id} is {kind}: upload it again"
            yield _Finding(f"picture_{kind}", what)


def _checked(parts: Parts) -> Iterator[_Finding]:
    with parts.store.read() as tx:
        wanted = tx.likeness.digests()
    let_go = partial(_forget_one, forget_checked, parts)
    yield from _strays("copy_orphan", parts.checked, wanted, "the copy of {} belongs to no check", let_go)


def _copies(parts: Parts) -> Iterator[_Finding]:
    with parts.store.read() as tx:
        known = tx.images.find(list(parts.copies))
    what = "the reduced copy of {} belongs to no photo"
    yield from _strays("copy_orphan", parts.copies, known, what, parts.copies.delete)


def _sent(parts: Parts) -> Iterator[_Finding]:
    with parts.store.read() as tx:
        known = tx.images.find(list(parts.photos))
    yield from _strays("sent_orphan", parts.photos, known, "photo {} was sent and not taken in", parts.photos.delete)


def _maps(parts: Parts) -> Iterator[_Finding]:
    kept = face_map.kept_file(parts)
    yield from _strays("map_orphan", parts.maps, {kept}, "map {} is none that is shown", parts.maps.delete)
    if kept is not None and _trouble(parts.maps, kept) is not None:
        yield _Finding("map_damaged", "the map is damaged or gone: it can be drawn again", partial(_forget_map, parts))


def _forget_map(parts: Parts) -> bool:
    face_map.forget(parts)
    return True


# --- embeddings and indexes -------------------------------------------------------------------


def _embeddings(parts: Parts) -> Iterator[_Finding]:
    for model_id in parts.vision().made:
        with parts.store.read() as tx:
            lacking = tx.faces.lacking(model_id)
        if lacking:
            what = f"{len(lacking)} faces have no embedding under {model_id}"
            yield _Finding("embedding_missing", what, partial(_complete, parts))


def _complete(parts: Parts) -> bool:
    return backfill(parts).without_crop == 0


def _indexes(parts: Parts) -> Iterator[_Finding]:
    for model_id, dimension in parts.vision().compared:
        with parts.store.read() as tx:
            count = tx.faces.embedding_counts().get(model_id, 0)
        try:
            index = parts.index(model_id, dimension, count)
            trouble = index.damage or _disagreement(parts, index)
        except BackendError as error:
            yield _Finding("index", f"index of {model_id}: {error}")
            continue
        if trouble:
            yield _Finding("index", f"index of {model_id}: {trouble}", partial(_rebuild, parts, index))


def _disagreement(parts: Parts, index: VectorIndex) -> str:
    """Compare an index, brought up to date, with the store; empty when they agree."""
    with parts.indexing, parts.store.read() as tx:
        catch_up(tx, index)
        face_ids, _ = tx.faces.embeddings(index.model_id)
    missing = np.setdiff1d(face_ids, index.face_ids()).size
    extra = np.setdiff1d(index.face_ids(), face_ids).size
    return f"{missing} faces missing, {extra} too many" if missing or extra else ""


def _rebuild(parts: Parts, index: VectorIndex) -> bool:
    index.clear()
    with parts.indexing, parts.store.read() as tx:
        catch_up(tx, index)
    index.save()
    return True


# --- photos -----------------------------------------------------------------------------------


def _photos(parts: Parts) -> Iterator[_Finding]:
    with parts.store.read() as tx:
        places = tx.images.places()
    for uris in places.values():
        gone = [uri for uri in uris if not os.path.exists(path_of(uri))]  # noqa: PTH110 - False also without permission
        if len(gone) == len(uris):
            yield _Finding("photo_gone", f"{uris[0]} is no longer there, or may not be read; its faces are kept")
            continue
        for uri in gone:
            what = f"{uri} is no longer there, but the photo is elsewhere"
            yield _Finding("photo_moved", what, partial(_forget, parts, uri))


def _dates(parts: Parts) -> Iterator[_Finding]:
    """Photos that were taken in by a version that did not keep when they were taken."""
    with parts.store.read() as tx:
        undated = tx.images.get(tx.photos.undated())
    there = [image for image in undated if any(os.path.exists(path_of(uri)) for uri in image.uris)]  # noqa: PTH110 - likewise
    if there:
        what = f"of {len(there)} photos nobody has looked yet for when they were taken"
        yield _Finding("photo_undated", what, partial(_look_for_dates, parts, there))


def _look_for_dates(parts: Parts, images: list[Image]) -> bool:
    for start in range(0, len(images), DATES_AT_ONCE):
        taken = {image.id: _taken(parts, image) for image in images[start : start + DATES_AT_ONCE]}
        with parts.store.write() as tx:
            for image_id, taken_at in taken.items():
                tx.photos.set_taken(image_id, taken_at)
    return True


def _taken(parts: Parts, image: Image) -> datetime | None:
    data = photo_bytes(image)
    return None if data is None else parts.when_taken(data)


def _forget(parts: Parts, uri: str) -> bool:
    with parts.store.write() as tx:
        tx.images.forget(uri)
    return True
