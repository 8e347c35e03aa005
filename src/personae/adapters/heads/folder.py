"""Heads in a folder: NAME.json says what it is and names the safetensors file that holds the numbers."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
from pathlib import Path

from personae.adapters.heads.tensors import pack, unpack
from personae.errors import BackendError, InputError, ModelError, NotFound
from personae.ports import Learnt

FORMAT = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,99}")
_TEMPORARY = ".new"
_FULL = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the quota on the disk is used up"}


class FolderHeads:
    """`personae.ports.HeadFiles` in a folder.

    The numbers lie under a name with their own SHA-256, and the note is renamed into its place when they are on the
    disk: whatever is killed, a note always has all of its numbers (law 2).
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def save(self, name: str, learnt: Learnt) -> None:
        """See the port."""
        data = pack(learnt.arrays)
        digest = hashlib.sha256(data).hexdigest()
        kept = {"format": FORMAT, "sha256": digest, "note": dict(learnt.note)}
        try:
            text = json.dumps(kept, indent=1, allow_nan=False).encode()
        except (ValueError, TypeError) as error:
            raise InputError(f"what is noted of {name} is no JSON: {error}") from error
        place, numbers = self._place(name), self._numbers(name, digest)
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(numbers, data)
            _write(place, text)
            self._clean(name, numbers)
        except OSError as error:
            raise self._failed(error) from error

    def load(self, name: str) -> Learnt:
        """See the port."""
        place = self._place(name)
        try:
            kept = json.loads(place.read_bytes())
            digest, note, form = str(kept["sha256"]), dict(kept["note"]), kept["format"]
            data = self._numbers(name, digest).read_bytes()
        except FileNotFoundError as error:
            if not place.exists():
                raise NotFound(f"there is no head {name}") from error
            raise ModelError(f"the head {name} is damaged: its numbers are missing") from error
        except OSError as error:
            raise BackendError(f"{place} cannot be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(f"the head {name} is damaged: {place.name} cannot be read") from error
        if form != FORMAT:
            raise ModelError(f"the head {name} is of format {form}, which this version does not read")
        if hashlib.sha256(data).hexdigest() != digest:
            raise ModelError(f"the head {name} is damaged: its numbers do not match their SHA-256")
        return Learnt(unpack(data), note)

    def names(self) -> list[str]:
        """See the port."""
        return sorted(path.stem for path in self._root.glob("*.json") if _NAME.fullmatch(path.stem))

    def delete(self, name: str) -> None:
        """See the port."""
        try:
            self._place(name).unlink(missing_ok=True)
            self._clean(name, None)
        except OSError as error:
            raise self._failed(error) from error

    def _place(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise InputError(f"{name!r} is no name of a head")
        return self._root / f"{name}.json"

    def _numbers(self, name: str, digest: str) -> Path:
        return self._root / f"{name}_{digest[:16]}.safetensors"

    def _clean(self, name: str, kept: Path | None) -> None:
        """Remove the numbers that were replaced, and what a killed process began."""
        for pattern in (f"{name}_*.safetensors", f"{name}_*{_TEMPORARY}", f"{name}.json.*{_TEMPORARY}"):
            for path in self._root.glob(pattern):
                if path != kept:
                    path.unlink(missing_ok=True)

    def _failed(self, error: OSError) -> BackendError:
        what = _FULL.get(error.errno or 0, error.strerror)
        return BackendError(f"the folder {self._root} cannot be written: {what}")


def _write(path: Path, data: bytes) -> None:
    """Write a file atomically."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}{_TEMPORARY}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    """Make names in the folder durable; Windows has no such call, and needs none."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
