"""Pictures that come again: exact repeats, stand-stills, loops forwards and backwards.

All of it on grey thumbnails of 48 by 64. Averaging leaves a camera's noise at a few tenths of a
grey level: live pictures differ, however still the person sits.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from layers.capture.types import BoolArray, Image, TimeArray
from verdict.policy import Policy

# A longer recording is looked at in every n-th frame: the comparison is quadratic.
_MOST_FRAMES = 900
_POOL = 4

IndexArray = npt.NDArray[np.intp]


def repeated_share(thumbs: Image) -> tuple[float, tuple[int, ...]]:
    """Return the share of frames that are exactly the one before, and their rows."""
    same = _same_as_before(thumbs)
    rows = tuple(int(row) for row in np.flatnonzero(same))
    return (len(rows) / len(same) if len(same) else 0.0), rows


def longest_still_s(thumbs: Image, t_s: TimeArray) -> tuple[float, tuple[int, ...]]:
    """Return the longest stretch without any change, in seconds, and its rows."""
    start, end = _longest_run(_same_as_before(thumbs)[1:])
    if start == end:
        return 0.0, ()
    # Row `start` is the picture that the run repeats, row `end` its last repeat.
    return float(abs(t_s[end] - t_s[start])), tuple(range(start, end + 1))


def longest_loop_s(thumbs: Image, t_s: TimeArray, policy: Policy) -> tuple[float, tuple[int, ...]]:
    """Return the longest moving stretch that is seen a second time, and the rows of the second.

    A stretch counts when picture after picture equals its earlier twin within
    `liveness.timing.loop_match` grey levels while the pictures in it move by several times that.
    Backwards counts as well: recordings are also played to and fro.
    """
    stride = max(1, -(-len(thumbs) // _MOST_FRAMES))
    rows = np.arange(0, len(thumbs), stride)
    small = _pooled(thumbs[rows])
    n = len(small)
    match = policy.number("liveness.timing.loop_match")
    motion = policy.number("liveness.timing.loop_motion") * match
    lag_s = policy.number("liveness.timing.loop_lag_s")
    if n < 4:
        return 0.0, ()
    equal = _distances(small) <= match
    moves = np.concatenate(([0.0], np.abs(np.diff(small, axis=0)).mean(axis=1)))
    best_s = 0.0
    best_rows: tuple[int, ...] = ()
    for first, second in _pairings(n):
        again = equal[first, second]
        if again.sum() < 3:
            continue
        again &= np.abs(t_s[rows[second]] - t_s[rows[first]]) >= lag_s
        start, end = _longest_run(again)
        span = second[start:end]
        if len(span) < 3 or moves[span].mean() < motion:
            continue
        length_s = float(abs(t_s[rows[span[-1]]] - t_s[rows[span[0]]]))
        if length_s > best_s:
            low, high = sorted((int(rows[span[0]]), int(rows[span[-1]])))
            best_s, best_rows = length_s, tuple(range(low, high + 1))
    return best_s, best_rows


def _pairings(n: int) -> Iterator[tuple[IndexArray, IndexArray]]:
    """Yield every way to lay the sequence over itself: shifted forwards, then turned round."""
    for lag in range(1, n - 2):
        first = np.arange(n - lag)
        yield first, first + lag
    for total in range(3, 2 * n - 3):  # the twin of k is total - k
        first = np.arange(max(0, total - n + 1), (total + 1) // 2)
        yield first, total - first


def _same_as_before(thumbs: Image) -> BoolArray:
    same = np.zeros(len(thumbs), dtype=np.bool_)
    if len(thumbs) > 1:
        same[1:] = (thumbs[1:] == thumbs[:-1]).all(axis=(1, 2))
    return same


def _longest_run(flags: BoolArray) -> tuple[int, int]:
    """Return start and end (exclusive) of the longest run of True; equal when there is none."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(np.int8), [0]))))
    runs = edges.reshape(-1, 2)
    if not len(runs):
        return 0, 0
    start, end = runs[np.argmax(runs[:, 1] - runs[:, 0])]
    return int(start), int(end)


def _pooled(thumbs: Image) -> TimeArray:
    n, height, width = thumbs.shape
    blocks = thumbs.reshape(n, height // _POOL, _POOL, width // _POOL, _POOL)
    pooled: TimeArray = blocks.mean(axis=(2, 4), dtype=np.float64).reshape(n, -1)
    return pooled


def _distances(vectors: TimeArray) -> TimeArray:
    """Return the root mean square difference of all pairs, (n, n)."""
    squares = np.square(vectors).sum(axis=1)
    products = vectors @ vectors.T
    total = squares[:, None] + squares[None] - 2 * products
    distances: TimeArray = np.sqrt(np.maximum(total, 0.0) / vectors.shape[1])
    return distances
