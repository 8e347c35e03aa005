"""SCRFD: the detector of InsightFace's model packs.

Source: Guo et al., Sample and Computation Redistribution for Efficient Face Detection, ICLR 2022.
"""

from __future__ import annotations

import numpy as np

from personae.adapters.vision.candidates import FLOOR, Array, Candidates, grid, join
from personae.adapters.vision.detector import Family
from personae.adapters.vision.onnx import Network

STRIDES = (8, 16, 32)
ANCHORS = 2
"""Candidates a cell."""


def _fits(network: Network) -> bool:
    return [shape[-1] for shape in network.output_shapes] == [1] * 3 + [4] * 3 + [10] * 3


def _candidates(outputs: dict[str, Array], height: int, width: int) -> Candidates:
    flat = [output.reshape(-1, output.shape[-1]) for output in outputs.values()]
    grids = [grid(height // stride, width // stride, stride, ANCHORS) for stride in STRIDES]
    return join([_level(flat[level::3], grids[level], stride) for level, stride in enumerate(STRIDES)])


def _level(outputs: list[Array], points: Array, stride: int) -> Candidates:
    scores, distances, marks = outputs
    chosen = scores[:, 0] > FLOOR
    here = points[chosen]
    reach = distances[chosen] * stride
    corners = np.hstack([here - reach[:, :2], here + reach[:, 2:]])
    landmarks = here[:, None] + marks[chosen].reshape(-1, 5, 2) * stride
    return Candidates(corners, landmarks, scores[chosen, 0])


SCRFD = Family("SCRFD", _fits, _candidates)
