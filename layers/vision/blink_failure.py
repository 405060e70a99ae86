"""BLINK_FAILURE: in the frames of a blink the eyes do not close all the way.

Definition: EAR relative to the person's own open eyes (80th percentile over frames that look
ahead). A blink is a dip below 0.7 that opens again within 0.7 s. The closure of a clip is the
relative EAR at the deepest frame of its deepest blink, the wider eye of the two. One shallow dip
is a glance down as often as a blink: it counts from the second one on. With BLINK frames the
deepest of those frames counts, whether it dips or not; a shallow dip between frames further apart
than 1/15 s is left alone, since its bottom may lie between them.

Source: eye aspect ratio, Soukupova and Cech, "Real-Time Eye Blink Detection using Facial
Landmarks", CVWW 2016, eq. 1; incomplete blinks as a cue: Li, Chang and Lyu, "In Ictu Oculi", WIFS
2018, arXiv 1806.02877.

Limits: without a blink in the recording nothing is measured (absence of a blink is liveness's
business). Real blinks of dev, seen at 8 frames a second, stay above the threshold in 9 of 100
windows of 2 s, at 5 in 22: hence the rule for sparse frames. Thick glasses and looking down
shorten the range.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from layers.capture.types import Capture, FaceTrack, FloatArray, Step
from layers.vision.reading import Reading, Strength, judge
from layers.vision.scene import Scene
from verdict.evidence import SignalCode
from verdict.measurement import Measurement
from verdict.policy import Policy

IndexArray = npt.NDArray[np.intp]

AHEAD_YAW_DEG = 20.0
OPEN_PERCENTILE = 80.0
DIP = 0.7
REOPENED = 0.85
LONGEST_BLINK_S = 0.7
MIN_RATE_HZ = 12.0
STEP_RATE_HZ = 15.0
MIN_FRAMES = 5
MIN_SHALLOW = 2


def measure(scene: Scene, policy: Policy) -> Reading:
    """Find the deepest blink and how far the wider eye closed."""
    capture = scene.capture
    relative = relative_ear(capture.track)
    asked = capture.track.at_step(Step.BLINK)
    limit = policy.number("vision.blink_failure.threshold")
    deepest: float | None = None
    if relative is None:
        strength = Strength("blink_closure", None, reason="too few frames look ahead")
        blinks: list[int] = []
    elif len(asked):
        blinks = []
        strength, deepest = _asked(relative, asked, capture.track, limit)
    else:
        blinks = find_blinks(relative, capture)
        strength, deepest = _deepest(relative, blinks, limit)
    return judge(
        SignalCode.BLINK_FAILURE,
        strength,
        policy,
        region="both eyes, against the same eyes open",
        extra=(Measurement("blinks_found", float(len(blinks)), frames=tuple(blinks)),),
        features={"blink_closure": deepest},
    )


def relative_ear(track: FaceTrack) -> FloatArray | None:
    """(T,) EAR of the wider eye over its open value; NaN without a face or at large yaw."""
    usable = np.isfinite(track.ear).all(axis=1) & (np.abs(track.yaw_deg) <= AHEAD_YAW_DEG)
    if usable.sum() < MIN_FRAMES:
        return None
    opened = np.percentile(track.ear[usable], OPEN_PERCENTILE, axis=0)
    relative: FloatArray = (track.ear / np.maximum(opened, 1e-3)).max(axis=1)
    relative[~usable] = np.nan
    return relative


def find_blinks(relative: FloatArray, capture: Capture) -> list[int]:
    """Rows at the bottom of each dip that opens again in time."""
    times = capture.track.t_s
    order = np.argsort(times, kind="stable")
    values, at = relative[order], times[order]
    if len(at) < MIN_FRAMES or (len(at) - 1) / max(at[-1] - at[0], 1e-6) < MIN_RATE_HZ:
        return []
    closed = np.nan_to_num(values, nan=1.0) < DIP
    edges = np.flatnonzero(np.diff(np.r_[False, closed, False]))
    bottoms = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        bottom = start + int(np.argmin(values[start:end]))
        near = np.abs(at - at[bottom]) <= LONGEST_BLINK_S / 2
        before, after = values[near & (at < at[bottom])], values[near & (at > at[bottom])]
        if _reopens(before) and _reopens(after):
            bottoms.append(int(order[bottom]))
    return bottoms


def _reopens(values: FloatArray) -> bool:
    return bool(np.isfinite(values).any() and np.nanmax(values) >= REOPENED)


def _asked(
    relative: FloatArray, asked: IndexArray, track: FaceTrack, limit: float
) -> tuple[Strength, float | None]:
    known = [int(i) for i in asked if np.isfinite(relative[i])]
    if not known:
        return Strength("blink_closure", None, reason="no BLINK frame shows both eyes"), None
    deepest = min(known, key=lambda i: float(relative[i]))
    value = float(relative[deepest])
    gaps = np.diff(np.sort(track.t_s[known]))
    sparse = len(gaps) > 0 and float(np.median(gaps)) > 1.0 / STEP_RATE_HZ + 1e-3
    if sparse and limit <= value < REOPENED:
        reason = "the eyes dip, but the frames are too far apart to see how far they close"
        return Strength("blink_closure", None, reason=reason), value
    return Strength("blink_closure", value, (deepest,)), value


def _deepest(
    relative: FloatArray, blinks: list[int], limit: float
) -> tuple[Strength, float | None]:
    if not blinks:
        reason = "no blink in the recording, or too few frames a second to see one"
        return Strength("blink_closure", None, reason=reason), None
    deepest = min(blinks, key=lambda i: float(relative[i]))
    value = float(relative[deepest])
    if value >= limit and len(blinks) < MIN_SHALLOW:
        reason = "one shallow dip: a glance as often as a blink"
        return Strength("blink_closure", None, reason=reason), value
    return Strength("blink_closure", value, (deepest,)), value
