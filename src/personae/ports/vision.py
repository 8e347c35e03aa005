"""Ports of the eye: pictures, faces, embeddings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from personae.types import Detection, Landmarks, ModelId, Picture, Pixels, Thresholds, Vectors

Decode = Callable[[bytes, int], Picture]
"""(encoded bytes, wanted longer side in pixels) -> Picture whose longer side is at least that,
or the full size where the image is smaller. Raises ImageError."""


class Detector(Protocol):
    """Finds faces."""

    @property
    def model_id(self) -> ModelId: ...

    @property
    def input_side(self) -> int:
        """Longest side, pixels, at which pictures are examined; larger ones are reduced by `detect`."""
        ...

    def detect(self, pixels: Pixels) -> list[Detection]:
        """Return the faces in `pixels`, best first, in coordinates of `pixels`. Safe to call from several threads."""
        ...


class Embedder(Protocol):
    """Turns aligned faces into embeddings."""

    @property
    def model_id(self) -> ModelId: ...

    @property
    def dimension(self) -> int: ...

    @property
    def input_side(self) -> int:
        """Side of the aligned square face, pixels."""
        ...

    @property
    def template(self) -> Landmarks:
        """Where the five landmarks must lie in the aligned face, pixels of `input_side`."""
        ...

    @property
    def thresholds(self) -> Thresholds: ...

    def embed(self, chips: Pixels) -> Vectors:
        """Return unit vectors (n, dimension) of aligned RGB faces (n, side, side, 3) uint8. Thread-safe."""
        ...
