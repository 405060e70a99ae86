"""How far the lids are open over time, and when they closed and opened again.

References
----------
.. [1] T. Soukupová and J. Čech, "Real-Time Eye Blink Detection using Facial Landmarks", CVWW 2016:
   the eye aspect ratio; one threshold for all people is its stated weakness.
.. [2] H. R. Schiffman, Sensation and Perception, 5th ed., 2001: a blink takes 0.1 to 0.4 s. One on
   request takes longer; the policy allows for that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from layers.capture.types import BoolArray, Capture, FaceTrack, FloatArray, Step, TimeArray
from layers.liveness.steps import Sampling, corrected_ear
from verdict.policy import Policy

# From this rate on a blink shows on more than one frame; what shows on one is a slip of the mesh.
_TWO_FRAMES_FPS = 20.0

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Closure:
    """One closing of the eyes.

    Parameters
    ----------
    start, end
        Rows of the track: the last with open eyes before it and the first after it.
    lowest, ratio
        Row with the lowest opening of the wider eye, and that opening.
    """

    start: int
    end: int
    lowest: int
    ratio: float


def relative_opening(
    capture: Capture, sampling: Sampling, policy: Policy
) -> tuple[FloatArray, FloatArray]:
    """Return how far the wider eye is open, 1 = as usual around that time, and the baselines.

    Returns
    -------
    opening : float32 (T,)
        NaN without a face or where the head is turned too far to see both eyes.
    baseline : float32 (2,)
        Open-eye EAR of the whole capture, image-left eye first.
    """
    track = capture.track
    ear = corrected_ear(track)
    turned = np.abs(np.nan_to_num(track.yaw_deg, nan=180.0))
    ear[turned > policy.number("liveness.blink.furthest_yaw_deg")] = np.nan
    ear = _in_sight(ear, track, policy)
    if not np.isfinite(ear).any():
        return np.full(len(track), np.nan, np.float32), np.full(2, np.nan, np.float32)
    if not sampling.dense:
        baseline = _sparse_baseline(capture, ear)
        return np.max(ear / baseline, axis=1), baseline
    share = policy.number("liveness.blink.open_percentile")
    baseline = np.nanpercentile(ear, share, axis=0).astype(np.float32)
    usual = _usual(ear, track, share, policy.number("liveness.blink.baseline_reach_s"))
    # Lids that sink for longer are a drift or tiredness: they don't become the new "open".
    usual = np.maximum(usual, policy.number("liveness.blink.lowest_baseline") * baseline)
    opening: FloatArray = np.max(ear / usual, axis=1)
    return opening, baseline


def closures_of(
    opening: FloatArray, t_s: TimeArray, interval_s: float, policy: Policy
) -> list[Closure]:
    """Return the closings in a dense series: from open to closed and back, each fast enough.

    Parameters
    ----------
    opening : float32 (T,)
        Relative opening of the wider eye; NaN rows are passed over.
    """
    rows = np.flatnonzero(np.isfinite(opening))
    found: list[Closure] = []
    # Sharp dips first: of two blinks in a row each counts, where the lids rose between them.
    for one in (
        *_dips(opening, rows, t_s, interval_s, policy),
        *_held(opening, rows, t_s, interval_s, policy),
    ):
        slip = interval_s < 1 / _TWO_FRAMES_FPS and one.end - one.start < 3
        if not slip and not any(one.start < other.end and other.start < one.end for other in found):
            found.append(one)
    return sorted(found, key=lambda one: one.lowest)


def closed_below(interval_s: float, policy: Policy) -> float:
    """Return the opening below which a frame shows a blink, at one frame every `interval_s`.

    The slower the frames, the further the one nearest to a blink's floor may lie from it.
    """
    fine_s = policy.number("liveness.blink.fine_interval_s")
    coarse_s = policy.number("liveness.blink.coarse_interval_s")
    ratio = policy.number("liveness.blink.closed_ratio")
    coarse = policy.number("liveness.blink.coarse_closed_ratio")
    if not np.isfinite(interval_s):
        return ratio
    share = float(np.clip((interval_s - fine_s) / (coarse_s - fine_s), 0.0, 1.0))
    return ratio + share * (coarse - ratio)


def sparse_closures(opening: FloatArray, policy: Policy) -> list[Closure]:
    """Return the closed pictures of a handful that have open eyes in others, before and after."""
    is_open = np.flatnonzero(opening >= policy.number("liveness.blink.open_ratio"))
    closed = np.flatnonzero(opening < policy.number("liveness.blink.closed_ratio"))
    last = len(opening) - 1
    return [
        Closure(int(row), int(row), int(row), float(opening[row]))
        for row in closed
        if len(is_open)
        and (row == 0 or (is_open < row).any())
        and (row == last or (is_open > row).any())
    ]


def _held(
    opening: FloatArray, rows: Rows, t_s: TimeArray, interval_s: float, policy: Policy
) -> Iterator[Closure]:
    """Yield the stretches of closed eyes, also held ones, between two moments of open eyes."""
    reach_s = max(policy.number("liveness.blink.longest_move_s"), 1.5 * interval_s)
    is_open = rows[opening[rows] >= policy.number("liveness.blink.open_ratio")]
    for run in _runs(rows, opening[rows] < policy.number("liveness.blink.closed_ratio")):
        start_s, end_s = t_s[run[0]], t_s[run[-1]]
        if end_s - start_s > policy.number("liveness.blink.longest_closed_s"):
            continue
        before = is_open[(is_open < run[0]) & (t_s[is_open] >= start_s - reach_s)]
        after = is_open[(is_open > run[-1]) & (t_s[is_open] <= end_s + reach_s)]
        if len(before) and len(after):
            yield _closure(opening, int(before[-1]), int(after[0]))


def _dips(
    opening: FloatArray, rows: Rows, t_s: TimeArray, interval_s: float, policy: Policy
) -> Iterator[Closure]:
    """Yield the short, sharp drops of the lids: what is left of a blink between slow frames."""
    drop = policy.number("liveness.blink.least_drop")
    limit = closed_below(interval_s, policy)
    reach_s = max(policy.number("liveness.blink.longest_move_s"), 1.5 * interval_s)
    for row in rows[opening[rows] < limit]:
        near = rows[np.abs(t_s[rows] - t_s[row]) <= reach_s]
        risen = near[opening[near] >= opening[row] + drop]
        before, after = risen[risen < row], risen[risen > row]
        if len(before) and len(after):
            between = opening[before[-1] : after[0] + 1]
            if np.nanmin(between) == opening[row]:
                yield _closure(opening, int(before[-1]), int(after[0]))


def _closure(opening: FloatArray, start: int, end: int) -> Closure:
    lowest = start + int(np.nanargmin(opening[start : end + 1]))
    return Closure(start, end, lowest, float(opening[lowest]))


def _in_sight(ear: FloatArray, track: FaceTrack, policy: Policy) -> FloatArray:
    """Return the ratios with those of a covered eye replaced by those of the other.

    Behind hair or a bandage the mesh goes on drawing an eye, and draws it open.
    """
    rows = np.isfinite(ear).all(axis=1)
    if track.contrast is None or not rows.any():
        return ear
    contrast = track.contrast[rows, :2]
    if not np.isfinite(contrast).all(axis=1).any():
        return ear
    seen = np.nanpercentile(contrast, policy.number("liveness.blink.open_percentile"), axis=0)
    covered = seen < policy.number("capture.eyes.contrast.note")
    if covered.sum() != 1:
        return ear
    return np.repeat(ear[:, ~covered], 2, axis=1)


def _sparse_baseline(capture: Capture, ear: FloatArray) -> FloatArray:
    """Return the open-eye EAR: the median outside the blink step; without steps the upper half."""
    others = np.array([step is not Step.BLINK for step in capture.track.steps])
    if any(step is Step.BLINK for step in capture.track.steps) and np.isfinite(ear[others]).any():
        return np.asarray(np.nanmedian(ear[others], axis=0), np.float32)
    return np.asarray(np.nanpercentile(ear, 75, axis=0), np.float32)


def _usual(ear: FloatArray, track: FaceTrack, share: float, reach_s: float) -> FloatArray:
    """Return the open-eye EAR around each frame: a percentile within `reach_s`, (T, 2)."""
    usual = np.full_like(ear, np.nan)
    rows = np.flatnonzero(np.isfinite(ear[:, 0]))
    rows = rows[np.argsort(track.t_s[rows], kind="stable")]
    times = track.t_s[rows]
    first = np.searchsorted(times, times - reach_s, side="left")
    count = np.searchsorted(times, times + reach_s, side="right") - first
    # One line per frame with all that is near it, in order, infinity behind the last.
    place = first[:, None] + np.arange(count.max())
    near = np.where(
        (np.arange(count.max()) < count[:, None])[..., None],
        ear[rows][np.minimum(place, len(rows) - 1)],
        np.inf,
    )
    near.sort(axis=1)
    rank = (count - 1) * share / 100.0
    below = np.floor(rank).astype(np.intp)
    above = np.minimum(below + 1, count - 1)
    line = np.arange(len(rows))
    part = (rank - below)[:, None]
    usual[rows] = (1 - part) * near[line, below] + part * near[line, above]
    return usual


def _runs(rows: Rows, low: BoolArray) -> list[Rows]:
    """Return the stretches of `rows` on which `low` holds."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], low.astype(np.int8), [0]))))
    return [rows[start:end] for start, end in edges.reshape(-1, 2)]
