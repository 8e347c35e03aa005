"""Makes every kind of awkward input out of one real photo, and says how each must end."""

from __future__ import annotations

import io
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from personae.types import Reason

FORBIDDEN = "forbidden"
"""Name of the folder that may not be read; `open_up` lets it be removed."""


@dataclass(frozen=True, slots=True)
class Awkward:
    """One input and its proper end."""

    path: Path
    reason: Reason | None
    """None: it is read like any photo, and its faces are found."""
    reported: Path | None = None
    """The path that the refusal names, where it is not `path`."""


def make(folder: Path, photo: bytes) -> list[Awkward]:
    """Write all awkward inputs into a folder.

    Args:
        folder: exists and is empty.
        photo: an encoded photo with a face.
    """
    with Image.open(io.BytesIO(photo)) as opened:
        picture = opened.convert("RGB")
    picture.thumbnail((1000, 1000))
    return [*_broken(folder, picture), *_unusual(folder, picture), *_turned(folder, picture), *_named(folder, picture),
            *_places(folder, picture)]  # fmt: skip


def open_up(folder: Path) -> None:
    """Make the forbidden folder readable again."""
    (folder / FORBIDDEN).chmod(0o755)


def encoded(picture: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    """Return a picture encoded by Pillow."""
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def huge_png(side: int = 14_200) -> bytes:
    """Return a PNG of some 200 megapixels in about 25 KB: one bit a pixel, all alike."""
    row = b"\0" + bytes((side + 7) // 8)
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _broken(folder: Path, picture: Image.Image) -> list[Awkward]:
    jpeg = encoded(picture, quality=90)
    damaged = bytearray(encoded(picture, "PNG"))
    damaged[len(damaged) // 2] ^= 0xFF
    svg = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>\n'
    return [
        _put(folder, "zero.jpg", b"", Reason.EMPTY),
        _put(folder, "truncated.jpg", jpeg[: len(jpeg) * 2 // 5], Reason.TRUNCATED),
        _put(folder, "flipped.png", bytes(damaged), Reason.CORRUPT),
        _put(folder, "text.jpg", b"This is a letter, not a photo.\n" * 40, Reason.NOT_AN_IMAGE),
        _put(folder, "zeros.jpg", bytes(5000), Reason.NOT_AN_IMAGE),
        _put(folder, "drawing.svg", svg, Reason.UNSUPPORTED_FORMAT),
        _put(folder, "drawing_as.jpg", svg, Reason.UNSUPPORTED_FORMAT),
        _put(folder, "huge.png", huge_png(), Reason.TOO_MANY_PIXELS),
    ]


def _unusual(folder: Path, picture: Image.Image) -> list[Awkward]:
    frames = {"save_all": True, "append_images": [picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)], "duration": 90}
    pixels = np.asarray(picture)
    deep = (pixels[:, :, ::-1].astype(np.uint16) << 8) | 0x55
    return [
        _put(folder, "misnamed.jpg", encoded(picture, "PNG")),
        _put(folder, "no_suffix", encoded(picture, quality=91)),
        _put(folder, "animated.gif", encoded(picture, "GIF", **frames)),
        _put(folder, "animated.webp", encoded(picture, "WEBP", **frames)),
        _put(folder, "animated.png", encoded(picture, "PNG", **frames)),
        _put(folder, "cmyk.jpg", encoded(picture.convert("CMYK"), quality=90)),
        _put(folder, "sixteen_bit.png", cv2.imencode(".png", deep)[1].tobytes()),
        _put(folder, "sixteen_bit_grey.png", cv2.imencode(".png", deep.max(axis=2))[1].tobytes()),
        _put(folder, "grey.jpg", encoded(picture.convert("L"), quality=90)),
        _put(folder, "palette.png", encoded(picture.quantize(200), "PNG")),
        _put(folder, "see_through.png", encoded(_see_through(picture), "PNG")),
        _put(folder, "progressive.jpg", encoded(picture, quality=88, progressive=True)),
    ]


def _see_through(picture: Image.Image) -> Image.Image:
    copy = picture.convert("RGBA")
    copy.putalpha(200)
    return copy


def _turned(folder: Path, picture: Image.Image) -> list[Awkward]:
    """All eight EXIF orientations; each is upright once it is obeyed."""
    turn = Image.Transpose
    undo = {1: None, 2: turn.FLIP_LEFT_RIGHT, 3: turn.ROTATE_180, 4: turn.FLIP_TOP_BOTTOM, 5: turn.TRANSPOSE,
            6: turn.ROTATE_90, 7: turn.TRANSVERSE, 8: turn.ROTATE_270}  # fmt: skip
    made = []
    for orientation, how in undo.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        turned = picture.transpose(how) if how is not None else picture
        made.append(_put(folder, f"exif_{orientation}.jpg", encoded(turned, quality=85 + orientation, exif=exif)))
    return made


def _named(folder: Path, picture: Image.Image) -> list[Awkward]:
    names = (
        b'it\'s "quoted".jpg',
        b"two\nlines.jpg",
        b"caf\xe9 \xff.jpg",
        b"-rf.jpg",
        b"100% [a]*?.jpg",
        "😀 ж.jpg".encode(),
    )
    return [_put(folder, os.fsdecode(name), encoded(picture, quality=60 + n)) for n, name in enumerate(names)]


def _places(folder: Path, picture: Image.Image) -> list[Awkward]:
    inner = folder / "inner"
    inner.mkdir()
    (inner / "back").symlink_to(folder, target_is_directory=True)
    circle = folder / "circle.jpg"
    circle.symlink_to("circle.jpg")
    nowhere = folder / "nowhere.jpg"
    nowhere.symlink_to("is not there.jpg")
    forbidden = folder / FORBIDDEN
    forbidden.mkdir()
    hidden = _put(forbidden, "hidden.jpg", encoded(picture, quality=50)).path
    forbidden.chmod(0o000)
    as_root = os.geteuid() == 0
    return [
        _put(inner, "inside.jpg", encoded(picture, quality=51)),
        Awkward(circle, Reason.UNREADABLE),
        Awkward(nowhere, Reason.UNREADABLE),
        Awkward(hidden, None) if as_root else Awkward(hidden, Reason.UNREADABLE, reported=forbidden),
    ]


def _put(folder: Path, name: str, data: bytes, reason: Reason | None = None) -> Awkward:
    path = folder / name
    path.write_bytes(data)
    return Awkward(path, reason)
