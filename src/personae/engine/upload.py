"""Take in a picture that somebody sends: its bytes are kept among the project's own files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from personae.engine.analyse import analyse, keep_crops
from personae.engine.ingest import DECODED_SIDE
from personae.engine.parts import Parts
from personae.engine.stats import remember_gates
from personae.errors import TooLarge
from personae.types import Digest, FileStamp, Image, NewImage


def take_in(parts: Parts, data: bytes) -> tuple[Image, bool]:
    """Store a picture with its faces, unless it is known.

    Args:
        parts: the outfit.
        data: a whole file.

    Returns:
        The image, and whether it is new.

    Raises:
        TooLarge: more bytes than the settings allow.
        ImageError: it is no picture, or a broken one; nothing is stored.
    """
    limit = parts.rules.max_file_bytes
    if len(data) > limit:
        raise TooLarge(f"larger than {limit} bytes")
    known = _known(parts, Digest(hashlib.sha256(data).hexdigest()))
    if known is not None and known.reason is None:
        return known, False
    picture = parts.decode(data, DECODED_SIDE)
    vision, gates = parts.vision(), parts.rules.gates
    faces = analyse(vision, gates, parts.encode, [picture])[0]
    digest = parts.photos.put(data)
    path = parts.photos.path(digest)
    image = NewImage(
        digest, len(data), picture.width, picture.height, picture.format, vision.detector.model_id, gates.name,
        faces=keep_crops(parts.crops, faces),
    )  # fmt: skip
    with parts.store.write() as tx:
        new = not tx.images.find([digest])
        image_id = tx.images.add(image)
        tx.images.place(path.as_uri(), _stamp(path), image_id)
        remember_gates(tx, gates)
        return tx.images.get([image_id])[0], new


def _known(parts: Parts, digest: Digest) -> Image | None:
    with parts.store.read() as tx:
        return next(iter(tx.images.get(list(tx.images.find([digest]).values()))), None)


def _stamp(path: Path) -> FileStamp:
    status = path.stat()
    return FileStamp(status.st_size, status.st_mtime_ns)
