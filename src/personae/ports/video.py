"""Port of video files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from personae.types import Picture


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One frame of a video, decoded."""

    number: int
    """From 0, counting also those that are left out."""
    seconds: float | None
    """Since the video began; None where it does not say."""
    picture: Picture


OpenVideo = Callable[[Path, int, int], Iterator[VideoFrame]]
"""(file, each how many frames one is wanted, wanted longer side in pixels) -> the frames, in the order they are shown.
Raises ImageError for a file that is no video or a broken one, InputError when the library for it is not installed."""
