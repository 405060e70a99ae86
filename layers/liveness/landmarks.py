"""landmark_detection: a whole face mesh on nearly every frame, and in every step."""

from __future__ import annotations

import numpy as np

from layers.capture.types import Capture, Step
from layers.liveness.steps import frames_of
from verdict.evidence import CheckName, CheckResult
from verdict.measurement import Measurement
from verdict.policy import Policy


def check_landmarks(capture: Capture, policy: Policy) -> CheckResult:
    """Return whether the face was there throughout.

    A face turned to profile is lost by any landmark model, which the tolerance allows for.
    """
    track = capture.track
    least = policy.number("liveness.landmarks.least_share")
    found = track.found
    share = float(found.mean()) if len(track) else 0.0
    lost = tuple(int(row) for row in np.flatnonzero(~found))
    longest = Measurement("longest_gap_s", _longest_gap_s(capture))
    faceless = _faceless_steps(capture)
    reason = ""
    if not found.any():
        reason = "no face was seen"
    elif share < least:
        reason = f"a face was seen on {share:.0%} of the frames, {least:.0%} are needed"
    elif faceless:
        reason = f"no face was seen during: {', '.join(faceless)}"
    return CheckResult(
        name=CheckName.LANDMARK_DETECTION,
        passed=not reason,
        measurements=(Measurement("face_share", share, least, lost), longest),
        frames=lost,
        reason=reason,
    )


def _faceless_steps(capture: Capture) -> list[str]:
    faceless = []
    for step in Step:
        rows = frames_of(capture, step)
        if rows is not None and len(rows) and not capture.track.found[rows].any():
            faceless.append(str(step).replace("_", " "))
    return faceless


def _longest_gap_s(capture: Capture) -> float:
    """Return the longest time between two frames with a face, 0 when there are none between."""
    track = capture.track
    rows = np.flatnonzero(track.found)
    if len(rows) < 2:
        return 0.0
    skipped = np.diff(rows) > 1
    gaps = np.diff(track.t_s[rows])[skipped]
    return float(gaps.max()) if len(gaps) else 0.0
