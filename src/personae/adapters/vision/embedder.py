"""Networks that turn an aligned face into an embedding."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from personae.adapters.vision.onnx import Network
from personae.adapters.vision.pixels import Normalisation, View, look, to_blob
from personae.errors import InputError, ModelError
from personae.types import Landmarks, ModelId, Pixels, Thresholds, Vectors

Array = NDArray[np.float32]


class AlignedEmbedder:
    """Any network of the ArcFace or FaceNet kind: one aligned face in, one vector out.

    What tells them apart is data from the registry: template, window, channel order and normalisation.
    """

    def __init__(
        self, model_id: ModelId, network: Network, normalisation: Normalisation, view: View, thresholds: Thresholds
    ) -> None:
        sides, dimension = network.input_shape[2:], network.output_shapes[0][-1]
        if len(sides) != 2 or sides[0] is None or sides[0] != sides[1] or dimension is None:
            raise ModelError(
                f"{model_id} is no network of aligned faces: it takes {network.input_shape} "
                f"and gives {network.output_shapes}."
            )
        self._model_id = model_id
        self._network = network
        self._normalisation = normalisation
        self._view = view
        self._thresholds = thresholds
        self._network_side = sides[0]
        self._dimension = dimension
        self._one_by_one = network.input_shape[0] == 1

    @property
    def model_id(self) -> ModelId:
        """The entry's id."""
        return self._model_id

    @property
    def dimension(self) -> int:
        """Numbers in a vector."""
        return self._dimension

    @property
    def network_side(self) -> int:
        """Side of the square the network takes, pixels."""
        return self._network_side

    @property
    def input_side(self) -> int:
        """Side of the aligned face, pixels."""
        return self._view.side

    @property
    def template(self) -> Landmarks:
        """Where the five landmarks lie in the aligned face."""
        return self._view.template

    @property
    def thresholds(self) -> Thresholds:
        """Of this model, measured."""
        return self._thresholds

    def embed(self, chips: Pixels) -> Vectors:
        """Return unit vectors of aligned faces.

        Args:
            chips: (n, side, side, 3) uint8 RGB; n may be 0.

        Returns:
            (n, dimension) float32.

        Raises:
            InputError: the faces have another size.
            ModelError: the network failed, or gave numbers that are not finite.
        """
        side = self._view.side
        if chips.shape[1:] != (side, side, 3):
            raise InputError(f"{self._model_id} takes aligned faces of {side} pixels, not {chips.shape[1:]}.")
        if not len(chips):
            return np.empty((0, self._dimension), np.float32)
        blob = to_blob(look(chips, self._view.columns, self._network_side), self._normalisation)
        parts = [blob[i : i + 1] for i in range(len(blob))] if self._one_by_one else [blob]
        raw = np.concatenate([self._network.run(part)[0].reshape(len(part), -1) for part in parts])
        return _unit(raw, self._model_id)


def _unit(raw: Array, model_id: ModelId) -> Vectors:
    lengths = np.linalg.norm(raw, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise ModelError(f"{model_id} gave a vector without direction. Run: personae models check {model_id}")
    unit: Vectors = (raw / lengths).astype(np.float32)
    return unit
