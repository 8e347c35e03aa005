"""From pictures to network inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from personae.types import Landmarks, Pixels

Array = NDArray[np.float32]

STEP = 32
"""Sides of detector inputs are multiples of this: their coarsest grid has cells of 32 pixels."""


@dataclass(frozen=True, slots=True)
class Normalisation:
    """What a network expects of its input's numbers: (value - mean) / std, channels in this order."""

    channels: Literal["rgb", "bgr"] = "rgb"
    mean: float = 0.0
    std: float = 1.0


@dataclass(frozen=True, slots=True)
class View:
    """What an embedder sees of a picture."""

    template: Landmarks
    """(5, 2) where the landmarks lie in the aligned face, pixels."""
    side: int
    """Of the aligned face, pixels."""
    columns: int
    """So many of its middle columns are looked at, over its whole height, brought to the network's square."""


def look(chips: Pixels, columns: int, side: int) -> Pixels:
    """Return the middle columns of aligned faces as squares.

    Args:
        chips: (n, rows, rows, 3) uint8.
        columns: how many, at most rows.
        side: of the squares, pixels.

    Returns:
        (n, side, side, 3) uint8; `chips` itself where nothing changes.
    """
    rows = chips.shape[1]
    if columns == rows == side:
        return chips
    left = (rows - columns) // 2
    cut = chips[:, :, left : left + columns]
    seen = [cv2.resize(np.ascontiguousarray(chip), (side, side), interpolation=cv2.INTER_AREA) for chip in cut]
    return np.asarray(seen, np.uint8)


def to_blob(pixels: Pixels, normalisation: Normalisation) -> Array:
    """Return pictures as a network takes them.

    Args:
        pixels: (n, height, width, 3) uint8 RGB.
        normalisation: of the network.

    Returns:
        (n, 3, height, width) float32, contiguous.
    """
    ordered = pixels if normalisation.channels == "rgb" else pixels[..., ::-1]
    blob = np.ascontiguousarray(ordered.transpose(0, 3, 1, 2), np.float32)
    if normalisation.mean:
        blob -= np.float32(normalisation.mean)
    if normalisation.std != 1:
        blob *= np.float32(1 / normalisation.std)
    return blob


def fit(pixels: Pixels, side: int) -> tuple[Pixels, float]:
    """Return the picture with its longer side at most `side`, padded below and at the right to whole steps.

    Smaller pictures are not enlarged: it finds no more faces that pass the gates, and costs time.

    Args:
        pixels: (height, width, 3) uint8.
        side: pixels; rounded up to a multiple of `STEP`.

    Returns:
        The padded (height, width, 3) uint8, and its pixels per pixel of the original, in (0, 1].
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, side / max(height, width))
    small = pixels
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = np.asarray(cv2.resize(_halved(pixels, scale), size, interpolation=cv2.INTER_AREA), np.uint8)
    rows, columns = (-(-each // STEP) * STEP for each in small.shape[:2])
    if small.shape[:2] == (rows, columns):
        return small, scale
    canvas = np.zeros((rows, columns, 3), np.uint8)
    canvas[: small.shape[0], : small.shape[1]] = small
    return canvas, scale


def _halved(pixels: Pixels, scale: float) -> Pixels:
    """Halve the picture while it stays larger than it will be: averaging four pixels is quick, other ratios are not."""
    small = pixels
    while scale <= 0.5:
        size = (small.shape[1] // 2, small.shape[0] // 2)
        small = np.asarray(
            cv2.resize(small[: 2 * size[1], : 2 * size[0]], size, interpolation=cv2.INTER_AREA), np.uint8
        )
        scale *= 2
    return small
