"""CenterFace: an anchor-free detector with landmarks.

Source: Xu et al., CenterFace: Joint Face Detection and Alignment Using Face as Point, 2019.
"""

from __future__ import annotations

import numpy as np

from personae.adapters.vision.candidates import FLOOR, Array, Candidates
from personae.adapters.vision.detector import Family
from personae.adapters.vision.onnx import Network

STRIDE = 4
CHANNELS = [1, 2, 2, 10]
"""Of the outputs: heat, size, offset, landmarks."""


def _fits(network: Network) -> bool:
    return [shape[1] for shape in network.output_shapes if len(shape) == 4] == CHANNELS


def _candidates(outputs: dict[str, Array], height: int, width: int) -> Candidates:  # noqa: ARG001 - the family's shape
    heat, size, offset, marks = (output[0] for output in outputs.values())
    rows, columns = np.nonzero(heat[0] > FLOOR)
    cells = np.stack([columns, rows], axis=1).astype(np.float32)
    # The network gives y before x.
    sides = np.exp(size[::-1, rows, columns].T) * STRIDE
    centres = (cells + offset[::-1, rows, columns].T + 0.5) * STRIDE
    upper_left = centres - sides / 2
    inside = marks[:, rows, columns].T.reshape(-1, 5, 2)[:, :, ::-1]
    landmarks = inside * sides[:, None] + upper_left[:, None]
    return Candidates(np.hstack([upper_left, upper_left + sides]), landmarks, heat[0, rows, columns])


CENTERFACE = Family("CenterFace", _fits, _candidates)
