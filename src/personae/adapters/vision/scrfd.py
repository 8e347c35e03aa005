"""SCRFD: the detector of InsightFace's model packs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from personae.adapters.vision.candidates import FLOOR, Candidates, grid, join, to_detections
from personae.adapters.vision.onnx import Network
from personae.adapters.vision.pixels import Normalisation, fit, to_blob
from personae.errors import ModelError
from personae.types import Detection, ModelId, Pixels

Array = NDArray[np.float32]

STRIDES = (8, 16, 32)
ANCHORS = 2
"""Candidates a cell."""


class Scrfd:
    """The detector of Guo et al., Sample and Computation Redistribution for Efficient Face Detection, ICLR 2022."""

    def __init__(self, model_id: ModelId, network: Network, normalisation: Normalisation, input_side: int) -> None:
        if [shape[-1] for shape in network.output_shapes] != [1] * 3 + [4] * 3 + [10] * 3:
            raise ModelError(
                f"{model_id} is not an SCRFD network with landmarks: its outputs are {network.output_shapes}."
            )
        self._model_id = model_id
        self._network = network
        self._normalisation = normalisation
        self._input_side = input_side

    @property
    def model_id(self) -> ModelId:
        """The entry's id."""
        return self._model_id

    @property
    def input_side(self) -> int:
        """Longest side at which pictures are examined, pixels."""
        return self._input_side

    def raw(self, pixels: Pixels) -> list[Array]:
        """Return the network's own outputs for an already fitted picture, each (cells, numbers)."""
        outputs = self._network.run(to_blob(pixels[None], self._normalisation))
        return [output.reshape(-1, output.shape[-1]) for output in outputs]

    def detect(self, pixels: Pixels) -> list[Detection]:
        """Return the faces in (height, width, 3) uint8 RGB pixels, best first."""
        fitted, scale = fit(pixels, self._input_side)
        outputs = self.raw(fitted)
        rows, columns = fitted.shape[:2]
        parts = [
            _candidates(outputs[level::3], grid(rows // stride, columns // stride, stride, ANCHORS), stride)
            for level, stride in enumerate(STRIDES)
        ]
        height, width = pixels.shape[:2]
        return to_detections(join(parts), scale, width, height)


def _candidates(outputs: list[Array], points: Array, stride: int) -> Candidates:
    scores, distances, marks = outputs
    chosen = scores[:, 0] > FLOOR
    here = points[chosen]
    reach = distances[chosen] * stride
    corners = np.hstack([here - reach[:, :2], here + reach[:, 2:]])
    landmarks = here[:, None] + marks[chosen].reshape(-1, 5, 2) * stride
    return Candidates(corners, landmarks, scores[chosen, 0])
