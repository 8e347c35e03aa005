"""Characters with references made of real photos, for tests."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from PIL import Image

from personae import Engine
from tests.photos import originals

SIZE = (480, 480)
"""Width and height of a frame of the test videos."""


def anchor(engine: Engine, name: str, photo: str, label: str = "") -> int:
    """Give a character, made when needed, the reference of this photo, and return its number."""
    known = {character.name: character.person_id for character in engine.characters()}
    person_id = known[name] if name in known else engine.add_character(name).person_id
    engine.set_reference(name, originals()[photo].read_bytes(), label)
    run_jobs(engine)
    return int(person_id)


def run_jobs(engine: Engine) -> None:
    """Do what is queued."""
    for job in engine.work():
        assert job.state == "done", job


def frame(photo: str | None) -> Image.Image:
    """A photo as a frame of a video; None: a grey one."""
    grey = Image.new("RGB", SIZE, "grey")
    if photo is not None:
        with Image.open(originals()[photo]) as image:
            small = image.convert("RGB")
            small.thumbnail(SIZE)
            grey.paste(small)
    return grey


def write_video(path: Path, photos: Sequence[str | None], rate: int = 5) -> Path:
    """Write a video that shows a photo in each frame."""
    return _write(path, [frame(photo) for photo in photos], rate)


def write_turned_video(path: Path, photo: str) -> Path:
    """Write a video of one frame as a telephone held upright does: it lies on its side, and the file says so."""
    _write(path, [frame(photo).rotate(90)], 5)
    data = bytearray(path.read_bytes())
    # The matrix of the track header turns what is stored clockwise (ISO/IEC 14496-12).
    at = data.index(b"tkhd") + 44
    data[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, SIZE[1] << 16, 0, 1 << 30)
    path.write_bytes(data)
    return path


def _write(path: Path, frames: Sequence[Image.Image], rate: int) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "18"})
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for shown in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(shown), format="rgb24")))
        container.mux(stream.encode(None))
    return path
