"""Synthetic faces with known people, made once and kept in the cache."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import CACHE, SHARED
from personae.types import Labels, Vectors

TOOL = SHARED / "tools" / "facegen.py"
FOLDER = CACHE / "synthetic"


def available() -> bool:
    """Return whether the generator is here."""
    return TOOL.is_file()


def faces(count: int) -> Path:
    """Return a .npy file of (count, 512) float32 unit rows, which is made the first time."""
    file = FOLDER / f"faces-{count}.npy"
    if not file.is_file():
        vectors, people, _ = generator().make_faces(count)
        _save(FOLDER / f"people-{count}.npy", people)
        _save(file, vectors)
    return file


def people(count: int) -> Labels:
    """Return the (count,) int64 person of each of `faces(count)`."""
    faces(count)
    labels: Labels = np.load(FOLDER / f"people-{count}.npy")
    return labels


def loaded(count: int) -> tuple[Vectors, Labels]:
    """Return the faces in memory, and their people."""
    return np.load(faces(count)), people(count)


def generator() -> Any:
    """Return the module that makes faces, and says which of them are labelled."""
    spec = importlib.util.spec_from_file_location(TOOL.stem, TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _save(file: Path, rows: NDArray[Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f"unfinished-{file.name}")
    np.save(unfinished, rows)
    unfinished.replace(file)
