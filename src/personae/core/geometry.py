"""Boxes, overlaps, similarity transforms, aligned faces."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from personae.errors import InputError
from personae.types import Box, Landmarks, Pixels

CROP_MARGIN = 1.6
"""Side of a kept crop per longer side of the face."""
CROP_SIDE = 256
"""Largest side of a kept crop, pixels."""

Matrix = NDArray[np.float64]

_ARCFACE = ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041))

TEMPLATES: dict[str, tuple[float, tuple[tuple[float, float], ...]]] = {
    "arcface112": (112.0, _ARCFACE),
    # FaceNet was trained on looser cut-outs: the same face, 0.84 times as large about the centre and higher by 4%.
    "facenet160": (112.0, tuple((56 + (x - 56) * 0.84, 51.52 + (y - 56) * 0.84) for x, y in _ARCFACE)),
}
"""Side of an aligned face, and where its landmarks lie in it.

Source: Deng et al., ArcFace, CVPR 2019, and its reference implementation; for FaceNet, measured.
"""


def similarity(source: Landmarks, target: Landmarks) -> Matrix:
    """Return the rotation, scale and shift that best takes `source` to `target`, without mirroring.

    Args:
        source: (n, 2) points, pixels; n >= 2, not all the same.
        target: (n, 2) points, pixels.

    Returns:
        (2, 3) float64 matrix M; a point p goes to M[:, :2] @ p + M[:, 2].

    Raises:
        InputError: the points of `source` coincide, or a number is not finite.

    Source: Umeyama, Least-squares estimation of transformation parameters between two point patterns, PAMI 1991,
    in its closed form for the plane.
    """
    here = np.asarray(source, np.float64)
    there = np.asarray(target, np.float64)
    here_mean, there_mean = here.mean(axis=0), there.mean(axis=0)
    here, there = here - here_mean, there - there_mean
    spread = float((here**2).sum())
    if not np.isfinite(there).all() or not spread > 1e-12 or not np.isfinite(spread):
        raise InputError("The landmarks coincide or are not numbers: the face cannot be aligned.")
    # In the plane a rotation with scale is one complex factor: the least squares one is <here, there> / |here|^2.
    cosine = float((here * there).sum()) / spread
    sine = float((here[:, 0] * there[:, 1] - here[:, 1] * there[:, 0]).sum()) / spread
    linear = np.array([[cosine, -sine], [sine, cosine]])
    return np.column_stack([linear, there_mean - linear @ here_mean])


def transform(points: Landmarks, matrix: Matrix) -> Landmarks:
    """Return `points` moved by a (2, 3) matrix.

    Args:
        points: (n, 2) float32, pixels.
        matrix: (2, 3), as from `similarity`.

    Returns:
        (n, 2) float32.
    """
    moved: Landmarks = (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
    return moved


def align(pixels: Pixels, landmarks: Landmarks, template: Landmarks, side: int) -> Pixels:
    """Return the face turned, scaled and cut so that its landmarks lie on the template; black beyond the picture.

    Args:
        pixels: (height, width, 3) uint8 RGB.
        landmarks: (5, 2) float32 in `pixels`.
        template: (5, 2) float32 in the aligned face.
        side: side of the aligned face, pixels.

    Returns:
        (side, side, 3) uint8 RGB.

    Raises:
        InputError: the landmarks coincide.
    """
    matrix = similarity(landmarks, template)
    source = pixels
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < 0.5:
        source, matrix = _shrink_around(pixels, landmarks, matrix, scale)
    chip: Pixels = np.asarray(cv2.warpAffine(source, matrix, (side, side), flags=cv2.INTER_LINEAR), np.uint8)
    return chip


def _shrink_around(pixels: Pixels, landmarks: Landmarks, matrix: Matrix, scale: float) -> tuple[Pixels, Matrix]:
    """Average whole blocks of pixels first: bilinear sampling alone would skip over most of a large face."""
    height, width = pixels.shape[:2]
    reach = 3.0 * float(np.ptp(landmarks, axis=0).max())
    centre = landmarks.mean(axis=0)
    left, top = (int(max(0, each)) for each in np.floor(centre - reach))
    right, bottom = int(min(width, centre[0] + reach)), int(min(height, centre[1] + reach))
    block = int(1 / scale)
    columns, rows = (right - left) // block, (bottom - top) // block
    if columns < 1 or rows < 1:
        return pixels, matrix
    part = pixels[top : top + rows * block, left : left + columns * block]
    small = np.asarray(cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
    # A pixel's centre lies at its whole number, so a block's centre is (block - 1) / 2 from its first pixel.
    to_full = np.array([[block, 0, left + (block - 1) / 2], [0, block, top + (block - 1) / 2], [0, 0, 1]])
    return small, matrix @ to_full


def place_template(name: str, side: int) -> Landmarks:
    """Return a named template for an aligned face of any side.

    Args:
        name: a key of `TEMPLATES`.
        side: of the aligned face, pixels.

    Returns:
        (5, 2) float32, pixels.

    Raises:
        InputError: there is no such template.
    """
    if name not in TEMPLATES:
        raise InputError(f"There is no alignment template {name!r}; known: {', '.join(sorted(TEMPLATES))}.")
    own_side, points = TEMPLATES[name]
    placed: Landmarks = (np.array(points) * (side / own_side)).astype(np.float32)
    return placed


def overlap(one: Box, other: Box) -> float:
    """Return the intersection over union of two boxes, in [0, 1]; 0 for boxes without area.

    Source: Jaccard index.
    """
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    both = max(0.0, width) * max(0.0, height)
    union = one.width * one.height + other.width * other.height - both
    return both / union if union > 0 else 0.0


def suppress(corners: NDArray[np.float32], scores: NDArray[np.float32], limit: float) -> list[int]:
    """Return the indexes of the boxes to keep, best score first: each overlaps no better kept one by more than `limit`.

    Args:
        corners: (n, 4) left, top, right, bottom, pixels.
        scores: (n,) float32.
        limit: intersection over union in [0, 1].

    Returns:
        Kept indexes, at most n. Equal scores keep their order.

    Source: greedy non-maximum suppression.
    """
    left, top, right, bottom = corners.astype(np.float64).T
    areas = np.maximum(0, right - left) * np.maximum(0, bottom - top)
    rest = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while rest.size:
        best, rest = int(rest[0]), rest[1:]
        kept.append(best)
        width = np.minimum(right[best], right[rest]) - np.maximum(left[best], left[rest])
        height = np.minimum(bottom[best], bottom[rest]) - np.maximum(top[best], top[rest])
        both = np.maximum(0, width) * np.maximum(0, height)
        union = areas[best] + areas[rest] - both
        rest = rest[both <= limit * union]
    return kept


def clip(box: Box, width: int, height: int) -> Box:
    """Return the part of `box` within a picture of `width` x `height` pixels; without area when it lies outside."""
    left, top = min(max(0.0, box.x), width), min(max(0.0, box.y), height)
    right = min(max(left, box.x + box.width), width)
    bottom = min(max(top, box.y + box.height), height)
    return Box(left, top, right - left, bottom - top)


def scale_box(box: Box, factor: float) -> Box:
    """Return `box` in a picture `factor` times as large."""
    return Box(box.x * factor, box.y * factor, box.width * factor, box.height * factor)


def crop_window(box: Box, width: int, height: int) -> Box:
    """Return the square around a face that is kept as its crop, cut at the picture's edges.

    Args:
        box: the face, pixels.
        width: of the picture, pixels.
        height: of the picture, pixels.

    Returns:
        A window of whole pixels, at least 1 x 1, within the picture.
    """
    reach = max(box.width, box.height) * CROP_MARGIN / 2
    centre_x, centre_y = box.x + box.width / 2, box.y + box.height / 2
    left = min(max(0, int(np.floor(centre_x - reach))), width - 1)
    top = min(max(0, int(np.floor(centre_y - reach))), height - 1)
    right = max(left + 1, min(width, int(np.ceil(centre_x + reach))))
    bottom = max(top + 1, min(height, int(np.ceil(centre_y + reach))))
    return Box(left, top, right - left, bottom - top)


def crop_scale(window: Box, side: int = CROP_SIDE) -> float:
    """Return by how much a window is reduced to be at most `side` pixels; never above 1."""
    return min(1.0, side / max(window.width, window.height))


def cut(pixels: Pixels, window: Box, scale: float) -> Pixels:
    """Return the pixels of a window, reduced.

    Args:
        pixels: (height, width, 3) uint8.
        window: whole pixels within `pixels`, as from `crop_window`.
        scale: in (0, 1], as from `crop_scale`.

    Returns:
        (rows, columns, 3) uint8, a copy.
    """
    left, top = int(window.x), int(window.y)
    part = pixels[top : top + int(window.height), left : left + int(window.width)]
    if scale >= 1:
        return part.copy()
    columns, rows = max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale))
    small: Pixels = np.asarray(cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
    return small


def to_crop(landmarks: Landmarks, window: Box, scale: float) -> Landmarks:
    """Return landmarks of the picture as they lie in a crop of it.

    Args:
        landmarks: (5, 2) float32, pixels of the picture.
        window: where the crop was cut.
        scale: by how much it was reduced.

    Returns:
        (5, 2) float32, pixels of the crop.
    """
    origin = np.array([window.x, window.y], np.float32)
    # A pixel's centre lies at its whole number; reducing moves the grid by half a pixel.
    moved: Landmarks = ((landmarks - origin + 0.5) * scale - 0.5).astype(np.float32)
    return moved


def rescale(landmarks: Landmarks, factor: float) -> Landmarks:
    """Return landmarks in a picture `factor` times as large, by the same half-pixel rule as `to_crop`."""
    moved: Landmarks = ((landmarks + 0.5) * factor - 0.5).astype(np.float32)
    return moved
