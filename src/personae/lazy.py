"""Functions of adapters, each imported when it is first called.

Some of their libraries take long to load: a question that needs none of them shall not wait.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from personae.errors import InputError
from personae.types import Picture, Pixels, Vectors

if TYPE_CHECKING:
    from personae.album import AlbumReport
    from personae.core.continuity import Continuity
    from personae.core.evaluation import Evaluation
    from personae.ports import Epoch, Lesson, Plan, Post, VideoFrame, Watch

NO_PYTORCH = "learning needs PyTorch: pip install 'personae[train]'"


def sniff(head: bytes) -> str | None:
    """Return the picture format that the first bytes of a file show, or None."""
    from personae.adapters.vision.decode import sniff

    return sniff(head)


def decode(max_pixels: int, data: bytes, wanted_side: int) -> Picture:
    """Return an encoded image as upright pixels; see `personae.adapters.vision.decode`."""
    from personae.adapters.vision.decode import decode

    return decode(data, wanted_side, max_pixels=max_pixels)


def check_picture(max_pixels: int, data: bytes) -> None:
    """Refuse an encoded image that is not whole; see `personae.adapters.vision.decode`."""
    from personae.adapters.vision.decode import check

    check(data, max_pixels=max_pixels)


def when_taken(max_pixels: int, data: bytes) -> datetime | None:
    """Return when a camera took a photo."""
    from personae.adapters.vision.decode import when_taken

    return when_taken(data, max_pixels=max_pixels)


def encode(pixels: Pixels) -> bytes:
    """Return pixels as a JPEG."""
    from personae.adapters.vision.decode import encode_jpeg

    return encode_jpeg(pixels)


def render(report: AlbumReport) -> str:
    """Return an album as a page."""
    from personae.adapters.report.html import render

    return render(report)


def render_evaluation(evaluation: Evaluation) -> str:
    """Return an evaluation as a page."""
    from personae.adapters.report.evaluation import render_evaluation

    return render_evaluation(evaluation)


def open_video(max_pixels: int, path: Path, every: int, wanted_side: int) -> Iterator[VideoFrame]:
    """Yield frames of a video."""
    from personae.adapters.vision.video import read_video

    return read_video(path, every, wanted_side, max_pixels=max_pixels)


def draw_continuity(continuity: Continuity, form: str) -> bytes:
    """Return the plot of a sequence of frames."""
    from personae.adapters.report.continuity import draw_continuity

    return draw_continuity(continuity, form)


def open_post(allow_private: bool) -> Post:
    """Return what sends messages to receivers."""
    from personae.adapters.post import HttpPost

    return HttpPost(allow_private=allow_private)


def forget_photos(cache: Path, source: str) -> None:
    """Remove what is kept of a source's photos."""
    from personae.adapters.sources.cache import ImageCache

    ImageCache(cache / source).clear()


def train(device: str, lesson: Lesson, plan: Plan, state: Mapping[str, Vectors], watch: Watch) -> Iterator[Epoch]:
    """Learn a head; see `personae.adapters.train.torch`. Raises InputError when PyTorch is not installed."""
    try:
        from personae.adapters.train.torch import train
    except ModuleNotFoundError as error:
        raise InputError(NO_PYTORCH) from error
    return train(lesson, plan, state, watch, device)


def cannot_train() -> str:
    """Say why nothing can be learnt; empty: PyTorch is there. It is not loaded."""
    return "" if find_spec("torch") else NO_PYTORCH
