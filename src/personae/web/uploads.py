"""What is sent as a file: it lies on disk while it comes, and is looked at before anything is done with it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from fastapi import Depends, File, UploadFile

from personae.engine.facade import Engine
from personae.errors import ImageError, TooLarge, UnsupportedMedia
from personae.types import Image, Reason
from personae.web.deps import EngineDep

HEAD_BYTES = 512
VIDEO_MARKS = ((4, b"ftyp"), (0, b"\x1a\x45\xdf\xa3"), (8, b"AVI "), (0, b"\x00\x00\x01\xba"), (0, b"FLV"))
"""What stands where at the beginning of MP4 and QuickTime, Matroska and WebM, AVI, MPEG and Flash video."""
STILL_BRANDS = (b"avi", b"hei", b"hev", b"mif", b"msf")
"""Beginnings of the `ftyp` of pictures that come in the same box as MP4."""

KINDS = "JPEG, PNG, WebP, BMP, GIF or TIFF"


def read_picture(engine: Engine, sent: UploadFile) -> bytes:
    """Return a picture that was sent; call it from a thread that may wait.

    Args:
        engine: tells pictures by their content.
        sent: as the framework gives it.

    Raises:
        UnsupportedMedia: empty, or no picture of a kind that is read, whatever its name says.
        TooLarge: more bytes than a picture may have.
    """
    # The models' libraries come with it: not before somebody sends a picture.
    from personae.adapters.vision.decode import FORMATS  # noqa: PLC0415

    limit = engine.parts.rules.max_file_bytes
    if sent.size is not None and sent.size > limit:
        raise TooLarge(f"the picture has more than {limit:,} bytes, which max_file_bytes allows")
    head = sent.file.read(HEAD_BYTES)
    if not head:
        raise UnsupportedMedia("the file has no bytes", Reason.EMPTY)
    kind = engine.parts.sniff(head)
    if kind not in FORMATS:
        said = f"pictures of the format {kind} are not read" if kind else "the content is not that of a picture"
        raise UnsupportedMedia(f"{said}; send {KINDS}", Reason.UNSUPPORTED_FORMAT if kind else Reason.NOT_AN_IMAGE)
    sent.file.seek(0)
    return sent.file.read()


def take_in(engine: Engine, sent: UploadFile) -> tuple[Image, bool]:
    """Take in a picture that was sent; of one that cannot be used it is remembered why.

    Returns:
        The image, and whether it is new.

    Raises:
        UnsupportedMedia, TooLarge: see `read_picture`.
        ImageError: it is broken.
    """
    name = sent.filename or ""
    try:
        return engine.take_in(read_picture(engine, sent), name)
    except (ImageError, TooLarge, UnsupportedMedia) as error:
        engine.refuse(name, error)
        raise


def _picture(engine: EngineDep, picture: Annotated[UploadFile, File(description=f"A picture: {KINDS}.")]) -> bytes:
    return read_picture(engine, picture)


def _first(engine: EngineDep, first: Annotated[UploadFile, File(description=f"A picture: {KINDS}.")]) -> bytes:
    return read_picture(engine, first)


def _second(engine: EngineDep, second: Annotated[UploadFile, File(description="Another one.")]) -> bytes:
    return read_picture(engine, second)


def _several(engine: EngineDep, pictures: Annotated[list[UploadFile], File(description=f"{KINDS}.")]) -> list[bytes]:
    return [read_picture(engine, picture) for picture in pictures]


Picture = Annotated[bytes, Depends(_picture)]
"""The bytes of the file `picture`, whose beginning is that of a picture; likewise the next two."""
FirstPicture = Annotated[bytes, Depends(_first)]
SecondPicture = Annotated[bytes, Depends(_second)]
Pictures = Annotated[list[bytes], Depends(_several)]
"""The bytes of each of the files `pictures`, in the order sent."""


@contextmanager
def kept_video(sent: UploadFile) -> Iterator[Path]:
    """Keep a video that was sent in a file of its own for as long as the block lasts.

    Raises:
        UnsupportedMedia: empty, or no video, whatever its name says.
    """
    head = sent.file.read(HEAD_BYTES)
    if not is_video(head):
        raise UnsupportedMedia("the content is not that of a video" if head else "the file has no bytes")
    sent.file.seek(0)
    with tempfile.TemporaryDirectory(prefix="personae-") as folder:
        path = Path(folder) / "video"
        with path.open("wb") as file:
            shutil.copyfileobj(sent.file, file, 2**20)
        yield path


@contextmanager
def kept_pictures(engine: Engine, sent: Sequence[UploadFile]) -> Iterator[list[Path]]:
    """Keep pictures in files of their own for as long as the block lasts. Raises as `read_picture`."""
    with tempfile.TemporaryDirectory(prefix="personae-") as folder:
        paths = []
        for number, picture in enumerate(sent):
            path = Path(folder) / f"{number:08}"
            path.write_bytes(read_picture(engine, picture))
            paths.append(path)
        yield paths


def holds_video(sent: UploadFile) -> bool:
    """Whether what was sent begins as a video does."""
    head = sent.file.read(HEAD_BYTES)
    sent.file.seek(0)
    return is_video(head)


def is_video(head: bytes) -> bool:
    """Whether a file that begins so is a video."""
    if head[4:8] == b"ftyp" and head[8:11] in STILL_BRANDS:
        return False
    return any(head[at : at + len(mark)] == mark for at, mark in VIDEO_MARKS)
