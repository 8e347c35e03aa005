"""From encoded bytes to upright RGB pixels, safely."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import cv2
import numpy as np
import simplejpeg
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from personae.adapters.vision.jpeg import check_structure
from personae.errors import ImageError
from personae.types import Picture, Pixels, Reason

# The classes are used rather than Image.open: its own limit on pixels is a warning, and not the user's.
FORMATS: dict[str, type[ImageFile]] = {
    "jpeg": JpegImageFile,
    "png": PngImageFile,
    "webp": WebPImageFile,
    "bmp": BmpImageFile,
    "gif": GifImageFile,
    "tiff": TiffImageFile,
}
"""What is decoded, by content; of animated pictures the first frame."""

_MARKS = {
    "jpeg": (0, b"\xff\xd8\xff"),
    "png": (0, b"\x89PNG\r\n\x1a\n"),
    "webp": (8, b"WEBPVP8"),
    "gif 87": (0, b"GIF87a"),
    "gif 89": (0, b"GIF89a"),
    "tiff little": (0, b"II*\0"),
    "tiff big": (0, b"MM\0*"),
    "avif": (4, b"ftypavi"),
    "heif": (4, b"ftyphei"),
    "heif sequence": (4, b"ftyphev"),
    "heif plain": (4, b"ftypmif1"),
    "heif plain sequence": (4, b"ftypmsf1"),
}
"""What stands where in a file of each format."""

MAX_PIXELS = 150_000_000

_EXIF_ORIENTATION = 0x0112
_EXIF_DETAILS, _EXIF_TAKEN, _EXIF_CHANGED = 0x8769, 0x9003, 0x0132
_JPEG_SCALES = (1, 2, 4, 8)
"""Eighths. The decoder has fast code for these alone: 3/8 takes longer than 4/8, and 7/8 twice as long as 8/8."""


def sniff(head: bytes) -> str | None:
    """Return the format that the first bytes of a file show, whatever its name.

    Args:
        head: the first 512 bytes, or all of a shorter file.

    Returns:
        jpeg, png, webp, bmp, gif, tiff, heif, avif or svg; None for anything else.
    """
    for name, (at, mark) in _MARKS.items():
        if head[at : at + len(mark)] == mark:
            return name.split()[0]
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return "bmp"
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"<svg") or (start.startswith((b"<?xml", b"<!doctype svg", b"<!--")) and b"<svg" in start):
        return "svg"
    return None


def decode(data: bytes, wanted_side: int, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Return an encoded image as upright RGB pixels, reduced while it is decoded where the format allows.

    Args:
        data: a whole file. The format is told by its content.
        wanted_side: the longer side is reduced to no less than this, pixels; smaller images stay as they are.
        max_pixels: images with more are refused before they are decoded.

    Returns:
        The picture; its width and height are those of the upright image at full size.

    Raises:
        ImageError: empty, not_an_image, unsupported_format, too_many_pixels, truncated or corrupt.
    """
    with _opened(data, max_pixels) as (kind, image):
        width, height = image.size
        pixels = _reduced(kind, data, image, wanted_side)
        # Read after the pixels: a PNG may say it behind them, and Pillow turns a TIFF, and forgets it, by itself.
        orientation = _orientation(image)
        taken_at = _taken(image)
        if kind == "tiff":
            width, height = image.size
    if orientation >= 5:
        width, height = height, width
    return Picture(_upright(pixels, orientation), width, height, kind, taken_at)


def when_taken(data: bytes, *, max_pixels: int = MAX_PIXELS) -> datetime | None:
    """Return when a camera says that it took a photo, by its own clock, which has no zone; None: it does not say.

    Args:
        data: a whole file.
        max_pixels: of an image with more nothing is said.
    """
    try:
        with _opened(data, max_pixels) as (kind, image):
            if kind == "png":
                # It may say so behind its pixels.
                image.load()
            return _taken(image)
    except ImageError:
        return None


def check(data: bytes, *, max_pixels: int = MAX_PIXELS) -> None:
    """Refuse what is no whole picture, in a fraction of the time that decoding takes where the format allows.

    Args:
        data: a whole file. Of a JPEG the structure is looked at, and not the pixels.
        max_pixels: images with more are refused.

    Raises:
        ImageError: as `decode` does.
    """
    with _opened(data, max_pixels) as (kind, image):
        if kind == "jpeg":
            check_structure(data)
        else:
            image.load()


def encode_jpeg(pixels: Pixels, quality: int = 90) -> bytes:
    """Return RGB pixels as a JPEG.

    Args:
        pixels: (height, width, 3) uint8.
        quality: 1 to 100.
    """
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality, "RGB", "444"))


