"""Read a frozen TensorFlow graph without TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personae.errors import ModelError

Value = int | memoryview

_DTYPES: dict[int, type[np.generic]] = {1: np.float32, 3: np.int32, 9: np.int64}
"""TensorFlow's DataType numbers that face networks use."""


@dataclass(frozen=True, slots=True)
class Node:
    """One operation of the graph."""

    name: str
    op: str
    inputs: tuple[str, ...]
    attributes: dict[str, memoryview]
    """Encoded AttrValue messages by name."""

    @property
    def strides(self) -> list[int]:
        """Steps along height and width."""
        return self._numbers("strides")[1:3]

    @property
    def window(self) -> list[int]:
        """Height and width of a pooling window."""
        return self._numbers("ksize")[1:3]

    @property
    def padded(self) -> bool:
        """Whether the output is as large as the input."""
        return bytes(_last(self.attributes["padding"], 2)) == b"SAME"

    @property
    def epsilon(self) -> float:
        """The small number of a batch normalisation."""
        return float(np.frombuffer(_last(self.attributes["epsilon"], 4), np.float32)[0])

    @property
    def tensor(self) -> NDArray[np.generic]:
        """The value of a constant."""
        return _tensor(_last(self.attributes["value"], 8))

    def _numbers(self, attribute: str) -> list[int]:
        return list(_varints(_last(_last(self.attributes[attribute], 1), 3)))


def read_graph(data: bytes) -> list[Node]:
    """Return the nodes of an encoded GraphDef, in its order.

    Args:
        data: the bytes of a frozen graph (.pb).

    Returns:
        Nodes; input names are without their output number, control inputs left out.

    Raises:
        ModelError: the bytes are not a GraphDef.

    Source: graph.proto, node_def.proto, attr_value.proto and tensor.proto of TensorFlow; Protocol Buffers encoding.
    """
    try:
        return [_node(_bytes(value)) for number, value in _fields(memoryview(data)) if number == 1]
    except (IndexError, KeyError, UnicodeDecodeError, ValueError) as error:
        raise ModelError("The file is not a frozen TensorFlow graph: pull the model again.") from error


def _node(data: memoryview) -> Node:
    name, op, inputs, attributes = "", "", [], {}
    for number, value in _fields(data):
        if number == 1:
            name = _text(value)
        elif number == 2:
            op = _text(value)
        elif number == 3 and not _text(value).startswith("^"):
            inputs.append(_text(value).split(":")[0])
        elif number == 5:
            entry = dict(_fields(_bytes(value)))
            attributes[_text(entry[1])] = _bytes(entry[2])
    return Node(name, op, tuple(inputs), attributes)


def _tensor(data: memoryview) -> NDArray[np.generic]:
    parts = dict(_fields(data))
    dtype = _DTYPES[int(parts[1])]
    shape = [_size(_bytes(value)) for number, value in _fields(_bytes(parts.get(2, memoryview(b"")))) if number == 2]
    if 4 in parts:
        values = np.frombuffer(_bytes(parts[4]), dtype)
    elif 5 in parts:
        values = np.frombuffer(_bytes(parts[5]), np.float32)
    else:
        value = parts.get(7, 0)
        values = np.array([value] if isinstance(value, int) else list(_varints(value)), np.int64).astype(dtype)
    # A single number stands for a whole tensor of it.
    return values.reshape(shape) if values.size == np.prod(shape) else np.broadcast_to(values, shape)


def _size(data: memoryview) -> int:
    return int(dict(_fields(data)).get(1, 0))


def _last(data: memoryview, number: int) -> memoryview:
    return _bytes(dict(_fields(data))[number])


def _bytes(value: Value) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number where bytes were expected")  # noqa: TRY004 - malformed input, not a caller's mistake
    return value


def _text(value: Value) -> str:
    return bytes(_bytes(value)).decode()


def _fields(data: memoryview) -> Iterator[tuple[int, Value]]:
    """Yield (field number, value) of one message: a number, or the bytes of anything else."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        wire = key & 7
        if wire == 0:
            number, at = _varint(data, at)
            yield key >> 3, number
            continue
        if wire == 2:
            size, at = _varint(data, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if at + size > len(data):
            raise ValueError("the message ends early")
        yield key >> 3, data[at : at + size]
        at += size


def _varints(data: memoryview) -> Iterator[int]:
    at = 0
    while at < len(data):
        number, at = _varint(data, at)
        yield number


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return (number - (1 << 64) if number >> 63 else number), at
        shift += 7
