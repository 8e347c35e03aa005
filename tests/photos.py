"""Real photos for tests: those of the demo, fetched once into .cache/."""

from __future__ import annotations

import functools
from pathlib import Path

from scripts import demo_album


@functools.cache
def album() -> Path:
    """Return the demo album's folder: flat, unlabelled, about 40 photos. Do not write into it."""
    return demo_album.build(demo_album.CACHE / "album")


@functools.cache
def originals() -> dict[str, Path]:
    """Return the untouched photos by name: obama, obama2, biden, collins, hopper, party1, table, ..."""
    return demo_album.originals()
