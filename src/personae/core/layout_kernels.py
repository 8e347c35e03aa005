# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,misc"
"""Compiled loops of the map's layout, over plain arrays. What they mean is said in `core.layout`.

They run on one thread, let others run meanwhile, and give the same result every time.

Source: numba, nopython mode.
"""

from __future__ import annotations

import numpy as np
from numba import njit

FARTHEST_STEP = np.float32(4.0)
"""No point moves farther at once along an axis."""
NEAR = np.float32(0.001)
"""Keeps the push between points that lie on one another finite."""


@njit(cache=True, nogil=True, fastmath=True)
def nearest(scores, own, wanted, indices, values):
    """Write for each line of scores the `wanted` highest entries, the highest first, without the line's own.

    Args:
        scores: (r, n) float32.
        own: entry of the first line that is the line itself; of each next line the next one.
        wanted: at most n - 1.
        indices: (r, wanted) int32, written.
        values: (r, wanted) float32, written.
    """
    for i in range(scores.shape[0]):
        count = 0
        lowest = np.float32(-np.inf)
        for j in range(scores.shape[1]):
            score = scores[i, j]
            if (count < wanted or score > lowest) and j != own + i:
                at = count if count < wanted else wanted - 1
                while at > 0 and values[i, at - 1] < score:
                    values[i, at], indices[i, at] = values[i, at - 1], indices[i, at - 1]
                    at -= 1
                values[i, at], indices[i, at] = score, j
                count = min(count + 1, wanted)
                lowest = values[i, wanted - 1] if count == wanted else lowest


@njit(cache=True, nogil=True)
def pulls(distances):
    """Return how strongly each row holds each of its neighbours, in (0, 1]: the nearest fully, all together log2(k).

    Args:
        distances: (n, k) float32, rising in each line.
    """
    n, k = distances.shape
    out = np.empty((n, k), np.float32)
    target = np.log2(np.float64(k)) if k > 1 else 1.0
    for i in range(n):
        first, low, high, width = distances[i, 0], 0.0, np.inf, 1.0
        for _ in range(64):
            total = 0.0
            for j in range(k):
                total += np.exp(-max(0.0, distances[i, j] - first) / width)
            if abs(total - target) < 1e-5:
                break
            if total > target:
                high = width
                width = (low + high) / 2
            else:
                low = width
                width = width * 2 if high == np.inf else (low + high) / 2
        for j in range(k):
            out[i, j] = np.exp(-max(0.0, distances[i, j] - first) / max(width, 1e-6))
    return out


@njit(nogil=True, inline="always")
def _next(state):
    """Return the next number of a xorshift generator of 64 bits."""
    state ^= state << np.uint64(13)
    state ^= state >> np.uint64(7)
    state ^= state << np.uint64(17)
    return state


@njit(nogil=True, inline="always")
def _capped(value):
    return min(FARTHEST_STEP, max(-FARTHEST_STEP, value))


@njit(cache=True, nogil=True, fastmath=True)
def move(places, edges, due, epochs, form, state):
    """Move the points through some epochs: along edges together, and away from points taken at random.

    Args:
        places: (n, 2) float32, changed.
        edges: (e,) int32 first ends, int32 second ends, float32 epochs from one use of an edge to the next.
        due: (e,) float32, the epoch in which each edge is used next; changed.
        epochs: the first one, the one after the last, and how many there are in all.
        form: float32 steepness of the pull, float32 length of the first step, number of points each end is pushed from.
        state: uint64 of the random numbers; not 0.

    Returns:
        The state to go on with.
    """
    first, second, every = edges
    begin, end, total = epochs
    steep, rate, pushes = form
    n = np.uint64(len(places))
    for epoch in range(begin, end):
        step = np.float32(rate * (1.0 - epoch / total))
        for e in range(len(first)):
            if due[e] > epoch:
                continue
            due[e] += every[e]
            u, v = first[e], second[e]
            x, y = places[u, 0] - places[v, 0], places[u, 1] - places[v, 1]
            pull = -np.float32(2) * steep / (np.float32(1) + steep * (x * x + y * y)) * step
            dx, dy = _capped(x * pull), _capped(y * pull)
            places[u, 0] += dx
            places[u, 1] += dy
            places[v, 0] -= dx
            places[v, 1] -= dy
            for _ in range(pushes):
                state = _next(state)
                w = np.int64(state % n)
                x, y = places[u, 0] - places[w, 0], places[u, 1] - places[w, 1]
                far = x * x + y * y
                push = np.float32(2) / ((NEAR + far) * (np.float32(1) + steep * far)) * step
                if w != u:
                    places[u, 0] += _capped(x * push)
                    places[u, 1] += _capped(y * push)
    return state
