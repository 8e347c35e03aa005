"""Fakes that pass the same contract tests as the real adapters."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator

import numpy as np

from personae.errors import InputError, NotFound
from personae.ports import Learnt
from personae.types import Digest


class MemoryFiles:
    """`personae.ports.Files` in memory."""

    def __init__(self) -> None:
        self._data: dict[Digest, bytes] = {}

    def put(self, data: bytes) -> Digest:
        """See the port."""
        digest = Digest(hashlib.sha256(data).hexdigest())
        self._data[digest] = bytes(data)
        return digest

    def get(self, digest: Digest) -> bytes:
        """See the port."""
        if digest not in self._data:
            raise NotFound(f"there is no file {digest}")
        return self._data[digest]

    def delete(self, digest: Digest) -> None:
        """See the port."""
        self._data.pop(digest, None)

    def leftovers(self) -> list[str]:
        """See the port; memory has none."""
        return []

    def sweep(self) -> None:
        """See the port."""

    def __contains__(self, digest: Digest) -> bool:
        return digest in self._data

    def __iter__(self) -> Iterator[Digest]:
        return iter(sorted(self._data))


class MemoryHeads:
    """`personae.ports.HeadFiles` in memory."""

    def __init__(self) -> None:
        self._kept: dict[str, Learnt] = {}

    def save(self, name: str, learnt: Learnt) -> None:
        """See the port."""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]{0,99}", name):
            raise InputError(f"{name!r} is no name of a head")
        if any(array.dtype != np.float32 for array in learnt.arrays.values()):
            raise InputError("only float32 is kept")
        try:
            note = json.loads(json.dumps(dict(learnt.note), allow_nan=False))
        except (ValueError, TypeError) as error:
            raise InputError(f"what is noted of {name} is no JSON: {error}") from error
        self._kept[name] = Learnt({key: array.copy() for key, array in learnt.arrays.items()}, note)

    def load(self, name: str) -> Learnt:
        """See the port."""
        if name not in self._kept:
            raise NotFound(f"there is no head {name}")
        return self._kept[name]

    def names(self) -> list[str]:
        """See the port."""
        return sorted(self._kept)

    def delete(self, name: str) -> None:
        """See the port."""
        self._kept.pop(name, None)


class MemoryCopies:
    """`personae.ports.Copies` in memory."""

    def __init__(self) -> None:
        self._data: dict[Digest, dict[int, bytes]] = {}

    def get(self, photo: Digest, side: int) -> bytes | None:
        """See the port."""
        return self._data.get(photo, {}).get(side)

    def has(self, photo: Digest, side: int) -> bool:
        """See the port."""
        return bool(self.get(photo, side))

    def put(self, photo: Digest, side: int, data: bytes) -> None:
        """See the port."""
        self._data.setdefault(photo, {})[side] = bytes(data)

    def delete(self, photo: Digest) -> None:
        """See the port."""
        self._data.pop(photo, None)

    def __iter__(self) -> Iterator[Digest]:
        return iter(sorted(self._data))
