"""Networks that find faces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from personae.adapters.vision.candidates import Array, Candidates, to_detections
from personae.adapters.vision.onnx import Network
from personae.adapters.vision.pixels import Normalisation, fit, to_blob
from personae.errors import ModelError
from personae.types import Detection, ModelId, Pixels


@dataclass(frozen=True, slots=True)
class Family:
    """What the detectors of one design have in common."""

    name: str
    fits: Callable[[Network], bool]
    """Whether a network is of this family, by its outputs."""
    candidates: Callable[[dict[str, Array], int, int], Candidates]
    """(outputs by name in the network's order, height and width of its input) -> possible faces."""


class NetworkDetector:
    """A detector of any family. Safe to use from several threads."""

    def __init__(
        self, model_id: ModelId, network: Network, normalisation: Normalisation, input_side: int, family: Family
    ) -> None:
        if not family.fits(network):
            shapes = dict(zip(network.output_names, network.output_shapes, strict=True))
            raise ModelError(f"{model_id} is not a {family.name} network with landmarks: its outputs are {shapes}.")
        self._model_id = model_id
        self._network = network
        self._normalisation = normalisation
        self._input_side = input_side
        self._family = family

    @property
    def model_id(self) -> ModelId:
        """The entry's id."""
        return self._model_id

    @property
    def input_side(self) -> int:
        """Longest side at which pictures are examined, pixels."""
        return self._input_side

    def raw(self, pixels: Pixels) -> list[Array]:
        """Return the network's own outputs for a picture whose sides are whole steps."""
        return self._network.run(to_blob(pixels[None], self._normalisation))

    def detect(self, pixels: Pixels) -> list[Detection]:
        """Return the faces in a picture, best first.

        Args:
            pixels: (height, width, 3) uint8 RGB, of any size; examined at no more than `input_side`.

        Returns:
            Detections in coordinates of `pixels`; empty when there is no face.

        Raises:
            ModelError: the network failed.
        """
        fitted, scale = fit(pixels, self._input_side)
        outputs = dict(zip(self._network.output_names, self.raw(fitted), strict=True))
        candidates = self._family.candidates(outputs, fitted.shape[0], fitted.shape[1])
        return to_detections(candidates, scale, pixels.shape[1], pixels.shape[0])
