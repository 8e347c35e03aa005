"""Face crops made small enough for one page."""

from __future__ import annotations

import base64
import io

from PIL import Image, UnidentifiedImageError

QUALITY = 62
"""WebP quality of a thumbnail; its artefacts do not show at half the size."""


def data_uri(crop: bytes, side: int) -> str:
    """Return a crop as a square data: URI, or an empty string when the bytes are no picture.

    Args:
        crop: an encoded picture.
        side: of the square, pixels; a smaller crop is not enlarged.
    """
    try:
        with Image.open(io.BytesIO(crop)) as picture:
            picture.draft("RGB", (side, side))
            square = _square(picture.convert("RGB"))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return ""
    square.thumbnail((side, side))
    out = io.BytesIO()
    square.save(out, "WEBP", quality=QUALITY, method=2)
    return "data:image/webp;base64," + base64.b64encode(out.getvalue()).decode("ascii")


def _square(picture: Image.Image) -> Image.Image:
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return picture.crop((left, top, left + side, top + side))
