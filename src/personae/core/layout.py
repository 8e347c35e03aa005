"""Faces in two dimensions: those that look alike lie together.

The vectors are reduced to the directions in which they differ most. Each row is joined with its nearest neighbours,
and points are moved until neighbours lie together and others apart. The same vectors give the same places on the same
machine.

Source: McInnes, Healy and Melville 2018 (UMAP), with the Cauchy kernel of van der Maaten and Hinton 2008; starting
from the principal components as by Kobak and Linderman 2021.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from personae.core import layout_kernels
from personae.types import Scores, Vectors

DIRECTIONS = 128
"""Directions that are kept of the vectors."""
LEARNT_FROM = 20_000
"""Rows that the directions are found from."""
NEIGHBOURS = 15
"""Neighbours that a row is joined with."""
EPOCHS = 200
"""Times that the points are moved, of many faces; see `_epochs`."""
PUSHES = 5
"""Points that each moved point is pushed from."""
STEEP = 1.6
"""How soon the pull between neighbours ends: they may lie about 0.1 apart."""
SPREAD = 10.0
"""Half of the map's width at the start."""
ROWS_AT_ONCE = 512
EPOCHS_AT_ONCE = 10
SEED = 0x9E3779B97F4A7C15

Places = NDArray[np.float32]
Report = Callable[[int, int, str], None]
"""(done, total, what is going on)."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nearest other rows of each row."""

    indices: NDArray[np.int32]
    """(n, k), the nearest first."""
    scores: Scores
    """(n, k), falling."""


