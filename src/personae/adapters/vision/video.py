"""From a video file to upright RGB frames, by PyAV (the extra `video`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from personae.errors import ImageError, InputError
from personae.ports.video import VideoFrame
from personae.types import Picture, Pixels, Reason

if TYPE_CHECKING:
    from av.container import InputContainer

CONTAINERS = "mov,mp4,matroska,webm,avi,mpegts,mpeg,mxf,asf,flv,ogg,yuv4mpegpipe"
"""What is opened. Playlists are not: they name other files and addresses."""
MISSING = "is no picture; videos need the library PyAV: pip install 'personae[video]'"


def read_video(path: Path, every: int, wanted_side: int, *, max_pixels: int) -> Iterator[VideoFrame]:
    """Yield frames of a video in the order they are shown, reduced.

    Args:
        path: the file; its container is told by its content.
        every: one of so many frames is yielded, at least 1.
        wanted_side: the longer side of larger frames is reduced to this, pixels.
        max_pixels: frames with more are refused.

    Raises:
        InputError: PyAV is not installed, or the file cannot be opened.
        ImageError: not_an_image, too_many_pixels or corrupt; perhaps after some frames.
    """
    try:
        import av  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise InputError(f"{path} {MISSING}") from error
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    with file:
        with _translated(Reason.NOT_AN_IMAGE, "The content is not that of a picture or a video"):
            # As a file object, so that no part of the name is taken for a protocol.
            container = av.open(file, "r", options={"format_whitelist": CONTAINERS}, metadata_errors="ignore")
        with container:
            yield from _frames(container, every, wanted_side, max_pixels)


def _frames(container: InputContainer, every: int, wanted_side: int, max_pixels: int) -> Iterator[VideoFrame]:
    if not container.streams.video:
        raise ImageError(Reason.NOT_AN_IMAGE, "The file holds no moving pictures.")
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    _check_size(stream.codec_context, max_pixels)
    number = 0
    with _translated(Reason.CORRUPT, "The video is damaged"):
        for number, frame in enumerate(container.decode(stream), 1):
            if (number - 1) % every == 0:
                _check_size(frame, max_pixels)
                aspect = float(stream.sample_aspect_ratio or 1)
                yield VideoFrame(number - 1, frame.time, _picture(frame, aspect, wanted_side))
    if not number:
        raise ImageError(Reason.TRUNCATED, "The video has no frames.")


def _check_size(shown: Any, max_pixels: int) -> None:
    if shown.width * shown.height > max_pixels:
        raise ImageError(
            Reason.TOO_MANY_PIXELS, f"{shown.width} x {shown.height} pixels are more than the limit of {max_pixels:,}."
        )


def _picture(frame: Any, aspect: float, wanted_side: int) -> Picture:
    """Return a frame upright, with square pixels."""
    width, height = max(1, round(frame.width * aspect)), frame.height
    factor = min(1.0, wanted_side / max(width, height))
    small = frame.reformat(max(1, round(width * factor)), max(1, round(height * factor)), "rgb24")
    # The angle is counter-clockwise, as numpy turns.
    quarters = round(frame.rotation / 90) % 4
    pixels: Pixels = np.ascontiguousarray(np.rot90(small.to_ndarray(), quarters))
    return Picture(pixels, height if quarters % 2 else width, width if quarters % 2 else height, "video")


@contextmanager
def _translated(reason: Reason, sentence: str) -> Iterator[None]:
    """Turn what PyAV raises on bad bytes into ImageError."""
    import av  # noqa: PLC0415 - an extra

    try:
        yield
    except (av.FFmpegError, OSError, ValueError) as error:
        raise ImageError(reason, f"{sentence}: {str(error)[:200]}.") from error
