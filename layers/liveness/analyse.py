"""The liveness layer: four checks on one capture, and how far they can be trusted."""

from __future__ import annotations

import numpy as np

from layers.capture.types import Capture
from layers.liveness.blink import check_blink
from layers.liveness.frame_timing import check_frame_timing
from layers.liveness.head_movement import check_head_movement
from layers.liveness.landmarks import check_landmarks
from layers.liveness.steps import sampling_of
from verdict.evidence import LivenessResult
from verdict.policy import Policy


def analyse(capture: Capture, policy: Policy) -> LivenessResult:
    """Return the four checks of one capture. Pure: needs no pixels and loads nothing."""
    return LivenessResult(
        checks=(
            check_landmarks(capture, policy),
            check_blink(capture, policy),
            check_head_movement(capture, policy),
            check_frame_timing(capture, policy),
        ),
        confidence=confidence_of(capture, policy),
    )


def confidence_of(capture: Capture, policy: Policy) -> float:
    """Return how well the capture lets the checks see, 0-1.

    The product of three shares, each at most 1: frames with a face, frames a second over what a
    blink needs, face width over what the lids need. A handful of pictures, taken for their steps,
    has no rate and counts a fixed share instead.
    """
    track = capture.track
    found = track.found
    if not found.any():
        return 0.0
    sampling = sampling_of(track, policy)
    rate = policy.number("liveness.confidence.sparse_share")
    if sampling.dense:
        wanted = policy.number("liveness.confidence.full_fps")
        rate = min(1.0, 1.0 / (max(sampling.interval_s, 1e-3) * wanted))
    width = float(np.median(np.ptp(track.landmarks[found, :, 0], axis=1)))
    size = min(1.0, width / policy.number("liveness.confidence.full_face_px"))
    return float(np.clip(found.mean() * rate * size, 0.0, 1.0))