@contextmanager
def _opened(data: bytes, max_pixels: int) -> Iterator[tuple[str, ImageFile]]:
    """Open an image without decoding it, and translate what is raised on bad bytes then and later; yield its format."""
    if not data:
        raise ImageError(Reason.EMPTY, "The file has no bytes.")
    kind = sniff(data[:512])
    if kind is None:
        raise ImageError(Reason.NOT_AN_IMAGE, "The content is not that of a picture.")
    if kind not in FORMATS:
        raise ImageError(Reason.UNSUPPORTED_FORMAT, f"Pictures of the format {kind} are not read.")
    with _translated(kind, data), FORMATS[kind](io.BytesIO(data)) as image:
        width, height = image.size
        if width * height > max_pixels:
            raise ImageError(
                Reason.TOO_MANY_PIXELS, f"{width} x {height} pixels are more than the limit of {max_pixels:,}."
            )
        yield kind, image


@contextmanager
def _translated(kind: str, data: bytes) -> Iterator[None]:
    """Turn what Pillow and simplejpeg raise on bad bytes into ImageError."""
    try:
        yield
    except Image.DecompressionBombError as error:
        raise ImageError(Reason.TOO_MANY_PIXELS, "A frame has far too many pixels.") from error
    except (OSError, EOFError, SyntaxError, ValueError, LookupError, TypeError, struct.error, zlib.error) as error:
        text = str(error)
        if isinstance(error, EOFError) or "truncated" in text or "Premature end" in text or _is_cut(kind, data):
            raise ImageError(Reason.TRUNCATED, "The picture ends before it is complete.") from error
        raise ImageError(Reason.CORRUPT, f"The picture is damaged: {text[:200]}.") from error


def _is_cut(kind: str, data: bytes) -> bool:
    """Whether the mark that ends such a file is missing."""
    if kind == "webp":
        return len(data) < 12 or len(data) < 8 + int.from_bytes(data[4:8], "little")
    marks = {"jpeg": b"\xff\xd9", "png": b"IEND", "gif": b";"}
    return kind in marks and marks[kind] not in data[-64:]


def _reduced(kind: str, data: bytes, image: ImageFile, wanted_side: int) -> Pixels:
    """Decode to RGB, not upright yet, at a size no less than `wanted_side`."""
    if kind != "jpeg":
        return _shrink(_rgb(image), wanted_side)
    # The decoder takes the smallest size that holds this width.
    longer = max(image.size)
    eighths = next((each for each in _JPEG_SCALES if longer * each >= wanted_side * 8), 8)
    width, height = (-(-side * eighths // 8) for side in image.size)
    try:
        if image.mode in ("RGB", "L"):
            return _turbo(data, width, strict=True)
    except ValueError as error:
        text = str(error)
        if "extraneous bytes" in text:
            # Some cameras and editors leave filling between the parts of a file: the picture is whole.
            return _turbo(data, width, strict=False)
        if "subsampling" not in text and "colorspace" not in text:
            raise
    image.draft(image.mode, (width, height))
    return _shrink(_rgb(image), wanted_side)


def _turbo(data: bytes, width: int, *, strict: bool) -> Pixels:
    pixels: Pixels = simplejpeg.decode_jpeg(data, "RGB", fastdct=True, min_width=width, strict=strict)
    return pixels


def _rgb(image: Image.Image) -> Pixels:
    """Decode the first frame, to 8 bits and on white where it is transparent."""
    image.load()
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _grey(np.asarray(image))
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        over = image.convert("RGBA")
        image = Image.new("RGBA", over.size, "white")
        image.alpha_composite(over)
    return np.asarray(image.convert("RGB"))


def _grey(values: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> Pixels:
    """Bring grey values of more than 8 bits to 8: 16-bit ones by their range, others by what they hold."""
    numbers = values.astype(np.float32)
    top = 65535.0 if values.dtype.kind in "iu" else max(1.0, float(np.nanmax(numbers, initial=0.0)))
    grey = np.clip(np.nan_to_num(numbers) * (255 / top), 0, 255).round().astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _shrink(pixels: Pixels, wanted_side: int) -> Pixels:
    longer = max(pixels.shape[:2])
    if longer <= wanted_side * 2:
        return pixels
    factor = wanted_side / longer
    size = (max(1, round(pixels.shape[1] * factor)), max(1, round(pixels.shape[0] * factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 where it says nothing sensible."""
    try:
        value = image.getexif().get(_EXIF_ORIENTATION, 1)
    except (SyntaxError, ValueError, KeyError, TypeError, OSError, struct.error):
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _taken(image: Image.Image) -> datetime | None:
    """Return when a camera took it; None where it says nothing sensible, such as year 0.

    Source: Exif 2.32, tags 0x9003 and 0x0132.
    """
    try:
        exif = image.getexif()
        said = exif.get_ifd(_EXIF_DETAILS).get(_EXIF_TAKEN) or exif.get(_EXIF_CHANGED)
        return datetime.strptime(str(said).strip("\0 "), "%Y:%m:%d %H:%M:%S")
    except (SyntaxError, ValueError, KeyError, TypeError, AttributeError, OSError, struct.error):
        return None


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """Undo a camera's turn.

    Source: Exif 2.32, tag 0x0112.
    """
    turned = pixels
    if orientation >= 5:
        turned = turned.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        turned = turned[:, ::-1]
    if orientation in (3, 4, 7, 8):
        turned = turned[::-1]
    return np.ascontiguousarray(turned)
