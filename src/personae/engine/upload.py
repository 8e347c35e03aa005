"""Take in a picture that somebody sends: its bytes are kept among the project's own files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import quote

from personae.engine.analyse import analyse, keep_crops
from personae.engine.ingest import DECODED_SIDE
from personae.engine.parts import Parts
from personae.engine.photos import sent_folder
from personae.engine.stats import remember_gates
from personae.engine.walk import NEVER
from personae.errors import ImageError, PersonaeError, TooLarge, UnsupportedMedia
from personae.types import Digest, FileStamp, Image, NewImage, Reason

LONGEST_NAME = 255


def take_in(parts: Parts, data: bytes, name: str = "") -> tuple[Image, bool]:
    """Store a picture with its faces, unless it is known.

    Args:
        parts: the outfit.
        data: a whole file.
        name: as it is called where it comes from; that it was refused before is forgotten.

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
        faces=keep_crops(parts.crops, faces), taken_at=picture.taken_at,
    )  # fmt: skip
    with parts.store.write() as tx:
        new = not tx.images.find([digest])
        image_id = tx.images.add(image)
        tx.images.place(path.as_uri(), _stamp(path), image_id)
        if name:
            tx.images.forget(_place_of(parts, name))
        remember_gates(tx, gates)
        return tx.images.get([image_id])[0], new


def refuse(parts: Parts, name: str, error: PersonaeError) -> None:
    """Remember that a file that was sent could not be used, and why, as of one that lies in a folder."""
    reason = Reason(error.reason) if isinstance(error, ImageError | UnsupportedMedia) else Reason.TOO_LARGE
    with parts.store.write() as tx:
        tx.images.place(_place_of(parts, name), NEVER, None, reason, str(error))


def _place_of(parts: Parts, name: str) -> str:
    """Return the URI of a file that was sent and not kept: nothing ever lies there."""
    kept = name[:LONGEST_NAME] or "a file without a name"
    return f"{sent_folder(parts)}{quote(kept, safe='', errors='backslashreplace')}"


def _known(parts: Parts, digest: Digest) -> Image | None:
    with parts.store.read() as tx:
        return next(iter(tx.images.get(list(tx.images.find([digest]).values()))), None)


def _stamp(path: Path) -> FileStamp:
    status = path.stat()
    return FileStamp(status.st_size, status.st_mtime_ns)
