"""Ingest against what the models alone would take, its memory, and a second run over a known album."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.report import SHARED, Row

LFW = SHARED / "data" / "lfw-dev"
LARGE_PHOTOS = 150
LARGE_WIDTH, LARGE_HEIGHT = 4000, 3000
MEGABYTE = 10**6


def run(limit: int | None = None) -> list[Row]:
    """Return the rows of this benchmark.

    Args:
        limit: take only so many of the small photos; None takes all.
    """
    if not LFW.is_dir():
        return []
    small = _measure(LFW, limit or 10**9)
    with tempfile.TemporaryDirectory() as folder:
        _make_large(Path(folder))
        large = _measure(Path(folder), LARGE_PHOTOS)
    return [*_rows("small photos (150x150)", small, 0.85), *_rows("12-megapixel JPEGs", large, 0.70), _again(small)]


def _rows(what: str, figures: dict[str, Any], share: float) -> Iterator[Row]:
    limit = figures["workers"] / figures["session_seconds"]
    rate = figures["photos"] / figures["seconds"]
    peak = figures["peak_bytes"] / MEGABYTE
    session = figures["session_seconds"] * 1000
    yield Row(
        f"ingest, {figures['photos']:,} {what}: share of the model-bound limit",
        f"at least {share:.0%}",
        f"{rate / limit:.1%} ({rate:.1f} of {limit:.1f} photos/s; {session:.0f} ms in the models' sessions a photo)",
        rate / limit >= share,
    )
    yield Row(f"ingest, {what}: peak memory", "under 1,200 MB", f"{peak:,.0f} MB", peak < 1200)


def _again(figures: dict[str, Any]) -> Row:
    factor = figures["seconds"] / figures["second_seconds"]
    return Row(
        f"second run over {figures['known']:,} known photos",
        "at least 200 times faster",
        f"{factor:,.0f} times ({figures['second_seconds']:.2f} s after {figures['seconds']:.0f} s)",
        factor >= 200,
    )


def _measure(album: Path, limit: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.ingest_run", str(album), str(limit)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _make_large(folder: Path) -> None:
    """Write 12-megapixel JPEGs of a few megabytes: small photos enlarged, with the grain of a sensor."""
    rng = np.random.default_rng(12)
    photos = sorted(LFW.rglob("*.jpg"))
    for number, photo in enumerate(photos[:: len(photos) // LARGE_PHOTOS][:LARGE_PHOTOS]):
        picture = cv2.imread(str(photo))
        if picture is None:
            continue
        canvas = np.full((LARGE_HEIGHT, LARGE_WIDTH, 3), 127, np.uint8)
        side = 1500
        left = int(rng.integers(0, LARGE_WIDTH - side))
        top = int(rng.integers(0, LARGE_HEIGHT - side))
        background = cv2.resize(cv2.GaussianBlur(picture, (0, 0), 4), (LARGE_WIDTH, LARGE_HEIGHT))
        canvas[:] = background
        canvas[top : top + side, left : left + side] = cv2.resize(picture, (side, side), interpolation=cv2.INTER_CUBIC)
        grain = rng.normal(0, 4, canvas.shape[:2]).astype(np.float32)[..., None]
        noisy = np.clip(canvas + grain, 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"large_{number:03d}.jpg"), noisy, [cv2.IMWRITE_JPEG_QUALITY, 90])
