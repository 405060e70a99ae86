"""BLINK_FAILURE: in the frames of a blink the eyes do not close all the way.

Definition: EAR relative to the person's own open eyes (80th percentile over frames that look
ahead). A blink is a dip below 0.7 that opens again within 0.7 s
(shallower dips are mostly glances down). The closure of a clip
is the relative EAR at the deepest frame of its deepest blink, the wider eye of the two. With BLINK
frames the deepest of those frames counts, whether it dips or not.

Source: eye aspect ratio, Soukupova and Cech, "Real-Time Eye Blink Detection using Facial
Landmarks", CVWW 2016, eq. 1; incomplete blinks as a cue: Li, Chang and Lyu, "In Ictu Oculi", WIFS
2018, arXiv 1806.02877.

Limits: without a blink in the recording nothing is measured (absence of a blink is liveness's
business). Below 15 frames a second the closed frame is often missed; thick glasses and looking
down shorten the range.
"""

from __future__ import annotations

import numpy as np

from layers.capture.types import Capture, FaceTrack, FloatArray, Step
from layers.vision.reading import Reading, Strength, judge
from layers.vision.scene import Scene
from verdict.evidence import SignalCode
from verdict.measurement import Measurement
from verdict.policy import Policy

AHEAD_YAW_DEG = 20.0
OPEN_PERCENTILE = 80.0
DIP = 0.7
REOPENED = 0.85
LONGEST_BLINK_S = 0.7
MIN_RATE_HZ = 12.0
MIN_FRAMES = 5


def measure(scene: Scene, policy: Policy) -> Reading:
    """Find the deepest blink and how far the wider eye closed."""
    capture = scene.capture
    relative = relative_ear(capture.track)
    asked = capture.track.at_step(Step.BLINK)
    if relative is None:
        strength = Strength("blink_closure", None, reason="too few frames look ahead")
        blinks: list[int] = []
    elif len(asked):
        blinks = []
        strength = _asked(relative, asked)
    else:
        blinks = find_blinks(relative, capture)
        strength = _deepest(relative, blinks)
    return judge(
        SignalCode.BLINK_FAILURE,
        strength,
        policy,
        region="both eyes, against the same eyes open",
        extra=(Measurement("blinks_found", float(len(blinks)), frames=tuple(blinks)),),
        features={"blink_closure": strength.value},
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


def _asked(relative: FloatArray, asked: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Strength:
    known = [int(i) for i in asked if np.isfinite(relative[i])]
    if not known:
        return Strength("blink_closure", None, reason="no BLINK frame shows both eyes")
    deepest = min(known, key=lambda i: float(relative[i]))
    return Strength("blink_closure", float(relative[deepest]), (deepest,))


def _deepest(relative: FloatArray, blinks: list[int]) -> Strength:
    if not blinks:
        reason = "no blink in the recording, or too few frames a second to see one"
        return Strength("blink_closure", None, reason=reason)
    deepest = min(blinks, key=lambda i: float(relative[i]))
    return Strength("blink_closure", float(relative[deepest]), (deepest,))
