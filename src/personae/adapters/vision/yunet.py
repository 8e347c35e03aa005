"""YuNet: a very small and fast detector with landmarks.

Source: Wu, Peng, Yu, YuNet: A Tiny Millisecond-level Face Detector, 2023.
"""

from __future__ import annotations

import numpy as np

from personae.adapters.vision.candidates import FLOOR, Array, Candidates, grid, join
from personae.adapters.vision.detector import Family
from personae.adapters.vision.onnx import Network

STRIDES = (8, 16, 32)
OUTPUTS = {f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in STRIDES}


def _fits(network: Network) -> bool:
    return set(network.output_names) >= OUTPUTS


def _candidates(outputs: dict[str, Array], height: int, width: int) -> Candidates:
    return join([_level(outputs, stride, height // stride, width // stride) for stride in STRIDES])


def _level(outputs: dict[str, Array], stride: int, rows: int, columns: int) -> Candidates:
    likely = outputs[f"cls_{stride}"][0, :, 0] * outputs[f"obj_{stride}"][0, :, 0]
    scores = np.sqrt(np.clip(likely, 0, 1))
    chosen = scores > FLOOR
    cells = grid(rows, columns, stride)[chosen]
    box = outputs[f"bbox_{stride}"][0][chosen]
    centres = cells + box[:, :2] * stride
    half = np.exp(box[:, 2:]) * stride / 2
    landmarks = cells[:, None] + outputs[f"kps_{stride}"][0][chosen].reshape(-1, 5, 2) * stride
    return Candidates(np.hstack([centres - half, centres + half]), landmarks, scores[chosen])


YUNET = Family("YuNet", _fits, _candidates)
