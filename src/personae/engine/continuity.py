"""Does a character stay itself along a sequence of frames?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from personae.core.continuity import Continuity, FrameScore, mark, spells, usual
from personae.engine.anchor import Anchor, anchor_of, in_order
from personae.engine.ingest import DECODED_SIDE, HEAD_BYTES
from personae.engine.likeness import Photo, hold_each, read_image
from personae.engine.parts import Parts
from personae.engine.progress import NOBODY, Progress
from personae.engine.walk import PICTURE_SUFFIXES, user_path
from personae.errors import ImageError, InputError
from personae.types import Picture, Reason

Frames = Photo | Sequence[Photo]


@dataclass(frozen=True, slots=True)
class _Frame:
    """One frame before it is looked at: a file or its bytes, or a picture of a video."""

    number: int
    photo: Photo | None = None
    seconds: float | None = None
    picture: Picture | Reason = Reason.UNREADABLE


def continuity(parts: Parts, who: str, frames: Frames, every: int = 1, progress: Progress = NOBODY) -> Continuity:
    """Hold a sequence of frames, or a video, against a character; nothing is kept.

    Args:
        parts: adapters and rules.
        who: the character, by name or #number.
        frames: images in their order (files, or the bytes of them), a folder of images (ordered by name, numbers by
            their value), or a video file.
        every: one of so many frames is looked at, the first included; at least 1.
        progress: is told how far it is.

    Returns:
        A score for each frame that was looked at, the drops marked. A frame that is no picture has its reason; a
        video that breaks off ends with a frame that says so.

    Raises:
        InputError: nothing is there, `every` is under 1, or a video is given and its library is not installed.
        ImageError: the file is neither a picture nor a video.
        NotFound: there is no such character.
        Conflict: it has no completed reference, or one that a model in use has not seen.
    """
    if every < 1:
        raise InputError(f"one of at least 1 frame is looked at, not of {every}")
    total, source = _source(parts, frames, every)
    anchor = anchor_of(parts, who)
    scored: list[FrameScore] = []
    for frame in in_order(partial(_score, parts, anchor), source, parts.rules.workers):
        scored.append(frame)
        progress.step(len(scored), total, "comparing frames")
    scores = [frame.score for frame in scored if frame.score is not None]
    median, floor = usual(scores)
    marked = mark(scored, anchor.threshold, floor)
    return Continuity(
        anchor.person_id, anchor.name, anchor.model_id, anchor.threshold, anchor.version, median, floor, marked,
        spells(marked), len(scores),
    )  # fmt: skip


def _source(parts: Parts, frames: Frames, every: int) -> tuple[int, Iterable[_Frame]]:
    """Return how many frames will be looked at (0: nobody knows), and the frames."""
    given = [frames] if isinstance(frames, bytes | str | Path) else list(frames)
    photos = [each if isinstance(each, bytes) else user_path(each).absolute() for each in given]
    if not photos:
        raise InputError("there is no frame")
    first = photos[0]
    if len(photos) == 1 and isinstance(first, Path):
        if first.is_dir():
            photos = [*_in_folder(first)]
        elif _sniffed(parts, first) is None:
            return 0, _of_video(parts, first, every)
    for photo in photos:
        if isinstance(photo, Path):
            _require(photo)
    chosen = [_Frame(number, photo) for number, photo in enumerate(photos)][::every]
    return len(chosen), chosen


def _require(place: Path) -> None:
    if not place.is_file():
        raise InputError(f"{place}: {'not a file' if place.exists() else 'no such file'}")


def _in_folder(folder: Path) -> list[Path]:
    """Return the pictures of a folder as their names count: frame_2 comes before frame_10."""
    try:
        files = [path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file()]
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror or error}") from error
    if not files:
        raise InputError(f"{folder}: no pictures in this folder")
    return sorted(files, key=lambda path: (_counted(path.name), path.name))


def _counted(name: str) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", name.lower())
    return [(int(part), "") if at % 2 else (0, part) for at, part in enumerate(parts)]


def _sniffed(parts: Parts, place: Path) -> str | None:
    _require(place)
    try:
        with place.open("rb") as file:
            return parts.sniff(file.read(HEAD_BYTES))
    except OSError as error:
        raise InputError(f"{place}: {error.strerror or error}") from error


def _of_video(parts: Parts, place: Path, every: int) -> Iterator[_Frame]:
    """Yield the frames of a video; one that breaks off ends with the reason."""
    number = None
    try:
        for frame in parts.open_video(place, every, DECODED_SIDE):
            number = frame.number
            yield _Frame(number, None, frame.seconds, frame.picture)
    except ImageError as error:
        if number is None:
            raise ImageError(error.reason, f"{place}: {error.detail}") from error
        yield _Frame(number + every, picture=Reason(error.reason))


def _score(parts: Parts, anchor: Anchor, frames: list[_Frame]) -> list[FrameScore]:
    pictures = [frame.picture if frame.photo is None else read_image(parts, frame.photo)[1] for frame in frames]
    return [
        FrameScore(frame.number, _name(frame), frame.seconds, held.score, held.box, held.reasons)
        for frame, held in zip(frames, hold_each(parts, anchor, pictures), strict=True)
    ]


def _name(frame: _Frame) -> str:
    return frame.photo.name if isinstance(frame.photo, Path) else ""
