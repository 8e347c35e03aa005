"""Rewrite FaceNet's frozen TensorFlow graph to ONNX."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from personae.adapters.vision.tf_graph import Node, read_graph
from personae.errors import ModelError

Array = NDArray[np.float32]

OPSET = 13


@dataclass
class _Build:
    """What is known of the source, and what is written so far."""

    source: dict[str, Node]
    scaled: frozenset[str]
    """Convolutions that a Mul by a constant follows."""
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[onnx.TensorProto] = field(default_factory=list)

    def constant(self, name: str) -> Array:
        """Value of a Const node as float32."""
        node = self.source[name]
        if node.op != "Const":
            raise ModelError(f"FaceNet's graph is not the known one: {name} is no constant. Pull the model again.")
        return np.asarray(node.tensor, np.float32)

    def weight(self, name: str, value: Array) -> str:
        """Add an initializer and return its name."""
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value, np.float32), name))
        return name

    def emit(self, op: str, inputs: list[str], output: str, **attributes: Any) -> None:
        """Add an ONNX node."""
        self.nodes.append(helper.make_node(op, inputs, [output], **attributes))


def convert(data: bytes) -> bytes:
    """Return FaceNet as an ONNX model with input (n, 3, 160, 160) and output (n, 512), not normalised.

    The layout becomes NCHW, the residual scales are folded into the convolutions before them, and the last
    batch normalisation into the bottleneck's Gemm; otherwise the network is the same.

    Args:
        data: the frozen graph (.pb) of an Inception-ResNet-v1.

    Returns:
        An encoded ONNX model.

    Raises:
        ModelError: the graph is not FaceNet's.

    Source: Schroff, Kalenichenko, Philbin, FaceNet, CVPR 2015; Szegedy et al., Inception-v4, AAAI 2017.
    """
    nodes = {node.name: node for node in read_graph(data)}
    bottleneck = next((node for node in nodes.values() if node.op == "MatMul"), None)
    if bottleneck is None:
        raise ModelError("FaceNet's graph is not the known one: no bottleneck. Pull the model again.")
    ordered = _sorted(nodes, bottleneck)
    build = _Build(nodes, frozenset(node.inputs[1] for node in ordered if node.op == "Mul"))
    for node in ordered[:-1]:
        _body(build, node)
    return _encode(build, _head(build, bottleneck))


def _sorted(nodes: dict[str, Node], last: Node) -> list[Node]:
    """Return `last` and all it depends on, each after its inputs."""
    done: dict[str, Node] = {}
    open_nodes = [last]
    while open_nodes:
        node = open_nodes[-1]
        missing = [nodes[name] for name in node.inputs if name not in done]
        if missing:
            open_nodes.extend(missing)
        else:
            done[node.name] = open_nodes.pop()
    return list(done.values())


def _encode(build: _Build, size: int) -> bytes:
    graph = helper.make_graph(
        build.nodes,
        "facenet",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 3, 160, 160])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", size])],
        build.weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="personae")
    model.ir_version = 8
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise ModelError("FaceNet's graph is not the known one. Pull the model again.") from error
    return bytes(model.SerializeToString())


def _body(build: _Build, node: Node) -> None:
    """Write one node of the convolutional part."""
    if node.op == "BiasAdd":
        # A scaled one is written with its scale, by the Mul that follows.
        if node.name not in build.scaled:
            _convolution(build, node, node.name, 1.0)
    elif node.op == "Mul":
        scale, inner = node.inputs
        _convolution(build, build.source[inner], node.name, float(build.constant(scale)))
    elif node.op in ("Relu", "Add"):
        build.emit(node.op, list(node.inputs), node.name)
    elif node.op == "ConcatV2":
        build.emit("Concat", list(node.inputs[:-1]), node.name, axis=1)
    elif node.op in ("MaxPool", "AvgPool"):
        op = "MaxPool" if node.op == "MaxPool" else "AveragePool"
        build.emit(op, list(node.inputs), node.name, kernel_shape=node.window, strides=node.strides)
    elif node.op == "Reshape":
        build.emit("Flatten", [node.inputs[0]], node.name, axis=1)
    elif node.op not in ("Const", "Placeholder", "Conv2D"):
        raise ModelError(f"FaceNet's graph is not the known one: it has a {node.op}. Pull the model again.")


def _convolution(build: _Build, bias: Node, output: str, scale: float) -> None:
    """Write a Conv2D with its bias, both multiplied by `scale`."""
    conv = build.source[bias.inputs[0]]
    if conv.op != "Conv2D":
        raise ModelError(f"FaceNet's graph is not the known one at {bias.name}. Pull the model again.")
    kernel = build.constant(conv.inputs[1])
    height, width = kernel.shape[:2]
    if conv.padded and conv.strides != [1, 1]:
        raise ModelError(f"FaceNet's graph is not the known one at {conv.name}. Pull the model again.")
    pads = [(height - 1) // 2, (width - 1) // 2] * 2 if conv.padded else [0] * 4
    inputs = [
        conv.inputs[0],
        build.weight(f"{output}/kernel", kernel.transpose(3, 2, 0, 1) * np.float32(scale)),
        build.weight(f"{output}/bias", build.constant(bias.inputs[1]) * np.float32(scale)),
    ]
    build.emit("Conv", inputs, output, kernel_shape=[height, width], strides=conv.strides, pads=pads)


def _head(build: _Build, node: Node) -> int:
    """Write the bottleneck, batch normalisation folded in; return its dimension."""
    norm = next((each for each in build.source.values() if each.op == "FusedBatchNorm"), None)
    if norm is None:
        raise ModelError("FaceNet's graph is not the known one: no batch normalisation. Pull the model again.")
    gamma, beta, mean, variance = (build.constant(name) for name in norm.inputs[1:])
    factor = gamma / np.sqrt(variance + np.float32(norm.epsilon))
    kernel = build.constant(node.inputs[1]) * factor
    inputs = [node.inputs[0], build.weight("kernel", kernel), build.weight("bias", beta - mean * factor)]
    build.emit("Gemm", inputs, "embedding")
    return int(kernel.shape[1])
