"""From an entry of the registry to a model that runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from personae.adapters.vision import golden
from personae.adapters.vision.centerface import CENTERFACE
from personae.adapters.vision.detector import NetworkDetector
from personae.adapters.vision.embedder import AlignedEmbedder
from personae.adapters.vision.entries import Entry
from personae.adapters.vision.onnx import Network
from personae.adapters.vision.pixels import Normalisation, View
from personae.adapters.vision.scrfd import SCRFD
from personae.adapters.vision.yunet import YUNET
from personae.core.geometry import place_template
from personae.errors import ModelError
from personae.ports import Detector, Embedder
from personae.types import ModelId

if TYPE_CHECKING:
    from personae.adapters.vision.registry import Registry

AnyModel = NetworkDetector | AlignedEmbedder

_FAMILIES = {"centerface": CENTERFACE, "yunet": YUNET, "scrfd": SCRFD}


def load_detector(registry: Registry, model_id: str, device: str = "auto", threads: int = 1) -> Detector:
    """Return a detector, checked by its hash and its golden vectors.

    Args:
        registry: of models.
        model_id: of a detector whose file is there.
        device: auto, cpu or cuda.
        threads: of one run; one is best when several threads call it at once.

    Raises:
        ModelError: it is missing, damaged, does not give its known outputs, or is no detector.
    """
    model = load(registry, model_id, device, threads)
    if isinstance(model, AlignedEmbedder):
        raise ModelError(f"{model_id} is an embedder, not a detector. Run: personae models list")
    return model


def load_embedder(registry: Registry, model_id: str, device: str = "auto", threads: int = 1) -> Embedder:
    """Return an embedder, checked like `load_detector` does.

    Raises:
        ModelError: it is missing, damaged, does not give its known outputs, or is no embedder.
    """
    model = load(registry, model_id, device, threads)
    if not isinstance(model, AlignedEmbedder):
        raise ModelError(f"{model_id} is a detector, not an embedder. Run: personae models list")
    return model


def load(registry: Registry, model_id: str, device: str, threads: int = 1) -> AnyModel:
    """Return a model of either task, checked by its hash and its golden vectors."""
    entry = registry.entry(model_id)
    model = build(entry, registry.path(model_id), device, threads)
    golden.check(model, entry.golden)
    return model


def build(entry: Entry, path: Path, device: str, threads: int) -> AnyModel:
    """Return a model, not yet checked by golden vectors.

    Args:
        entry: what is known of it.
        path: of its ONNX file.
        device: auto, cpu or cuda.
        threads: of one run.

    Raises:
        ModelError: the file is no network, or not of the kind or dimension the entry says.
    """
    network = Network(path, device, threads)
    model_id = ModelId(entry.id)
    normalisation = Normalisation(entry.channels, entry.mean, entry.std)
    if entry.adapter != "aligned":
        return NetworkDetector(model_id, network, normalisation, entry.input_side, _FAMILIES[entry.adapter])
    if entry.thresholds is None:
        raise ModelError(f"{entry.id} has no thresholds: add them to its entry in models.toml.")
    side = entry.input_side
    view = View(place_template(entry.template, side), side, entry.columns or side)
    model = AlignedEmbedder(model_id, network, normalisation, view, entry.thresholds)
    if (model.dimension, model.network_side) != (entry.dimension, view.columns):
        raise ModelError(
            f"{entry.id} should give {entry.dimension} numbers of {view.columns} pixels, but its file "
            f"gives {model.dimension} of {model.network_side}: it is another network. Correct its entry in "
            f"models.toml, or run: personae models pull {entry.id}"
        )
    return model
