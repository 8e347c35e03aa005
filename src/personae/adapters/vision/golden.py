"""Fixed inputs whose outputs are known: they catch wrong weights and wrong preprocessing alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from personae.adapters.vision.detector import NetworkDetector
from personae.adapters.vision.embedder import AlignedEmbedder
from personae.errors import ModelError
from personae.types import Pixels

TOLERANCE = 0.02
"""Largest difference, as a share of the spread of the known numbers (a wrong channel order moves them by far more)."""

COMPONENTS = 16
"""Numbers kept of an embedding."""
DETECTOR_SIDE = 160
"""Side of the picture a detector is checked on, pixels."""


def pattern(side: int) -> Pixels:
    """Return a drawing of a face, made of formulas alone; the colours differ so that no two channels are alike.

    Args:
        side: pixels.

    Returns:
        (side, side, 3) uint8 RGB.
    """
    y, x = np.mgrid[:side, :side] / (side - 1) * 2 - 1
    layers = [
        (0.62, 0.86, 0.0, 0.05, (214, 150, 118)),
        (0.13, 0.08, -0.30, -0.12, (40, 60, 90)),
        (0.13, 0.08, 0.30, -0.12, (40, 60, 90)),
        (0.07, 0.18, 0.0, 0.12, (188, 112, 84)),
        (0.26, 0.08, 0.0, 0.47, (168, 38, 60)),
    ]
    canvas = np.stack([60 + 30 * np.sin(3 * x + y), 110 + 40 * np.cos(2 * y), 170 + 50 * np.sin(2 * x * y)], axis=-1)
    for width, height, across, down, colour in layers:
        beyond = ((x - across) / width) ** 2 + ((y - down) / height) ** 2 - 1
        inside = 1 / (1 + np.exp(np.clip(12 * beyond, -50, 50)))
        canvas = canvas * (1 - inside[..., None]) + np.array(colour) * inside[..., None]
    return canvas.round().astype(np.uint8)


def numbers(model: NetworkDetector | AlignedEmbedder) -> list[float]:
    """Return the numbers by which a model is known.

    Args:
        model: loaded.

    Returns:
        Of an embedder, the first components of the embedding of `pattern`; of a detector, mean and spread of each
        output of its network on it.
    """
    if isinstance(model, NetworkDetector):
        outputs = model.raw(pattern(DETECTOR_SIDE))
        return [round(float(each), 5) for output in outputs for each in (output.mean(), output.std())]
    vector = model.embed(pattern(model.input_side)[None])[0]
    return [round(float(each), 5) for each in vector[:COMPONENTS]]


def check(model: NetworkDetector | AlignedEmbedder, known: Sequence[float]) -> None:
    """Compare a model with its known numbers.

    Args:
        model: loaded.
        known: from `numbers`, as the registry holds them.

    Raises:
        ModelError: they differ.
    """
    found = np.array(numbers(model))
    wanted = np.array(known)
    if found.shape != wanted.shape or not difference(found, wanted) <= TOLERANCE:
        raise ModelError(
            f"{model.model_id} does not give the outputs it is known for: its preprocessing or its weights differ. "
            f"Run: personae models pull {model.model_id}"
        )


def difference(found: NDArray[np.float64], wanted: NDArray[np.float64]) -> float:
    """Return the largest difference as a share of the root mean square of the known numbers."""
    return float(np.abs(found - wanted).max() / max(1e-6, float(np.sqrt((wanted**2).mean()))))
