"""Compiled loops of the clustering, over plain arrays. What they mean is said where they are called.

They are compiled on the first call and kept on disk. All run on one thread, let others run meanwhile, and give
the same result every time.

Source: numba, nopython mode.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_STRIDE = 64
"""Scores looked at together: the largest of so many is found quicker than each is compared."""


@njit(cache=True, nogil=True, fastmath=True)
def pairs_above(scores, row, column, threshold, out):
    """Write the pairs with row < column and score >= threshold; return how many there are, also beyond the room.

    Args:
        scores: (r, c) float32; entry (i, j) is the pair row + i, column + j.
        row: of the first line.
        column: of the first entry of a line.
        threshold: float32.
        out: (room,) int32 first rows, int32 second rows and float32 scores, written.
    """
    first, second, values = out
    count, room, width = 0, len(first), scores.shape[1]
    for i in range(scores.shape[0]):
        start = max(0, row + i + 1 - column)
        while start < width:
            stop = min(start + _STRIDE, width)
            highest = scores[i, start]
            for j in range(start, stop):
                highest = max(highest, scores[i, j])
            if highest >= threshold:
                for j in range(start, stop):
                    if scores[i, j] >= threshold:
                        if count < room:
                            first[count], second[count], values[count] = row + i, column + j, scores[i, j]
                        count += 1
            start = stop
    return count


@njit(cache=True, nogil=True)
def strongest(n, first, second, scores, wanted):
    """Mark the edges whose score is among the `wanted` highest of either end; of equal scores all."""
    starts = np.zeros(n + 1, np.int64)
    for e in range(len(first)):
        starts[first[e] + 1] += 1
        starts[second[e] + 1] += 1
    for u in range(n):
        starts[u + 1] += starts[u]
    around = np.empty(2 * len(first), np.float32)
    place = starts[:-1].copy()
    for e in range(len(first)):
        u, v = first[e], second[e]
        around[place[u]], around[place[v]] = scores[e], scores[e]
        place[u] += 1
        place[v] += 1
    lowest = np.full(n, -np.inf, np.float32)
    for u in range(n):
        degree = starts[u + 1] - starts[u]
        if degree > wanted:
            lowest[u] = np.sort(around[starts[u] : starts[u + 1]])[degree - wanted]
    kept = np.empty(len(first), np.bool_)
    for e in range(len(first)):
        kept[e] = scores[e] >= lowest[first[e]] or scores[e] >= lowest[second[e]]
    return kept


@njit(cache=True, nogil=True, fastmath=True)
def products(sums, first, second, rows, out):
    """Write the product of the sums of both ends of the edges `rows`."""
    for place in range(len(rows)):
        u, v = first[rows[place]], second[rows[place]]
        total = np.float32(0)
        for k in range(sums.shape[1]):
            total += sums[u, k] * sums[v, k]
        out[place] = total


@njit(cache=True, nogil=True)
def best_partners(n, first, second, scores, level):
    """Return the partner of each row along its highest edge of at least `level`, the lower of equals; -1 for none."""
    top = np.full(n, -np.inf, np.float32)
    partner = np.full(n, -1, np.int32)
    for e in range(len(first)):
        score = scores[e]
        if score >= level:
            u, v = first[e], second[e]
            if score > top[u] or (score == top[u] and v < partner[u]):
                top[u], partner[u] = score, v
            if score > top[v] or (score == top[v] and u < partner[v]):
                top[v], partner[v] = score, u
    return partner


@njit(cache=True, nogil=True)
def connected(n, first, second):
    """Return for each of n rows the lowest of those that the pairs connect it with."""
    root = np.arange(n).astype(np.int32)
    for e in range(len(first)):
        a, b = first[e], second[e]
        while root[a] != a:
            root[a] = root[root[a]]
            a = root[a]
        while root[b] != b:
            root[b] = root[root[b]]
            b = root[b]
        if a != b:
            root[max(a, b)] = min(a, b)
    for u in range(n):
        # A root is lower than all that lead to it, so it is final already.
        root[u] = root[root[u]]
    return root


@njit(cache=True, nogil=True)
def only_mutual(partner, root, first, second, apart):
    """Drop, where rows that are apart came together, all partners that are not each other's; return if any did."""
    clash = np.zeros(len(root), np.bool_)
    found = False
    for e in range(len(first)):
        if apart[e] > 0 and root[first[e]] == root[second[e]]:
            clash[root[first[e]]] = True
            found = True
    if found:
        before = partner.copy()
        for u in range(len(root)):
            if clash[root[u]] and before[u] >= 0 and before[before[u]] != u:
                partner[u] = -1
    return found


@njit(cache=True, nogil=True)
def add_up(root, sums, sizes):
    """Add the sum and size of every row to its root's, in order; return which rows are roots of several."""
    grown = np.zeros(len(root), np.bool_)
    for u in range(len(root)):
        r = root[u]
        if r != u:
            grown[r] = True
            sizes[r] += sizes[u]
            for k in range(sums.shape[1]):
                sums[r, k] += sums[u, k]
    return grown


@njit(cache=True, nogil=True)
def sum_rows(rows, labels, sums):
    """Add every row to the sum of its label."""
    for u in range(len(rows)):
        r = labels[u]
        for k in range(rows.shape[1]):
            sums[r, k] += rows[u, k]


@njit(cache=True, nogil=True)
def contract(root, first, second, scores, apart):
    """Carry the edges over to the roots: each pair once, lower row first, what keeps it apart added up."""
    n = len(root)
    starts = np.zeros(n + 1, np.int64)
    for e in range(len(first)):
        u, v = root[first[e]], root[second[e]]
        if u != v:
            starts[min(u, v) + 1] += 1
    for u in range(n):
        starts[u + 1] += starts[u]
    other = np.empty(starts[n], np.int32)
    value = np.empty(starts[n], np.float32)
    weight = np.empty(starts[n], np.float32)
    place = starts[:-1].copy()
    for e in range(len(first)):
        u, v = root[first[e]], root[second[e]]
        if u != v:
            at = place[min(u, v)]
            place[min(u, v)] += 1
            other[at], value[at], weight[at] = max(u, v), scores[e], apart[e]
    seen = np.full(n, -1, np.int64)
    low = np.empty(starts[n], np.int32)
    count = 0
    for u in range(n):
        begin = count
        for at in range(starts[u], starts[u + 1]):
            v = other[at]
            if seen[v] >= begin:
                weight[seen[v]] += weight[at]
            else:
                seen[v] = count
                low[count], other[count], value[count], weight[count] = u, v, value[at], weight[at]
                count += 1
    return low[:count].copy(), other[:count].copy(), value[:count].copy(), weight[:count].copy()
