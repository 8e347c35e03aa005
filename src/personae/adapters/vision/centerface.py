"""CenterFace: an anchor-free detector with landmarks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from personae.adapters.vision.candidates import FLOOR, Candidates, to_detections
from personae.adapters.vision.onnx import Network
from personae.adapters.vision.pixels import Normalisation, fit, to_blob
from personae.errors import ModelError
from personae.types import Detection, ModelId, Pixels

Array = NDArray[np.float32]

STRIDE = 4
CHANNELS = (1, 2, 2, 10)
"""Heat, size, offset, landmarks."""


class CenterFace:
    """The detector of Xu et al., CenterFace: Joint Face Detection and Alignment Using Face as Point, 2019."""

    def __init__(self, model_id: ModelId, network: Network, normalisation: Normalisation, input_side: int) -> None:
        if tuple(shape[1] for shape in network.output_shapes) != CHANNELS:
            raise ModelError(f"{model_id} is not a CenterFace network: its outputs are {network.output_shapes}.")
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
        """Return the network's own outputs for an already fitted picture."""
        return self._network.run(to_blob(pixels[None], self._normalisation))

    def detect(self, pixels: Pixels) -> list[Detection]:
        """Return the faces in (height, width, 3) uint8 RGB pixels, best first."""
        fitted, scale = fit(pixels, self._input_side)
        height, width = pixels.shape[:2]
        return to_detections(_candidates(self.raw(fitted)), scale, width, height)


def _candidates(outputs: list[Array]) -> Candidates:
    heat, size, offset, marks = (output[0] for output in outputs)
    rows, columns = np.nonzero(heat[0] > FLOOR)
    cells = np.stack([columns, rows], axis=1).astype(np.float32)
    # The network gives y before x.
    sides = np.exp(size[::-1, rows, columns].T) * STRIDE
    centres = (cells + offset[::-1, rows, columns].T + 0.5) * STRIDE
    upper_left = centres - sides / 2
    inside = marks[:, rows, columns].T.reshape(-1, 5, 2)[:, :, ::-1]
    landmarks = inside * sides[:, None] + upper_left[:, None]
    return Candidates(np.hstack([upper_left, upper_left + sides]), landmarks, heat[0, rows, columns])
