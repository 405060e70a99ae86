"""Pictures that come again: exact repeats, stand-stills, loops forwards and backwards.

All of it on grey thumbnails of 48 by 64, in which a camera's noise still moves a value now and
then, however still the person sits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from layers.capture.types import BoolArray, Image, TimeArray
from verdict.policy import Policy

# A longer recording is looked at in every n-th frame: the comparison is quadratic.
_MOST_FRAMES = 400
_POOL = 4
# Stands for "no such pair of frames"; grey levels differ by 255 at most.
_FAR = 1e6


@dataclass(frozen=True, slots=True)
class Loop:
    """The stretch that most looks like an earlier one.

    Parameters
    ----------
    ratio
        Difference from its twin over difference from what is 0.2 s off the twin: near 1 for live
        pictures, near 0 for a replay; None where nothing moves or the recording is too short.
    rows
        Of the stretch.
    """

    ratio: float | None
    rows: tuple[int, ...] = ()


def repeated_share(thumbs: Image) -> tuple[float, tuple[int, ...]]:
    """Return the share of frames that are exactly the one before, and their rows."""
    same = _same_as_before(thumbs)
    rows = tuple(int(row) for row in np.flatnonzero(same))
    return (len(rows) / len(same) if len(same) else 0.0), rows


def repeat_cadence(rows: tuple[int, ...], n: int) -> int | None:
    """Return after how many frames a repeat comes, where that never changes; else None.

    A file of 25 pictures a second that is shown as 30 repeats every sixth. So may a browser that
    shows an honest camera: this informs only.
    """
    apart = np.diff(rows)
    if len(apart) < 3 or np.ptp(apart) != 0 or rows[-1] + apart[0] < n:
        return None
    return int(apart[0])


def longest_still_s(
    thumbs: Image, t_s: TimeArray, most_change: float = 0.0
) -> tuple[float, tuple[int, ...]]:
    """Return the longest stretch without a change, in seconds, and its rows.

    Parameters
    ----------
    most_change
        Mean difference in grey levels that a codec may make of one and the same picture.
    """
    change = np.abs(np.diff(thumbs.astype(np.int16), axis=0)).mean(axis=(1, 2))
    start, end = _longest_run(change <= most_change)
    if start == end:
        return 0.0, ()
    # Row `start` is the picture that the run repeats, row `end` its last repeat.
    return float(abs(t_s[end] - t_s[start])), tuple(range(start, end + 1))


def closest_loop(thumbs: Image, t_s: TimeArray, policy: Policy) -> Loop:
    """Look for a stretch that was shown before, forwards or played backwards.

    A stretch of live video may resemble an earlier one, but then it resembles the pictures just
    before and after that one about as much. A replay fits at one exact offset only, also after it
    was compressed again.
    """
    if len(thumbs) < 4:
        return Loop(None)
    stride = max(1, -(-len(thumbs) // _MOST_FRAMES))
    rows = np.arange(0, len(thumbs), stride)
    interval_s = float(np.median(np.abs(np.diff(t_s[rows]))))
    if interval_s <= 0:
        return Loop(None)
    window, shift, lag = (
        max(least, round(policy.number(f"liveness.loop.{name}") / interval_s))
        for name, least in (("window_s", 3), ("shift_s", 1), ("lag_s", 1))
    )
    distances = _distances(_pooled(thumbs[rows]))
    least_motion = policy.number("liveness.loop.least_motion")
    best = Loop(None)
    for backwards in (False, True):
        found = _sharpest(_offsets(distances, backwards=backwards), window, shift, least_motion)
        found[~_far_enough(found.shape, window, lag, backwards=backwards)] = np.inf
        if not np.isfinite(found).any():
            continue
        offset, first = (int(k) for k in np.unravel_index(int(np.argmin(found)), found.shape))
        ratio = float(found[offset, first])
        if best.ratio is None or ratio < best.ratio:
            start = offset - first - window + 1 if backwards else first + offset
            best = Loop(ratio, tuple(int(k) for k in rows[start : start + window]))
    return best


def _offsets(distances: TimeArray, *, backwards: bool) -> TimeArray:
    """Return the differences of frame i and its twin, one line per offset, column i.

    Forwards the twin is i + offset, backwards offset - i.
    """
    n = len(distances)
    offset, first = np.mgrid[0 : 2 * n - 1 if backwards else n, 0:n]
    second = offset - first if backwards else offset + first
    there = (second >= 0) & (second < n)
    table: TimeArray = np.where(there, distances[first, np.clip(second, 0, n - 1)], _FAR)
    return table


def _sharpest(table: TimeArray, window: int, shift: int, least_motion: float) -> TimeArray:
    """Return windowed differences over those `shift` offsets beside them, inf where unknown."""
    n_windows = table.shape[1] - window + 1
    if n_windows < 1 or len(table) <= shift:
        return np.full((len(table), max(0, n_windows)), np.inf)
    total = np.concatenate((np.zeros((len(table), 1)), np.cumsum(table, axis=1)), axis=1)
    mean = (total[:, window:] - total[:, :-window]) / window
    around = np.full_like(mean, _FAR)
    around[shift:] = mean[:-shift]
    around[:-shift] = np.minimum(around[:-shift], mean[shift:])
    known = (mean < _FAR / window) & (around < _FAR / window) & (around >= least_motion)
    ratio: TimeArray = np.where(known, mean / np.maximum(around, 1e-9), np.inf)
    return ratio


def _far_enough(shape: tuple[int, ...], window: int, lag: int, *, backwards: bool) -> BoolArray:
    """Return which windows lie at least `lag` frames from their twins."""
    offset, first = np.mgrid[0 : shape[0], 0 : shape[1]]
    apart = offset - 2 * (first + window - 1) if backwards else offset
    far: BoolArray = apart >= lag
    return far


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
    total = squares[:, None] + squares[None] - 2 * vectors @ vectors.T
    distances: TimeArray = np.sqrt(np.maximum(total, 0.0) / vectors.shape[1])
    return distances
