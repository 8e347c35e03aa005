"""Reduced copies of photos: made when they are first asked for, kept as long as the photo is there."""

from __future__ import annotations

import hashlib

from personae.core.geometry import cut
from personae.engine.parts import Parts
from personae.engine.walk import path_of
from personae.errors import ImageError, NotFound
from personae.types import Box, FileStamp, Image, ImageId, Picture

THUMBNAIL_SIDE = 640
"""Longer side of a copy for a grid, pixels."""
PREVIEW_SIDE = 2048
"""Longer side of a copy that fills a screen."""


def reduced(parts: Parts, image_id: int, side: int) -> bytes:
    """Return an upright copy of a photo, a JPEG without the photo's other data.

    Args:
        parts: the outfit.
        image_id: of the photo.
        side: the longer side has at most this many pixels; smaller photos are not enlarged.

    Raises:
        NotFound: there is no such image, or its file is gone or holds another picture by now.
    """
    with parts.store.read() as tx:
        image = next(iter(tx.images.get([ImageId(image_id)])), None)
        stamps = {} if image is None else tx.images.stamps(image.uris)
    if image is None:
        raise NotFound(f"there is no image {image_id}")
    if any(_stamp(uri) == stamp for uri, stamp in stamps.items()):
        known = parts.copies.get(image.digest, side)
        if known is not None:
            return known
    data = photo_bytes(image)
    if data is None:
        parts.copies.delete(image.digest)
        raise NotFound(f"the file of image {image_id} is gone, or holds another picture by now")
    try:
        copy = encode_within(parts, parts.decode(data, side), side)
    except ImageError as error:
        raise NotFound(f"image {image_id} cannot be shown: {error.detail}") from error
    parts.copies.put(image.digest, side, copy)
    return copy


def encode_within(parts: Parts, picture: Picture, side: int) -> bytes:
    """Return a picture as a JPEG whose longer side has at most `side` pixels."""
    height, width = picture.pixels.shape[:2]
    scale = min(1.0, side / max(width, height))
    return parts.encode(cut(picture.pixels, Box(0, 0, width, height), scale))


def photo_bytes(image: Image) -> bytes | None:
    """Return the photo's bytes from wherever they still are; another picture may lie there by now."""
    for uri in image.uris:
        try:
            data = path_of(uri).read_bytes()
        except OSError:
            continue
        if hashlib.sha256(data).hexdigest() == image.digest:
            return data
    return None


def _stamp(uri: str) -> FileStamp | None:
    try:
        status = path_of(uri).stat()
    except OSError:
        return None
    return FileStamp(status.st_size, status.st_mtime_ns)
