"""Turn a model file as published into the one that is run."""

from __future__ import annotations

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import numpy_helper

from personae.adapters.vision import facenet_convert
from personae.errors import ModelError

TINY = np.float32(1e-12)
"""Weights nearer to zero than this are noise, and slow: some are denormal numbers."""


def prepare(how: str, data: bytes) -> bytes:
    """Return the model that is run.

    Args:
        how: `facenet` (frozen TensorFlow graph to ONNX), `free_batch` or `free_size` (see `free`).
        data: the file as published.

    Returns:
        An encoded ONNX model.

    Raises:
        ModelError: the bytes are not such a model.
    """
    if how == "facenet":
        return facenet_convert.convert(data)
    if how not in ("free_batch", "free_size"):
        raise ModelError(f"models.toml: prepare = {how!r} is unknown; use facenet, free_batch or free_size.")
    return free(data, sides=how == "free_size")


def free(data: bytes, *, sides: bool) -> bytes:
    """Return an ONNX model that takes any number of inputs, its near-zero weights set to zero.

    Args:
        data: an encoded ONNX model with fixed input dimensions.
        sides: free the height and width of inputs and outputs as well.

    Returns:
        An encoded ONNX model.

    Raises:
        ModelError: the bytes are not an ONNX model.
    """
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise ModelError("The file is not an ONNX model: pull the model again.") from error
    shapes = {name for node in model.graph.node if node.op_type == "Reshape" for name in node.input[1:]}
    for weight in model.graph.initializer:
        if weight.data_type == onnx.TensorProto.FLOAT:
            _flush(weight)
        elif weight.name in shapes:
            _keep_batch(weight)
    initializers = {weight.name for weight in model.graph.initializer}
    for value in [*model.graph.input, *model.graph.output]:
        if value.name not in initializers:
            _free_dims(value, sides=sides)
    return bytes(model.SerializeToString())


def _flush(weight: onnx.TensorProto) -> None:
    values = numpy_helper.to_array(weight)
    small = np.abs(values) < TINY
    if small.any():
        weight.CopyFrom(numpy_helper.from_array(np.where(small, np.float32(0), values), weight.name))


def _keep_batch(weight: onnx.TensorProto) -> None:
    """Let a Reshape to one row keep as many rows as it is given."""
    shape = numpy_helper.to_array(weight).copy()
    if shape.size > 1 and shape[0] == 1:
        shape[0] = 0
        weight.CopyFrom(numpy_helper.from_array(shape, weight.name))


def _free_dims(value: onnx.ValueInfoProto, *, sides: bool) -> None:
    for axis, dim in enumerate(value.type.tensor_type.shape.dim):
        if axis == 0:
            dim.dim_param = "n"
        elif axis > 1 and sides:
            dim.dim_param = f"{value.name}_{axis}"