def lay_out(vectors: Vectors, report: Report = lambda _done, _total, _doing: None) -> Places:
    """Return a place for each row, in the square from 0 to 1; rows that are alike lie together.

    Args:
        vectors: (n, d) float32 unit rows.
        report: is told how far it is; may raise to stop.
    """
    n = len(vectors)
    if n < 3:
        return (
            np.linspace([0.25, 0.5], [0.75, 0.5], n).astype(np.float32) if n != 1 else np.full((1, 2), 0.5, np.float32)
        )
    epochs = _epochs(n)
    blocks = -(-n // ROWS_AT_ONCE)
    total = blocks + epochs
    report(0, total, "reducing")
    reduced = principal(vectors, DIRECTIONS)
    found = nearest(_unit(reduced), NEIGHBOURS, lambda done: report(done, total, "comparing"))
    edges, strength = join(found)
    places = _start(reduced)

    def tell(done: int) -> None:
        report(blocks + done, total, "placing")

    _settle(places, edges, strength, epochs, tell)
    return _framed(places)


def principal(vectors: Vectors, wanted: int) -> Vectors:
    """Return the rows in the directions in which they differ most.

    Args:
        vectors: (n, d) float32.
        wanted: number of directions; at most min(n, d) are returned.

    Returns:
        (n, k) float32; of each direction the largest component of the direction itself is positive.
    """
    sample = vectors[np.linspace(0, len(vectors) - 1, min(LEARNT_FROM, len(vectors))).astype(np.int64)]
    middle = sample.mean(axis=0, dtype=np.float64).astype(np.float32)
    centred = sample - middle
    _, found = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    kept = found[:, ::-1][:, : min(wanted, *vectors.shape)]
    kept = kept * np.sign(kept[np.abs(kept).argmax(axis=0), np.arange(kept.shape[1])])
    directions = kept.astype(np.float32)
    reduced: Vectors = vectors @ directions - middle @ directions
    return reduced


def nearest(vectors: Vectors, wanted: int, report: Callable[[int], None] = lambda _: None) -> Neighbours:
    """Return the nearest other rows of each row, by comparing all.

    Args:
        vectors: (n, d) float32 unit rows, n >= 2.
        wanted: neighbours of a row; at most n - 1 are returned.
        report: is told how many blocks of rows are done.
    """
    n = len(vectors)
    k = min(wanted, n - 1)
    indices, scores = np.zeros((n, k), np.int32), np.full((n, k), -np.inf, np.float32)
    for block, start in enumerate(range(0, n, ROWS_AT_ONCE)):
        rows = slice(start, start + ROWS_AT_ONCE)
        layout_kernels.nearest(vectors[rows] @ vectors.T, start, k, indices[rows], scores[rows])
        report(block + 1)
    return Neighbours(indices, scores)


def join(found: Neighbours) -> tuple[tuple[NDArray[np.int32], NDArray[np.int32]], Scores]:
    """Return the edges between neighbours, each once, and how strong they are, in (0, 1].

    A pair of which both hold the other is stronger: either hold as a probability, the edge is there when one is.
    """
    n, k = found.indices.shape
    strength = layout_kernels.pulls(1.0 - found.scores).ravel().astype(np.float64)
    first, second = np.repeat(np.arange(n, dtype=np.int64), k), found.indices.ravel().astype(np.int64)
    keys = np.minimum(first, second) * n + np.maximum(first, second)
    order = np.argsort(keys, kind="stable")
    keys, strength = keys[order], strength[order]
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
    missing = np.multiply.reduceat(1.0 - np.minimum(strength, 1.0), starts)
    ends = keys[starts]
    return ((ends // n).astype(np.int32), (ends % n).astype(np.int32)), (1.0 - missing).astype(np.float32)


def _unit(rows: Vectors) -> Vectors:
    """Return the rows with length 1; a row that is exactly the mean of all has none."""
    unit: Vectors = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(1e-12))
    return unit


def _epochs(n: int) -> int:
    """Return how often points are moved: few points settle by more steps, which cost little."""
    return EPOCHS if n > 10_000 else 500


def _start(reduced: Vectors) -> Places:
    """Return the first two directions, spread over the map; rows that are equal are put a little apart."""
    flat = reduced[:, :2] if reduced.shape[1] > 1 else np.c_[reduced, np.zeros(len(reduced), np.float32)]
    places = SPREAD * flat / max(float(np.abs(flat).max()), 1e-9)
    return (places + np.random.default_rng(0).normal(0, 1e-3, places.shape)).astype(np.float32)


def _settle(places: Places, edges: tuple[NDArray[np.int32], NDArray[np.int32]], strength: Scores, epochs: int,
            report: Callable[[int], None]) -> None:  # fmt: skip
    """Move the points until they lie as the edges want."""
    # An edge that would not be used once in all epochs is none.
    used = strength >= strength.max() / epochs
    every = (strength.max() / strength[used]).astype(np.float32)
    # By their ends, as `join` has them: points that are moved together lie together in memory.
    chosen = edges[0][used], edges[1][used], every
    due = every.copy()
    state = np.uint64(SEED)
    form = np.float32(STEEP), np.float32(1.0), PUSHES
    for begin in range(0, epochs, EPOCHS_AT_ONCE):
        report(begin)
        span = begin, min(begin + EPOCHS_AT_ONCE, epochs), epochs
        # What numba returns is a plain whole number.
        state = np.uint64(layout_kernels.move(places, chosen, due, span, form, state))
    report(epochs)


def _framed(places: Places) -> Places:
    """Return the places within the square from 0 to 1, in one scale."""
    away = places - np.median(places, axis=0)
    distance = np.maximum(np.hypot(away[:, 0], away[:, 1]), 1e-9)
    # Few large groups lie far outside, and all the others crowded in the middle: half of the way they share the room.
    even = np.sqrt((rankdata(distance, "ordinal") - 0.5) / len(places))
    spread = away * ((distance / distance.max() + even) / 2 / distance)[:, None]
    low, high = spread.min(axis=0), spread.max(axis=0)
    middle, width = (low + high) / 2, max(float((high - low).max()), 1e-9)
    framed: Places = np.clip((spread - middle) / width + 0.5, 0.0, 1.0).astype(np.float32)
    return framed
