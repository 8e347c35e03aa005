"""YuNet: a very small and fast detector with landmarks."""

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
OUTPUTS = tuple(f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in STRIDES)


class YuNet:
    """The detector of Wu, Peng, Yu, YuNet: A Tiny Millisecond-level Face Detector, 2023."""

    def __init__(self, model_id: ModelId, network: Network, normalisation: Normalisation, input_side: int) -> None:
        if not set(OUTPUTS) <= set(network.output_names):
            raise ModelError(f"{model_id} is not a YuNet network: its outputs are {network.output_names}.")
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
        """Return the network's own outputs for an already fitted picture, in the order of `OUTPUTS`."""
        outputs = self._network.run(to_blob(pixels[None], self._normalisation))
        named = dict(zip(self._network.output_names, outputs, strict=True))
        return [named[name] for name in OUTPUTS]

    def detect(self, pixels: Pixels) -> list[Detection]:
        """Return the faces in (height, width, 3) uint8 RGB pixels, best first."""
        fitted, scale = fit(pixels, self._input_side)
        outputs = dict(zip(OUTPUTS, self.raw(fitted), strict=True))
        parts = [_candidates(outputs, stride, *fitted.shape[:2]) for stride in STRIDES]
        height, width = pixels.shape[:2]
        return to_detections(join(parts), scale, width, height)


def _candidates(outputs: dict[str, Array], stride: int, height: int, width: int) -> Candidates:
    one_of_two = outputs[f"cls_{stride}"][0, :, 0] * outputs[f"obj_{stride}"][0, :, 0]
    scores = np.sqrt(np.clip(one_of_two, 0, 1))
    chosen = scores > FLOOR
    cells = grid(height // stride, width // stride, stride)[chosen]
    box = outputs[f"bbox_{stride}"][0][chosen]
    centres = cells + box[:, :2] * stride
    half = np.exp(box[:, 2:]) * stride / 2
    landmarks = cells[:, None] + outputs[f"kps_{stride}"][0][chosen].reshape(-1, 5, 2) * stride
    return Candidates(np.hstack([centres - half, centres + half]), landmarks, scores[chosen])
