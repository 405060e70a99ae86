"""blink_detection: both eyes close, measured against the person's own open eyes, and open again.

References
----------
.. [1] T. Soukupová and J. Čech, "Real-Time Eye Blink Detection using Facial Landmarks", CVWW 2016:
   the eye aspect ratio; one threshold for all people is its stated weakness.
.. [2] H. R. Schiffman, Sensation and Perception, 5th ed., 2001: a blink takes 0.1 to 0.4 s. One on
   request takes longer; the policy allows for that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from layers.capture.types import (
    BoolArray,
    Capture,
    FaceTrack,
    FloatArray,
    IntArray,
    Step,
    TimeArray,
)
from layers.liveness.steps import (
    Sampling,
    corrected_ear,
    frames_of,
    sampling_of,
    step_fault,
    too_early,
)
from verdict.evidence import CheckName, CheckResult
from verdict.measurement import Measurement
from verdict.policy import Policy

# From this rate on a blink shows on more than one frame; what shows on one is a slip of the mesh.
_TWO_FRAMES_FPS = 20.0

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Closure:
    """One closing of the eyes: rows of the track, and the lowest opening of the wider eye."""

    start: int
    end: int
    lowest: int
    ratio: float


def check_blink(capture: Capture, policy: Policy) -> CheckResult:
    """Return whether a real blink was seen: in its step, or anywhere where none was asked for."""
    track = capture.track
    sampling = sampling_of(track, policy)
    wanted = frames_of(capture, Step.BLINK)
    opening, baseline = relative_opening(capture, sampling, policy)
    if sampling.dense:
        closures = closures_of(opening, track.t_s, sampling.interval_s, policy)
    else:
        closures = _sparse_closures(opening, policy)
    allowed = range(len(track)) if wanted is None else wanted
    own = [one for one in closures if one.lowest in allowed]
    early = [one for one in own if sampling.dense and _too_early(capture, one, policy)]
    own = [one for one in own if one not in early]
    reason = step_fault(capture, Step.BLINK, policy) or _reason(
        opening, own, early, allowed, policy
    )
    best = min(own, key=lambda one: one.ratio, default=None)
    frames = () if best is None else tuple(range(best.start, best.end + 1))
    return CheckResult(
        name=CheckName.BLINK_DETECTION,
        passed=not reason,
        measurements=(
            Measurement(
                "eye_opening_ratio",
                best.ratio if best is not None else _lowest(opening, allowed),
                policy.number("liveness.blink.closed_ratio"),
                frames,
                "opening of the wider eye over its opening when open; a blink goes below",
            ),
            Measurement("blinks", float(len(own)), 1.0),
            Measurement("open_ear_image_left", _number(baseline[0])),
            Measurement("open_ear_image_right", _number(baseline[1])),
        ),
        frames=frames,
        reason=reason,
    )


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
    closed_ratio = policy.number("liveness.blink.closed_ratio")
    open_ratio = policy.number("liveness.blink.open_ratio")
    reach_s = max(policy.number("liveness.blink.longest_move_s"), 1.5 * interval_s)
    rows = np.flatnonzero(np.isfinite(opening))
    found: list[Closure] = []
    for run in _runs(rows, opening[rows] < closed_ratio):
        start_s, end_s = t_s[run[0]], t_s[run[-1]]
        if end_s - start_s > policy.number("liveness.blink.longest_closed_s"):
            continue
        is_open = rows[opening[rows] >= open_ratio]
        before = is_open[(is_open < run[0]) & (t_s[is_open] >= start_s - reach_s)]
        after = is_open[(is_open > run[-1]) & (t_s[is_open] <= end_s + reach_s)]
        if not len(before) or not len(after):
            continue
        start, end = int(before[-1]), int(after[0])
        if interval_s < 1 / _TWO_FRAMES_FPS and end - start < 3:
            continue
        lowest = int(run[np.argmin(opening[run])])
        found.append(Closure(start, end, lowest, float(opening[lowest])))
    return found


def _sparse_closures(opening: FloatArray, policy: Policy) -> list[Closure]:
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


def _sparse_baseline(capture: Capture, ear: FloatArray) -> FloatArray:
    """Return the open-eye EAR: the median outside the blink step; without steps the upper half."""
    others = np.array([step is not Step.BLINK for step in capture.track.steps])
    if any(step is Step.BLINK for step in capture.track.steps) and np.isfinite(ear[others]).any():
        return np.asarray(np.nanmedian(ear[others], axis=0), np.float32)
    return np.asarray(np.nanpercentile(ear, 75, axis=0), np.float32)


def _usual(ear: FloatArray, track: FaceTrack, share: float, reach_s: float) -> FloatArray:
    """Return the open-eye EAR around each frame, (T, 2)."""
    usual = np.full_like(ear, np.nan)
    rows = np.flatnonzero(np.isfinite(ear[:, 0]))
    times = track.t_s[rows]
    for row in rows:
        near = ear[rows[np.abs(times - track.t_s[row]) <= reach_s]]
        usual[row] = np.percentile(near, share, axis=0)
    return usual


def _runs(rows: Rows, low: BoolArray) -> list[Rows]:
    """Return the stretches of `rows` on which `low` holds."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], low.astype(np.int8), [0]))))
    return [rows[start:end] for start, end in edges.reshape(-1, 2)]


def _too_early(capture: Capture, closure: Closure, policy: Policy) -> bool:
    return too_early(capture, Step.BLINK, float(capture.track.t_s[closure.lowest]), policy)


def _reason(
    opening: FloatArray,
    own: list[Closure],
    early: list[Closure],
    allowed: range | IntArray,
    policy: Policy,
) -> str:
    if own:
        return ""
    if early:
        return "the only blink came before anyone could have reacted to the prompt"
    lowest = _lowest(opening, allowed)
    if lowest is None:
        return "the eyes could not be measured: no face, or turned away"
    if lowest < policy.number("liveness.blink.closed_ratio"):
        return "the eyes were closed, but not between two moments of open eyes as in a blink"
    return f"the eyes never closed: the wider one stayed at {lowest:.0%} of its opening or more"


def _lowest(opening: FloatArray, allowed: range | IntArray) -> float | None:
    values = opening[list(allowed)]
    return float(np.nanmin(values)) if np.isfinite(values).any() else None


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
