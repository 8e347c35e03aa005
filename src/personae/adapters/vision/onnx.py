"""Networks in ONNX Runtime: how a session is made and run, apart from what the network means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as state

from personae.errors import ModelError

Array = NDArray[np.float32]

# ONNX Runtime's errors have no common base below Exception.
VENDOR_ERRORS = (
    state.EPFail,
    state.EngineError,
    state.Fail,
    state.InvalidArgument,
    state.InvalidGraph,
    state.InvalidProtobuf,
    state.ModelLoadCanceled,
    state.ModelLoaded,
    state.ModelRequiresCompilation,
    state.NoModel,
    state.NoSuchFile,
    state.NotImplemented,
    state.NotFound,
    state.RuntimeException,
    RuntimeError,
    ValueError,
)

CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"


class Network:
    """A loaded network with one input. Safe to run from several threads at once.

    With one thread a session, callers in parallel are the fastest use of a processor's cores.
    """

    def __init__(self, path: Path, device: str = "auto", threads: int = 1) -> None:
        try:
            self._session = ort.InferenceSession(str(path), _options(threads), providers=_providers(device))
        except VENDOR_ERRORS as error:
            raise ModelError(f"{path.name} cannot be loaded: {error}. Pull the model again.") from error
        self._path = path
        self._input = self._session.get_inputs()[0].name

    @property
    def input_shape(self) -> list[int | None]:
        """Dimensions of the input; None where any size will do."""
        return [dim if isinstance(dim, int) else None for dim in self._session.get_inputs()[0].shape]

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs, in the order of `run`."""
        return [output.name for output in self._session.get_outputs()]

    @property
    def output_shapes(self) -> list[list[int | None]]:
        """Dimensions of the outputs; None where they depend on the input."""
        return [[dim if isinstance(dim, int) else None for dim in each.shape] for each in self._session.get_outputs()]

    @property
    def provider(self) -> str:
        """Where it runs: cpu or cuda."""
        return "cuda" if self._session.get_providers()[0] == CUDA else "cpu"

    def run(self, blob: Array) -> list[Array]:
        """Return all outputs for one input.

        Args:
            blob: float32 array of the network's input shape.

        Returns:
            One float32 array an output, in the order of `output_names`.

        Raises:
            ModelError: the network does not accept the input, or failed.
        """
        try:
            outputs: list[Array] = self._session.run(None, {self._input: blob})
        except VENDOR_ERRORS as error:
            raise ModelError(f"{self._path.name} failed on an input of shape {blob.shape}: {error}.") from error
        return outputs


def _options(threads: int) -> Any:
    # session.set_denormal_as_zero is left alone: it changes the arithmetic of the calling thread for good, NumPy's
    # included, and not that of other callers. Small weights are set to zero in `prepare` instead.
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return options


def _providers(device: str) -> list[str]:
    if device == "cpu":
        return [CPU]
    present = CUDA in ort.get_available_providers()
    if device == "cuda" and not present:
        raise ModelError("device = cuda, but ONNX Runtime has no CUDA here: install onnxruntime-gpu, or use cpu.")
    return [CUDA, CPU] if present else [CPU]
