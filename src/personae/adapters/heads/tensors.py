"""Arrays as bytes in the safetensors format: a header of JSON, then the numbers; nothing in it is ever run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from personae.errors import InputError, ModelError
from personae.types import Vectors

_LENGTH = 8
"""Bytes that say how long the header is, little-endian."""
_LONGEST_HEADER = 10**6


def pack(arrays: Mapping[str, Vectors]) -> bytes:
    """Return arrays as one file.

    Args:
        arrays: float32, of any shape, by name.

    Raises:
        InputError: one is not float32.

    Source: the safetensors format, version 0.
    """
    header: dict[str, object] = {}
    body = []
    start = 0
    for name, array in sorted(arrays.items()):
        if array.dtype != np.float32:
            raise InputError(f"{name} is of {array.dtype}, and only float32 is kept")
        data = np.ascontiguousarray(array).astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [start, start + len(data)]}
        body.append(data)
        start += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    # The numbers begin at a multiple of eight.
    text += b" " * (-len(text) % _LENGTH)
    return len(text).to_bytes(_LENGTH, "little") + text + b"".join(body)


def unpack(data: bytes) -> dict[str, Vectors]:
    """Return the arrays of a file.

    Raises:
        ModelError: it is not of this format, torn, or holds other than float32.

    Source: the safetensors format, version 0.
    """
    length = int.from_bytes(data[:_LENGTH], "little")
    if len(data) < _LENGTH or length > min(_LONGEST_HEADER, len(data) - _LENGTH):
        raise ModelError("no safetensors file: its header does not fit")
    try:
        header = json.loads(data[_LENGTH : _LENGTH + length])
        body = memoryview(data)[_LENGTH + length :]
        return {name: _array(entry, body) for name, entry in header.items() if name != "__metadata__"}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError("no safetensors file: its header cannot be read") from error


def _array(entry: Mapping[str, Any], body: memoryview) -> Vectors:
    start, end = entry["data_offsets"]
    shape = [int(side) for side in entry["shape"]]
    if entry["dtype"] != "F32" or min(shape, default=0) < 0 or not 0 <= start <= end <= len(body):
        raise ValueError("not an array of float32")
    if end - start != 4 * prod(shape):
        raise ValueError("shape and bytes differ")
    return np.frombuffer(body[start:end], "<f4").reshape(shape).astype(np.float32)
