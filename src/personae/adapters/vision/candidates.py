"""From the raw numbers of a detector to detections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personae.core import geometry
from personae.types import Box, Detection

Array = NDArray[np.float32]

FLOOR = 0.4
"""Candidates of a lower det_score are noise and not reported; the quality gates judge the rest."""
OVERLAP = 0.3
"""Two candidates that overlap by more than this are one face."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Possible faces, in pixels of the network's input."""

    corners: Array
    """(n, 4) left, top, right, bottom."""
    landmarks: Array
    """(n, 5, 2)."""
    scores: Array
    """(n,) in [0, 1]."""


def join(parts: list[Candidates]) -> Candidates:
    """Return the candidates of several grids as one."""
    return Candidates(
        np.concatenate([part.corners for part in parts]),
        np.concatenate([part.landmarks for part in parts]),
        np.concatenate([part.scores for part in parts]),
    )


def to_detections(candidates: Candidates, scale: float, width: int, height: int) -> list[Detection]:
    """Return one detection a face, best first.

    Args:
        candidates: in pixels of the network's input.
        scale: the input's pixels per pixel of the picture.
        width: of the picture, pixels.
        height: of the picture, pixels.

    Returns:
        Detections in pixels of the picture, boxes clipped to it; those outside of it, or not finite, are left out.
    """
    found = []
    for index in geometry.suppress(candidates.corners, candidates.scores, OVERLAP):
        left, top, right, bottom = (float(each) / scale for each in candidates.corners[index])
        landmarks = geometry.rescale(candidates.landmarks[index], 1 / scale)
        if not np.isfinite([left, top, right, bottom]).all() or not np.isfinite(landmarks).all():
            continue
        box = geometry.clip(Box(left, top, right - left, bottom - top), width, height)
        if box.side >= 1:
            score = min(1.0, max(0.0, float(candidates.scores[index])))
            found.append(Detection(box, landmarks, score))
    return found


def grid(rows: int, columns: int, stride: int, each: int = 1) -> Array:
    """Return the upper left points of a grid's cells, row by row.

    Args:
        rows: of the grid.
        columns: of the grid.
        stride: side of a cell, pixels.
        each: how often every point is given.

    Returns:
        (rows * columns * each, 2) float32 x and y, pixels.
    """
    y, x = np.mgrid[:rows, :columns]
    points = np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32) * stride
    return np.repeat(points, each, axis=0)
